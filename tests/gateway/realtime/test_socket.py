"""The Realtime route over real sockets: raw ones, and the vendor's own client as it is."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.connection import Connection

from microturn.core.chunk import Chunk
from microturn.core.events import Event
from microturn.core.participant import Participant
from microturn.gateway.host import EchoHost
from microturn.gateway.sessions import Limits
from tests.gateway.live_client import WAIT_S, Running, opened, serving
from tests.gateway.live_client import until as wait_until
from tests.gateway.realtime.driven import shown

TONE = np.sin(np.arange(4_800) * 2 * np.pi * 440 / 24_000) * 0.25
LOUD = np.full(3_200, 0.25, np.float32)


class Answers:
    """Hears words when sound comes, and answers them two ticks later; a toy that listens."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.frames: list[np.ndarray] = []
        self._answer_at = -2

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        self.texts += heard.text
        self.frames += [] if heard.frame is None else [heard.frame]
        t_ms = (tick + 1) * 200
        if tick == self._answer_at:
            return Chunk(LOUD, events=(Event(t_ms, tick, "say", "it is noon"),))
        if tick == self._answer_at + 1:
            return Chunk(LOUD, events=(Event(t_ms, tick, "speak"),))
        if tick > self._answer_at and (heard.text or (heard.pcm is not None and np.abs(heard.pcm).max() > 0.1)):
            self._answer_at = tick + 6
            return Chunk(events=(Event(t_ms, tick, "heard", "what time is it"),))
        return Chunk()


class AnswersHost(EchoHost):
    name = "toy"

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self.partners: list[Answers] = []

    def join(self, session_id: str, seed: int) -> Participant:
        super().join(session_id, seed)
        self.partners.append(Answers())
        return self.partners[-1]

    def leave(self, partner: Participant) -> None:
        super().leave(self._partners[0])

    def reads(self, text: str) -> bool:
        return text == "what time"


@pytest.fixture
def host() -> AnswersHost:
    return AnswersHost(2)


@pytest.fixture
def running(host: AnswersHost) -> Iterator[Running]:
    with serving(host, Limits(sessions=2)) as running:
        yield running


def socket_of(running: Running, **options: Any) -> Connection:
    return opened(f"ws://127.0.0.1:{running.port}/v1/realtime?model=any", **options)


def until(socket: Connection, type: str) -> list[dict[str, Any]]:
    events = [json.loads(socket.recv(WAIT_S))]
    while events[-1]["type"] != type:
        events.append(json.loads(socket.recv(WAIT_S)))
    return events


def send(socket: Connection, type: str, **fields: Any) -> None:
    socket.send(json.dumps({"type": type, **fields}))


def packets(tone: np.ndarray) -> list[str]:
    data = (tone * 32_767).astype("<i2").tobytes()
    return [base64.b64encode(data[at : at + 960]).decode() for at in range(0, len(data), 960)]


def test_a_browser_sees_its_subprotocol_chosen(running: Running) -> None:
    with socket_of(running, subprotocols=["realtime", "openai-insecure-api-key.ek_x"]) as socket:
        assert socket.subprotocol == "realtime"
        created = until(socket, "session.created")[-1]
    assert created["session"]["model"] == "any"


def test_what_is_said_is_heard_and_answered(running: Running) -> None:
    with socket_of(running) as socket:
        for packet in packets(TONE):
            send(socket, "input_audio_buffer.append", audio=packet)
        events = until(socket, "response.done")
    types = [event["type"] for event in events]
    assert types.index("input_audio_buffer.speech_started") < types.index("response.created")
    completed = "conversation.item.input_audio_transcription.completed"
    assert next(event["transcript"] for event in events if event["type"] == completed) == "what time is it"
    sound = b"".join(base64.b64decode(e["delta"]) for e in events if e["type"] == "response.output_audio.delta")
    assert len(sound) == 2 * 400 * 24


def test_typed_text_reaches_the_model(running: Running, host: AnswersHost) -> None:
    with socket_of(running) as socket:
        content = [{"type": "input_text", "text": "what time?"}]
        send(socket, "conversation.item.create", item={"type": "message", "role": "user", "content": content})
        send(socket, "response.create", response={"metadata": {"client_event_id": "mine"}})
        done = until(socket, "response.done")[-1]["response"]
    assert done["metadata"] == {"client_event_id": "mine"}
    assert host.partners[0].texts == ["what time?"]


def test_a_rule_in_words_of_the_model_reaches_it_and_a_picture_is_shown(running: Running, host: AnswersHost) -> None:
    with socket_of(running) as socket:
        send(socket, "session.update", session={"instructions": "Be a good agent. what time?"})
        send(socket, "conversation.item.create", item=shown())
        until(socket, "response.done")
    assert host.partners[0].texts == ["what time"]
    assert [frame.shape for frame in host.partners[0].frames] == [(1, 1, 3)]


def test_a_broken_picture_is_refused_by_the_name_of_its_event(running: Running) -> None:
    with socket_of(running) as socket:
        send(socket, "conversation.item.create", item=shown("data:image/png;base64,AAAA"), event_id="mine")
        error = until(socket, "error")[-1]["error"]
    assert (error["code"], error["event_id"]) == ("invalid_value", "mine")


def test_a_bad_message_gets_an_error_and_the_session_goes_on(running: Running) -> None:
    with socket_of(running) as socket:
        until(socket, "session.created")
        for message in ("no json", b"\xff\x00", json.dumps({"type": "leap", "event_id": "mine"})):
            socket.send(message)
            error = until(socket, "error")[-1]["error"]
        assert (error["code"], error["event_id"]) == ("invalid_event_type", "mine")
        send(socket, "session.update", session={"instructions": "be brief"})
        assert until(socket, "session.updated")[-1]["session"]["instructions"] == "be brief"


def test_more_sound_than_time_can_take_is_refused_and_the_session_goes_on(running: Running) -> None:
    with socket_of(running) as socket:
        audio = base64.b64encode(bytes(48_000 * 30)).decode()
        for _ in range(5):
            send(socket, "input_audio_buffer.append", audio=audio)
        assert until(socket, "error")[-1]["error"]["code"] == "rate_limit_exceeded"
        send(socket, "input_audio_buffer.clear")
        until(socket, "input_audio_buffer.cleared")


def test_who_finds_no_room_is_told_and_may_come_again() -> None:
    with serving(AnswersHost(1), Limits(sessions=1)) as running, socket_of(running) as first:
        until(first, "session.created")
        with socket_of(running) as second:
            assert until(second, "error")[-1]["error"]["code"] == "server_at_capacity"
            with pytest.raises(ConnectionClosed) as closed:
                second.recv(WAIT_S)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1013


def test_a_client_that_goes_frees_its_place(running: Running) -> None:
    with socket_of(running) as socket:
        until(socket, "session.created")
        assert running.sessions.count == 1
    wait_until(lambda: running.sessions.count == 0)


def test_the_unmodified_openai_client_hears_an_answer(running: Running) -> None:
    openai = pytest.importorskip("openai")
    assert asyncio.run(openai_conversation(openai, running.port)) == ("what time is it", "it is noon", 2 * 400 * 24)


async def openai_conversation(openai: Any, port: int) -> tuple[str, str, int]:
    """What the client reads: the user's words, the model's words, and the bytes of its sound."""
    heard, said, sound = "", "", b""
    client = openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)
    async with client, asyncio.timeout(WAIT_S), client.realtime.connect(model="gpt-realtime") as connection:
        turn_detection = {"type": "server_vad", "create_response": True}
        audio = {"input": {"turn_detection": turn_detection, "transcription": {"model": "whisper-1"}}}
        session = {"type": "realtime", "output_modalities": ["audio"], "audio": audio, "instructions": "be brief"}
        await connection.session.update(session=session)
        async for event in connection:
            if event.type == "session.updated":
                for packet in packets(TONE):
                    await connection.input_audio_buffer.append(audio=packet)
            elif event.type == "conversation.item.input_audio_transcription.completed":
                heard = event.transcript
            elif event.type == "response.output_audio_transcript.delta":
                said += event.delta
            elif event.type == "response.output_audio.delta":
                sound += base64.b64decode(event.delta)
            elif event.type == "response.done":
                assert event.response.status == "completed"
                return heard, said, len(sound)
            else:
                assert event.type != "error", event
    raise AssertionError("the connection ended before the answer")

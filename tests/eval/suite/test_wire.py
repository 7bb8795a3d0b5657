"""Endpoints on the wall clock, over real sockets: an echo behind our server, and a server as vendors build them."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ
from microturn.core.errors import InputError
from microturn.core.fakes import Echo
from microturn.eval.suite.agreement import agreement, matched
from microturn.eval.suite.analyze import segments
from microturn.eval.suite.endpoint import Ours, Past, Session, Sounds, Unreachable, VirtualEndpoint, Wanted, tone
from microturn.eval.suite.endpoints import endpoint
from microturn.eval.suite.trace import Trace, playout
from microturn.eval.suite.wire import PREBUFFER_S, Microphone, Talked
from microturn.eval.suite.wire import Sound as WireSound
from microturn.gateway.host import EchoHost
from microturn.gateway.sessions import Limits
from microturn.media.av import write_audio
from microturn.media.pcm import Pcm, to_int16
from tests.gateway.live_client import serving

pytest.importorskip("openai")
BEEPS_S = (0.23, 1.26, 2.29)
TICKS, TRIES = 16, 4


def beeps() -> Session:
    pcm = np.zeros(TICKS * CHUNK_SAMPLES, np.float32)
    for at_s in BEEPS_S:
        first = round(at_s * SAMPLE_RATE_HZ)
        pcm[first : first + SAMPLE_RATE_HZ // 3] = tone(1 / 3)[: SAMPLE_RATE_HZ // 3]
    return Session("beeps", Sounds(pcm), TICKS)


def wanted(spec: str) -> Wanted:
    name, _, address = spec.partition(":")

    def nothing() -> Ours:
        raise AssertionError("weights are not needed here")

    return Wanted(name, nothing, address)


@pytest.mark.parametrize("spec", ["realtime:ws://127.0.0.1:{}/v1/realtime", "live:ws://127.0.0.1:{}/v1/live/sessions"])
def test_the_wire_agrees_with_the_virtual_clock(spec: str) -> None:
    alone = asyncio.run(VirtualEndpoint("echo", lambda _: Echo()).hold(beeps()))
    late = list[bool]()
    with serving(EchoHost(1), Limits(sessions=1), real_time=True) as running:
        for _ in range(TRIES):
            trace = asyncio.run(endpoint(wanted(spec.format(running.port))).hold(beeps()))
            assert trace.void == ""
            found = agreement([alone], [replace(trace, send_late_s=())])
            late.append(trace.sent_late)
            if found.within.rate == 1.0:
                break
        else:
            assert all(late), found
            pytest.skip("a machine so busy that every session is void")
    assert found.matched == len(BEEPS_S)


Script = Callable[["Vendor"], Coroutine[Any, Any, None]]


class Vendor:
    """The other end of one Realtime connection, as a hosted service behaves: sound faster than it plays."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket, self.got = socket, list[dict[str, Any]]()

    async def tell(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, "event_id": "e", **fields}))

    async def sound(self, seconds: float, item: str = "item_1") -> None:
        samples = to_int16(np.full(round(24_000 * seconds), 0.25, np.float32))
        delta = base64.b64encode(samples.astype("<i2").tobytes()).decode()
        parts = {"response_id": "r", "item_id": item, "output_index": 0, "content_index": 0}
        await self.tell("response.output_audio.delta", delta=delta, **parts)

    async def until(self, kind: str, times: int = 1) -> dict[str, Any]:
        while sum(message["type"] == kind for message in self.got) < times:
            self.got.append(json.loads(await self.socket.recv()))
        return self.got[-1]


@contextlib.asynccontextmanager
async def vendor(script: Script) -> AsyncIterator[int]:
    async def serve_one(socket: ServerConnection) -> None:
        here = Vendor(socket)
        await here.tell("session.created", session={"type": "realtime"})
        await here.until("session.update")
        await here.tell("session.updated", session={"type": "realtime"})
        await script(here)

    async with serve(serve_one, "127.0.0.1", 0, max_queue=None) as server:
        yield next(iter(server.sockets)).getsockname()[1]


def held(script: Script, session: Session) -> Trace:
    async def hold() -> Trace:
        async with vendor(script) as port:
            return await endpoint(wanted(f"realtime:ws://127.0.0.1:{port}/v1/realtime?model=any")).hold(session)

    return asyncio.run(hold())


def test_a_barge_in_throws_away_what_waits_and_tells_how_much_was_heard() -> None:
    told: list[dict[str, Any]] = []

    async def script(here: Vendor) -> None:
        await here.until("input_audio_buffer.append", 30)  # after the silence before
        await here.sound(20.0)
        await here.until("input_audio_buffer.append", 55)  # half a second later
        await here.tell("input_audio_buffer.speech_started", audio_start_ms=600, item_id="item_2")
        told.append(await here.until("conversation.item.truncate"))
        await here.sound(1.0)  # late sound of what was cut
        await here.socket.wait_closed()

    trace = held(script, Session("a", Sounds(np.zeros(0, np.float32)), 10))
    heard = playout(trace)
    heard_s = sum(placed.end_s - placed.start_s for placed in heard.placed)
    assert trace.void == "" and len(trace.flushes) == 1
    assert told[0]["item_id"] == "item_1" and told[0]["audio_end_ms"] == pytest.approx(1000 * heard_s, abs=2)
    sent_s = sum(len(piece.pcm) for piece in trace.received) / SAMPLE_RATE_HZ
    in_time_s = sum(max(0.0, min(placed.end_s, trace.length_s) - placed.start_s) for placed in heard.placed)
    assert sent_s == pytest.approx(20.0) and heard.unheard_s == pytest.approx(20.0 - in_time_s, abs=0.01)


def test_words_of_two_items_are_parted_and_those_of_one_are_not() -> None:
    async def script(here: Vendor) -> None:
        for item, delta in (("item_1", "le"), ("item_1", "mon"), ("item_2", "tea")):
            parts = {"response_id": "r", "item_id": item, "output_index": 0, "content_index": 0}
            await here.tell("response.output_audio_transcript.delta", delta=delta, **parts)
        heard = {"item_id": "item_3", "content_index": 0, "transcript": "more"}
        await here.tell("conversation.item.input_audio_transcription.completed", **heard)
        await here.socket.wait_closed()

    texts = held(script, Session("a", Sounds(np.zeros(0, np.float32)), 3)).texts
    assert "".join(text.text for text in texts if text.kind == "said") == " lemon tea"
    assert [text.text for text in texts if text.kind == "heard"] == [" more"]


def test_a_server_that_hangs_up_makes_the_session_void() -> None:
    async def script(here: Vendor) -> None:
        await here.until("input_audio_buffer.append", 3)
        await here.tell("error", error={"type": "server_error", "code": "oops", "message": "no more"})

    trace = held(script, Session("a", Sounds(tone(0.4)), 2))
    assert "hung up" in trace.void or "ConnectionClosed" in trace.void  # which of both sides notices first
    assert trace.length_s == pytest.approx(0.4)
    assert trace.events[-1].data["error"]["message"] == "no more"


class Camera:
    """A user who shows a picture and types in the first tick."""

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        return Chunk(frame=np.full((32, 48, 3), 99, np.uint8), text=("hello",)) if tick == 0 else Chunk()


def test_pictures_and_typed_words_are_messages_of_the_user() -> None:
    got: list[dict[str, Any]] = []

    async def script(here: Vendor) -> None:
        await here.until("response.create")
        got.extend(here.got)
        await here.socket.wait_closed()

    held(script, Session("a", Camera(), 2))
    parts = [message["item"]["content"][0] for message in got if message["type"] == "conversation.item.create"]
    assert [part["type"] for part in parts] == ["input_image", "input_text"]
    assert parts[0]["image_url"].startswith("data:image/jpeg;base64,/9j/")


def past(folder: Path) -> tuple[Past, ...]:
    write_audio(folder / "turn.wav", tone(0.5))
    return (Past(folder / "turn.wav", "one", "a reply"), Past(folder / "turn.wav", "two", ""))


def test_earlier_turns_are_given_before_anything_is_heard(tmp_path: Path) -> None:
    got: list[dict[str, Any]] = []

    async def script(here: Vendor) -> None:
        for number in range(1, 4):
            await here.until("conversation.item.create", number)
            item = {"id": f"item_{number}", "type": "message", "role": "user", "content": []}
            await here.tell("conversation.item.added", item=item, previous_item_id=None)
        await here.until("input_audio_buffer.append", 3)
        got.extend(here.got)
        await here.socket.wait_closed()

    assert held(script, Session("a", Sounds(tone(0.4)), 2, past=past(tmp_path))).void == ""
    kinds = [message["type"] for message in got]
    items = [message["item"] for message in got if message["type"] == "conversation.item.create"]
    assert kinds.index("input_audio_buffer.append") > max(n for n, kind in enumerate(kinds) if "item.create" in kind)
    assert [(item["role"], item["content"][0]["type"]) for item in items] == [
        ("user", "input_audio"),
        ("assistant", "output_text"),
        ("user", "input_audio"),
    ]
    assert len(base64.b64decode(items[0]["content"][0]["audio"])) == pytest.approx(24_000, abs=200)


def test_a_server_that_refuses_an_earlier_turn_raises(tmp_path: Path) -> None:
    async def script(here: Vendor) -> None:
        await here.until("conversation.item.create")
        await here.tell("error", error={"type": "invalid_request_error", "code": "no", "message": "no such item"})
        await here.socket.wait_closed()

    with pytest.raises(InputError, match="no such item"):
        held(script, Session("a", Sounds(tone(0.4)), 2, past=past(tmp_path)))


@pytest.mark.parametrize(("query", "why"), [("", "no pictures"), ("?ext=1", "typed")])
def test_what_live_cannot_be_shown_makes_the_session_void(query: str, why: str) -> None:
    with serving(EchoHost(1), Limits(sessions=1), real_time=True) as running:
        spec = f"live:ws://127.0.0.1:{running.port}/v1/live/sessions{query}"
        trace = asyncio.run(endpoint(wanted(spec)).hold(Session("a", Camera(), 2)))
    assert why in trace.void


@pytest.mark.parametrize("spec", ["realtime:ws://127.0.0.1:9/v1/realtime", "live:ws://127.0.0.1:9/v1/live/sessions"])
def test_where_nobody_listens_no_session_begins(spec: str) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        asyncio.run(endpoint(wanted(spec)).hold(beeps()))


@pytest.mark.parametrize("spec", ["realtime:ws://127.0.0.1/v1/live/sessions", "live:127.0.0.1", "live"])
def test_an_address_of_another_protocol_is_refused(spec: str) -> None:
    with pytest.raises(InputError, match="no address of this protocol"):
        endpoint(wanted(spec))


@pytest.mark.parametrize(("rate_hz", "later_s"), [(16_000, 0.0), (24_000, 0.02)])
def test_packets_of_a_microphone_join_to_what_was_said(rate_hz: int, later_s: float) -> None:
    pcm, microphone, packets = beeps().user, Microphone(rate_hz), list[bytes]()
    for tick in range(TICKS):
        microphone.put(pcm.turn(tick, Chunk()).samples)
        packets += [microphone.packet() for _ in range(9 if tick == 0 else 10)]
    microphone.end()
    samples = np.frombuffer(b"".join([*packets, microphone.packet()]), "<i2") / 32768
    assert len(samples) == TICKS * rate_hz // 5
    began_s = [segment.start_s for segment in segments(at_16_khz(samples.astype(np.float32), rate_hz))]
    assert began_s == pytest.approx([at_s + later_s for at_s in BEEPS_S], abs=0.011)


def at_16_khz(pcm: Pcm, rate_hz: int) -> Pcm:
    times = np.arange(TICKS * CHUNK_SAMPLES) / SAMPLE_RATE_HZ
    return np.interp(times, np.arange(len(pcm)) / rate_hz, pcm).astype(np.float32)


class Filling:
    """A wire that sends silence too."""

    in_hz = out_hz = 16_000
    fills = True


def test_silence_that_only_fills_takes_no_place_in_the_queue() -> None:
    log = Talked(Filling())  # type: ignore[arg-type]
    quiet, loud = bytes(2 * CHUNK_SAMPLES), to_int16(tone(0.2)).astype("<i2").tobytes()
    for at_s, data in ((0.5, quiet), (0.7, quiet), (0.9, loud), (1.2, quiet), (1.3, quiet), (1.5, loud)):
        log.put(at_s, WireSound(data))
    trace = log.trace("a", "wire", np.zeros(2 * SAMPLE_RATE_HZ, np.float32))
    starts = [segment.start_s for segment in segments(playout(trace).pcm)]
    assert starts == pytest.approx([0.9 + PREBUFFER_S, 1.5 + PREBUFFER_S], abs=0.011)
    assert trace.come_late_s == pytest.approx((0.0, 0.0, 0.0, 0.1, 0.0, 0.0))


def test_onsets_are_paired_nearest_first() -> None:
    assert matched([1.0, 2.0], [1.9, 9.0]) == {1: 0}
    assert matched([1.0, 2.0], [1.4, 2.4]) == {0: 0, 1: 1}

"""An agent session of LiveKit, unmodified, with its two models: turns over Realtime, full duplex over GPT-Live."""

import asyncio
from typing import Any

import pytest

from tests.gateway.clients.spoken import Ear, check, microphone, patience
from tests.gateway.live_client import WAIT_S

agents = pytest.importorskip("livekit.agents")
pytest.importorskip("livekit.plugins.openai")

from livekit import rtc  # noqa: E402
from livekit.agents.voice import io  # noqa: E402
from livekit.plugins.openai import realtime  # noqa: E402

RATE_HZ = 24_000


class Microphone(io.AudioInput):
    """What LiveKit takes for a room's sound."""

    def __init__(self) -> None:
        super().__init__(label="question")
        self._packets = microphone(RATE_HZ)

    async def __anext__(self) -> rtc.AudioFrame:
        packet = await anext(self._packets)
        return rtc.AudioFrame(packet, RATE_HZ, 1, len(packet) // 2)


class Loudspeaker(io.AudioOutput):
    """Where LiveKit plays; a segment is played when it is complete."""

    def __init__(self, ear: Ear) -> None:
        super().__init__(label="ear", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE_HZ)
        self._ear, self._segment_s = ear, 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self._ear.sound += bytes(frame.data)
        self._segment_s += frame.duration

    def flush(self) -> None:
        super().flush()
        self._finish(interrupted=False)

    def clear_buffer(self) -> None:
        self._finish(interrupted=True)

    def _finish(self, interrupted: bool) -> None:
        if self._segment_s:
            played_s, self._segment_s = self._segment_s, 0.0
            self.on_playback_finished(playback_position=played_s, interrupted=interrupted)


def test_turns_over_realtime_answer_a_spoken_question(address: str) -> None:
    model = realtime.RealtimeModel(base_url=f"http://{address}/v1", api_key="none")
    check(asyncio.run(conversation(model)))


def test_full_duplex_over_live_answers_a_spoken_question(address: str) -> None:
    model = realtime.GPTLiveModel(base_url=f"http://{address}/v1", api_key="none")
    check(asyncio.run(conversation(agents.llm.DuplexRealtimeAdapter(model))))


async def conversation(model: Any) -> Ear:
    ear, done = Ear(), asyncio.Event()
    session: Any = agents.AgentSession(llm=model)
    session.input.audio, session.output.audio = Microphone(), Loudspeaker(ear)

    @session.on("conversation_item_added")
    def _added(event: Any) -> None:
        if event.item.type != "message":
            return
        if event.item.role == "user":
            ear.heard += event.item.text_content or ""
        else:
            ear.said += event.item.text_content or ""
        if ear.done:
            done.set()

    @session.on("error")
    def _error(event: Any) -> None:
        ear.errors.append(str(event.error))
        done.set()

    await session.start(agents.Agent(instructions="Be brief."), record=False)
    async with patience():
        await done.wait()
    await session.aclose()
    await model.aclose()
    return ear


def test_a_typed_question_is_answered_by_name(address: str) -> None:
    """`generate_reply` waits for the response that carries its own metadata, and for its item to be taken."""
    assert "seven" in asyncio.run(asked(f"http://{address}/v1", "what is three plus four"))


async def asked(url: str, text: str) -> str:
    model = realtime.RealtimeModel(base_url=url, api_key="none")
    session: Any = agents.AgentSession(llm=model)
    await session.start(agents.Agent(instructions="Be brief."), record=False)
    async with asyncio.timeout(WAIT_S):
        reply = await session.generate_reply(user_input=text)
    await session.aclose()
    await model.aclose()
    return " ".join(item.text_content or "" for item in reply.chat_items if item.type == "message")

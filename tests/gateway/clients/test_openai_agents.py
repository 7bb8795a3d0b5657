"""A realtime agent of openai-agents, unmodified, hears the shipped model answer."""

import asyncio
from typing import Any

import pytest

from tests.gateway.clients.spoken import Ear, check, microphone, patience

realtime = pytest.importorskip("agents.realtime")


def test_an_agent_answers_a_spoken_question(address: str) -> None:
    check(asyncio.run(conversation(address)))


async def conversation(address: str) -> Ear:
    ear = Ear()
    runner = realtime.RealtimeRunner(realtime.RealtimeAgent(name="any", instructions="Be brief."))
    reached: Any = {"url": f"ws://{address}/v1/realtime?model=tiny", "api_key": "none"}
    async with patience(), await runner.run(model_config=reached) as session:
        speaking = asyncio.create_task(speak(session))
        async for event in session:
            if event.type == "error":
                ear.errors.append(str(event.error))
            elif event.type == "audio":
                ear.sound += event.audio.data
            elif event.type == "history_updated":
                ear.heard = spoken_by("user", event.history)
                ear.said = spoken_by("assistant", event.history)
            if ear.done:
                break
        speaking.cancel()
    return ear


def spoken_by(role: str, history: list[Any]) -> str:
    parts = [part for item in history if item.type == "message" and item.role == role for part in item.content]
    return " ".join(part.transcript for part in parts if getattr(part, "transcript", None))


async def speak(session: Any) -> None:
    async for packet in microphone(24_000):
        await session.send_audio(packet)

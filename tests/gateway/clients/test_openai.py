"""The vendor's own Python client, unmodified, hears the shipped model answer over both protocols."""

import asyncio
import base64
from typing import Any

import pytest

from tests.gateway.clients.spoken import Ear, check, microphone, patience
from tests.gateway.live_client import WAIT_S

openai = pytest.importorskip("openai")


def client_of(address: str) -> Any:
    return openai.AsyncOpenAI(base_url=f"http://{address}/v1", api_key="none", max_retries=0)


def test_realtime_answers_a_spoken_question(address: str) -> None:
    check(asyncio.run(realtime_conversation(address)))


async def realtime_conversation(address: str) -> Ear:
    ear = Ear()
    async with patience(), client_of(address) as client, client.realtime.connect(model="tiny") as wire:
        await wire.session.update(session={"type": "realtime", "output_modalities": ["audio"]})
        speaking = asyncio.create_task(speak(wire.input_audio_buffer))
        async for event in wire:
            if event.type == "conversation.item.input_audio_transcription.completed":
                ear.heard = event.transcript
            elif event.type == "response.output_audio_transcript.delta":
                ear.said += event.delta
            elif event.type == "response.output_audio.delta":
                ear.sound += base64.b64decode(event.delta)
            elif event.type == "error":
                ear.errors.append(event.error.message)
            if ear.done:
                break
        speaking.cancel()
    return ear


def test_live_answers_a_spoken_question(address: str) -> None:
    check(asyncio.run(live_conversation(address)))


async def live_conversation(address: str) -> Ear:
    ear = Ear()
    async with patience(), client_of(address) as client, client.live.connect() as wire:
        await wire.session.start(session={"model": "tiny"})
        speaking = None
        async for event in wire:
            if event.type == "session.started":
                speaking = asyncio.create_task(speak(wire.session.input_audio))
            elif event.type == "session.input_transcript.delta":
                ear.heard += event.delta
            elif event.type == "session.output_transcript.delta":
                ear.said += event.delta
            elif event.type == "session.output_audio.delta":
                ear.sound += base64.b64decode(event.delta)
            elif event.type == "session.closed":
                assert event.reason == "close_requested"
                break
            elif event.type == "error":
                ear.errors.append(event.error.message)
            if ear.done and speaking is not None and not speaking.cancelling():
                speaking.cancel()
                await wire.session.close()
    return ear


async def speak(buffer: Any) -> None:
    async for packet in microphone(24_000):
        await buffer.append(audio=base64.b64encode(packet).decode())


def test_a_client_secret_opens_a_session_as_it_was_configured(address: str) -> None:
    instructions, transcription = asyncio.run(with_a_secret(address))
    assert (instructions, transcription) == ("be brief", None)


async def with_a_secret(address: str) -> tuple[str, Any]:
    """A backend makes a secret, a browser's client connects with it and is shown the session."""
    session = {"type": "realtime", "instructions": "be brief", "audio": {"input": {"transcription": None}}}
    async with asyncio.timeout(WAIT_S), client_of(address) as backend:
        secret = await backend.realtime.client_secrets.create(session=session)
    assert secret.value.startswith("ek_")
    browser = openai.AsyncOpenAI(base_url=f"http://{address}/v1", api_key=secret.value, max_retries=0)
    async with asyncio.timeout(WAIT_S), browser, browser.realtime.connect(model="tiny") as wire:
        created = await wire.recv()
    assert created.type == "session.created"
    return created.session.instructions, created.session.audio.input.transcription

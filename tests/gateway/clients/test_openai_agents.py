"""A realtime agent of openai-agents, unmodified, hears the shipped model answer."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import ValidationError
from websockets.asyncio.server import ServerConnection, serve

from tests.gateway.clients.spoken import Ear, check, microphone, patience
from tests.gateway.live_client import WAIT_S
from tests.gateway.realtime.driven import whole_conversation

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


def test_every_event_of_a_whole_conversation_is_read() -> None:
    """An event that its strict union does not know, or a field that is missing, is an error in the application."""
    errors = [event.error for event in asyncio.run(told(whole_conversation())) if event.type == "error"]
    assert not [error for error in errors if isinstance(error, ValidationError)]
    assert len(errors) == 8  # those that the conversation is made with


LAST = {"type": "input_audio_buffer.cleared", "event_id": "last"}


class Listener:
    def __init__(self) -> None:
        self.events: list[Any] = []
        self.over = asyncio.Event()

    async def on_event(self, event: Any) -> None:
        self.events.append(event)
        if event.type == "raw_server_event" and event.data["event_id"] == LAST["event_id"]:
            self.over.set()  # events are read one after the other


async def told(events: list[dict[str, Any]]) -> list[Any]:
    """What the client's model gives its application for these events of a server."""
    listener, model = Listener(), realtime.OpenAIRealtimeWebSocketModel()
    model.add_listener(listener)

    async def tell(socket: ServerConnection) -> None:
        for event in [*events, LAST]:
            await socket.send(json.dumps(event))
        await socket.wait_closed()

    async with asyncio.timeout(WAIT_S), serve(tell, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        await model.connect({"url": f"ws://127.0.0.1:{port}/", "api_key": "none", "initial_model_settings": {}})
        await listener.over.wait()
        await model.close()
    return listener.events

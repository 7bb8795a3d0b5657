"""Unmodified clients use a function through our server: a scripted model hands over, a scripted agent calls."""

import asyncio
from typing import Any

import pytest

from tests.gateway.clients.spoken import WAIT_S
from tests.gateway.test_delegations import TOOLS, DelegatingHost, UsesTheLamp, working

openai = pytest.importorskip("openai")


def test_the_vendors_live_client_answers_a_call() -> None:
    with working(UsesTheLamp(), DelegatingHost()) as running:
        assert "the lamp is on and on" in asyncio.run(answered(f"http://127.0.0.1:{running.port}/v1"))


async def answered(url: str) -> str:
    said, calls = "", list[str]()
    async with (
        asyncio.timeout(WAIT_S),
        openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client,
        client.live.connect() as wire,
    ):
        delegation = {"type": "responses", "responses": {"model": "any", "tools": TOOLS}}
        await wire.session.start(session={"model": "any", "delegation": delegation})
        async for event in wire:
            if event.type == "response.event":
                inner: Any = event.event
                if inner["type"] == "response.output_item.done" and inner["item"]["type"] == "function_call":
                    calls.append(inner["item"]["call_id"])
                elif inner["type"] == "response.completed" and calls:
                    for call_id in calls:
                        item = {"type": "function_call_output", "call_id": call_id, "output": "on"}
                        await wire.send({"type": "response.item.create", "item": item})
                    calls = []
                    await wire.send({"type": "response.create"})
            elif event.type == "session.output_transcript.delta":
                said += event.delta
                if "on and on" in said:
                    return said
    return said


def test_livekit_uses_a_tool_in_its_default_mode() -> None:
    pytest.importorskip("livekit.plugins.openai")
    with working(UsesTheLamp(), DelegatingHost()) as running:
        said, used = asyncio.run(with_livekit(f"http://127.0.0.1:{running.port}/v1"))
    assert used == 2 and "the lamp is bright and bright" in said


async def with_livekit(url: str) -> tuple[str, int]:
    from livekit.agents import Agent, AgentSession, function_tool, llm
    from livekit.plugins.openai import realtime

    used, said, done = 0, "", asyncio.Event()

    @function_tool
    async def lamp(on: bool = True) -> str:
        """Switch the lamp."""
        nonlocal used
        used += 1
        return "bright"

    model = realtime.GPTLiveModel(base_url=url, api_key="none")
    session: Any = AgentSession(llm=llm.DuplexRealtimeAdapter(model))

    @session.on("conversation_item_added")
    def _added(event: Any) -> None:
        nonlocal said
        if event.item.type == "message":
            said += event.item.text_content or ""
        if "bright and bright" in said:
            done.set()

    await session.start(Agent(instructions="Be brief.", tools=[lamp]), record=False)
    async with asyncio.timeout(WAIT_S):
        await done.wait()
    await session.aclose()
    await model.aclose()
    return said, used

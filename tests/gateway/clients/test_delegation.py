"""Unmodified clients use a function through our server: a scripted model hands over, a scripted agent calls."""

import asyncio
from itertools import count
from typing import Any

import pytest
from pydantic import TypeAdapter

from microturn.gateway.live.delegating import Delegating
from microturn.gateway.timeline import Called, Delegated, Progress, Sound
from tests.gateway.live_client import WAIT_S
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


def test_pydantic_ais_live_client_uses_a_tool() -> None:
    with working(UsesTheLamp(), DelegatingHost()) as running:
        said, used = asyncio.run(with_pydantic_ai(f"http://127.0.0.1:{running.port}/v1"))
    assert used == 2 and "the lamp is lit and lit" in said


async def with_pydantic_ai(url: str) -> tuple[str, int]:
    """Its live model as it is; without a microphone it sends silence, as a quiet user would."""
    from pydantic_ai import Agent
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.realtime.openai_live import OpenAILiveModel

    used, said, errors = 0, "", list[str]()
    agent: Any = Agent(instructions="Be brief.")

    @agent.tool_plain
    def lamp(on: bool = True) -> str:
        """Switch the lamp."""
        nonlocal used
        used += 1
        return "lit"

    model = OpenAILiveModel("any", provider=OpenAIProvider(base_url=url, api_key="none"))
    async with asyncio.timeout(WAIT_S), agent.realtime(model).session() as session:
        async for event in session:
            if "ErrorEvent" in type(event).__name__:
                errors.append(str(event)[:200])
            said += f"{event} "
            if errors or "lit and lit" in said:
                break
    assert errors == []
    return said, used


def test_every_event_of_the_work_is_one_that_the_vendors_types_know() -> None:
    numbers = count()
    projection = Delegating(
        "responses", "any", lambda kind, **fields: {"type": kind, **fields}, lambda kind: f"{kind}_{next(numbers)}"
    )
    known = TypeAdapter[Any](openai.types.responses.ResponseStreamEvent)
    items = [
        *(Delegated(200), Called(200, "dlg_200", "call_1", "lamp", "{}"), Sound(380), Progress(600, "dlg_200", "done")),
        *(Delegated(400), Progress(600, "dlg_400", "failed", reason="network")),
        *(Delegated(800), Progress(800, "dlg_800", "cancelled", reason="asked by the client")),
    ]
    nested = [one["event"] for item in items for one in projection.events(item) if one["type"] == "response.event"]
    assert [known.validate_python(event).type for event in nested] == [event["type"] for event in nested]
    assert {"response.completed", "response.failed", "response.incomplete"} <= {event["type"] for event in nested}

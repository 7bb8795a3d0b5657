"""Functions of a suite over real sockets: declared, called, answered and kept in the trace, by every protocol."""

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from microturn.agent.context import Context
from microturn.agent.delegation import Result
from microturn.agent.job import Report, Task
from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, TICK_MS
from microturn.core.events import Event
from microturn.core.participant import Participant
from microturn.eval.suite.endpoint import Session, Sounds
from microturn.eval.suite.endpoints import endpoint
from microturn.eval.suite.offered import Call, Declared, Offered, calls_of, parameters
from microturn.eval.suite.trace import Trace
from microturn.gateway.host import EchoHost
from tests.eval.suite.test_wire import TRIES, Vendor, held, wanted
from tests.gateway.test_delegations import working

pytest.importorskip("openai")
LAMP = Declared("lamp", "A lamp.", parameters({"room": "string"}, {"on": "boolean"}))
CALLED = Call("lamp", {"room": "hall"})


def answered(call: Call) -> str:
    return f"the lamp in the {call.args.get('room')} is on"


TOOLS = Offered("be brief", (LAMP,), answered)


def session(ticks: int) -> Session:
    return Session("a", Sounds(np.zeros(CHUNK_SAMPLES, np.float32)), ticks, TOOLS)


def test_over_realtime_calls_are_answered_when_their_response_is_done() -> None:
    got: list[dict[str, Any]] = []

    async def script(here: Vendor) -> None:
        got.append(here.got[0])
        item = {"id": "fc_1", "type": "function_call", "name": "lamp", "status": "completed"}
        calls = [item | {"call_id": f"call_{n}", "arguments": '{"room": "hall"}'} for n in (1, 2)]
        response = {"id": "resp_1", "object": "realtime.response", "status": "completed", "output": calls}
        await here.tell("response.done", response=response)
        got.append(await here.until("response.create"))
        got.extend(here.got)
        await here.socket.wait_closed()

    trace = held(script, session(3))
    declared = got[0]["session"]
    assert (declared["instructions"], [tool["name"] for tool in declared["tools"]]) == ("be brief", ["lamp"])
    outputs = [message["item"] for message in got if message["type"] == "conversation.item.create"]
    assert [(item["type"], item["call_id"]) for item in outputs] == [
        ("function_call_output", "call_1"),
        ("function_call_output", "call_2"),
    ]
    assert outputs[0]["output"] == "the lamp in the hall is on"
    assert calls_of(trace) == [CALLED, CALLED] and trace.void == ""


class HandsOver:
    """A model that hands over what it believes to have heard, and says what comes back."""

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        at_ms = (tick + 1) * TICK_MS
        events = [Event(at_ms, tick, "say", one.text) for one in heard.events if one.kind == "result"]
        if tick == 2:
            events += [Event(at_ms, tick, "heard", "the lamp please"), Event(at_ms, tick, "delegate")]
        return Chunk(events=tuple(events))


class Host(EchoHost):
    def join(self, session_id: str, seed: int) -> Participant:
        return HandsOver()

    def leave(self, partner: Participant) -> None:
        """Nothing is kept."""


class UsesTheLamp:
    """An agent that calls the client's function and tells what it gave."""

    async def run(self, task: Task, context: Context, report: Report) -> Result:
        return Result(await task.functions[0].call(task.id, '{"room": "hall"}'))

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("spec", ["realtime:ws://127.0.0.1:{}/v1/realtime", "live:ws://127.0.0.1:{}/v1/live/sessions"])
def test_our_server_calls_what_the_suite_offers_over_both_protocols(spec: str) -> None:
    with working(UsesTheLamp(), Host(1)) as running:
        for _ in range(TRIES):  # on a busy machine the session may be over before the call comes
            trace = asyncio.run(endpoint(wanted(spec.format(running.port))).hold(session(15)))
            if calls_of(trace):
                break
    assert trace.void == "" and calls_of(trace) == [CALLED]
    assert outputs_of(trace) == ["the lamp in the hall is on"]


def outputs_of(trace: Trace) -> list[Any]:
    rows: list[Mapping[str, Any]] = [event.data for event in trace.events if event.kind == "tool_call"]
    return [row["output"] for row in rows]

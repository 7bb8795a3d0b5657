"""A model with the agent beside it on the virtual clock: what it hands over is done, called and told in later ticks."""

import asyncio

import pytest

from microturn.agent.context import Context
from microturn.agent.delegation import Result
from microturn.agent.delivery import FAILURE_WORDS
from microturn.agent.embedded import EmbeddedAgent
from microturn.agent.job import AgentFailure, BackgroundAgent, Report, Task
from microturn.agent.toolbox import Toolbox
from microturn.core.chunk import Chunk
from microturn.core.clock import TICK_MS
from microturn.core.events import Event
from microturn.eval.suite.endpoint import Line, ScriptedEndpoint, Session, Sounds, VirtualEndpoint, tone
from microturn.eval.suite.handing_over import HandsOver
from microturn.eval.suite.offered import Call, Declared, Offered, calls_of, parameters

QUESTION = "how much is seventeen times twenty three"
DELEGATED = 5


def offered(*names: str) -> Offered:
    functions = tuple(Declared(name, "a tool", parameters({"expression": "string"})) for name in names)
    return Offered("be brief", functions, lambda call: f"{call.name} was called")


class Asks:
    """A model that understands a question word by word, hands it over and says what comes back."""

    def __init__(self, words: dict[int, str], delegates: tuple[int, ...] = (DELEGATED,)) -> None:
        self._words, self._delegates = words, delegates
        self.results: list[tuple[int, str]] = []

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        at_ms = (tick + 1) * TICK_MS
        results = [event.text for event in heard.events if event.kind == "result"]
        self.results += [(tick, text) for text in results]
        events = [Event(at_ms, tick, "heard", self._words[tick])] if tick in self._words else []
        events += [Event(at_ms, tick, "say", text) for text in results]
        events += [Event(at_ms, tick, "delegate")] if tick in self._delegates else []
        return Chunk(tone(0.2) if results else None, events=tuple(events))


class CallsIt:
    """An agent that calls the first function it is offered, and one of its own."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.contexts: list[Context] = []
        self.closed = False

    async def run(self, task: Task, context: Context, report: Report) -> Result:
        self.tasks.append(task)
        self.contexts.append(context)
        first = task.functions[0]

        async def own() -> str:
            return "hm"

        async def theirs() -> str:
            return await first.call(task.id, '{"expression": "1"}')

        await report.use("think", {}, own)
        return Result(await report.use(first.name, {"expression": "1"}, theirs, first.side_effect))

    async def close(self) -> None:
        self.closed = True


def turns(model: Asks, agent: BackgroundAgent, ticks: int = 12) -> list[Chunk]:
    with HandsOver(model, agent, offered("reckon")) as beside:
        return [beside.turn(tick, Chunk()) for tick in range(ticks)]


def test_the_embedded_agent_reckons_and_its_call_is_in_the_trace() -> None:
    model = Asks({3: "how much is seventeen", 4: "times twenty three"})
    endpoint = VirtualEndpoint("ours", lambda _: model, agent=lambda: EmbeddedAgent(Toolbox()))
    trace = asyncio.run(endpoint.hold(Session("a", Sounds(tone(0.2)), 60, offered("reckon"))))
    assert [call.name for call in calls_of(trace)] == ["reckon"]
    assert trace.events[-1].data["output"] == "three hundred ninety one"
    assert "".join(text.text for text in trace.texts if text.kind == "said") == " three hundred ninety one"
    assert model.results[0][0] > DELEGATED


def test_what_the_embedded_agent_takes_for_no_sum_after_all_is_no_call() -> None:
    model = Asks({4: "want to know what seven plus eight"})
    endpoint = VirtualEndpoint("ours", lambda _: model, agent=lambda: EmbeddedAgent(Toolbox()))
    trace = asyncio.run(endpoint.hold(Session("a", Sounds(tone(0.2)), 30, offered("reckon"))))
    assert calls_of(trace) == [Call("reckon", {"expression": "seven plus eight"})]


def test_functions_of_the_suite_can_be_called_and_only_they_count() -> None:
    model, agent = Asks({4: "a question"}), CallsIt()
    said = turns(model, agent, 60)
    calls = [event for chunk in said for event in chunk.events if event.kind == "tool_call"]
    assert [(call.tick, call.data) for call in calls] == [
        (DELEGATED, {"name": "reckon", "arguments": {"expression": "1"}, "output": "reckon was called"})
    ]
    assert model.results[0][1] == "reckon was called"
    assert (agent.tasks[0].text, agent.contexts[0].standing, agent.closed) == ("a question", ("be brief",), True)


def test_a_request_is_the_newest_words_back_to_a_pause() -> None:
    agent = CallsIt()
    model = Asks({1: "hello there", 20: "what is", 21: "it", 30: "and that"}, (22, 31))
    turns(model, agent, 40)
    assert [task.text for task in agent.tasks] == ["what is it", "and that"]


class Fails(CallsIt):
    async def run(self, task: Task, context: Context, report: Report) -> Result:
        raise AgentFailure("needs_model", task.text)


def test_what_cannot_be_done_is_told_as_live() -> None:
    model = Asks({4: "a question"})
    turns(model, Fails(), 60)
    assert [text for _, text in model.results] == [FAILURE_WORDS["needs_model"]]
    silent = Asks({})
    turns(silent, Fails(), 60)
    assert [text for _, text in silent.results] == [FAILURE_WORDS["interrupted"]]


def test_results_wait_as_long_as_the_work_took(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((10.0, 11.3))
    monkeypatch.setattr("microturn.eval.suite.handing_over.time.perf_counter", lambda: next(clock))
    model = Asks({4: "a question"})
    turns(model, CallsIt(), 20)
    assert model.results == [(DELEGATED + 1 + 7, "reckon was called")]


def test_without_tools_nothing_stands_beside_the_model() -> None:
    def nobody() -> BackgroundAgent:
        raise AssertionError("no agent is needed")

    endpoint = VirtualEndpoint("ours", lambda _: Asks({}), agent=nobody)
    trace = asyncio.run(endpoint.hold(Session("a", Sounds(tone(0.2)), 8)))
    assert calls_of(trace) == [] and trace.events[0].kind == "delegate"


def test_a_fake_calls_what_its_lines_say() -> None:
    lines = {"a": [Line(0.1, "", calls=(Call("reckon", {"expression": "1"}),)), Line(0.3, "so")]}
    trace = asyncio.run(ScriptedEndpoint("oracle", lines).hold(Session("a", Sounds(tone(1.0)), 5, offered("reckon"))))
    assert calls_of(trace) == [Call("reckon", {"expression": "1"})]
    assert (len(trace.received), len(trace.texts)) == (1, 1)
    assert trace.events[0].data["output"] == "reckon was called"

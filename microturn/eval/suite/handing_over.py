"""A model with a background agent beside it on the virtual clock, as a live session has one (agent.md). No scores.

What the model hands over is worked on at once, while the clock of the conversation stands still; what comes of it is
given as many ticks later as the work took. What becomes of a request is the desk's business, as it is live.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

from microturn.agent.book import Wanted
from microturn.agent.context import Context, context_of
from microturn.agent.delegation import Result
from microturn.agent.delivery import FAILURE_WORDS
from microturn.agent.desk import Desk
from microturn.agent.job import BackgroundAgent, Function, Report, Reported, Task
from microturn.agent.session_desk import Change, SessionDesk
from microturn.agent.show import Shown
from microturn.agent.tools.arithmetic import NoExpression
from microturn.core.chunk import Chunk
from microturn.core.clock import TICK_MS
from microturn.core.events import Event
from microturn.core.participant import Participant
from microturn.eval.suite.offered import CALL, Call, Declared, Offered, arguments_of

PAUSE_MS = 2_000  # words of the user that are farther apart are not one request
Value = TypeVar("Value")
Heard = Callable[[Call, str], None]


class HandsOver:
    """A participant; what is called for it are events "tool_call" of its chunks. It owns the agent: use it in a `with`.

    The agent may call what the suite offers; of its own tools those count that have the name of an offered one.
    """

    def __init__(self, model: Participant, agent: BackgroundAgent, tools: Offered) -> None:
        self._model, self._tools = model, tools
        self._calls: list[tuple[Call, str]] = []
        self._agent = _Overheard(agent, lambda call, output: self._calls.append((call, output)))
        self._words: list[Event] = []
        self._handed = 0  # so many of the words belong to earlier requests
        self._busy_until, self._lost = 0, list[str]()
        self._now_ms = 0
        self._loop = asyncio.Runner()

    def __enter__(self) -> Self:
        self._desk = Desk(self._agent, now_ms=lambda: self._now_ms)
        self._session = self._loop.run(self._opened())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self._desk.close())
        self._loop.close()

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """One tick of the model, with the results that are there by then."""
        self._now_ms = tick * TICK_MS
        results = self._results(tick)
        said = self._model.turn(tick, replace(heard, events=(*heard.events, *results)))
        typed = [Event(self._now_ms, tick, "heard", text) for text in heard.text]
        self._words += [*typed, *(one for one in said.events if one.kind in ("heard", "say", "unsaid"))]
        if not any(event.kind == "delegate" for event in said.events):
            return said
        return replace(said, events=(*said.events, *self._handed_over(tick)))

    def _results(self, tick: int) -> list[Event]:
        if tick < self._busy_until:
            return []
        given = [(one.text, one.policy) for one in self._session.take()]
        given += [(text, "when_idle") for text in self._lost]
        self._lost.clear()
        return [Event(self._now_ms, tick, "result", text, {"policy": policy}) for text, policy in given]

    def _handed_over(self, tick: int) -> list[Event]:
        """Have the request done; what was called for it."""
        task = self._task()
        self._handed = len(self._words)
        if not task:
            self._lost.append(FAILURE_WORDS["interrupted"])
            return []
        self._calls.clear()
        began_s = time.perf_counter()
        self._loop.run(self._done(task))
        self._busy_until = tick + 1 - (-round(1000 * (time.perf_counter() - began_s)) // TICK_MS)
        names, at_ms = self._tools.names(), (tick + 1) * TICK_MS
        counted = [(call, output) for call, output in self._calls if call.name in names]
        return [
            Event(at_ms, tick, CALL, "", {"name": call.name, "arguments": dict(call.args), "output": output})
            for call, output in counted
        ]

    def _task(self) -> str:
        """The user's newest words that were not handed over yet, back to the last pause."""
        found: list[Event] = []
        for one in reversed([one for one in self._words[self._handed :] if one.kind == "heard"]):
            if found and found[-1].t_ms - one.t_ms > PAUSE_MS:
                break
            found.append(one)
        parts = [one.text if (one.data or {}).get("joins") else f" {one.text}" for one in reversed(found)]
        return "".join(parts).strip()

    async def _opened(self) -> SessionDesk:
        session = self._desk.open("examined")
        session.functions = tuple(_function(one, self._tools) for one in self._tools.functions)
        return session

    async def _done(self, task: str) -> None:
        """Ask the desk and wait until it is over."""
        over = asyncio.create_task(self._over())
        await asyncio.sleep(0)  # it watches from now on
        standing = (self._tools.standing,) if self._tools.standing else ()
        if self._session.ask(Wanted(task), context_of(self._words, standing)).verdict == "new":
            await over
        over.cancel()
        await asyncio.gather(over, return_exceptions=True)

    async def _over(self) -> None:
        async for change in self._session.watch():
            if isinstance(change, Change) and change.delegation.over:
                return


class _Overheard:
    """An agent, and somebody who is told what it calls."""

    def __init__(self, agent: BackgroundAgent, heard: Heard) -> None:
        self._agent, self._heard = agent, heard

    async def run(self, task: Task, context: Context, report: Report) -> Result:
        return await self._agent.run(task, context, _OpenReport(report, self._heard))

    async def close(self) -> None:
        await self._agent.close()


class _OpenReport(Report):
    """A report that also tells the calls with their arguments, of which evidence keeps only a hash."""

    def __init__(self, report: Report, heard: Heard) -> None:
        super().__init__("", Reported(report.note, lambda evidence: None, report.show))
        self._report, self._heard = report, heard

    def note(self, text: str) -> None:
        self._report.note(text)

    def show(self, shown: Shown) -> None:
        self._report.show(shown)

    def take_corrections(self, taker: Callable[[str], None]) -> None:
        self._report.take_corrections(taker)

    async def use(
        self, tool: str, args: Mapping[str, Any], work: Callable[[], Awaitable[Value]], side_effect: bool = False
    ) -> Value:
        try:
            value = await self._report.use(tool, args, work, side_effect)
        except NoExpression:
            raise  # a rule of the embedded agent tried to read a sum where there is none: it takes that for no call
        except ValueError as error:
            self._heard(Call(tool, dict(args)), str(error))
            raise
        self._heard(Call(tool, dict(args)), value if isinstance(value, str) else json.dumps(value, default=str))
        return value


def _function(one: Declared, tools: Offered) -> Function:
    async def call(task_id: str, arguments: str) -> str:
        return tools.answer(Call(one.name, arguments_of(arguments)))

    return Function(one.name, one.description, one.parameters, call, one.side_effect)

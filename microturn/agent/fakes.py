"""Agents without a network for tests and simulated users: scripted answers, released by hand. No model."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from microturn.agent.context import Context
from microturn.agent.delegation import Result
from microturn.agent.job import AgentFailure, Report, Task


@dataclass(frozen=True)
class Part:
    """What a scripted agent does for one task. held: wait for `release` first; effect: name of a tool to claim."""

    answer: str = ""
    notes: tuple[str, ...] = ()
    failure: AgentFailure | Exception | None = None
    held: bool = False
    effect: str = ""


class ScriptedAgent:
    """Answers by the words of the task; what it ran, and what was cancelled, can be read from it."""

    def __init__(self, script: Mapping[str, Part], takes_corrections: bool = False) -> None:
        self._script, self._takes_corrections = script, takes_corrections
        self._held: dict[str, asyncio.Event] = {}
        self.ran: list[Task] = []
        self.contexts: list[Context] = []
        self.cancelled: list[str] = []
        self.corrected: list[str] = []
        self.begun = asyncio.Condition()
        self.at_work = self.most_at_work = 0

    async def run(self, task: Task, context: Context, report: Report) -> Result:
        """Play the part of this task; an unknown one fails as needs_model."""
        part = self._script.get(task.text)
        if part is None:
            raise AgentFailure("needs_model", task.text)
        if self._takes_corrections:
            report.take_corrections(self.corrected.append)
        async with self.begun:
            self.ran.append(task)
            self.contexts.append(context)
            self.begun.notify_all()
        self.at_work += 1
        self.most_at_work = max(self.at_work, self.most_at_work)
        try:
            return await self._played(part, task, report)
        except asyncio.CancelledError:
            self.cancelled.append(task.id)
            raise
        finally:
            self.at_work -= 1

    async def has_run(self, times: int) -> None:
        """Wait until so many runs have begun."""
        async with self.begun:
            await self.begun.wait_for(lambda: len(self.ran) >= times)

    def release(self, text: str) -> None:
        """Let a held task go on."""
        self._held.setdefault(text, asyncio.Event()).set()

    async def close(self) -> None:
        """Nothing is open."""

    async def _played(self, part: Part, task: Task, report: Report) -> Result:
        for note in part.notes:
            report.note(note)
        if part.held:
            await self._held.setdefault(task.text, asyncio.Event()).wait()
        if part.failure is not None:
            raise part.failure
        if part.effect:
            await report.use(part.effect, {"task": task.text}, _nothing, side_effect=True)
        return Result(part.answer)


async def _nothing() -> str:
    return "done"

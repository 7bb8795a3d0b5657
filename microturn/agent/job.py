"""The seam to whoever does the work: one method, `run`, what it is given and how it reports. No agent lives here."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from microturn.agent.context import Context
from microturn.agent.delegation import Evidence, FailureKind, Result
from microturn.agent.show import Shown, plain_shown, plain_text
from microturn.core.errors import MicroturnError

Value = TypeVar("Value")
SUMMARY_CHARACTERS = 120
SHOWN_A_RUN = 16


@dataclass(frozen=True)
class Function:
    """A function of the conversation's client. parameters: its JSON schema; side_effect: it may change the world.

    call: gets the id of the task and the arguments as JSON, gives the output; ValueError where there is none.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    call: Callable[[str, str], Awaitable[str]]
    side_effect: bool = True


@dataclass(frozen=True)
class Task:
    """What is to be done. text: written by the interaction model; corrections: what the user added, oldest first.

    owner: whose notes and documents these are, "" for the only user there is; functions: of the client of this
    conversation, for an agent that can choose among functions it has never seen.
    """

    id: str
    text: str
    corrections: tuple[str, ...] = ()
    owner: str = ""
    functions: tuple[Function, ...] = ()


class AgentFailure(MicroturnError):
    """A job that cannot be done, and of which kind that is; the detail is for the record and never said."""

    def __init__(self, kind: FailureKind, detail: str = "") -> None:
        self.kind: FailureKind = kind
        self.detail = plain_text(detail)
        super().__init__(f"{kind}: {self.detail}")


@dataclass(frozen=True)
class Reported:
    """What a report passes on; each is called on the event loop, in the order of what happened."""

    note: Callable[[str], None]
    evidence: Callable[[Evidence], None]
    show: Callable[[Shown], None]


class Report:
    """What a running job tells while it runs. One a run; it forgets nothing and decides nothing."""

    def __init__(self, name: str, out: Reported) -> None:
        self._name, self._out, self._made, self._shown = name, out, 0, 0
        self._corrected: Callable[[str], None] | None = None

    def note(self, text: str) -> None:
        """Progress, in words that can be said."""
        self._out.note(plain_text(text))

    def show(self, shown: Shown) -> None:
        """Something for the page beside the conversation; made plain here, and no more than sixteen of them."""
        self._shown += 1
        if self._shown <= SHOWN_A_RUN:
            self._out.show(plain_shown(shown))

    async def use(
        self, tool: str, args: Mapping[str, Any], work: Callable[[], Awaitable[Value]], side_effect: bool = False
    ) -> Value:
        """Run a tool call; its end, good or bad, becomes evidence.

        One with an effect in the world is not torn apart by a cancel: it ends, is recorded, and then the cancel holds.
        """
        self._made += 1
        id = f"ev_{self._name}_{self._made}"
        running = asyncio.ensure_future(self._recorded(id, tool, args, work, side_effect))
        try:
            return await (asyncio.shield(running) if side_effect else running)
        except asyncio.CancelledError:
            if side_effect and not running.done():
                await asyncio.wait([running])
            if running.done() and not running.cancelled():
                running.exception()  # it is recorded; nobody waits for it any more
            raise

    def take_corrections(self, taker: Callable[[str], None]) -> None:
        """From now on corrections reach this job as it runs; without a taker it is run again from the beginning."""
        self._corrected = taker

    def correct(self, text: str) -> bool:
        """Pass a correction on; whether the job takes it as it runs."""
        if self._corrected is None:
            return False
        self._corrected(text)
        return True

    async def _recorded(
        self, id: str, tool: str, args: Mapping[str, Any], work: Callable[[], Awaitable[Value]], side_effect: bool
    ) -> Value:
        hashed = hashlib.sha256(json.dumps(dict(args), sort_keys=True, default=str).encode()).hexdigest()[:16]
        try:
            value = await work()
        except BaseException as error:
            self._out.evidence(Evidence(id, tool, hashed, False, plain_text(str(error), SUMMARY_CHARACTERS)))
            raise
        summary = plain_text(str(value), SUMMARY_CHARACTERS)
        self._out.evidence(Evidence(id, tool, hashed, True, summary, side_effect))
        return value


class BackgroundAgent(Protocol):
    """Whoever thinks beside the conversation. A cancelled `run` stops all its work, upstream too.

    One that has `takes_pictures = True` is given the last pictures of the camera; others are never told of them.
    """

    async def run(self, task: Task, context: Context, report: Report) -> Result:
        """Do the task; raises AgentFailure where it cannot be done. Several runs may go on at once."""
        ...

    async def close(self) -> None:
        """Let go of connections and servers; no run is asked for after this."""
        ...

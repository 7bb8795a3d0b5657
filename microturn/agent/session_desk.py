"""The jobs of one session: asks, runs, corrects and cancels them, and hands out what is to be said. On one event loop.

What a delegation may do lives in delegation.py, who comes first in book.py, all sessions together in desk.py. Every
method but `close` returns at once, so a loop that reads a socket may call it; only jobs take time.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace

from microturn.agent.book import (
    Book,
    BookLimits,
    Verdict,
    Wanted,
    announced,
    asked,
    given,
    happened,
    next_ms,
    proof,
    spoken,
    withdrawn,
)
from microturn.agent.context import Context, Earlier, bounded
from microturn.agent.delegation import (
    Cancelled,
    Corrected,
    Delegation,
    Evidence,
    Failed,
    Finished,
    Happening,
    MovedOn,
    Noted,
    Policy,
    Proven,
    Repoliced,
    Requeued,
    Result,
    Started,
)
from microturn.agent.delivery import Injection
from microturn.agent.job import AgentFailure, BackgroundAgent, Function, Report, Reported, Task
from microturn.agent.show import Shown, plain_shown, plain_text
from microturn.agent.store import Kept, Store, StoreError
from microturn.core.errors import MicroturnError

EARLIER_JOBS = 5
RESULT_CHARACTERS = 20_000
SHOWN_KEPT = 8
_log = logging.getLogger(__name__)


class UnknownDelegation(MicroturnError):
    """There is no delegation of this id in this session; whether there is one elsewhere is nobody's business."""


@dataclass(frozen=True)
class DeskLimits:
    """jobs: at once in all sessions; runs: how often one is begun; unread: changes an observer may be behind.

    drain_s: how long ended jobs may take to let go.
    """

    jobs: int = 16
    jobs_a_session: int = 3
    runs: int = 2
    unread: int = 256
    drain_s: float = 10.0
    book: BookLimits = field(default_factory=BookLimits)


@dataclass(frozen=True)
class Shared:
    """What all sessions of a desk have in common. now_ms: a clock that never goes back, such as wall time."""

    agent: BackgroundAgent
    store: Store
    limits: DeskLimits
    slots: asyncio.Semaphore
    now_ms: Callable[[], int]


@dataclass(frozen=True)
class Answer:
    """What became of a request. id: the delegation that answers it, "" where it was refused; why: of a refusal."""

    verdict: Verdict
    id: str
    why: str = ""


@dataclass(frozen=True)
class Change:
    """A delegation as it is now, for whoever draws or reports it."""

    at_ms: int
    delegation: Delegation


@dataclass(frozen=True)
class Display:
    """Something for the page beside the conversation."""

    at_ms: int
    delegation_id: str
    shown: Shown


class SessionDesk:
    """Made by `Desk.open`. What it knows of other sessions: nothing."""

    def __init__(self, session: str, kept: Kept, shared: Shared) -> None:
        self.session, self.owner = session, kept.owner
        self._shared, self._book, self._contexts = shared, kept.book, dict(kept.contexts)
        self._slots = asyncio.Semaphore(shared.limits.jobs_a_session)
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._letting_go: set[asyncio.Task[None]] = set()
        self._reports: dict[str, Report] = {}
        self._out: deque[Injection] = deque()
        self._woken, self._reader, self._closed = asyncio.Event(), 0, False
        self.functions: tuple[Function, ...] = ()  # of the session's client, for jobs that begin from now on
        self._watchers: list[asyncio.Queue[Change | Display | None]] = []

    @property
    def delegations(self) -> Mapping[str, Delegation]:
        """All that are known, oldest first."""
        return self._book.delegations

    @property
    def takes_pictures(self) -> bool:
        """Whether its agent looks at pictures; others are given none."""
        return bool(getattr(self._shared.agent, "takes_pictures", False))

    @property
    def book(self) -> Book:
        """What was asked and what waits, as it is now."""
        return self._book

    def ask(self, wanted: Wanted, context: Context | None = None) -> Answer:
        """Take a request in; a new one is begun as soon as there is room."""
        now_ms, limits = self._shared.now_ms(), self._shared.limits.book
        if self._closed:
            return Answer("refused", "", "the session is over")
        result = asked(self._book, wanted, now_ms, limits)
        if result.verdict == "new":
            package = bounded(context or Context())
            earlier = package.earlier or _earlier(self._book)
            self._contexts[result.id] = replace(package, earlier=earlier)
            self._kept(lambda store: store.keep_context(self.session, result.id, self._contexts[result.id]))
        self._turn_to(result.book)
        if result.verdict == "new":
            self._begin(result.id)
        return Answer(result.verdict, result.id, result.why)

    def cancel(self, id: str, reason: str = "asked by the user") -> None:
        """Stop this work, upstream too, and say nothing of it; of work that is over, drop what was not said yet."""
        one = self._known(id)
        if one.over:
            self._turn_to(withdrawn(self._book, id, "cancelled"))
        else:
            self._happen(id, Cancelled(self._shared.now_ms(), plain_text(reason)))

    def correct(self, id: str, text: str) -> bool:
        """Pass a correction on: to the running job where it takes it, else it is run again with it.

        False: it is over already, and a new request that supersedes it is right.
        """
        one = self._known(id)
        if one.over:
            return False
        self._happen(id, Corrected(self._shared.now_ms(), plain_text(text)))
        report = self._reports.get(id)
        if one.status == "running" and not (report is not None and report.correct(plain_text(text))):
            old = self._jobs.pop(id, None)
            self._happen(id, Requeued(self._shared.now_ms()))
            self._let_go(old)
            self._begin(id, old)
        return True

    def set_policy(self, id: str, policy: Policy) -> None:
        """Want the answer sooner, later or silently."""
        self._known(id)
        self._happen(id, Repoliced(self._shared.now_ms(), policy))

    def move_on(self) -> None:
        """The user has begun another topic: answers that still come are known silently."""
        for one in self._book.active:
            self._happen(one.id, MovedOn(self._shared.now_ms()))

    def announce(self, text: str, policy: Policy = "when_idle") -> None:
        """Say something that nobody asked for now, such as a reminder whose time has come."""
        self._turn_to(announced(self._book, text, policy, self._shared.now_ms(), self._shared.limits.book))

    def take(self) -> tuple[Injection, ...]:
        """What goes to the model now, each part once; for a loop that has its own clock. See `injections`."""
        self._look()
        taken = tuple(self._out)
        self._out.clear()
        return taken

    def spoken(self, delivery_id: str) -> None:
        """The model has said what it was given of this delivery."""
        self._turn_to(spoken(self._book, delivery_id, self._shared.now_ms()))

    def proof(self, id: str) -> tuple[Evidence, ...]:
        """What stands behind a claim that this was done; empty: nobody may claim it."""
        return proof(self._book, id)

    async def injections(self) -> AsyncIterator[Injection]:
        """What goes to the model, as it is due, until the session closes. One reader: a new one ends the one before."""
        self._reader += 1
        mine = self._reader
        self._woken.set()
        while mine == self._reader and not self._closed:
            self._woken.clear()
            self._look()
            while self._out and mine == self._reader:
                yield self._out.popleft()
            await self._wait(next_ms(self._book, self._shared.now_ms()))

    async def watch(self) -> AsyncIterator[Change | Display]:
        """Every change from now on, until the session closes. An observer that falls too far behind is ended."""
        queue: asyncio.Queue[Change | Display | None] = asyncio.Queue()
        if self._closed:
            return
        self._watchers.append(queue)
        try:
            while (change := await queue.get()) is not None:
                yield change
        finally:
            if queue in self._watchers:
                self._watchers.remove(queue)

    async def close(self, forget: bool = True) -> None:
        """End the session: no answer is wanted any more. Waits until the jobs have let go, at most `drain_s`."""
        for one in self._book.active:
            self._happen(one.id, Cancelled(self._shared.now_ms(), "the session is over"))
        await self.leave()
        if forget:
            self._kept(lambda store: store.forget(self.session))

    async def leave(self) -> None:
        """Stop working here; what is not over stays on file and goes on where the session is opened again."""
        if self._closed:
            return
        self._closed = True
        self._woken.set()
        for job in list(self._jobs.values()):
            self._let_go(job)
        if self._letting_go:
            await asyncio.wait(self._letting_go, timeout=self._shared.limits.drain_s)
        for queue in self._watchers:
            queue.put_nowait(None)

    def go_on(self) -> None:
        """Begin again what was queued or cut off when this session was last left; called once, by `Desk.open`."""
        for one in self._book.active:
            if one.status == "running":
                again = one.runs < self._shared.limits.runs and not one.did_something
                now_ms = self._shared.now_ms()
                self._happen(one.id, Requeued(now_ms) if again else Failed(now_ms, "interrupted"))
        for one in self._book.active:
            self._begin(one.id)

    def _known(self, id: str) -> Delegation:
        if id not in self._book.delegations:
            raise UnknownDelegation(f"there is no delegation {id!r} in this session")
        return self._book.delegations[id]

    def _happen(self, id: str, happening: Happening) -> None:
        self._turn_to(happened(self._book, id, happening, self._shared.limits.book))

    def _turn_to(self, book: Book) -> None:
        """Make this the book: on file, for observers, and for jobs whose delegation is over now."""
        before, self._book = self._book, book
        if book is before:
            return
        self._kept(lambda store: store.save(self.session, self.owner, before, book))
        for id, one in book.delegations.items():
            if before.delegations.get(id) is not one:
                self._tell(Change(self._shared.now_ms(), one))
                if one.over:
                    self._contexts.pop(id, None)
                    self._let_go(self._jobs.pop(id, None))
        self._woken.set()

    def _tell(self, change: Change | Display) -> None:
        for queue in list(self._watchers):
            if queue.qsize() >= self._shared.limits.unread:
                self._watchers.remove(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(change)

    def _look(self) -> None:
        book, injections = given(self._book, self._shared.now_ms(), self._shared.limits.book)
        self._turn_to(book)
        self._out.extend(injections)

    async def _wait(self, until_ms: int | None) -> None:
        wait_s = None if until_ms is None else max(0.0, (until_ms - self._shared.now_ms()) / 1000)
        try:
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        except TimeoutError:
            return

    def _begin(self, id: str, after: asyncio.Task[None] | None = None) -> None:
        job = asyncio.create_task(self._work(id, after), name=f"{self.session} {id}")
        self._jobs[id] = job
        job.add_done_callback(lambda done: self._ended(id, done))

    def _ended(self, id: str, job: asyncio.Task[None]) -> None:
        self._letting_go.discard(job)
        if self._jobs.get(id) is job:
            del self._jobs[id]
        if not job.cancelled() and (error := job.exception()) is not None:
            _log.error("the desk itself failed on %s", id, exc_info=error)

    def _let_go(self, job: asyncio.Task[None] | None) -> None:
        if job is not None and not job.done() and job is not asyncio.current_task():
            self._letting_go.add(job)
            job.cancel()

    async def _work(self, id: str, after: asyncio.Task[None] | None) -> None:
        """One job from queued to its end. Whoever cancels it has written down why."""
        left_s = (self._book.delegations[id].deadline_ms - self._shared.now_ms()) / 1000
        now_ms = self._shared.now_ms
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                if after is not None:
                    await asyncio.wait([after])
                async with self._slots, self._shared.slots:
                    result = await self._run(id)
            self._happen(id, Finished(now_ms(), result))
        except TimeoutError:
            self._happen(id, Failed(now_ms(), "timeout"))
        except AgentFailure as failure:
            _log.info("job %s failed: %s", id, failure.kind)
            self._happen(id, Failed(now_ms(), failure.kind, failure.detail))
        except Exception as error:  # the outermost line of a job
            # Only its type: the words of a foreign error may hold anything.
            _log.warning("job %s failed: %s", id, type(error).__name__)
            self._happen(id, Failed(now_ms(), "bug", type(error).__name__))

    async def _run(self, id: str) -> Result:
        self._happen(id, Started(self._shared.now_ms()))
        one = self._book.delegations[id]
        report = Report(f"{id}_{one.runs}", self._reported(id))
        self._reports[id] = report
        try:
            task = Task(id, one.task, one.corrections, self.owner, self.functions)
            result = await self._shared.agent.run(task, self._contexts.get(id, Context()), report)
        finally:
            if self._reports.get(id) is report:
                del self._reports[id]
        result = _bounded(result)
        for shown in result.shown:
            report.show(shown)
        return result

    def _reported(self, id: str) -> Reported:
        now_ms = self._shared.now_ms
        return Reported(
            lambda text: self._happen(id, Noted(now_ms(), text)),
            lambda evidence: self._happen(id, Proven(now_ms(), evidence)),
            lambda shown: self._tell(Display(now_ms(), id, shown)),
        )

    def _kept(self, write: Callable[[Store], None]) -> None:
        """Write to the file; a full disk is no reason to end a conversation, only its jobs will not outlive it."""
        try:
            write(self._shared.store)
        except StoreError as error:
            _log.error("jobs are not on file: %s", error)


def _bounded(result: Result) -> Result:
    """Whatever an agent gives, this much of it is kept."""
    shown = tuple(plain_shown(one) for one in result.shown[:SHOWN_KEPT])
    return Result(result.text[:RESULT_CHARACTERS], result.details[:RESULT_CHARACTERS], shown)


def _earlier(book: Book) -> tuple[Earlier, ...]:
    over = [one for one in book.delegations.values() if one.over][-EARLIER_JOBS:]
    return tuple(Earlier(one.task, one.status, plain_text(one.result.text) if one.result else "") for one in over)

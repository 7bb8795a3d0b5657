"""What one live session has asked of others: its jobs on the desk, or its client's work. It outlives connections.

All on the event loop, beside the ticks: the session's timeline in, progress and calls on the same timeline, results as
text for a later tick. When they are said is the model's business.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol, cast

import structlog

from microturn.agent.book import Wanted
from microturn.agent.context import Context, Picture, context_of
from microturn.agent.delegation import Delegation, Policy, Span
from microturn.agent.delivery import FAILURE_WORDS
from microturn.agent.session_desk import Change, SessionDesk, UnknownDelegation
from microturn.agent.show import plain_text, shown_to_dict
from microturn.core.clock import TICK_MS
from microturn.core.events import Event
from microturn.gateway.album import Album
from microturn.gateway.client_functions import ClientFunctions
from microturn.gateway.named_servers import NamedServers
from microturn.gateway.timeline import (
    Aside,
    Delegated,
    Displayed,
    Ended,
    Heard,
    Item,
    Progress,
    Said,
    Stopped,
    Taken,
    TooMuch,
)

WORDS_KEPT = 4_000  # fragments of the transcript
ASKED_KEPT = 100
PAUSE_MS = 2_000  # words of the user that are farther apart are not one request
TOLD_CHARACTERS = 2_000
log = structlog.get_logger("microturn.gateway")


class Beside(Protocol):
    """What delegations need of their session."""

    @property
    def id(self) -> str: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def album(self) -> Album: ...
    def push_result(self, text: str, policy: str, id: str = "") -> None: ...
    def tell(self, item: Aside) -> None: ...


class Delegations:
    """One session's. desk: None where the client works itself; standing: instructions of the application.

    calls, servers: functions and MCP servers of the client; mcp_origins: of those servers that may be reached.
    """

    def __init__(
        self, session: Beside, desk: SessionDesk | None, standing: str = "", mcp_origins: Sequence[str] = ()
    ) -> None:
        self._session, self._desk = session, desk
        self.instruct(standing)
        self._words: deque[Event] = deque(maxlen=WORDS_KEPT)
        self._heard: list[Heard] = []  # of the request that is being made
        self._given: set[str] = set()  # texts that were ours
        self._told: dict[str, Progress] = {}
        self.calls = ClientFunctions(session)
        self.servers = NamedServers(session, mcp_origins, self._offered)
        self._begun, self._first = False, list[Mapping[str, Any]]()  # tools that were offered before that
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, items: AsyncIterator[Item]) -> None:
        """Follow this timeline from now on; jobs that are on file go on and are told."""
        self._tasks = [asyncio.create_task(self._follow(items), name=f"delegations of {self._session.id}")]
        if self._desk is not None:
            for one in self._desk.delegations.values():
                self._changed(one)
            self._tasks.append(asyncio.create_task(self._watch(self._desk)))
            self._tasks.append(asyncio.create_task(self._inject(self._desk)))

    async def close(self) -> None:
        """The session is over."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.calls.drop(None)
        await self.servers.close()

    def instruct(self, standing: str) -> None:
        """Instructions of the application for all work that is handed over from now on."""
        self._standing = (standing,) if standing.strip() else ()

    def offer(self, tools: Sequence[Mapping[str, Any]]) -> None:
        """Functions and MCP servers of the client, as the protocols describe them; other kinds of tools are nothing."""
        if self._desk is None:
            return
        self.calls.offer(tools)
        if self._begun:
            self.servers.offer(tools)
        else:  # their lists are told to a client that hears of the session first
            self._first = list(tools)
            self._offered()

    def _offered(self) -> None:
        if self._desk is not None:
            named = {one.name: one for one in (*self.servers.functions, *self.calls.functions)}
            self._desk.functions = tuple(named.values())

    def knows(self, id: str) -> bool:
        """Whether this session has a delegation of this id."""
        return id in self._told

    def result(self, id: str, text: str, policy: Policy, name: str) -> None:
        """The client's own result of its work on `id`; with it the work is done unless it is silent. TooMuch as ever.

        name: of the text, as `Taken` will bear it.
        """
        self._given.add(name)
        self._session.push_result(text, policy, name)
        if id and policy != "silent" and not self._told[id].over:
            self._tell(id, "done", text=text)

    def cancel(self, id: str) -> None:
        """Stop this work and say nothing of it; UnknownDelegation where there is none."""
        self._check(id)
        if self._desk is not None and id in self._desk.delegations:
            self._desk.cancel(id)
        elif not self._told[id].over:
            self._tell(id, "cancelled", reason="asked by the client")

    def correct(self, id: str, text: str) -> bool:
        """Pass a correction on; False where it is over. UnknownDelegation where there is none."""
        self._check(id)
        if self._desk is not None and id in self._desk.delegations:
            return self._desk.correct(id, text)
        return not self._told[id].over

    async def _follow(self, items: AsyncIterator[Item]) -> None:
        async for item in items:
            if not self._begun:
                self._begun = True
                self.offer(self._first)
            match item:
                case Heard(start_ms, end_ms, text):
                    self._write("heard", end_ms, text)
                    self._heard.append(item)
                case Said(start_ms, _, text):
                    self._write("say", start_ms, text)
                case Stopped(at_ms, unsaid=unsaid) if unsaid:
                    self._write("unsaid", at_ms, unsaid)
                case Taken(at_ms, text, id) if id not in self._given:
                    self._write("heard", at_ms, f" {text}")
                    self._heard.append(Heard(at_ms, at_ms, f" {text}"))
                case Delegated():
                    await self._asked(item)
                case Ended():
                    return
                case _:
                    pass

    def _write(self, kind: str, at_ms: int, text: str) -> None:
        joins = None if text.startswith(" ") else {"joins": True}
        self._words.append(Event(at_ms, at_ms // TICK_MS, kind, text.strip(), joins))

    async def _asked(self, item: Delegated) -> None:
        """The model has handed over: what, it says itself or the user said last."""
        request, self._heard = self._request(), []
        if not request and not item.task:
            self._refuse(item.id, "nothing was asked")
            return
        task = item.task or "".join(one.text for one in request).strip()
        if self._desk is None:
            self._tell(item.id, "running", task=task, policy="when_idle")
            return
        span = Span(request[0].start_ms, request[-1].end_ms) if request else None
        pictures = await asyncio.to_thread(self._session.album.pictures) if self._desk.takes_pictures else ()
        answer = self._desk.ask(Wanted(task, id=item.id, answers=span), self._context(item.at_ms, pictures))
        log.info("delegated", session_id=self._session.id, id=item.id, verdict=answer.verdict)
        if answer.verdict == "refused":
            self._refuse(item.id, answer.why)
        elif answer.verdict == "joined":
            self._tell(item.id, "superseded", task=task, reason=f"asked already: {answer.id}")

    def _request(self) -> list[Heard]:
        """The user's newest words, back to the last pause."""
        found: list[Heard] = []
        for one in reversed(self._heard):
            if found and found[-1].start_ms - one.end_ms > PAUSE_MS:
                break
            found.append(one)
        return found[::-1]

    def _context(self, at_ms: int, pictures: tuple[Picture, ...]) -> Context:
        context = context_of(self._words, self._standing)
        return Context(at_ms, context.words, context.seen, pictures, context.standing)

    def _refuse(self, id: str, why: str) -> None:
        """It cannot be begun: after a promise the user is told so."""
        self._tell(id, "failed", reason=why)
        if self._desk is not None:
            self._give(FAILURE_WORDS["interrupted"], "when_idle", f"none_{id}")

    async def _watch(self, desk: SessionDesk) -> None:
        async for change in desk.watch():
            if isinstance(change, Change):
                self._changed(change.delegation)
            else:
                shown = shown_to_dict(change.shown)
                self._session.tell(Displayed(self._session.at_ms, change.delegation_id, shown))

    def _changed(self, one: Delegation) -> None:
        text = one.result.text if one.result is not None else one.notes[-1].text if one.notes else ""
        # What stands behind a failure is for the record: foreign errors may hold anything.
        reason = one.reason.partition(":")[0] if one.status == "failed" else one.reason
        if one.over:
            self.calls.drop(one.id)
        self._tell(one.id, one.status, one.task, one.policy, reason, text)

    def _tell(self, id: str, status: Any, task: str = "", policy: str = "", reason: str = "", text: str = "") -> None:
        before = self._told.get(id)
        known = (before.task, before.policy) if before is not None else ("", "")
        now = Progress(self._session.at_ms, id, status, task or known[0], policy or known[1], reason, _short(text))
        if before is None or _without_time(before) != _without_time(now):
            self._told[id] = now
            for old in [old for old, one in self._told.items() if one.over][:-ASKED_KEPT]:
                del self._told[old]
            self._session.tell(now)

    async def _inject(self, desk: SessionDesk) -> None:
        async for one in desk.injections():
            self._give(one.text, one.policy, f"{one.delivery_id}_{one.part}")

    def _give(self, text: str, policy: str, name: str) -> None:
        self._given.add(name)
        try:
            self._session.push_result(text, policy, name)
        except TooMuch as error:
            log.warning("result not taken", session_id=self._session.id, id=name, reason=str(error))

    def _check(self, id: str) -> None:
        if not self.knows(id):
            raise UnknownDelegation(f"there is no delegation {id[:80]!r} in this session")


def tools_of(config: object) -> list[Mapping[str, Any]]:
    """The tools in a `delegation` of Live, or in a Realtime session; what is no list of objects has none."""
    found: Mapping[str, Any] = cast("Mapping[str, Any]", config) if isinstance(config, Mapping) else {}
    nested = found.get("responses")
    where = cast("Mapping[str, Any]", nested) if isinstance(nested, Mapping) else found
    tools = where.get("tools")
    listed: list[Any] = cast("list[Any]", tools) if isinstance(tools, list) else []
    return [cast("Mapping[str, Any]", tool) for tool in listed if isinstance(tool, Mapping)]


def _short(text: str) -> str:
    """What is told of foreign text: one line of plain text."""
    return plain_text(text, TOLD_CHARACTERS)


def _without_time(one: Progress) -> tuple[str, ...]:
    return (one.status, one.task, one.policy, one.reason, one.text)

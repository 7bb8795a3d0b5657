"""A started GPT-Live session and what its clients are told, beyond any one connection. How one begins: socket.py.

The timeline is projected once, into a journal; connections read from it. One connection holds the session at a time.
When it is lost, a session with grace goes on, hears silence, and ends unless a client comes back in time.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from microturn.gateway.formats import SoundReader
from microturn.gateway.journal import Journal, JournalGap, ResumeTokens
from microturn.gateway.live.answers import Answers
from microturn.gateway.live.client import Audio, ClientEvent
from microturn.gateway.live.extensions import Extended, Seen
from microturn.gateway.live.extensions_server import EXTENSION_TYPES, Extras, connection_event
from microturn.gateway.live.messages import Messages, Refused, new_id
from microturn.gateway.live.reflected import Reflected
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.live.server import Opened, Projection, Wire
from microturn.gateway.live.spool import Spool
from microturn.gateway.session import LiveSession
from microturn.gateway.sessions import Limits
from microturn.gateway.timeline import EndReason, Item, TooMuch
from microturn.gateway.wire import CLOSED, RESTART, Gone

OWN_EVENTS = 500  # ten seconds of reflected sound; of more the oldest is dropped
log = structlog.get_logger("microturn.gateway")


class Line:
    """One connection to a session: it has sent everything up to event `cursor`. own: events for it alone.

    side: it does not hold the session, it listens and may interfere.
    """

    def __init__(self, messages: Messages, cursor: int, side: bool = False) -> None:
        self.messages, self.cursor, self.side = messages, cursor, side
        self.news, self.replaced = asyncio.Event(), asyncio.Event()
        self.own: deque[Mapping[str, Any]] = deque(maxlen=OWN_EVENTS)

    def tell(self, event: Mapping[str, Any]) -> None:
        """Tell this connection alone."""
        self.own.append(event)
        self.news.set()


class Conversation:
    """One session. extended: its clients may use the native extensions; grace_s: it waits so long for a lost client."""

    def __init__(
        self,
        session: LiveSession,
        opened: Opened,
        limits: Limits,
        over: Callable[[], None],
        extended: bool = False,
        grace_s: float = 0.0,
        journal: Journal | None = None,
        tokens: ResumeTokens | None = None,
        spool: Spool | None = None,
    ) -> None:
        """over: called when the last event has been told. journal and tokens: of a conversation that goes on.

        spool: where both are written down, for a client that comes back after the server was killed.
        """
        self.session, self.opened, self._limits, self._grace_ms = session, opened, limits, grace_s * 1000
        self._tell_over = over
        self._projection = Projection(opened, new_id)
        self._extras = Extras(new_id, self._pulse) if extended else None
        self._answers = Answers(session, self._projection, self._extras, opened.settings.delegation)
        self._journal = journal or Journal(max_ms=max(limits.unread_s, 2 * grace_s) * 1000, numbered=extended)
        self._tokens, self._spool = tokens or ResumeTokens(), spool
        self._line: Line | None = None
        self._sides: list[Line] = []
        self._lost_ms: int | None = None  # when the last connection was lost
        self._following: asyncio.Task[None] | None = None
        self._over = False

    async def begin(self, messages: Messages) -> None:
        """Start the session for its first client, and serve that connection."""
        started = self._projection.started()
        self._tell(started)
        token = {"resume_token": self._new_token()} if self._grace_ms else {}
        greeting = [{**entry.event, **token} for entry in self._journal.since(0)]
        self._start()
        await self._hold(Line(messages, self._journal.last), greeting)

    def go_on(self, untold: Sequence[Item], last_seq: int) -> None:
        """Start a session that another process held, for a client that has everything up to event `last_seq`.

        untold: what happened in it after the journal's last event; it gets the very numbers it had.
        """
        for item in untold:
            for event in self._events(item):
                self._journal.append(event, self.session.clock_ms)
        if last_seq > self._journal.last:
            self._journal.skip_to(last_seq)
        if self._spool is not None:
            for entry in self._journal.kept:
                self._spool.put(entry)
            self._spool.put(self._tokens.hashes)
        self._lost_ms = self.session.at_ms
        self._start()

    async def resume(self, messages: Messages, token: str, last_seq: int) -> None:
        """Serve a client that comes back; Refusal where it may not. The events it missed come first, in order."""
        if self._over or not self._grace_ms or not self._tokens.redeem(token):
            raise unknown_session()
        if last_seq > self._journal.last:
            message = f"Event {last_seq} was never sent; the last one is {self._journal.last}."
            raise Refusal("invalid_value", message, "last_received_server_event_seq")
        fields = {
            "session": self._projection.session(),
            "resume_token": self._tokens.issue(),
            "at_ms": self.session.at_ms,
        }
        log.info("client back", session_id=self.session.id, missed=self._journal.last - last_seq)
        await self._hold(Line(messages, last_seq), [connection_event("session.resumed", new_id, **fields)])

    async def attach(self, messages: Messages) -> None:
        """Serve a sideband from now on, until it or the session ends: all events, and the user's sound as it came."""
        line = Line(messages, self._journal.last, side=True)
        reflected = Reflected(line.tell)
        self._sides.append(line)
        self.session.taps.append(reflected.push)
        writing, reading = asyncio.create_task(self._write(line, [])), asyncio.create_task(self._read(line))
        try:
            await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.session.taps.remove(reflected.push)
            self._sides.remove(line)
            for task in (writing, reading):
                task.cancel()
            await asyncio.gather(writing, reading, return_exceptions=True)
        await messages.channel.close(CLOSED, "session closed" if self._over else "detached")

    def _start(self) -> None:
        items = self.session.items()
        self.session.start()
        self._following = asyncio.create_task(self._follow(items), name=f"timeline of {self.session.id}")

    def _new_token(self) -> str:
        token = self._tokens.issue()
        if self._spool is not None:
            self._spool.put(self._tokens.hashes)
        return token

    async def _hold(self, line: Line, greeting: Sequence[Wire]) -> None:
        """Serve one connection until it ends or another takes its place."""
        if self._line is not None:
            self._line.replaced.set()
        self._line, self._lost_ms = line, None
        writing = asyncio.create_task(self._write(line, greeting))
        reading = asyncio.create_task(self._read(line))
        replaced = asyncio.create_task(line.replaced.wait())
        try:
            await asyncio.wait({writing, reading, replaced}, return_when=asyncio.FIRST_COMPLETED)
            if not line.replaced.is_set():
                await self._lose(reading.result() if reading.done() else None, writing)
        finally:
            if self._line is line:
                self._line = None
                self._end_if_alone()
            for task in (writing, reading, replaced):
                task.cancel()
            await asyncio.gather(writing, reading, replaced, return_exceptions=True)
        await self._part(line)

    async def _lose(self, reason: EndReason | None, writing: "asyncio.Task[None]") -> None:
        """The connection has ended, and the session with it, unless it has grace and only the line was cut."""
        if self._grace_ms and not self._over and reason in (None, "connection_lost"):
            self._lost_ms = self.session.at_ms
            log.info("client lost", session_id=self.session.id, grace_s=self._grace_ms / 1000)
        elif not writing.done():
            self.session.close(reason or "connection_lost")
            await asyncio.wait({writing}, timeout=self._limits.send_s)

    def _end_if_alone(self) -> None:
        """Nobody holds the session any more: it ends now where it has no grace, else when that is over."""
        grace_over = self._lost_ms is None or self.session.at_ms - self._lost_ms >= self._grace_ms
        if self._line is None and grace_over:
            self.session.close("connection_lost")

    async def _part(self, line: Line) -> None:
        """Close the connection, with the reason as its code."""
        channel = line.messages.channel
        if line.replaced.is_set():
            with suppress(Gone):
                await channel.send(connection_event("session.replaced", new_id))
            await channel.close(CLOSED, "replaced by a newer connection")
            return
        restart = self.session.end is not None and self.session.end.reason == "draining"
        await channel.close(RESTART if restart else CLOSED, "session closed")

    async def _follow(self, items: AsyncIterator[Item]) -> None:
        """The timeline, event by event into the journal, up to `session.closed`, with or without a client."""
        try:
            async for item in items:
                for event in self._events(item):
                    self._tell(event)
                if self._lost_ms is not None:
                    self._end_if_alone()
        except Exception:  # the outermost line of this task: it ends this session and no other
            log.exception("projection failed", session_id=self.session.id)
            self.session.close("failed")
        self._over = True
        self._wake()
        self._tell_over()

    def _events(self, item: Item) -> list[Wire]:
        if self._extras is None:
            return self._projection.events(item)
        shown = self._extras.before(item)
        return self._extras.after(item, [] if shown is None else self._projection.events(shown))

    def _tell(self, event: Wire) -> None:
        entry = self._journal.append(event, self.session.clock_ms)
        if self._spool is not None:
            self._spool.put(entry)
        self._wake()

    def _wake(self) -> None:
        for line in (self._line, *self._sides):
            if line is not None:
                line.news.set()

    async def _write(self, line: Line, greeting: Sequence[Wire]) -> None:
        """What the journal has and gets, event by event, up to its end."""
        try:
            for event in greeting:
                await line.messages.channel.send(event)
            while not (self._over and line.cursor == self._journal.last):
                line.news.clear()
                for event in await self._unsent(line):
                    await line.messages.channel.send(event)
                while line.own:
                    await line.messages.channel.send(line.own.popleft())
                if line.cursor == self._journal.last and not self._over and not line.own:
                    await line.news.wait()
        except Gone:
            return

    async def _unsent(self, line: Line) -> list[Mapping[str, Any]]:
        """The events after the line's last one, which is moved on; what the journal has forgotten is named as lost."""
        try:
            entries = list(self._journal.since(line.cursor))
        except JournalGap as gap:
            line.cursor = gap.last
            if line.side:
                raise Gone from gap
            if self._extras is None:
                self.session.close("too_slow")
                return []
            lost = {"first_lost_seq": gap.first, "last_lost_seq": gap.last}
            return [connection_event("session.resync_required", new_id, reason="journal_gap", **lost)]
        line.cursor = self._journal.last
        plain = line.side and not line.messages.extended
        return [entry.event for entry in entries if not (plain and entry.event["type"] in EXTENSION_TYPES)]

    async def _read(self, line: Line) -> EndReason:
        """The client's messages; why they ended."""
        sound = SoundReader(self.opened.settings.format)
        while True:
            try:
                event = await line.messages.next()
            except TimeoutError:
                return "idle"
            except Gone:
                return "connection_lost"
            answer = event if isinstance(event, Refused) else await self._answered(line, event, sound)
            if isinstance(answer, Refused) and line.side:
                line.tell(answer.event)
            elif answer is not None:
                self._tell(answer.event if isinstance(answer, Refused) else answer)

    async def _answered(self, line: Line, event: ClientEvent | Extended, sound: SoundReader) -> Wire | Refused | None:
        try:
            if line.side and isinstance(event.body, Audio | Seen):
                raise Refusal("unsupported", "The user's sound comes over the primary connection.", "type")
            return await self._answers.answer(event, sound)
        except TooMuch as error:
            return Refused(Refusal("rate_limit_exceeded", str(error)), event.id)
        except Refusal as refusal:
            return Refused(refusal, event.id)

    def _pulse(self) -> Mapping[str, Any]:
        """How the clock does: milliseconds of the session, and the longest of the last ticks."""
        took_ms = [round(one, 1) for one in self.session.compute_ms]
        return {"server_ms": round(self.session.clock_ms), "compute_ms": max(took_ms, default=0.0), "ticks_ms": took_ms}


def unknown_session() -> Refusal:
    """There is nothing to resume; which part of it was wrong is not told."""
    return Refusal("session_not_found", "There is no session to resume with this token.", "resume_token")

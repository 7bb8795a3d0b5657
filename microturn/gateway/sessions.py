"""The sessions that live on this server: who is let in, and how they all end. No protocol."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import structlog

from microturn import __version__
from microturn.agent.desk import Desk
from microturn.core.chunk import MicroTurn
from microturn.core.clock import WallClock
from microturn.core.errors import ConfigError
from microturn.core.participant import Participant
from microturn.engine.api import AdmissionRefused, SessionSpec
from microturn.engine.participant import EngineParticipant
from microturn.gateway.delegations import Delegations, tools_of
from microturn.gateway.host import Host
from microturn.gateway.keeper import Keeper, follow
from microturn.gateway.kept import About, KeptSession
from microturn.gateway.metrics import Metrics
from microturn.gateway.named_servers import check_origins, without_secrets
from microturn.gateway.rates import LimitedChannel, Rate
from microturn.gateway.session import Beginning, LiveSession, SessionLimits
from microturn.gateway.store import Store
from microturn.gateway.wire import Channel

Protocol = Literal["live", "realtime"]
DRAINING = "the server is about to stop"
END_S = 10.0  # a server that stops waits so long for recordings that a busy disk has not taken yet
log = structlog.get_logger("microturn.gateway")


@dataclass(frozen=True)
class Limits:
    """What one client may ask of the server.

    sessions: at once, together; sessions_per_key: at once, of one API key, None is as many as there are; message_bytes:
    of one message; start_s: from the connection to `session.start`; idle_s: without a message from the client; send_s:
    a client may take so long to read one message; drain_s: what runs may go on for so long when the server is asked to
    stop; grace_s: a session of the native extensions goes on for so long without its client; revive_s: it may be
    resumed for so long after its server was killed, where it is recorded; mcp_origins: of MCP servers that a client may
    name, such as https://tools.example.com; rate: how fast messages may come.
    """

    sessions: int = 8
    sessions_per_key: int | None = None
    message_bytes: int = 4 * 1024 * 1024
    start_s: float = 10.0
    idle_s: float = 300.0
    send_s: float = 10.0
    drain_s: float = 10.0
    longest_s: float = 7_200.0
    unread_s: float = 10.0
    grace_s: float = 30.0
    revive_s: float = 300.0
    mcp_origins: tuple[str, ...] = ()
    rate: Rate = field(default_factory=Rate)

    def __post_init__(self) -> None:
        for name in (
            "sessions",
            "message_bytes",
            "start_s",
            "idle_s",
            "send_s",
            "longest_s",
            "unread_s",
            "grace_s",
            "revive_s",
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(name, "Limits", getattr(self, name), "a number above 0")
        if not 0 <= self.drain_s < math.inf:
            raise ConfigError("drain_s", "Limits", self.drain_s, "a number, 0 or above")
        check_origins(self.mcp_origins)
        if self.sessions_per_key is not None and self.sessions_per_key < 1:
            raise ConfigError("sessions_per_key", "Limits", self.sessions_per_key, "1 or more, or left out")


class _Seat(NamedTuple):
    """Who answers in a session, who records it, and where its clock begins."""

    partner: Participant
    keeper: Keeper | None
    beginning: Beginning


@dataclass(frozen=True)
class Ask:
    """What a session is opened for. config: the client's configuration as its protocol shows it, plain JSON values.

    owner: hash of the key that opened it, or ""; store: record it; grace_s: it goes on for so long without a client,
    0 ends it with its connection.
    """

    protocol: Protocol
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    owner: str = ""
    store: bool = False
    grace_s: float = 0.0

    @property
    def works_here(self) -> bool:
        """Whether our agent does what the model hands over; else the client does it."""
        return self.protocol == "realtime" or dict(self.config.get("delegation") or {}).get("type") == "responses"


class Sessions:
    """All live sessions of a server. Every method on the event loop. now and sleep: the wall's if left out."""

    def __init__(
        self,
        host: Host,
        limits: Limits,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        metrics: Metrics | None = None,
        store: Store | None = None,
        desk: Callable[[], Desk] | None = None,
    ) -> None:
        """store: where sessions are recorded that ask for it. desk: makes the one where their jobs are done."""
        self._desk_of, self._desk = desk, None
        self.host, self.limits, self.metrics, self.store = host, limits, metrics or Metrics(), store
        self._now, self._sleep = now, sleep
        self._live: dict[str, LiveSession] = {}
        self._asked: dict[str, Ask] = {}
        self._opening: list[str] = []  # owners of sessions that wait for their partner
        self._watchers: set[asyncio.Task[None]] = set()
        self._opened = 0
        self.draining = False

    def begin(self) -> None:
        """The event loop runs: jobs can be taken from now on."""
        self._desk = None if self._desk_of is None else self._desk_of()

    async def close(self) -> None:
        """No session lives any more: the desk and its agent stop."""
        if self._desk is not None:
            await self._desk.close()

    @property
    def count(self) -> int:
        """Sessions that live now."""
        return len(self._live)

    def find(self, session_id: str) -> LiveSession | None:
        """The session of this id while it runs."""
        return self._live.get(session_id)

    def ask_of(self, session_id: str) -> Ask | None:
        """What the session of this id was opened for, while it runs."""
        return self._asked.get(session_id)

    def limited(self, channel: Channel) -> Channel:
        """The channel, held to the rate that one client may have."""
        return LimitedChannel(channel, self.limits.rate, self.limits.message_bytes, self.metrics)

    async def open(self, ask: Ask) -> LiveSession:
        """A session that has not started yet; AdmissionRefused when there is no room or the server is about to stop."""
        session_id, seed = self._new_name()

        def seated() -> _Seat:
            partner = self.host.join(session_id, seed)
            return _Seat(partner, self._keeper(session_id, ask, self.host.spec(session_id, seed)), Beginning())

        return await self._live_with(session_id, ask, seated)

    async def fork(self, parent: LiveSession | KeptSession, ask: Ask) -> LiveSession:
        """A new session whose model remembers another one, which runs or is recorded; it has not started yet.

        Its own recording holds no log of the engine: what comes before it is in the parent's.
        """
        session_id, seed = self._new_name()

        def seated() -> _Seat:
            if isinstance(parent, LiveSession):
                partner = self.host.fork(parent.partner, session_id, seed)
            else:
                partner = self.host.rejoin(parent, session_id, seed)
            return _Seat(partner, self._keeper(session_id, ask, None), Beginning())

        return await self._live_with(session_id, ask, seated)

    async def go_on(self, kept: KeptSession) -> LiveSession:
        """A recorded session whose server was killed, from its next tick on; it has not started yet."""
        about, store = kept.about, self.store
        assert store is not None
        protocol: Protocol = "realtime" if about.protocol == "realtime" else "live"
        ask = Ask(protocol, about.config, about.owner, True, about.grace_s)

        def seated() -> _Seat:
            ticks = kept.whole_ticks
            partner = self.host.rejoin(kept, about.id)
            beginning = Beginning(ticks, ticks > 0 and kept.spoke_at(ticks))
            return _Seat(partner, store.go_on(about.id, ticks), beginning)

        return await self._live_with(about.id, ask, seated)

    def folder_of(self, session_id: str) -> Path | None:
        """Where this session is recorded; None where it is not."""
        store = self.store
        return store.root / session_id if store is not None and store.grows(session_id) else None

    def _new_name(self) -> tuple[str, int]:
        self._opened += 1
        return f"sess_{uuid4().hex}", self._opened

    async def _live_with(self, session_id: str, ask: Ask, seated: Callable[[], "_Seat"]) -> LiveSession:
        """The session, once whoever answers in it has been found, which may wait for the engine and for a disk."""
        self._check_room(ask.owner)
        self._opening.append(ask.owner)
        try:
            partner, keeper, beginning = await asyncio.to_thread(seated)
        except AdmissionRefused:
            self.metrics.refused("engine")
            raise
        finally:
            self._opening.remove(ask.owner)
        limits = SessionLimits(self.limits.longest_s, self.limits.unread_s)
        clock = WallClock(self._now, self._sleep)

        def measure(turn: MicroTurn) -> None:
            late_s = self._now() - clock.deadline_s
            self.metrics.tick(turn, late_s)
            if keeper is not None:
                logged = partner.logged if isinstance(partner, EngineParticipant) else None
                keeper.turn(turn, logged, late_s * 1000)

        session = LiveSession(session_id, partner, limits, measure, clock, self._now, beginning)
        self._live[session_id], self._asked[session_id] = session, ask
        delegations = session.delegations = self._delegations(session, ask)
        kept = None if keeper is None else asyncio.create_task(self._recorded(session, keeper))

        async def watch() -> None:
            await session.ended.wait()
            end = session.end
            assert end is not None
            log.info("session ended", session_id=session_id, reason=end.reason, detail=end.detail, ms=end.at_ms)
            self.metrics.ended(end.reason)
            del self._live[session_id], self._asked[session_id]
            await asyncio.to_thread(self.host.leave, partner)
            await delegations.close()
            if kept is not None:
                await kept
            if self._desk is not None and ask.works_here:
                await self._desk.end(session_id)

        watcher = asyncio.create_task(watch(), name=f"watch {session_id}")
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        self.metrics.opened(ask.protocol)
        log.info("session opened", session_id=session_id, protocol=ask.protocol, sessions=self.count)
        return session

    async def _recorded(self, session: LiveSession, keeper: Keeper) -> None:
        """Record a session to its end, which nobody else is told before its files are whole and closed."""
        assert self.store is not None
        async with aclosing(session.items(first=True)) as items:
            await follow(keeper, items)
            for put_away in (*session.files, partial(self.store.done, keeper)):
                await asyncio.to_thread(put_away)

    def _delegations(self, session: LiveSession, ask: Ask) -> Delegations:
        """Who does what this session's model hands over; its jobs that are on file go on."""
        desk = self._desk.open(session.id, ask.owner) if self._desk is not None and ask.works_here else None
        standing = str(ask.config.get("instructions") or "")
        delegations = Delegations(session, desk, standing, self.limits.mcp_origins)
        delegations.offer(tools_of(ask.config if ask.protocol == "realtime" else ask.config.get("delegation")))
        delegations.begin(session.items())
        return delegations

    def _keeper(self, session_id: str, ask: Ask, spec: SessionSpec | None) -> Keeper | None:
        """Who records this session; None where nobody asked or it cannot be."""
        store = self.store
        if store is None or not (ask.store or store.limits.every):
            return None
        about = About(
            session_id,
            ask.protocol,
            without_secrets(ask.config),
            ask.owner,
            ask.grace_s,
            self.host.name,
            self.host.weights,
            spec,
            time.time(),
            __version__,
        )
        return store.begin(about)

    def _check_room(self, owner: str) -> None:
        """AdmissionRefused where no session may be opened for this owner now."""
        limits = self.limits
        own = [*(ask.owner for ask in self._asked.values()), *self._opening].count(owner)
        if self.draining:
            reason, words, retry_after_s = "draining", DRAINING, limits.drain_s
        elif self.count + len(self._opening) >= limits.sessions:
            reason, words, retry_after_s = "sessions", f"{limits.sessions} sessions are open", 5.0
        elif owner and limits.sessions_per_key is not None and own >= limits.sessions_per_key:
            words = f"{limits.sessions_per_key} sessions of this key are open"
            reason, retry_after_s = "sessions_per_key", 5.0
        else:
            return
        self.metrics.refused(reason)
        raise AdmissionRefused(words, retry_after_s)

    async def drain(self, wait_s: float | None = None) -> None:
        """Let nobody in any more, wait for those inside, `drain_s` if left out, then end them."""
        self.draining = True
        wait_s = self.limits.drain_s if wait_s is None else wait_s
        log.info("draining", sessions=self.count, wait_s=wait_s)
        if self._watchers and wait_s > 0:
            await asyncio.wait(set(self._watchers), timeout=wait_s)
        for session in self._live.values():
            session.close("draining")
        if self._watchers:
            await asyncio.wait(set(self._watchers), timeout=END_S)

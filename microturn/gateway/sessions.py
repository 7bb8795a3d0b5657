"""The sessions that live on this server: who is let in, and how they all end. No protocol."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

import structlog

from microturn.core.clock import WallClock
from microturn.core.errors import ConfigError
from microturn.engine.api import AdmissionRefused
from microturn.gateway.host import Host
from microturn.gateway.session import LiveSession, SessionLimits

DRAINING = "the server is about to stop"
log = structlog.get_logger("microturn.gateway")


@dataclass(frozen=True)
class Limits:
    """What one client may ask of the server.

    sessions: at once, together; message_bytes: of one message; start_s: from the connection to `session.start`;
    idle_s: without a message from the client; send_s: a client may take so long to read one message; drain_s: what
    runs may go on for so long when the server is asked to stop.
    """

    sessions: int = 8
    message_bytes: int = 4 * 1024 * 1024
    start_s: float = 10.0
    idle_s: float = 300.0
    send_s: float = 10.0
    drain_s: float = 10.0
    longest_s: float = 7_200.0
    unread_s: float = 10.0

    def __post_init__(self) -> None:
        for name in ("sessions", "message_bytes", "start_s", "idle_s", "send_s", "longest_s", "unread_s"):
            if getattr(self, name) <= 0:
                raise ConfigError(name, "Limits", getattr(self, name), "a number above 0")


@dataclass(frozen=True)
class Ask:
    """What a session is opened for. config: the client's configuration as its protocol shows it, plain JSON values.

    owner: hash of the key that opened it, or ""; store: record it; grace_s: it goes on for so long without a client,
    0 ends it with its connection.
    """

    protocol: Literal["live", "realtime"]
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    owner: str = ""
    store: bool = False
    grace_s: float = 0.0


class Sessions:
    """All live sessions of a server. Every method on the event loop. now and sleep: the wall's if left out."""

    def __init__(
        self,
        host: Host,
        limits: Limits,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.host, self.limits = host, limits
        self._now, self._sleep = now, sleep
        self._live: dict[str, LiveSession] = {}
        self._asked: dict[str, Ask] = {}
        self._opening = 0
        self._watchers: set[asyncio.Task[None]] = set()
        self._opened = 0
        self.draining = False

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

    async def open(self, ask: Ask) -> LiveSession:
        """A session that has not started yet; AdmissionRefused when there is no room or the server is about to stop."""
        if self.draining:
            raise AdmissionRefused(DRAINING, self.limits.drain_s)
        if self.count + self._opening >= self.limits.sessions:
            raise AdmissionRefused(f"{self.limits.sessions} sessions are open", 5.0)
        session_id, self._opened = f"sess_{uuid4().hex}", self._opened + 1
        self._opening += 1
        try:
            partner = await asyncio.to_thread(self.host.join, session_id, self._opened)
        finally:
            self._opening -= 1
        limits = SessionLimits(self.limits.longest_s, self.limits.unread_s)
        clock = WallClock(self._now, self._sleep)
        session = LiveSession(session_id, partner, limits, clock=clock, now=self._now)
        self._live[session_id], self._asked[session_id] = session, ask

        async def watch() -> None:
            await session.ended.wait()
            end = session.end
            assert end is not None
            log.info("session ended", session_id=session_id, reason=end.reason, detail=end.detail, ms=end.at_ms)
            del self._live[session_id], self._asked[session_id]
            await asyncio.to_thread(self.host.leave, partner)

        watcher = asyncio.create_task(watch(), name=f"watch {session_id}")
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        log.info("session opened", session_id=session_id, protocol=ask.protocol, sessions=self.count)
        return session

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
            await asyncio.wait(set(self._watchers), timeout=2.0)

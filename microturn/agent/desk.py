"""The desk: all sessions and the one agent that works for them, within limits. What happens in one: session_desk.py."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from microturn.agent.job import BackgroundAgent
from microturn.agent.session_desk import DeskLimits, SessionDesk, Shared
from microturn.agent.store import Kept, Store
from microturn.core.errors import InputError, MicroturnError


class Desk:
    """Use as `async with Desk(agent) as desk`, on one event loop. It owns the agent and the store, and closes both.

    now_ms: a clock that never goes back; wall time if left out, so that deadlines mean something after a restart.
    """

    def __init__(
        self,
        agent: BackgroundAgent,
        store: Store | None = None,
        limits: DeskLimits | None = None,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        limits = limits or DeskLimits()
        self._shared = Shared(agent, store or Store(), limits, asyncio.Semaphore(limits.jobs), now_ms or wall_ms())
        self._sessions: dict[str, SessionDesk] = {}
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def open(self, session: str, owner: str = "") -> SessionDesk:
        """The desk of this session: the one that is open, or what is on file, whose jobs go on.

        owner: of the key that opened the session. InputError for a session of another owner.
        """
        if self._closed:
            raise MicroturnError("the desk is closed")
        known = self._sessions.get(session)
        kept = None if known is not None else self._shared.store.load(session)
        theirs = known.owner if known is not None else owner if kept is None else kept.owner
        if theirs != owner:
            raise InputError("a session", session, "another owner", "the owner that opened it")
        if known is None:
            known = SessionDesk(session, kept or Kept(owner), self._shared)
            self._sessions[session] = known
            known.go_on()
        return known

    async def end(self, session: str, forget: bool = True) -> None:
        """The session is over: cancel its jobs, wait until they have let go, and forget it."""
        known = self._sessions.pop(session, None)
        if known is not None:
            await known.close(forget)
        elif forget:
            self._shared.store.forget(session)

    async def close(self) -> None:
        """Stop working; what is not over stays on file and goes on when its session is opened by another desk."""
        if self._closed:
            return
        self._closed = True
        await asyncio.gather(*(session.leave() for session in self._sessions.values()))
        await self._shared.agent.close()
        self._shared.store.close()


def wall_ms() -> Callable[[], int]:
    """Wall time in milliseconds; where the wall's clock is set back, it stands still until it is reached again."""
    latest = 0

    def now_ms() -> int:
        nonlocal latest
        latest = max(latest, time.time_ns() // 1_000_000)
        return latest

    return now_ms

"""The one clock: integer ticks of 200 ms. Wall time exists only in WallClock."""

import time
from collections.abc import Callable
from typing import Protocol

TICK_MS = 200
SAMPLE_RATE_HZ = 16_000
CHUNK_SAMPLES = SAMPLE_RATE_HZ * TICK_MS // 1000


def tick_of(ms: int) -> int:
    """Index of the micro-turn that contains the moment `ms` (milliseconds since the session began)."""
    return ms // TICK_MS


class Clock(Protocol):
    """Says when a tick may begin."""

    def wait_until(self, tick: int) -> None:
        """Return when tick `tick` begins, at once if it already has."""
        ...


class FastClock:
    """Never waits: a minute of talk takes as long as its computing."""

    def wait_until(self, tick: int) -> None:
        """Return at once."""


class WallClock:
    """Waits for real time.

    The first call sets the beginning. Every deadline is the previous deadline plus 200 ms, never "now" plus 200 ms, so
    lateness does not add up. Policy when late: catch up, no tick is dropped; `late_s` says how late the last one was,
    `deadline_s` when it was due.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        self._now, self._sleep = now, sleep
        self._tick: int | None = None
        self.deadline_s = 0.0
        self.late_s = 0.0

    def wait_until(self, tick: int) -> None:
        """Sleep until tick `tick` begins; on the first call the tick before it begins now, if there is one."""
        if self._tick is None:
            self._tick, self.deadline_s = max(tick - 1, 0), self._now()
        self.deadline_s += (tick - self._tick) * TICK_MS / 1000.0
        self._tick = tick
        ahead_s = self.deadline_s - self._now()
        self.late_s = max(0.0, -ahead_s)
        if ahead_s > 0.0:
            self._sleep(ahead_s)

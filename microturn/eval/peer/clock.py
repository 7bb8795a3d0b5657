"""A clock for programs that were written for the wall clock: time stands still while they compute or wait for nothing.

A pipeline of asyncio tasks sleeps, waits and asks the time. On this loop a sleep is over at once and the time jumps to
where it would have been, so a session of a minute takes as long as its computing and two runs give the same times.
What is computed in executors makes its result late by the processor time that it took, not by what else the machine
does. What tasks compute on the loop itself takes no time.
"""

import asyncio
import selectors
import time
from collections.abc import Callable
from functools import partial
from typing import Any

EPOCH_S = 1_000_000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time` jumps from timer to timer. at_s: its time, in seconds since it was made."""

    def __init__(self) -> None:
        self.at_s = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Virtual seconds."""
        return self.at_s

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Do the work here and now, and give its result as late as it took of the processor's time.

        No thread does it: time stands still meanwhile in any case. Work that waits for the loop would wait for ever.
        """
        late: asyncio.Future[Any] = self.create_future()
        began_s = time.thread_time()
        try:
            give = partial(late.set_result, func(*args))
        except Exception as error:  # as an executor does: whoever awaits the result gets it
            give = partial(late.set_exception, error)
        self.call_later(time.thread_time() - began_s, _unless_cancelled, late, give)
        return late


def keep_time(loop: VirtualLoop) -> None:
    """From now on `time.time` and `time.monotonic` of this process are the loop's. For a process of its own alone."""
    time.time = lambda: EPOCH_S + loop.at_s
    time.monotonic = lambda: EPOCH_S + loop.at_s
    time.monotonic_ns = lambda: round((EPOCH_S + loop.at_s) * 1e9)


def _unless_cancelled(late: asyncio.Future[Any], give: Callable[[], None]) -> None:
    if not late.cancelled():
        give()


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for a timer it moves the loop's time to it."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready."""
        if timeout is None:
            raise RuntimeError("every task waits for something that nobody will bring")
        ready = super().select(0)
        if not ready and timeout > 0:
            self._loop.at_s += timeout
        return ready

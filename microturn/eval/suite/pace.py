"""How many sessions are held side by side, and holding one of them. What a run keeps of it: runs.py.

Sessions on the wall clock share a processor and a line. One that was sent late, or found no place, says that they were
in each other's way: from then on half as many are held at a time, and that one is held again.
"""

import asyncio
from dataclasses import replace

import numpy as np

from microturn.core.chunk import Chunk
from microturn.core.clock import TICK_MS
from microturn.eval.suite.endpoint import Endpoint, Session, Unreachable
from microturn.eval.suite.trace import Noted, Trace

SESSION_LIMIT_S = 600.0  # or twice the conversation, where that is longer
AGAIN = 2


class Room:
    """Lets in so many at a time: `places`, which only become fewer."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._inside = 0
        self._changed = asyncio.Condition()

    async def enter(self) -> int:
        """Wait for a place; gives how many there are."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._inside < self.places)
            self._inside += 1
            return self.places

    async def leave(self, narrow: int | None = None) -> None:
        """Give the place back. narrow: there were so many places, and they were too many; said twice it counts once."""
        async with self._changed:
            self._inside -= 1
            if narrow is not None:
                self.places = max(1, min(self.places, narrow // 2))
            self._changed.notify_all()


async def held(endpoint: Endpoint, session: Session, room: Room) -> Trace:
    """A session's trace, void where it failed. Raises Unreachable where even a session alone does not begin."""
    trace, places = await _once(endpoint, session, room)
    again = 0
    while trace is None or (trace.sent_late and again < AGAIN):
        again += 1 if trace is not None else 0
        trace, places = await _once(endpoint, session, room)
    if not again:
        return trace
    return replace(trace, events=(Noted(0.0, "held again", {"times": again, "at_once": places}), *trace.events))


async def _once(endpoint: Endpoint, session: Session, room: Room) -> tuple[Trace | None, int]:
    """A trace, or None where there was no place for it beside others; and how many places there were."""
    places = await room.enter()
    narrow = None
    try:
        limit_s = max(SESSION_LIMIT_S, 2 * session.ticks * TICK_MS / 1000)
        trace = await asyncio.wait_for(endpoint.hold(session), limit_s)
        narrow = places if trace.sent_late else None
    except Unreachable:
        if places == 1:
            raise
        trace, narrow = None, places
    except Exception as error:  # the outermost line of a session: it ends this one alone
        trace = void(endpoint.name, session, f"{type(error).__name__}: {error}"[:300])
    finally:
        await room.leave(narrow)
    return trace, places


def void(name: str, session: Session, why: str) -> Trace:
    """The trace of a session of which nothing is known, with what the user would have said to silence."""
    user = [session.user.turn(tick, Chunk()).samples for tick in range(session.ticks)]
    return Trace(session.id, name, np.concatenate([np.zeros(0, np.float32), *user]), void=why)

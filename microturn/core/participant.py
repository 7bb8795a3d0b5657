"""The one seam: who takes part in a conversation, and the loop that lets two of them talk. No engine, no wire."""

from collections.abc import Iterator
from itertools import count
from typing import Protocol

from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.clock import Clock


class Participant(Protocol):
    """Anyone in a conversation: the model, a person behind a browser, a script, an echo, a replayed recording."""

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """Hear what the other side said and give what this side says in tick `tick`; called once per tick, in order."""
        ...


def converse(
    user: Participant, model: Participant, clock: Clock, ticks: int | None = None, first_tick: int = 0
) -> Iterator[MicroTurn]:
    """Let two participants talk for `ticks` micro-turns (None: until the caller stops), the first of them `first_tick`.

    The user speaks first in each tick and hears what the model said in the tick before; the model hears the user's
    chunk of the same tick. A chunk holds 200 ms of sound, so tick t is taken when tick t + 1 begins.
    """
    said = Chunk()
    for tick in count(first_tick) if ticks is None else range(first_tick, first_tick + ticks):
        clock.wait_until(tick + 1)
        heard = user.turn(tick, said)
        said = model.turn(tick, heard)
        yield MicroTurn(tick, heard, said)

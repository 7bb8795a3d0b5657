"""Both sides at once, as the timeline shows it: what the model made of each overlap. It observes and decides nothing.

The timeline knows the user's words, not the user's sound, so an overlap begins with the first word that ended in it.
"""

from dataclasses import dataclass
from typing import Literal

from microturn.core.clock import TICK_MS
from microturn.gateway.timeline import Began, Ended, Heard, Item, Sound, Stopped

QUIET_MS = 1_000  # the user has been silent for so long: the overlap is over
FEW_WORDS = 3  # what a listener says without taking the floor has seldom more
SHORT_MS = 3 * TICK_MS

Action = Literal["yield", "continue", "backchannel"]


@dataclass(frozen=True)
class Overlap:
    """One overlap, once it is over. text: what the user said in it; by: who came in while the other one spoke.

    yield: the model fell silent for the user; backchannel: whoever came in said a few words and left the floor to the
    other; continue: the model spoke on, or came to its own end.
    """

    action: Action
    by: Literal["user", "model"]
    start_ms: int
    at_ms: int
    text: str = ""


class Overlaps:
    """Reads the timeline, item by item."""

    def __init__(self) -> None:
        self._began_ms: int | None = None
        self._start_ms: int | None = None
        self._heard_ms = -QUIET_MS
        self._words: list[str] = []
        self._short: Stopped | None = None  # the end of a few words of the model within the user's
        self._short_from_ms = 0

    def next(self, item: Item) -> list[Overlap]:
        """The overlaps that this item ends."""
        match item:
            case Began(at_ms):
                self._began_ms = at_ms
                self._short_from_ms = at_ms if at_ms - self._heard_ms < QUIET_MS else -1
            case Heard():
                return self._heard(item)
            case Stopped():
                return self._stopped(item)
            case Sound(start_ms) if self._start_ms is not None and start_ms - self._heard_ms >= QUIET_MS:
                few = sum(len(text.split()) for text in self._words) <= FEW_WORDS
                return self._over("backchannel" if few else "continue", start_ms)
            case Ended(at_ms) if self._start_ms is not None:
                return self._over("continue", at_ms)
            case _:
                pass
        return []

    def _heard(self, heard: Heard) -> list[Overlap]:
        short, self._short = self._short, None
        self._heard_ms = heard.end_ms
        if self._began_ms is not None and heard.start_ms >= self._began_ms + TICK_MS:
            self._start_ms = heard.start_ms if self._start_ms is None else self._start_ms
            self._words.append(heard.text)
        if short is not None and heard.start_ms - short.at_ms < QUIET_MS:
            return [Overlap("backchannel", "model", self._short_from_ms, short.at_ms)]
        return []

    def _stopped(self, stopped: Stopped) -> list[Overlap]:
        began_ms, self._began_ms = self._began_ms, None
        if self._start_ms is not None:
            return self._over("yield" if stopped.yielded else "continue", stopped.at_ms)
        if began_ms is not None and began_ms == self._short_from_ms and stopped.at_ms - began_ms <= SHORT_MS:
            self._short = stopped
        return []

    def _over(self, action: Action, at_ms: int) -> list[Overlap]:
        assert self._start_ms is not None
        over = Overlap(action, "user", self._start_ms, at_ms, "".join(self._words).strip())
        self._start_ms, self._words = None, []
        return [over]

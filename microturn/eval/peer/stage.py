"""What the services of one session share: a clock, what was noted and sent, what of an utterance has sounded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from microturn.data.voices import Clip


class Note(NamedTuple):
    """An event: seconds from the user's first sample, a kind, and what is known of it."""

    at_s: float
    kind: str
    data: Mapping[str, Any]


class Piece(NamedTuple):
    """A piece of sound as it leaves: seconds, and int16 [N]."""

    at_s: float
    pcm: np.ndarray


@dataclass
class Stage:
    """What the services of one session share: the clock, what was noted, and what of the last utterance has sounded."""

    now: Callable[[], float]
    began_s: float = 0.0
    notes: list[Note] = field(default_factory=list[Note])
    pieces: list[Piece] = field(default_factory=list[Piece])
    clip: Clip | None = None
    said_s: float = 0.0

    @property
    def at_s(self) -> float:
        """Seconds from the user's first sample."""
        return self.now() - self.began_s

    def note(self, kind: str, **data: Any) -> None:
        """Keep an event."""
        self.notes.append(Note(round(self.at_s, 4), kind, data))

    def cut(self) -> str:
        """The last utterance ends here: its words that have not sounded, told once."""
        clip, self.clip = self.clip, None
        return "" if clip is None else " ".join(word.word for word in clip.words if word.end_ms > 1000 * self.said_s)

"""One conversation after it was held: what was spoken, heard, said and expected. How it is shown lives elsewhere."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from microturn.core.clock import TICK_MS
from microturn.data.script import Spoken
from microturn.data.voices import Voice
from microturn.eval.marks import VERDICTS, Mark

WORDS = {"uncalled": "not asked for"}
IN_FULL = "expected replies right, in words and within one tick (200 ms)"


class Heard(NamedTuple):
    """What the model's transcript got in one tick; `joins`: it goes on with the last word before it."""

    tick: int
    text: str
    joins: bool = False


@dataclass(frozen=True, eq=False)
class Talk:
    """pcm: float32 [N], the user's side; the model's side is text with its ticks."""

    skill: str
    voice: Voice
    pcm: np.ndarray
    spoken: tuple[Spoken, ...]
    heard: tuple[Heard, ...]
    marks: tuple[Mark, ...]


def end_s(tick: int) -> float:
    """When what was decided in this tick leaves: its end, in seconds."""
    return (tick + 1) * TICK_MS / 1000


def counted(marks: Sequence[Mark], right: str = "right") -> str:
    """How much was expected, and how it went; `right` says what a right reply is."""
    counts = Counter(mark.verdict for mark in marks)
    expected = sum(mark.expected is not None for mark in marks)
    parts = [f"{counts[v]} {WORDS.get(v, v)}" for v in VERDICTS if counts[v] and v != "right"]
    of = f"{counts['right']} of {expected} {right}" if expected else "nothing expected"
    return "; ".join([of, ", ".join(parts)]) if parts else of

"""One conversation after it was held: what was spoken, heard, said and expected. How it is shown lives elsewhere."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from microturn.core.clock import TICK_MS
from microturn.data.script import Spoken
from microturn.data.voices import Voice
from microturn.eval.marks import VERDICTS, Mark
from microturn.eval.scorers import Said, utterances

WORDS = {"uncalled": "not asked for"}
IN_FULL = "expected replies right, in words and within one tick (200 ms)"


class Heard(NamedTuple):
    """What the model's transcript got in one tick; `joins`: it goes on with the last word before it."""

    tick: int
    text: str
    joins: bool = False


class Sounding(NamedTuple):
    """A word of the model while it sounds, to a fifth of a second, in seconds."""

    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True, eq=False)
class Talk:
    """pcm: float32 [N], the user's side; the model's side is text with its ticks.

    said_pcm: float32 [N], what a model with a voice sounds beside the user; None for one without. film: the camera's
    picture of each tick, uint8 [H, W, 3] or None; empty without a camera.
    """

    skill: str
    voice: Voice
    pcm: np.ndarray
    spoken: tuple[Spoken, ...]
    heard: tuple[Heard, ...]
    marks: tuple[Mark, ...]
    said_pcm: np.ndarray | None = None
    sounding: tuple[Sounding, ...] = ()
    film: tuple[np.ndarray | None, ...] = ()


def end_s(tick: int) -> float:
    """When what was decided in this tick leaves: its end, in seconds."""
    return (tick + 1) * TICK_MS / 1000


def sounding_words(said: Sequence[Said]) -> Iterator[Sounding]:
    """When each word sounds: a word is written when the one before it begins, the first one when it begins itself."""
    for utterance in utterances(said, ()):
        pieces = [s for s in said if utterance.tick <= s.tick <= utterance.until and s.text]
        written = [(piece.tick, word) for piece in pieces for word in piece.text.split()]
        begins = [utterance.tick, *(tick for tick, _ in written[2:]), min(written[-1][0] + 1, utterance.until)]
        ends = [*begins[1 : len(written)], utterance.until + 1]
        for (_, word), begin, end in zip(written, begins, ends, strict=False):
            yield Sounding(word, end_s(begin), end_s(end))


def counted(marks: Sequence[Mark], right: str = "right") -> str:
    """How much was expected, and how it went; `right` says what a right reply is."""
    counts = Counter(mark.verdict for mark in marks)
    expected = sum(mark.expected is not None for mark in marks)
    parts = [f"{counts[v]} {WORDS.get(v, v)}" for v in VERDICTS if counts[v] and v != "right"]
    of = f"{counts['right']} of {expected} {right}" if expected else "nothing expected"
    return "; ".join([of, ", ".join(parts)]) if parts else of

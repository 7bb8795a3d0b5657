"""Drawing from banks of phrases and building scripts: what all scenario files share."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from microturn.data.script import Line, Script
from microturn.data.splits import Phrase

T = TypeVar("T")


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of `choices`, all alike."""
    return choices[int(rng.random() * len(choices))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with `probability`."""
    return bool(rng.random() < probability)


def between(rng: np.random.Generator, low: int, high: int) -> int:
    """An integer from `low` to `high`, both included."""
    return low + int(rng.random() * (high - low + 1))


def line(phrase: Phrase, gap_ms: int, speaker: str = "user") -> Line:
    """The phrase, said. Only the user's words mean anything to the agent."""
    return Line(phrase.text, speaker, gap_ms, phrase.meaning if speaker == "user" else None)


def said(text: str, gap_ms: int) -> Line:
    """A user's line without meaning."""
    return Line(text, "user", gap_ms)


def script_of(
    skill: str, main: Phrase, lines: Sequence[Line], *, negative: bool = False, tail_ms: int = 2000
) -> Script:
    """A script named after its main phrase."""
    return Script(skill, main.template, main.slots, negative, tuple(lines), tail_ms)

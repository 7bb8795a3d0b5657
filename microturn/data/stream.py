"""A stream: one session as the learner meets it, and what is true about it at every moment. No model, no tokens.

Shapes: N ticks, F mel frames (frames_per_tick a tick), C channels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from microturn.data.history import NOTHING_SAID, History
from microturn.data.oracle import Expect


class HeardWord(NamedTuple):
    """A word of the user's, and when it had been said."""

    end_ms: int
    word: str


class Typed(NamedTuple):
    """A text that arrives in a tick: typed by the user, or the result of something handed over."""

    tick: int
    text: str
    is_result: bool = False


@dataclass(frozen=True)
class Stream:
    """levels: uint8 [F, C], the dMel of the user's side; the rest in order of time.

    history: what the agent is taken to have said, and what is taught; own_levels: uint8 [F, C], the dMel of the agent's
    own voice as the history has it, None where the agent writes only; frames: the camera's picture of a tick, uint8
    [H, W, 3] in the model's grid, None in ticks without one; no function at all where there is no camera. in_view: what
    that picture shows, as words without order.
    """

    levels: np.ndarray
    heard: tuple[HeardWord, ...]
    expects: tuple[Expect, ...]
    typed: tuple[Typed, ...] = ()
    skills: tuple[str, ...] = ()
    voice: str = ""
    negative: bool = False
    history: History = NOTHING_SAID
    own_levels: np.ndarray | None = None
    frames: Callable[[int], np.ndarray | None] | None = None
    in_view: Callable[[int], tuple[str, ...]] | None = None

"""How fast and how evenly somebody exercises. Each split has ways of its own."""

from typing import NamedTuple

import numpy as np

from microturn.data.sight.look import drawn
from microturn.data.splits import Split

# Share of a repetition that goes there, and share in which it rests there.
STYLES: dict[Split, dict[str, tuple[float, float]]] = {
    "train": {
        "even": (0.45, 0.1),
        "no rest": (0.5, 0.0),
        "slow down": (0.62, 0.04),
        "slow up": (0.28, 0.07),
        "held": (0.3, 0.38),
        "bounced": (0.36, 0.02),
    },
    "val": {"lingering": (0.4, 0.2)},
    "test": {"dropped": (0.2, 0.14), "pressed": (0.55, 0.13), "long held": (0.25, 0.45)},
}
LENGTH_MS = (1_150.0, 3_400.0)
GAP_MS = (0.0, 420.0)
UNEVEN = 0.07


class Tempo(NamedTuple):
    """Of a bout: the length of a repetition, the pause after it, and `STYLES`' two shares."""

    length_ms: float
    gap_ms: float
    down: float
    hold: float


def tempo(split: Split, rng: np.random.Generator, quickest_ms: float = LENGTH_MS[0]) -> Tempo:
    """One of the split's own; single repetitions differ a little from it."""
    styles = list(STYLES[split].values())
    down, hold = styles[int(rng.random() * len(styles))]
    length_ms = drawn(rng, split, *LENGTH_MS)
    return Tempo(max(length_ms, quickest_ms), drawn(rng, split, *GAP_MS), down, hold)

"""Shares with intervals, as every suite reports them. Pure functions."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

Z95 = 1.959964
DRAWS = 2_000


class Share(NamedTuple):
    """k of n with its 95 % interval; `rate` None where there was nothing to count."""

    hits: int
    of: int
    rate: float | None
    low: float
    high: float


def share(hits: int, of: int) -> Share:
    """Wilson's score interval (Wilson 1927)."""
    if not of:
        return Share(0, 0, None, 0.0, 1.0)
    p, z2 = hits / of, Z95**2
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = Z95 * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return Share(hits, of, p, max(0.0, middle - half), min(1.0, middle + half))


class Macro(NamedTuple):
    """Mean over categories, with a bootstrap interval that draws whole clusters."""

    mean: float | None
    low: float
    high: float


def macro(scores: Mapping[str, Sequence[tuple[str, float]]], seed: int = 0, draws: int = DRAWS) -> Macro:
    """scores: category to (cluster, score) pairs; clusters (templates, speakers, videos) are drawn with replacement."""
    filled = {name: rows for name, rows in scores.items() if rows}
    if not filled:
        return Macro(None, 0.0, 1.0)
    rng = np.random.default_rng(seed)
    drawn = np.zeros(draws)
    mean = 0.0
    for rows in filled.values():
        clusters: dict[str, list[float]] = {}
        for cluster, score in rows:
            clusters.setdefault(cluster, []).append(score)
        sums = np.array([sum(values) for values in clusters.values()])
        sizes = np.array([len(values) for values in clusters.values()])
        pick = rng.integers(len(sums), size=(draws, len(sums)))
        drawn += sums[pick].sum(1) / sizes[pick].sum(1)
        mean += sums.sum() / sizes.sum()
    low, high = np.percentile(drawn / len(filled), [2.5, 97.5])
    return Macro(mean / len(filled), float(low), float(high))

"""What the agent is taken to have said in a training stream, right or not, and what is taught from there. No tokens.

A model that has only met right histories does not know what to do after its own mistake, and where it is not sure of
the moment it spreads its probability over the ticks around it, so that none of them ever reaches one half. So here
words come late, or never, or are wrong; and as long as words that are due have not been said, each tick teaches to say
them. What is learnt is then not "now is the very tick" but "it is due by now" (docs/decisions/0008).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

import numpy as np

from microturn.data.oracle import WORDS_PER_TICK, Expect


@dataclass(frozen=True)
class HistoryConfig:
    """mute_share: of runs of one skill, how many begin with words never said; late_share, wrong_share: of other words.

    `catch_up_ticks`: how long unsaid words are taught, from the tick they are due; a late word is late by less.
    `blur_ticks`: how long nothing is taught after words that never came, or were wrong.
    """

    mute_share: float = 0.35
    late_share: float = 0.4
    wrong_share: float = 0.04
    catch_up_ticks: int = 4
    blur_ticks: int = 3
    late_stop_share: float = 0.3
    spurious_share: float = 0.02


class Saying(NamedTuple):
    """Something the agent says. `words[i]` is written in tick `tick + leads[i]`, ahead of its sound.

    It sounds in `ticks` ticks from `tick` on; 0: silent text, no sound at all.
    """

    tick: int
    words: tuple[str, ...]
    leads: tuple[int, ...]
    ticks: int = 0


class History(NamedTuple):
    """`said` stands in the sequence, by tick; `due`: what else a tick teaches to begin to say ("": to be silent).

    Nothing is taught in `untaught`.
    """

    said: tuple[Saying, ...]
    due: dict[int, str]
    untaught: frozenset[int]


NOTHING_SAID = History((), {}, frozenset())


def right_history(expects: Sequence[Expect]) -> History:
    """Everything said in its tick."""
    return History(tuple(map(as_text, expects)), {}, frozenset())


def drawn_history(expects: Sequence[Expect], config: HistoryConfig, rng: np.random.Generator) -> History:
    """One history of the right actions `expects`, which are in order of ticks."""
    said: list[Expect] = []
    due: dict[int, str] = {}
    blurred: set[int] = set()
    wrong: set[int] = set()
    for expect, silent in _muted(expects, config.mute_share, rng):
        draw = rng.random()
        late = config.catch_up_ticks if silent else 0
        if not silent and draw < config.late_share:
            late = int(rng.integers(1, config.catch_up_ticks))
        tick = expect.tick + late
        due = dict.fromkeys(range(expect.tick, tick), expect.text) | due
        if silent:
            blurred.update(range(tick, tick + config.blur_ticks))
        elif draw < 1.0 - config.wrong_share:
            said.append(replace(expect, tick=tick))
        else:
            said.append(replace(expect, tick=tick, text=expects[int(rng.integers(len(expects)))].text))
            blurred.update(range(tick + 1, tick + config.blur_ticks))
            wrong.add(tick)
    said.sort(key=lambda expect: expect.tick)
    taught = {expect.tick for expect in said} | due.keys()
    return History(tuple(map(as_text, said)), due, frozenset((blurred - taught) | wrong))


def as_text(expect: Expect) -> Saying:
    """Silent text: two words a tick."""
    words = tuple(expect.text.split())
    return Saying(expect.tick, words, tuple(place // WORDS_PER_TICK for place in range(len(words))))


def _muted(expects: Sequence[Expect], share: float, rng: np.random.Generator) -> list[tuple[Expect, bool]]:
    """Each expectation, and whether it stays unsaid: a share of the runs of one skill begins with some that do."""
    marked: list[tuple[Expect, bool]] = []
    for _, run in groupby(expects, key=lambda expect: expect.skill):
        group = list(run)
        first = int(rng.integers(1, len(group) + 1)) if rng.random() < share else 0
        marked += [(expect, place < first) for place, expect in enumerate(group)]
    return marked

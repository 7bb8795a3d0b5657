"""What the agent is taken to have said in a training stream, right or not, and what is taught from there. No tokens.

A model that has only met right histories does not know what to do after its own mistake, and where it is not sure of
the moment it spreads its probability over the ticks around it, so that none of them ever reaches one half. So here
words come late, or never, or are wrong; and as long as words that are due have not been said, each tick teaches to say
them. What is learnt is then not "now is the very tick" but "it is due by now" (docs/decisions/0008). For the same
reason it now and then falls silent late where the user barged in, or says what nobody asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

import numpy as np

from microturn.core.clock import tick_of
from microturn.data.agent import AgentClip
from microturn.data.oracle import WORDS_PER_TICK, Expect, words_length

Say = Callable[[str], AgentClip]
LATEST_STOP_TICKS = 2
MISTAKEN_WORDS = 4


@dataclass(frozen=True)
class HistoryConfig:
    """mute_share: of runs of one skill, how many begin with words never said; late_share, wrong_share: of other words.

    `catch_up_ticks`: how long unsaid words are taught, from the tick they are due; a late word is late by less.
    `blur_ticks`: how long nothing is taught after words that never came, or were wrong.
    `late_stop_share`: of recitations cut by the user, how many go on for one or two ticks.
    `spurious_share`: for each thing that is due, how often another is said sometime although it is not.
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

    It sounds in `ticks` ticks from `tick` on; 0: silent text, no sound at all. The sound is that of `text`, of which
    `words` are those that get written: one cut short sounds and writes less than the whole text.
    """

    tick: int
    words: tuple[str, ...]
    leads: tuple[int, ...]
    ticks: int = 0
    text: str = ""


class History(NamedTuple):
    """`said` stands in the sequence, by tick; `due`: what else a tick teaches to begin to say ("": to fall silent).

    Nothing is taught in `untaught`.
    """

    said: tuple[Saying, ...]
    due: dict[int, str]
    untaught: frozenset[int]


NOTHING_SAID = History((), {}, frozenset())


def right_history(expects: Sequence[Expect], clip: Say | None = None) -> History:
    """Everything said in its tick: as silent text, or as `clip` has it."""
    never = HistoryConfig(mute_share=0.0, late_share=0.0, wrong_share=0.0, late_stop_share=0.0, spurious_share=0.0)
    return drawn_history(expects, never, np.random.default_rng(0), clip)


def drawn_history(
    expects: Sequence[Expect], config: HistoryConfig, rng: np.random.Generator, clip: Say | None = None
) -> History:
    """One history of the right actions `expects`, which are in order of ticks: silent text where there is no `clip`.

    What sounds keeps what comes next waiting; where it goes on or stops rightly, nothing else is due.
    """
    draft = _Draft(expects, config, rng, clip)
    for expect, silent in _muted(expects, config.mute_share, rng):
        draft.add(expect, silent)
    for _ in range(rng.binomial(len(expects), config.spurious_share)):
        draft.add_spurious()
    return draft.history()


def saying_of(expect: Expect, clip: Say | None = None) -> Saying:
    """What is said in its right tick, up to the cut: nothing is written or sounds from there on.

    Silent text goes two words a tick. With `clip`, a word is written in the tick in which the one before it begins to
    sound, the first two at once.
    """
    words = tuple(expect.text.replace(",", "").split())
    if clip is None:
        ticks, leads = 0, tuple(place // WORDS_PER_TICK for place in range(len(words)))
    else:
        said = clip(expect.text)
        ticks, leads = said.ticks, (0, *(tick_of(word.start_ms) for word in said.words[:-1]))
    if expect.cut is not None:
        left = expect.cut - expect.tick
        written = sum(lead < left for lead in leads)
        words, leads, ticks = words[:written], leads[:written], min(ticks, left)
    return Saying(expect.tick, words, leads, ticks, expect.text)


def as_text(expect: Expect) -> Saying:
    """Silent text: two words a tick."""
    return saying_of(expect)


class _Draft:
    """A history in the making; lives for one call of `drawn_history`."""

    def __init__(
        self, expects: Sequence[Expect], config: HistoryConfig, rng: np.random.Generator, clip: Say | None
    ) -> None:
        self.expects, self.config, self.rng, self.clip = expects, config, rng, clip
        self.said: list[Saying] = []
        self.due: dict[int, str] = {}
        self.blurred: set[int] = set()
        self.wrong: set[int] = set()
        self.free_tick = 0

    def add(self, expect: Expect, silent: bool) -> None:
        """It is said at once, late, wrongly or never, and not before what still sounds has ended."""
        config = self.config
        draw = self.rng.random()
        late = config.catch_up_ticks if silent else 0
        if not silent and draw < config.late_share:
            late = int(self.rng.integers(1, config.catch_up_ticks))
        first = max(expect.tick, self.free_tick)
        tick = first + late
        if expect.cut is not None and tick >= expect.cut:  # the user has gone on before it began
            tick, silent = max(first, expect.cut), True
        self.due |= {t: expect.text for t in range(first, tick) if not self.due.get(t)}
        if silent:
            self.blurred.update(range(tick, tick + config.blur_ticks))
        elif draw < 1.0 - config.wrong_share:
            self.say(replace(expect, tick=tick))
        else:
            self.say(replace(expect, tick=tick, text=self.other_text() or expect.text))
            self.blurred.update(range(tick + 1, tick + config.blur_ticks))
            self.wrong.add(tick)

    def say(self, expect: Expect) -> None:
        saying = saying_of(expect, self.clip)
        over = 0 if self.clip is None else self.clip(expect.text).ticks - saying.ticks
        if over:
            late = self.rng.random() < self.config.late_stop_share
            ticks = saying.ticks + min(over, int(self.rng.integers(1, LATEST_STOP_TICKS + 1)) * late)
            self.due |= dict.fromkeys(range(expect.tick + saying.ticks, expect.tick + ticks + 1), "")
            saying = saying._replace(ticks=ticks)
        self.said.append(saying)
        self.free_tick = max(self.free_tick, saying.tick + saying.ticks)

    def add_spurious(self) -> None:
        """Something short that is not due, where it is in nobody's way."""
        text = self.other_text()
        if text is None:
            return
        tick = int(self.rng.integers(0, self.expects[-1].tick + 1))
        saying = saying_of(Expect(tick, text, ""), self.clip)
        busy = self.due.keys() | {tick for said in self.said for tick in _ticks_of(said)}
        if not busy & set(_ticks_of(saying)):
            self.said.append(saying)
            self.wrong.add(tick)

    def other_text(self) -> str | None:
        """A short text that is due somewhere in this stream; None where there is none."""
        texts = [expect.text for expect in self.expects if len(expect.text.split()) <= MISTAKEN_WORDS]
        return texts[int(self.rng.integers(len(texts)))] if texts else None

    def history(self) -> History:
        said = sorted(self.said, key=lambda saying: saying.tick)
        due = dict(self.due)
        for saying in said:
            for tick in _sounding(saying):
                if tick == saying.tick or due.get(tick):  # what is left says where this one stops
                    due.pop(tick, None)
        taught = due.keys() | {tick for saying in said for tick in (saying.tick, *_sounding(saying))}
        return History(tuple(said), due, frozenset((self.blurred - taught) | self.wrong))


def _sounding(saying: Saying) -> range:
    return range(saying.tick, saying.tick + saying.ticks)


def _ticks_of(saying: Saying) -> range:
    """Those in which it is said, by sound or by text."""
    return range(saying.tick, saying.tick + max(saying.ticks, words_length(saying.text)))


def _muted(expects: Sequence[Expect], share: float, rng: np.random.Generator) -> list[tuple[Expect, bool]]:
    """Each expectation, and whether it stays unsaid: a share of the runs of one skill begins with some that do."""
    marked: list[tuple[Expect, bool]] = []
    for _, run in groupby(expects, key=lambda expect: expect.skill):
        group = list(run)
        first = int(rng.integers(1, len(group) + 1)) if rng.random() < share else 0
        marked += [(expect, place < first) for place, expect in enumerate(group)]
    return marked

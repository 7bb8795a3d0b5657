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
HAND_OVER = "<delegate>"  # stands before the words that go with it, in what is written only
LATEST_STOP_TICKS = 2
MISTAKEN_WORDS = 4


@dataclass(frozen=True)
class HistoryConfig:
    """mute_share: of runs of one skill, how many begin with words never said; late_share, wrong_share: of other words.

    `wrong_run_share`: of runs of one skill, in how many the same wrong text stands for the same right one throughout.

    `catch_up_ticks`: how long unsaid words are taught, from the tick they are due; a late word is late by less.
    `blur_ticks`: how long nothing is taught after words that never came.
    `late_stop_share`: of recitations cut by the user, how many go on for one or two ticks.
    `spurious_share`: for each thing that is due, how often another is said sometime although it is not.
    """

    mute_share: float = 0.35
    late_share: float = 0.4
    wrong_share: float = 0.06
    wrong_run_share: float = 0.2
    catch_up_ticks: int = 4
    blur_ticks: int = 3
    late_stop_share: float = 0.3
    spurious_share: float = 0.06


ALL_RIGHT = HistoryConfig(0.0, 0.0, 0.0, 0.0, late_stop_share=0.0, spurious_share=0.0)


class Saying(NamedTuple):
    """Something the agent says. `words[i]` is written in tick `tick + leads[i]`, ahead of its sound.

    It sounds in `ticks` ticks from `tick` on; 0: silent text, no sound at all. The sound is that of `text`, of which
    `words` are those that get written: one cut short sounds and writes less than the whole text. The first of them is
    HAND_OVER where something is handed over.
    """

    tick: int
    words: tuple[str, ...]
    leads: tuple[int, ...]
    ticks: int = 0
    text: str = ""


class History(NamedTuple):
    """`said` stands in the sequence, by tick; `due`: what a tick teaches to begin to say instead ("": to be silent).

    Nothing is taught in `untaught`.
    """

    said: tuple[Saying, ...]
    due: dict[int, str]
    untaught: frozenset[int]


NOTHING_SAID = History((), {}, frozenset())


def right_history(expects: Sequence[Expect], clip: Say | None = None) -> History:
    """Everything said in its tick: as silent text, or as `clip` has it."""
    return drawn_history(expects, ALL_RIGHT, np.random.default_rng(0), clip)


def drawn_history(
    expects: Sequence[Expect],
    config: HistoryConfig,
    rng: np.random.Generator,
    clip: Say | None = None,
    others: Sequence[str] = (),
) -> History:
    """One history of the right actions `expects`, which are in order of ticks: silent text where there is no `clip`.

    What is said wrongly is one of `others`, or something else that is expected where there are none. What sounds keeps
    what comes next waiting; where it goes on or stops rightly, nothing else is due.
    """
    draft = _Draft(expects, config, rng, clip, others)
    for _, run in groupby(expects, key=lambda expect: expect.skill):
        draft.add_run(list(run))
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
    if expect.hands_over:
        words, leads = (HAND_OVER, *words), (0, *leads)
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
        self,
        expects: Sequence[Expect],
        config: HistoryConfig,
        rng: np.random.Generator,
        clip: Say | None,
        others: Sequence[str],
    ) -> None:
        self.expects, self.config, self.rng, self.clip = expects, config, rng, clip
        self.others = [text for text in others or [e.text for e in expects] if len(text.split()) <= MISTAKEN_WORDS]
        self.said: list[Saying] = []
        self.due: dict[int, str] = {}
        self.blurred: set[int] = set()
        self.wrong: dict[int, str] = {}
        self.free_tick = 0

    def add_run(self, run: Sequence[Expect]) -> None:
        """A run of one skill: it may begin with words never said, or be wrong throughout."""
        config, rng = self.config, self.rng
        unsaid = int(rng.integers(1, len(run) + 1)) if rng.random() < config.mute_share else 0
        instead = {e.text: self.other_text() for e in run} if rng.random() < config.wrong_run_share else {}
        for place, expect in enumerate(run):
            self.add(expect, place < unsaid, instead.get(expect.text))

    def add(self, expect: Expect, silent: bool, instead: str | None) -> None:
        """It is said at once, late, wrongly or never, and not before what still sounds has ended."""
        config, draw = self.config, self.rng.random()
        if len(expect.text.split()) > MISTAKEN_WORDS:  # recitations are said as they are
            instead = None
        elif draw >= 1.0 - config.wrong_share:
            instead = self.other_text()
        late = config.catch_up_ticks if silent else 0
        if not silent and self.rng.random() < config.late_share:
            late = int(self.rng.integers(1, config.catch_up_ticks))
        first = max(expect.tick, self.free_tick)
        tick = first + late
        if expect.cut is not None and tick >= expect.cut:  # the user has gone on before it began
            tick, silent = max(first, expect.cut), True
        due = f"{HAND_OVER} {expect.text}" if expect.hands_over else expect.text
        self.due |= {t: due for t in range(first, tick) if not self.due.get(t)}
        if silent:
            self.blurred.update(range(tick, tick + config.blur_ticks))
        elif instead is None:
            self.say(replace(expect, tick=tick))
        else:
            self.say(replace(expect, tick=tick, text=instead, hands_over=False))
            self.wrong[tick] = due

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
            self.wrong[tick] = ""

    def other_text(self) -> str | None:
        """A short text to say by mistake; None where there is none."""
        return self.others[int(self.rng.integers(len(self.others)))] if self.others else None

    def history(self) -> History:
        said = sorted(self.said, key=lambda saying: saying.tick)
        due = dict(self.due)
        for saying in said:
            for tick in _sounding(saying):
                if tick == saying.tick or due.get(tick):  # what is left says where this one stops
                    due.pop(tick, None)
        taught = due.keys() | {tick for saying in said for tick in (saying.tick, *_sounding(saying))}
        return History(tuple(said), due | self.wrong, frozenset(self.blurred - taught))


def _sounding(saying: Saying) -> range:
    return range(saying.tick, saying.tick + saying.ticks)


def _ticks_of(saying: Saying) -> range:
    """Those in which it is said, by sound or by text."""
    return range(saying.tick, saying.tick + max(saying.ticks, words_length(saying.text)))

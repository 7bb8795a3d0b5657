"""What was said against what was expected: pure functions from events to figures. Nothing is run or written here.

Definitions, the same for every skill:

* An *utterance* is what is said in adjacent ticks, dated by its first tick. It is cut where whole ticks spell a text
  that is expected to begin within 5 ticks: "okay" and "one" in neighbouring ticks are two utterances if both are due.
  A tick that sounds without a new word holds an utterance together; words that never sounded were not said.
* The *same words* are all of them. Of a text that the user's barge-in cuts they are its beginning: said up to the cut,
  give or take 2 ticks, and then silent.
* Utterances and expectations are matched one to one, as many pairs as there can be: an *event* has the same words and
  begins within 1 tick; *right time* ignores the words; *right content* has the same words within 5 ticks.
* F1 is 2 hits / (expected + said): 1 where nothing was due and nothing was said. Skills count by the scenario's skill,
  so speech in a negative scenario costs the precision of its skill.
* *False speech* is every utterance without a pair at the right time. *Latency* is said tick - expected tick of the
  pairs of right content.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from microturn.core.clock import TICK_MS
from microturn.data.oracle import Expect

EVENT_TICKS = 1
NEAR_TICKS = 5
YIELD_TICKS = 2
TICKS_PER_MIN = 60_000 // TICK_MS
RESAMPLES = 1_000


class Said(NamedTuple):
    """What the model said in one tick; `joins`: the text goes on with the last word of the tick before.

    An empty text is a tick that sounds without a new word.
    """

    tick: int
    text: str
    joins: bool = False


class Utterance(NamedTuple):
    """Something said, dated by the tick in which it began; `until` is the last tick in which it was said."""

    tick: int
    text: str
    until: int


class Counts(NamedTuple):
    """One session, counted; `delays` in ticks, one for each pair of right content."""

    expected: int
    said: int
    events: int
    on_time: int
    right_words: int
    ticks: int
    delays: tuple[int, ...] = ()


@dataclass(frozen=True)
class Figures:
    """Several sessions, summed up. Latencies are in ticks; None where nothing was right."""

    scenarios: int
    minutes: float
    expected: int
    said: int
    event_f1: float
    precision: float
    recall: float
    time_f1: float
    content_f1: float
    false_per_min: float
    latency_mean_ticks: float | None
    latency_p90_ticks: float | None


class Interval(NamedTuple):
    """Where 95 % of the resampled figures lie."""

    low: float
    high: float


def counted(said: Sequence[Said], expects: Sequence[Expect], ticks: int) -> Counts:
    """Score one session of `ticks`."""
    spoken = utterances(said, expects)
    on_time = pairs(spoken, expects, lambda u, e: abs(u.tick - e.tick) <= EVENT_TICKS)
    events = pairs(spoken, expects, lambda u, e: same_words(u, e) and abs(u.tick - e.tick) <= EVENT_TICKS)
    right = pairs(spoken, expects, lambda u, e: same_words(u, e) and abs(u.tick - e.tick) <= NEAR_TICKS)
    delays = tuple(spoken[i].tick - expects[j].tick for i, j in right)
    return Counts(len(expects), len(spoken), len(events), len(on_time), len(right), ticks, delays)


def utterances(said: Sequence[Said], expects: Sequence[Expect]) -> list[Utterance]:
    """Join what was said in adjacent ticks, and cut it where it spells an expected text."""
    found: list[Utterance] = []
    for run in _runs(said):
        rest: list[Said] = []
        at = 0
        while at < len(run):
            end = _spelled(run, at, expects)
            if end is None:
                rest.append(run[at])
                at += 1
                continue
            found += [*_joined(rest), *_joined(run[at:end])]
            rest, at = [], end
        found += _joined(rest)
    return found


def same_words(utterance: Utterance, expect: Expect) -> bool:
    """Whether these are the expected words; where a barge-in cuts them, their beginning and silence after it."""
    text = plain(expect.text)
    if expect.cut is None:
        return utterance.text == text
    until_the_cut = utterance.text == text or utterance.until + 1 >= expect.cut - YIELD_TICKS
    silent_after = utterance.until + 1 <= expect.cut + YIELD_TICKS
    return f"{text} ".startswith(f"{utterance.text} ") and until_the_cut and silent_after


def plain(text: str) -> str:
    """Words alone: lower case, no commas, single spaces."""
    return " ".join(text.lower().replace(",", " ").split())


def pairs(
    spoken: Sequence[Utterance], expects: Sequence[Expect], fits: Callable[[Utterance, Expect], bool]
) -> list[tuple[int, int]]:
    """As many one-to-one pairs (index said, index expected) that fit as possible; nearer ones are tried first."""
    choices = [
        sorted((j for j, e in enumerate(expects) if fits(u, e)), key=lambda j, u=u: abs(u.tick - expects[j].tick))
        for u in spoken
    ]
    taken: dict[int, int] = {}

    def place(i: int, tried: set[int]) -> bool:
        for j in choices[i]:
            if j not in tried:
                tried.add(j)
                if j not in taken or place(taken[j], tried):
                    taken[j] = i
                    return True
        return False

    for i in range(len(spoken)):
        place(i, set())
    return sorted((i, j) for j, i in taken.items())


def f1(hits: int, expected: int, said: int) -> float:
    """Harmonic mean of precision and recall; 1 where nothing was due and nothing was said."""
    return 2 * hits / (expected + said) if expected + said else 1.0


def figures(counts: Sequence[Counts]) -> Figures:
    """Sum up sessions."""
    expected, said, ticks = sum(c.expected for c in counts), sum(c.said for c in counts), sum(c.ticks for c in counts)
    events, on_time = sum(c.events for c in counts), sum(c.on_time for c in counts)
    right = sum(c.right_words for c in counts)
    delays = [delay for c in counts for delay in c.delays]
    minutes = ticks / TICKS_PER_MIN
    return Figures(
        scenarios=len(counts),
        minutes=round(minutes, 3),
        expected=expected,
        said=said,
        event_f1=f1(events, expected, said),
        precision=events / said if said else 1.0,
        recall=events / expected if expected else 1.0,
        time_f1=f1(on_time, expected, said),
        content_f1=f1(right, expected, said),
        false_per_min=(said - on_time) / minutes if minutes else 0.0,
        latency_mean_ticks=float(np.mean(delays)) if delays else None,
        latency_p90_ticks=float(np.percentile(delays, 90)) if delays else None,
    )


def macro(by_skill: Mapping[str, Figures], name: str = "event_f1") -> float:
    """Mean of a figure over skills."""
    return float(np.mean([getattr(f, name) for f in by_skill.values()])) if by_skill else 0.0


def macro_interval(by_skill: Mapping[str, Sequence[Counts]], seed: int = 0) -> Interval:
    """Bootstrap over scenarios (Efron 1979): each skill's scenarios are drawn again with replacement."""
    rng = np.random.default_rng(seed)
    scores: list[np.ndarray] = []
    for counts in by_skill.values():
        table_N3 = np.array([(c.events, c.expected, c.said) for c in counts])
        drawn_RN = rng.integers(len(table_N3), size=(RESAMPLES, len(table_N3)))
        hits_R, expected_R, said_R = table_N3[drawn_RN].sum(1).T
        both_R = expected_R + said_R
        scores.append(np.where(both_R > 0, 2 * hits_R / np.maximum(both_R, 1), 1.0))
    if not scores:
        return Interval(0.0, 0.0)
    low, high = np.percentile(np.mean(scores, axis=0), [2.5, 97.5])
    return Interval(float(low), float(high))


def word_edits(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions from one list of words to the other."""
    before = list(range(len(heard) + 1))
    for i, word in enumerate(reference, start=1):
        now = [i]
        for j, other in enumerate(heard, start=1):
            now.append(min(before[j] + 1, now[j - 1] + 1, before[j - 1] + (word != other)))
        before = now
    return before[-1]


def _runs(said: Iterable[Said]) -> list[list[Said]]:
    """Groups of adjacent ticks."""
    ordered = sorted(said, key=lambda s: s.tick)
    numbered = enumerate(ordered)
    return [[s for _, s in group] for _, group in groupby(numbered, key=lambda pair: pair[1].tick - pair[0])]


def _spelled(run: Sequence[Said], at: int, expects: Sequence[Expect]) -> int | None:
    """Where the longest expected text ends that is spelled from run[at] on and due within 5 ticks of it."""
    if not run[at].text:
        return None
    due = {plain(e.text) for e in expects if abs(e.tick - run[at].tick) <= NEAR_TICKS}
    ends = [end for end in range(at + 1, len(run) + 1) if _text(run[at:end]) in due]
    return ends[-1] if ends else None


def _joined(said: Sequence[Said]) -> list[Utterance]:
    """One utterance, from its first word on; sound without any word is none."""
    first = next((index for index, piece in enumerate(said) if piece.text), None)
    return [] if first is None else [Utterance(said[first].tick, _text(said), said[-1].tick)]


def _text(said: Sequence[Said]) -> str:
    text = ""
    for piece in said:
        text += piece.text if piece.joins else f" {piece.text}"
    return plain(text)

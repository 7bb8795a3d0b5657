"""How a model with sight takes part, beside the event F1 of its skills: pure functions from sessions to figures.

Every figure is a sum of parts over a sum of wholes, session by session, so that one bootstrap over sessions gives all
intervals. Words are said at the end of their tick, when they begin to sound. Definitions:

* *Last number* (reps): the last number said since the last repetition but one was due, right within one of the last
  number due: RepCount-A's question (eval/published.py); *exact*: right. Sessions in which at least one is due.
* *Each repetition*: F1 of numbers said against numbers due, the same number within 1 s (5 ticks). Numbers said for
  another skill that runs beside it do not count. Also sessions in which nothing is to be counted.
* *Start and stop*: mean temporal IoU, over all bouts of the motion asked for that were over before the user ended it,
  of the stretch from "start" to the next "stop" (or the end) that fits the bout best; each stretch fits one bout.
* *Fingers*: the share of numbers due that are said within 2 ticks.
* *Posture*, *appear*: event F1 of their sessions (the same words within 1 tick), what is due for other skills included.
* *Asked*: the share of questions about what is seen that are answered in the right words within 1 s of the due tick.
* *Uneventful*: sessions with a camera in which nothing at all is due; false speech there is all that is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from microturn.core.clock import TICK_MS
from microturn.data.lexicon import NUMBER_OF
from microturn.data.oracle import Expect
from microturn.data.script import Spoken, StartBouts, StopAll
from microturn.data.sight.play import REST_KNOWN_MS, Moving, Staged, bouts
from microturn.data.sight.published import Span
from microturn.eval.published import OFF_BY, temporal_iou
from microturn.eval.scorers import (
    NEAR_TICKS,
    RESAMPLES,
    TICKS_PER_MIN,
    Said,
    Utterance,
    counted,
    pairs,
    same_words,
    utterances,
)

FINGER_TICKS = 2
REPS, BOUTS, FINGERS, POSTURE, APPEAR, ASKED = "reps", "start stop", "fingers", "posture", "appear", "asked"
LAST, EXACT, EACH = "reps: last number within one", "reps: last number exact", "reps: F1 of each"
IOU, HELD_UP = "start, stop: mean temporal IoU", "fingers right within 2 ticks"
BENT, SHOWN, ANSWERED = "posture: event F1", "appear: event F1", "asked: right answers"
UNEVENTFUL = "false a minute, nothing to say"

# To be reached in looks and synthetic voices never trained on; UNEVENTFUL at most, all others at least.
AIMS = {LAST: 0.70, EACH: 0.75, IOU: 0.55, HELD_UP: 0.90, BENT: 0.80, SHOWN: 0.80, ANSWERED: 0.85, UNEVENTFUL: 0.3}
ROWS = (LAST, EXACT, EACH, IOU, HELD_UP, BENT, SHOWN, ANSWERED, UNEVENTFUL)


class Part(NamedTuple):
    """One session's part of a figure. `judged`: how many things were; minutes for UNEVENTFUL."""

    part: float
    whole: float
    judged: float


@dataclass(frozen=True)
class SightFigure:
    """A figure over sessions, 95 % of the resampled ones (`low` to `high`), and how many things were judged."""

    value: float
    low: float
    high: float
    judged: float


def sight_parts(
    skill: str,
    said: Sequence[Said],
    expects: Sequence[Expect],
    lines: Sequence[Spoken],
    staged: Sequence[Staged],
    ticks: int,
) -> dict[str, Part]:
    """Count one session of `ticks` whose script is of `skill`; `lines` have absolute times, as `staged` has."""
    spoken = utterances(said, expects)
    due = [e for e in expects if e.skill == skill]
    parts: dict[str, Part] = {}
    if skill == REPS:
        parts |= _reps(_numbers(spoken, expects), due)
    elif skill == BOUTS:
        ious = _ious(spoken, lines, staged, ticks)
        parts[IOU] = Part(sum(ious), len(ious), len(ious))
    elif skill == FINGERS:
        parts[HELD_UP] = Part(_alike(spoken, due, FINGER_TICKS), len(due), len(due))
    elif skill in (POSTURE, APPEAR):
        events = counted(said, expects, ticks)
        name = BENT if skill == POSTURE else SHOWN
        parts[name] = Part(2 * events.events, events.expected + events.said, events.expected)
    elif skill == ASKED:
        parts[ANSWERED] = Part(_alike(spoken, due, NEAR_TICKS), len(due), len(due))
    if staged and not expects:
        minutes = ticks / TICKS_PER_MIN
        parts[UNEVENTFUL] = Part(len(spoken), minutes, minutes)
    return parts


def sight_figures(sessions: Sequence[Mapping[str, Part]], seed: int = 0) -> dict[str, SightFigure]:
    """Sum up sessions; a figure of which there is nothing to judge is left out."""
    found: dict[str, SightFigure] = {}
    for name in ROWS:
        table_N3 = np.array([parts[name] for parts in sessions if name in parts], np.float64).reshape(-1, 3)
        part, whole, judged = table_N3.sum(0)
        if whole > 0:
            low, high = _interval(table_N3[:, :2], np.random.default_rng(seed))
            found[name] = SightFigure(float(part / whole), low, high, round(float(judged), 1))
    return found


def _interval(table_N2: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Bootstrap over sessions (Efron 1979), draws in which nothing is judged left out."""
    drawn_RN = rng.integers(len(table_N2), size=(RESAMPLES, len(table_N2)))
    parts_R, wholes_R = table_N2[drawn_RN].sum(1).T
    judged_R = wholes_R > 0
    low, high = np.percentile(parts_R[judged_R] / wholes_R[judged_R], [2.5, 97.5])
    return float(low), float(high)


def _reps(numbers: Sequence[Utterance], due: Sequence[Expect]) -> dict[str, Part]:
    parts = {EACH: Part(2 * _alike(numbers, due, NEAR_TICKS), len(due) + len(numbers), len(due))}
    if due:
        off = _last_off(numbers, due)
        parts[LAST] = Part(off is not None and off <= OFF_BY, 1, 1)
        parts[EXACT] = Part(off == 0, 1, 1)
    return parts


def _numbers(spoken: Sequence[Utterance], expects: Sequence[Expect]) -> list[Utterance]:
    """Numbers said, but for those that another skill asked for."""
    others = [e for e in expects if e.skill != REPS]
    theirs = {i for i, _ in pairs(spoken, others, lambda u, e: _fits(u, e, NEAR_TICKS))}
    return [u for i, u in enumerate(spoken) if u.text in NUMBER_OF and i not in theirs]


def _last_off(numbers: Sequence[Utterance], due: Sequence[Expect]) -> int | None:
    """How far the last number is from the last one due; None where none was said in time."""
    since = due[-2].tick if len(due) > 1 else 0
    found = [u for u in numbers if u.tick >= since]
    return abs(NUMBER_OF[found[-1].text] - NUMBER_OF[due[-1].text]) if found else None


def _alike(spoken: Sequence[Utterance], due: Sequence[Expect], within: int) -> int:
    return len(pairs(spoken, due, lambda u, e: _fits(u, e, within)))


def _fits(utterance: Utterance, expect: Expect, within: int) -> bool:
    return abs(utterance.tick - expect.tick) <= within and same_words(utterance, expect)


def _ious(spoken: Sequence[Utterance], lines: Sequence[Spoken], staged: Sequence[Staged], ticks: int) -> list[float]:
    """An IoU for each bout; the best pair of a stretch and a bout is taken first."""
    right, found = _bouts_asked_for(lines, staged), _stretches(spoken, ticks)
    fits = sorted(((temporal_iou(s, b), i, j) for i, s in enumerate(found) for j, b in enumerate(right)), reverse=True)
    ious, used = dict.fromkeys(range(len(right)), 0.0), set[int]()
    matched = set[int]()
    for iou, i, j in fits:
        if i not in used and j not in matched:
            ious[j] = iou
            used.add(i)
            matched.add(j)
    return list(ious.values())


def _bouts_asked_for(lines: Sequence[Spoken], staged: Sequence[Staged]) -> list[Span]:
    """Bouts of the motion that the user named, over before they ended it, in seconds of the session."""
    of_user = [line for line in lines if line.speaker == "user" and line.words]
    asked = {line.line.meaning.motion for line in of_user if isinstance(line.line.meaning, StartBouts)}
    ends_ms = [line.words[-1].end_ms for line in of_user if isinstance(line.line.meaning, StopAll)]
    spans: list[Span] = []
    for entry in staged:
        last_ms = min([entry.end_ms, *ends_ms]) - REST_KNOWN_MS
        shown = bouts(entry.shot.play) if isinstance(entry.shot.play, Moving) else []
        placed = ((b.motion, entry.zero_ms + b.start_ms, entry.zero_ms + b.end_ms) for b in shown)
        spans += [Span(s / 1000, e / 1000) for motion, s, e in placed if motion in asked and e < last_ms]
    return spans


def _stretches(spoken: Sequence[Utterance], ticks: int) -> list[Span]:
    """From each "start" to the next "stop", or to the end."""
    found: list[Span] = []
    start_s: float | None = None
    for utterance in spoken:
        at_s = (utterance.tick + 1) * TICK_MS / 1000
        if utterance.text == "start" and start_s is None:
            start_s = at_s
        elif utterance.text == "stop" and start_s is not None:
            found.append(Span(start_s, at_s))
            start_s = None
    return found if start_s is None else [*found, Span(start_s, ticks * TICK_MS / 1000)]

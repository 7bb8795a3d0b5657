"""How a model with sight takes part, beside the event F1 of its skills: pure functions from sessions to figures.

Definitions; words are said at the end of their tick, when they begin to sound:

* *Last number* (reps): the last number said since the last repetition but one was due, right within one of the last
  number due: RepCount-A's question (eval/published.py). Sessions in which at least one repetition is due.
* *Each repetition*: F1 of numbers said against numbers due, the same number within 1 s (5 ticks). Numbers said for
  another skill that runs beside it do not count. Also sessions in which nothing is to be counted.
* *Start and stop*: mean temporal IoU, over all bouts of the motion asked for that were over before the user ended it,
  of the stretch from "start" to the next "stop" (or the end) that fits the bout best; each stretch fits one bout.
* *Fingers*: the share of numbers due that are said within 2 ticks.
* *Uneventful*: sessions with a camera in which nothing at all is due; false speech there is all that is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from microturn.core.clock import TICK_MS
from microturn.data.lexicon import NUMBER_OF
from microturn.data.oracle import Expect
from microturn.data.script import Spoken, StartBouts, StopAll
from microturn.data.sight.play import REST_KNOWN_MS, Moving, Staged, bouts
from microturn.data.sight.published import Span
from microturn.eval.published import OFF_BY, temporal_iou
from microturn.eval.scorers import NEAR_TICKS, TICKS_PER_MIN, Said, Utterance, f1, pairs, same_words, utterances

FINGER_TICKS = 2
REPS, BOUTS, FINGERS = "reps", "start stop", "fingers"


@dataclass(frozen=True)
class SightCounts:
    """One session with a camera, counted. `last_right` is None where no repetition is due."""

    ticks: int
    last_right: bool | None = None
    reps_due: int = 0
    reps_said: int = 0
    reps_right: int = 0
    ious: tuple[float, ...] = ()
    fingers_due: int = 0
    fingers_right: int = 0
    uneventful_ticks: int = 0
    uneventful_said: int = 0


@dataclass(frozen=True)
class SightFigures:
    """Several sessions, summed up; None where there was nothing to count."""

    last_numbers: int
    last_number_share: float | None
    reps: int
    rep_f1: float | None
    bouts: int
    bout_iou: float | None
    fingers: int
    fingers_share: float | None
    uneventful_min: float
    false_per_min: float | None


def sight_counts(
    skill: str,
    said: Sequence[Said],
    expects: Sequence[Expect],
    lines: Sequence[Spoken],
    staged: Sequence[Staged],
    ticks: int,
) -> SightCounts:
    """Count one session of `ticks` whose script is of `skill`; `lines` have absolute times, as `staged` has."""
    spoken = utterances(said, expects)
    still = not expects and bool(staged)
    numbers = _numbers(spoken, expects) if skill == REPS else []
    due = [e for e in expects if e.skill == REPS] if skill == REPS else []
    held_up = [e for e in expects if e.skill == FINGERS] if skill == FINGERS else []
    return SightCounts(
        ticks=ticks,
        last_right=_last_right(numbers, due) if due else None,
        reps_due=len(due),
        reps_said=len(numbers),
        reps_right=_alike(numbers, due, NEAR_TICKS),
        ious=tuple(_ious(spoken, lines, staged, ticks)) if skill == BOUTS else (),
        fingers_due=len(held_up),
        fingers_right=_alike(spoken, held_up, FINGER_TICKS),
        uneventful_ticks=ticks if still else 0,
        uneventful_said=len(spoken) if still else 0,
    )


def sight_figures(counts: Sequence[SightCounts]) -> SightFigures:
    """Sum up sessions."""
    lasts = [c.last_right for c in counts if c.last_right is not None]
    due, said, right = (sum(getattr(c, f"reps_{name}") for c in counts) for name in ("due", "said", "right"))
    ious = [iou for c in counts for iou in c.ious]
    fingers = sum(c.fingers_due for c in counts)
    minutes = sum(c.uneventful_ticks for c in counts) / TICKS_PER_MIN
    return SightFigures(
        last_numbers=len(lasts),
        last_number_share=sum(lasts) / len(lasts) if lasts else None,
        reps=due,
        rep_f1=f1(right, due, said) if due else None,
        bouts=len(ious),
        bout_iou=sum(ious) / len(ious) if ious else None,
        fingers=fingers,
        fingers_share=sum(c.fingers_right for c in counts) / fingers if fingers else None,
        uneventful_min=minutes,
        false_per_min=sum(c.uneventful_said for c in counts) / minutes if minutes else None,
    )


def _numbers(spoken: Sequence[Utterance], expects: Sequence[Expect]) -> list[Utterance]:
    """Numbers said, but for those that another skill asked for."""
    others = [e for e in expects if e.skill != REPS]
    theirs = {i for i, _ in pairs(spoken, others, lambda u, e: _fits(u, e, NEAR_TICKS))}
    return [u for i, u in enumerate(spoken) if u.text in NUMBER_OF and i not in theirs]


def _last_right(numbers: Sequence[Utterance], due: Sequence[Expect]) -> bool:
    since = due[-2].tick if len(due) > 1 else 0
    found = [u for u in numbers if u.tick >= since]
    return bool(found) and abs(NUMBER_OF[found[-1].text] - NUMBER_OF[due[-1].text]) <= OFF_BY


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

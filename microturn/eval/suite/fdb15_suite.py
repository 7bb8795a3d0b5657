"""Full-Duplex-Bench v1.5 as a suite: somebody speaks over the model, and what it does next is labelled.

The primary figure is the published average, which knows no time; beside it the same of what was done in time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from microturn.core.participant import Participant
from microturn.eval.scorers import plain as plain_words
from microturn.eval.suite.analyze import Listener, Segment, Utterance, segments, utterances
from microturn.eval.suite.endpoint import Line, Session
from microturn.eval.suite.fdb1_suite import ANSWER_S
from microturn.eval.suite.fdb15 import (
    LABELS,
    WANTED,
    Handled,
    Label,
    Labeller,
    Overlap,
    RuleLabeller,
    Scene,
    average,
    handled,
    plain_average,
    rates,
)
from microturn.eval.suite.figures import share
from microturn.eval.suite.judge import HANDLED, Judge
from microturn.eval.suite.shape import Heard, Row, Scored, Suite, Told, Window, plain
from microturn.eval.suite.shape import Label as Shown
from microturn.eval.suite.timing import YIELD_S, tally
from microturn.eval.suite.trace import Trace, playout

RESUMES_S = 2.0
GOES_ON_S = 1.0
LEAST_S = 0.3


@dataclass(frozen=True, eq=False)
class Case:
    """One scenario. request_s: when the request for the recital ends; what fakes say: the recital and the answer."""

    id: str
    overlap: Overlap
    user: Participant
    ticks: int
    request_s: float = 0.0
    recital: str = ""
    recital_s: float = 0.0
    answer: str = ""
    heard: tuple[Heard, ...] = ()


class _Found(NamedTuple):
    handled: Handled
    timely: bool
    why: str
    void: str


def fdb15_suite(name: str, what: str, cases: Sequence[Case], labeller: Labeller | None = None) -> Suite:
    """A suite of cases, self-made or published. labeller: gives labels; else rules over known words, or a judge."""
    by_id = {case.id: case for case in cases}

    def score(traces: Sequence[Trace], listener: Listener, judge: Judge) -> Scored:
        said = {trace.id: utterances(trace, listener) for trace in traces}
        found = {t.id: _found(by_id[t.id], t, said[t.id], labeller or _labeller(by_id[t.id], judge)) for t in traces}
        rows: list[Row] = [_row(by_id[key], one) for key, one in found.items()]
        figures = _figures(list(found.values()))
        labels = {case.id: _shown(case) for case in cases}
        return Scored(figures["published average"], figures, rows, said, labels)

    sessions = [Session(case.id, case.user, case.ticks) for case in cases]
    return Suite(name, what, sessions, fakes(cases), score)


class JudgedLabeller:
    """A judge that reads what was said; who says nothing after the overlap is C_UNKNOWN without being asked about."""

    def __init__(self, judge: Judge) -> None:
        self.name, self._judge = judge.name, judge

    def label(self, overlap: Overlap, before: str, after: str) -> Label | None:
        """What the judge chooses; None where it failed."""
        if not after.strip():
            return "C_UNKNOWN"
        found = self._judge.chosen(HANDLED, {"before": before, "overlap": overlap.text, "after": after})
        return next((label for label in LABELS if label == found), None)


def _labeller(case: Case, judge: Judge) -> Labeller:
    return RuleLabeller() if case.overlap.answers or case.overlap.resumes else JudgedLabeller(judge)


def fakes(cases: Sequence[Case]) -> Mapping[str, Mapping[str, Sequence[Line]]]:
    """The oracle handles each as it should; others do the same thing whatever happens."""
    responds: Mapping[Scene, bool] = {scene: wanted == "C_RESPOND" for scene, wanted in WANTED.items()}
    return {
        "oracle": {c.id: _responding(c, 0.4) if responds[c.overlap.scene] else _going_on(c) for c in cases},
        "late-oracle": {
            c.id: _responding(c, 3.5) if responds[c.overlap.scene] else _resuming(c, RESUMES_S + 1.0) for c in cases
        },
        "silent": {case.id: [] for case in cases},
        "babbler": {c.id: [Line(0.0, c.recital or "and so on", 0.2 * c.ticks)] for c in cases},
        "responder": {case.id: _responding(case, 0.4) for case in cases},
    }


def after_overlap(overlap: Overlap, said: Sequence[Utterance]) -> tuple[str, str]:
    """What was said before the overlap began, and the first new thing after it.

    The rest of what was being said counts as new where it goes on for a second past the overlap, or to its last word.
    """
    before: list[str] = []
    after: list[str] = []
    for one in said:
        if one.start_s >= overlap.start_s:
            after.append(one.text)
            continue
        words = one.text.split()
        length_s = max(one.end_s - one.start_s, 1e-6)
        cut = round(len(words) * min(1.0, max(0.0, (overlap.start_s - one.start_s) / length_s)))
        before.append(" ".join(words[:cut]))
        last = overlap.resumes[-1] if overlap.resumes else ""
        to_its_end = one.end_s > overlap.end_s and bool(words) and plain_words(words[-1]) == last
        if one.end_s > overlap.end_s + GOES_ON_S or to_its_end:
            after.append(" ".join(words[cut:]) or one.text)
    return " ".join(before), " ".join(after)


def _responding(case: Case, late_s: float) -> list[Line]:
    begins_s = case.request_s + 0.4
    stops_s = case.overlap.start_s + 0.5
    first = Line(begins_s, _opening(case), max(0.4, stops_s - begins_s))
    return [first, Line(case.overlap.end_s + late_s, case.answer or "yes gladly")]


def _opening(case: Case) -> str:
    """What of the recital is said before somebody speaks over it."""
    return " ".join(case.recital.split()[:4]) or "as i was saying"


def _going_on(case: Case) -> list[Line]:
    begins_s = case.request_s + 0.4
    least_s = case.overlap.end_s + 1.5 - begins_s
    return [Line(begins_s, case.recital or "as i was saying", max(case.recital_s, least_s))]


def _resuming(case: Case, late_s: float) -> list[Line]:
    begins_s = case.request_s + 0.4
    first = Line(begins_s, _opening(case), max(0.4, case.overlap.start_s + 0.3 - begins_s))
    return [first, Line(case.overlap.end_s + late_s, case.recital or "as i was saying", 2.0)]


def _found(case: Case, trace: Trace, said: Sequence[Utterance], labeller: Labeller) -> _Found:
    model = segments(playout(trace).pcm)
    before, after = after_overlap(case.overlap, said)
    found = handled(case.overlap, model, trace.length_s, before, after, labeller)
    if trace.why_void:
        return _Found(found._replace(label=None), False, f"void: {trace.why_void}", trace.why_void)
    timely = _timely(case.overlap, found, model)
    return _Found(found, timely, _why(found, timely, after), "" if found.label else "the judge failed")


def _timely(overlap: Overlap, found: Handled, model: Sequence[Segment]) -> bool:
    if found.label != WANTED[found.scene]:
        return False
    if found.label == "C_RESPOND":
        quick = found.response.status == "ok" and (found.response.seconds or 0.0) <= ANSWER_S
        yielded = found.stop.status == "not_exercised" or (
            found.stop.status == "ok" and (found.stop.seconds or 0.0) <= YIELD_S
        )
        return quick and yielded
    until_s = overlap.end_s + RESUMES_S
    return any(s.end_s > overlap.end_s + LEAST_S and s.start_s <= until_s for s in model)


def _why(found: Handled, timely: bool, after: str) -> str:
    told = {
        "C_RESPOND": "answered what was said over it",
        "C_RESUME": "went on with what it was saying",
        "C_UNCERTAIN_HANDLING": "asked to say that again",
        "C_UNKNOWN": "said nothing of either",
        None: "void: the judge failed",
    }[found.label]
    if not found.exercised:
        told += "; it was not speaking when somebody spoke over it"
    elif found.stop.status == "ok" and found.stop.seconds is not None:
        told += f"; fell silent after {found.stop.seconds:.1f} s"
    late = " (too late)" if found.label == WANTED[found.scene] and not timely else ""
    return f"{told}{late}: {after!r}" if after else told + late


def _row(case: Case, one: _Found) -> Told:
    if one.void:
        return Told(case.id, case.overlap.scene, None, f"void: {one.void}", "void")
    right = one.handled.label == WANTED[one.handled.scene]
    return Told(case.id, case.overlap.scene, right, one.why, one.handled.stop.status, one.handled.stop.seconds)


def _figures(found: Sequence[_Found]) -> dict[str, Any]:
    sure = [one for one in found if not one.void]
    every = [one.handled for one in sure]
    by_scene = rates(every)
    # What was not in time is no label that is wanted.
    in_time = [one.handled if one.timely else one.handled._replace(label=_other(one.handled.label)) for one in sure]
    exercised = [one for one in every if one.exercised]
    figures: dict[str, Any] = {
        "published average": average(by_scene),
        "unrounded average": plain_average(by_scene),
        "average in time": plain_average(rates(in_time)),
        "average where it was speaking": plain_average(rates(exercised)),
    }
    for scene, wanted in WANTED.items():
        mine = [one for one in every if one.scene == scene]
        if mine:
            right = sum(one.label == wanted for one in mine)
            figures[scene] = {
                wanted: plain(share(right, len(mine))),
                "speaking when it began": plain(share(sum(one.exercised for one in mine), len(mine))),
                "stop": plain(tally([one.stop for one in mine])),
                "response": plain(tally([one.response for one in mine])),
            }
    return figures | {"void": len(found) - len(sure)}


def _other(label: Label | None) -> Label | None:
    return "C_UNKNOWN" if label is not None else None


def _shown(case: Case) -> Shown:
    wanted = {"C_RESPOND": "answers", "C_RESUME": "goes on"}[WANTED[case.overlap.scene]]
    return Shown(
        case.heard, [Window(case.overlap.start_s, case.overlap.end_s, f"spoken over: right is that it {wanted}")]
    )

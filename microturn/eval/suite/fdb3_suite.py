"""Functions called for a user who hesitates and corrects himself, as a suite: Full-Duplex-Bench v3 and its like.

Pass@1 looks at calls alone, response quality at words alone, and as published only of those who spoke; both are told of
all as well. The rules of both: fdb3.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, NamedTuple

import numpy as np

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.core.participant import Participant
from microturn.eval.suite.analyze import Listener, Utterance, merged, segments, utterances
from microturn.eval.suite.endpoint import Line, Session, Sounds
from microturn.eval.suite.fdb3 import Called, Sample, alike_by_rules, load_v3, pass_at_1, quality, scored
from microturn.eval.suite.fdb3_tools import OFFERED
from microturn.eval.suite.figures import share
from microturn.eval.suite.judge import ARGUMENTS, FULFILLED, Judge, NoJudge, accepted, yes
from microturn.eval.suite.offered import CALL, Call, Offered, calls_of
from microturn.eval.suite.published_figures import at
from microturn.eval.suite.published_suites import data_of, some
from microturn.eval.suite.shape import Asked, Heard, Label, Row, Scored, Suite, Told, Window, plain
from microturn.eval.suite.timing import Timed, response_latency, tally
from microturn.eval.suite.trace import Trace, playout
from microturn.media.pcm import Pcm

ANSWER_S = 30.0
TURN_GAP_S = 2.0  # so long a pause ends the user's turn, as its authors have it
CALL_S, SAY_S, LATE_S = 0.4, 1.0, 3.5


@dataclass(frozen=True, eq=False)
class Case:
    """A request. end_s: where it ends; meaning: what the answer should tell; accept: rules for it, a judge without any.

    alike: whether a call of the same name has the right arguments.
    """

    id: str
    domain: str
    difficulty: str
    user: Participant
    ticks: int
    end_s: float
    expected: tuple[Call, ...]
    meaning: str
    tools: Offered
    accept: tuple[str, ...] = ()
    heard: tuple[Heard, ...] = ()
    alike: Callable[[Call, Call], bool] = alike_by_rules


class _One(NamedTuple):
    """What came of a case. fulfilled: None where nothing was said, or nobody could tell."""

    case: Case
    void: str
    text: str
    calls: list[Call]
    rules: Called
    judged: Called
    fulfilled: bool | None
    timed: Timed
    first_call_s: float | None


def fdb3(asked: Asked) -> Suite:
    """Full-Duplex-Bench v3: twelve functions, called in speech with hesitations and corrections."""
    samples = load_v3(data_of(asked))
    chosen = some([(sample.domain, sample) for sample in samples], asked)
    what = "functions called for somebody who hesitates and corrects himself"
    return calling_suite("fdb3", what, [_case(sample) for sample in chosen])


def calling_suite(name: str, what: str, cases: Sequence[Case]) -> Suite:
    """Cases as a suite."""
    by_id = {case.id: case for case in cases}

    def score(traces: Sequence[Trace], listener: Listener, judge: Judge) -> Scored:
        said = {trace.id: utterances(trace, listener) for trace in traces}
        found = [_one(by_id[t.id], t, said[t.id], judge) for t in traces]
        figures = _figures([one for one in found if not one.void], not isinstance(judge, NoJudge))
        figures["void"] = sum(bool(one.void) for one in found)
        rows: list[Row] = [_row(one) for one in found]
        labels = {c.id: Label(c.heard, [Window(c.end_s, 0.2 * c.ticks, _told(c.expected)[:80])]) for c in cases}
        return Scored(at(figures, ("Pass@1", "rate")), figures, rows, said, labels)

    sessions = [Session(case.id, case.user, case.ticks, case.tools) for case in cases]
    return Suite(name, what, sessions, _fakes(cases), score)


def _fakes(cases: Sequence[Case]) -> Mapping[str, Mapping[str, Sequence[Line]]]:
    """mute: calls what is right and says nothing of it."""

    def right(case: Case, late_s: float) -> list[Line]:
        call = Line(case.end_s + CALL_S + late_s, "", calls=case.expected)
        return [call, Line(case.end_s + SAY_S + late_s, case.meaning)]

    return {
        "oracle": {case.id: right(case, 0.0) for case in cases},
        "late-oracle": {case.id: right(case, LATE_S) for case in cases},
        "silent": {case.id: [] for case in cases},
        "babbler": {case.id: [Line(0.0, "and so on and so on", 0.2 * case.ticks)] for case in cases},
        "mute": {case.id: right(case, 0.0)[:1] for case in cases},
    }


def _one(case: Case, trace: Trace, said: Sequence[Utterance], judge: Judge) -> _One:
    calls = calls_of(trace)
    text = " ".join(one.text for one in said if one.text)
    timed = response_latency(segments(playout(trace).pcm), case.end_s, trace.length_s)
    rules = scored(case.expected, calls, case.alike)
    judged = scored(case.expected, calls, lambda wanted, given: _judged(case, wanted, given, judge))
    first = next((event.at_s for event in trace.events if event.kind == CALL), None)
    first_call_s = None if first is None else first - case.end_s
    fulfilled = None if trace.why_void or not text else _fulfilled(case, text, judge)
    return _One(case, trace.why_void, text, calls, rules, judged, fulfilled, timed, first_call_s)


def _judged(case: Case, wanted: Call, given: Call, judge: Judge) -> bool:
    """By rules, and where they see a difference by the judge; one that fails changes nothing."""
    if case.alike(wanted, given):
        return True
    fields = {"function": wanted.name, "expected": str(dict(wanted.args)), "given": str(dict(given.args))}
    return yes(judge.chosen(ARGUMENTS, fields)) is True


def _fulfilled(case: Case, text: str, judge: Judge) -> bool | None:
    if case.accept:
        return accepted(case.accept, case.meaning, text, judge)
    return yes(judge.chosen(FULFILLED, {"meaning": case.meaning, "text": text}))


def _figures(found: Sequence[_One], with_judge: bool) -> dict[str, Any]:
    """Of sessions that count. Words that nobody could judge are left out of both qualities, and counted."""
    sure = [one for one in found if one.fulfilled is not None or not one.text]
    told = quality([one.fulfilled for one in sure])
    right = [one.rules.arguments for one in found if one.rules.arguments is not None]
    firsts = [one.first_call_s for one in found if one.first_call_s is not None]
    by_judge = {"Pass@1, arguments by the judge": pass_at_1([one.judged for one in found])} if with_judge else {}
    return plain(
        {
            "Pass@1": pass_at_1([one.rules for one in found]),
            "Pass@1, reading more is no fault": share(sum(one.rules.passed_reading for one in found), len(found)),
            **by_judge,
            "tool F1": fmean(one.rules.f1 for one in found) if found else None,
            "arguments": fmean(right) if right else None,
            "response quality": told.conditional,
            "response quality of all": told.unconditional,
            "turns taken": share(sum(bool(one.text) for one in found), len(found)),
            "not judged": len(found) - len(sure),
            "response": tally([one.timed for one in found]),
            "first call, median s": round(median(firsts), 2) if firsts else None,
            "domains": _by([(one.case.domain, one.rules.passed) for one in found]),
            "difficulties": _by([(one.case.difficulty, one.rules.passed) for one in found]),
        }
    )


def _by(rows: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    names = dict.fromkeys(name for name, _ in rows)
    of = {name: [passed for other, passed in rows if other == name] for name in names}
    return {name: share(sum(passed), len(passed)) for name, passed in of.items()}


def _row(one: _One) -> Told:
    case = one.case
    if one.void:
        return Told(case.id, case.domain, None, f"void: {one.void}", "void")
    words = {None: "not judged" if one.text else "nothing said", True: "well said", False: "not what was meant"}
    why = f"called {_told(one.calls) or 'nothing'}; {words[one.fulfilled]}: {one.text[:100]!r}"
    missed = "" if one.rules.passed else f"; {_told(case.expected)} is right"
    return Told(case.id, case.domain, one.rules.passed, why + missed, one.timed.status, one.timed.seconds)


def _told(calls: Sequence[Call]) -> str:
    return ", ".join(f"{c.name}({', '.join(f'{k}={v}' for k, v in c.args.items())})" for c in calls)


def _case(sample: Sample) -> Case:
    """The whole recording, and so long after the user's end at least."""
    pcm = sample.sound()
    end_s = turn_end_s(pcm)
    length = max(len(pcm), round((end_s + ANSWER_S) * SAMPLE_RATE_HZ))
    user = Sounds(np.pad(pcm, (0, length - len(pcm))))
    asked = (user, user.ticks, end_s, sample.expected, sample.meaning, OFFERED)
    return Case(f"fdb3/{sample.id}", sample.domain, sample.difficulty, *asked)


def turn_end_s(pcm: Pcm) -> float:
    """Where the user's turn ends: before the first pause of more than two seconds, or where the last sound is."""
    found = merged(segments(pcm), TURN_GAP_S)
    return found[0].end_s if found else len(pcm) / SAMPLE_RATE_HZ

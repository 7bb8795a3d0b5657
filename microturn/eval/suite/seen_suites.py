"""RepCount-A, Charades and ProactiveVideoQA as suites: something is shown, and words are due when it happens.

Scores are those of eval/published.py; beside each stands what its known flaw lets pass. Cases: closed_sight.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from microturn.core.participant import Participant
from microturn.data.sight.published import Span
from microturn.eval.published import (
    BEST_SCORE,
    OFF_BY,
    RECALLED,
    Counted,
    Number,
    Reply,
    best_iou,
    count_error,
    kept_replies,
    off_by_one,
    pauc,
    recalled,
    said_span,
    spoken_count,
    temporal_iou,
)
from microturn.eval.published import Word as SaidWord
from microturn.eval.scorers import plain as plain_words
from microturn.eval.suite.analyze import Listener, Utterance, numbers, utterances
from microturn.eval.suite.endpoint import Line, Session
from microturn.eval.suite.fdb1_suite import spread
from microturn.eval.suite.figures import macro, share
from microturn.eval.suite.judge import Judge, same
from microturn.eval.suite.matching import TOLERANCES_S, Matched, Moment, matched, summed, told
from microturn.eval.suite.shape import Heard, Label, Row, Scored, Suite, Told, Window, plain
from microturn.eval.suite.trace import Trace

APART_S = 0.25
LATE_S = 3.5
IN_SPAN_S = 0.02  # onsets are found on a grid of 10 ms, and before its span a reply does not count
SAME_S = 1.0
OMEGAS = (0.0, 0.5, 1.0)


class Answer(NamedTuple):
    """A right reply, where the video shows it, and when it is right to say it."""

    text: str
    related: Span
    reply: Span


@dataclass(frozen=True, eq=False)
class Case:
    """One video. begins_s: from when on speech counts; due: what a perfect watcher says; the rest is the truth.

    spans: of the repetitions, or of the action's instances; answers: of ProactiveVideoQA.
    """

    id: str
    category: str
    user: Participant
    ticks: int
    begins_s: float
    due: tuple[Moment, ...]
    spans: tuple[Span, ...] = ()
    answers: tuple[Answer, ...] = ()
    heard: tuple[Heard, ...] = ()

    @property
    def length_s(self) -> float:
        """Of the whole session."""
        return 0.2 * self.ticks


class _One(NamedTuple):
    row: Told
    matched: Mapping[float, Matched]
    extra: Any = None


def repcount_suite(name: str, what: str, cases: Sequence[Case], seed: int = 0) -> Suite:
    """Counting aloud; primary: off-by-one accuracy of the last number."""

    def one(case: Case, said: Sequence[Utterance], judge: Judge) -> _One:
        found = [Number(at_s, int(value)) for at_s, value in _numbers(said)]
        counted = Counted(spoken_count(found, case.spans), len(case.spans))
        right = counted.said is not None and abs(counted.said - counted.right) <= OFF_BY
        why = f"last number {counted.said if counted.said is not None else 'none'}, {counted.right} is right"
        same = _matches([Moment(n.at_s, str(n.value)) for n in found], _as_digits(case.due), lambda d, s: d == s)
        row = Told(case.id, case.category, right, why, "ok" if found else "silent", score=float(right))
        return _One(row, same, counted)

    def figures(found: Sequence[_One]) -> dict[str, Any]:
        counts = [one.extra for one in found]
        exact = sum(c.said == c.right for c in counts)
        each = summed([one.matched[SAME_S] for one in found])
        return {
            "off by one": plain(share(sum(bool(one.row.right) for one in found), len(found))),
            "exact": plain(share(exact, len(found))),
            "mean absolute error": count_error(counts),
            "each repetition, F1 within 1 s": each.joint_f1,
            "primary": off_by_one(counts),
        }

    rattle = {case.id: [Line(0.6 * n, _word(n), 0.3) for n in range(int(case.length_s / 0.6))] for case in cases}
    return _suite(name, what, cases, one, figures, {"rattler": rattle})


def charades_suite(name: str, what: str, cases: Sequence[Case], seed: int = 0) -> Suite:
    """Saying start and stop; primary: mean temporal IoU with the instance that fits best."""

    def one(case: Case, said: Sequence[Utterance], judge: Judge) -> _One:
        words = [SaidWord(w.start_s, plain_words(w.text)) for w in spread(said) if w.start_s >= case.begins_s]
        span = said_span(words, case.length_s)
        iou = best_iou(span, case.spans)
        why = f"IoU {iou:.2f}: " + ("no start" if span is None else f"said {span.start_s:.1f} to {span.end_s:.1f} s")
        row = Told(case.id, case.category, iou >= 0.5, why, "ok" if span else "silent", score=iou)
        first = temporal_iou(span, case.spans[0])
        whole = best_iou(Span(case.begins_s, case.length_s), case.spans)
        return _One(row, _matches(_moments(said), case.due, _same_words), (iou, first, whole))

    def figures(found: Sequence[_One]) -> dict[str, Any]:
        ious = [one.extra[0] for one in found]
        scores: dict[str, list[tuple[str, float]]] = {}
        for one, iou in zip(found, ious, strict=True):
            scores.setdefault(one.row.category, []).append((one.row.id, iou))
        return {
            "mean IoU": plain(macro({"all": [pair for rows in scores.values() for pair in rows]}, seed)),
            "first instance": _mean([one.extra[1] for one in found]),
            "R@1": {f"IoU {least:g}": recalled(ious, least) for least in RECALLED},
            "of who says start at once and never stop": _mean([one.extra[2] for one in found]),
            "primary": _mean(ious),
        }

    at_once = {case.id: [Line(case.begins_s + 0.02, "start", 0.3)] for case in cases}
    return _suite(name, what, cases, one, figures, {"starter": at_once})


def proactive_suite(name: str, what: str, cases: Sequence[Case], seed: int = 0, rules: bool = True) -> Suite:
    """Replying when the video shows it; primary: PAUC at omega 0.5, over turns. rules: words decide, no judge."""

    def one(case: Case, said: Sequence[Utterance], judge: Judge) -> _One:
        by_omega: dict[float, list[float]] = {omega: [] for omega in OMEGAS}
        in_time = outside = 0
        for answer in case.answers:
            replies = _replies(answer, said, judge, rules)
            if replies is None:
                return _One(Told(case.id, case.category, None, "void: the judge failed", "void"), {})
            in_time += any(reply.score == BEST_SCORE for reply in replies)
            for omega in OMEGAS:
                by_omega[omega].append(pauc(replies, answer.reply, omega))
        spoken = [u for u in said if u.start_s >= case.begins_s]
        outside = sum(not any(a.reply.start_s <= u.start_s <= a.reply.end_s for a in case.answers) for u in spoken)
        score = _mean(by_omega[0.5]) or 0.0
        why = f"{in_time} of {len(case.answers)} answers right in time, {outside} utterances outside; PAUC {score:.2f}"
        right = in_time == len(case.answers)
        row = Told(case.id, case.category, right, why, "ok" if said else "silent", score=score)
        minutes = (case.length_s - case.begins_s) / 60
        return _One(row, _matches(_moments(spoken), case.due, _same_words), (by_omega, outside, minutes, len(spoken)))

    def figures(found: Sequence[_One]) -> dict[str, Any]:
        sure = [one for one in found if one.row.right is not None]
        turns = {omega: [v for one in sure for v in one.extra[0][omega]] for omega in OMEGAS}
        by_kind: dict[str, list[tuple[str, float]]] = {}
        for one in sure:
            by_kind.setdefault(one.row.category, []).extend((one.row.id, v) for v in one.extra[0][0.5])
        minutes = sum(one.extra[2] for one in sure)
        return {
            "PAUC, omega 0.5": plain(macro({"all": [p for rows in by_kind.values() for p in rows]}, seed)),
            "PAUC, by category": {kind: _mean([v for _, v in rows]) for kind, rows in by_kind.items()},
            "PAUC, other omega": {f"{omega:g}": _mean(turns[omega]) for omega in OMEGAS},
            "turns": len(turns[0.5]),
            "of silence": 0.25,
            "outside of all spans, a minute": sum(one.extra[1] for one in sure) / minutes if minutes else None,
            "primary": _mean(turns[0.5]),
        }

    return _suite(name, what, cases, one, figures, {})


Scoring = Callable[[Case, Sequence[Utterance], Judge], _One]
Figures = Callable[[Sequence[_One]], dict[str, Any]]


def _suite(
    name: str,
    what: str,
    cases: Sequence[Case],
    one: Scoring,
    figures: Figures,
    more: Mapping[str, Mapping[str, Sequence[Line]]],
) -> Suite:
    by_id = {case.id: case for case in cases}

    def score(traces: Sequence[Trace], listener: Listener, judge: Judge) -> Scored:
        said = {trace.id: utterances(trace, listener, APART_S) for trace in traces}
        rows: list[Row] = []
        sure: list[_One] = []
        for trace in traces:
            case = by_id[trace.id]
            if trace.why_void:
                rows.append(Told(case.id, case.category, None, f"void: {trace.why_void}", "void"))
                continue
            found = one(case, said[trace.id], judge)
            rows.append(found.row)
            if found.row.right is not None:
                sure.append(found)
        told_figures = figures(sure) if sure else {"primary": None}
        primary = told_figures.pop("primary")
        matches = {w: summed([f.matched[w] for f in sure if f.matched]) for w in TOLERANCES_S} if sure else {}
        told_figures |= {"matching": told(matches), "void": len(rows) - len(sure)}
        return Scored(primary, told_figures, rows, said, {case.id: label(case) for case in cases})

    fakes: dict[str, Mapping[str, Sequence[Line]]] = {
        "oracle": {c.id: [Line(d.at_s + IN_SPAN_S * bool(c.answers), d.text) for d in c.due] for c in cases},
        "late-oracle": {case.id: [Line(d.at_s + LATE_S, d.text) for d in case.due] for case in cases},
        "silent": {case.id: [] for case in cases},
        "babbler": {case.id: [Line(0.0, "and so on and so on", case.length_s)] for case in cases},
    }
    return Suite(name, what, [Session(c.id, c.user, c.ticks) for c in cases], {**fakes, **more}, score)


def label(case: Case) -> Label:
    """Where something is due, or lasts."""
    if case.answers:
        return Label(case.heard, [Window(a.reply.start_s, a.reply.end_s, a.text) for a in case.answers])
    due = [Window(d.at_s, d.at_s + SAME_S, d.text) for d in case.due]
    return Label(case.heard, due if len(case.spans) != 1 else [Window(*case.spans[0], "the action")])


def grade(answer: str, text: str) -> int:
    """2: every word of the answer was said; 1: some; 0: none. The words are few and known in the closed world."""
    wanted = plain_words(answer).split()
    said = set(plain_words(text).split()) | {str(int(n)) for n in numbers(text)}
    hits = sum(word in said for word in wanted)
    return BEST_SCORE if hits == len(wanted) else 1 if hits else 0


def _replies(answer: Answer, said: Sequence[Utterance], judge: Judge, rules: bool) -> list[Reply] | None:
    """Replies in the span, each graded with all before it in the span; None where the judge failed."""
    found: list[Reply] = []
    texts: list[str] = []
    for one in said:
        if not answer.reply.start_s <= one.start_s <= answer.reply.end_s:
            continue
        texts.append(one.text)
        whole = " ".join(texts)
        if rules:
            found.append(Reply(one.start_s, grade(answer.text, whole)))
            continue
        right = same(judge, answer.text, whole)
        if right is None:
            return None
        found.append(Reply(one.start_s, BEST_SCORE if right else 0))
    return kept_replies(found, answer.related.end_s)


def _numbers(said: Sequence[Utterance]) -> list[tuple[float, float]]:
    """Numbers with their times: several of one utterance share its time out."""
    found: list[tuple[float, float]] = []
    for one in said:
        values = numbers(one.text)
        step = (one.end_s - one.start_s) / max(1, len(values))
        found += [(one.start_s + n * step, value) for n, value in enumerate(values)]
    return found


def _as_digits(due: Sequence[Moment]) -> list[Moment]:
    return [Moment(d.at_s, str(int(numbers(d.text)[0]))) for d in due]


def _moments(said: Sequence[Utterance]) -> list[Moment]:
    return [Moment(u.start_s, u.text) for u in said]


def _same_words(due: str, said: str) -> bool:
    return grade(due, said) == BEST_SCORE


def _matches(
    said: Sequence[Moment], due: Sequence[Moment], same_words: Callable[[str, str], bool]
) -> dict[float, Matched]:
    return {within_s: matched(said, due, within_s, same_words) for within_s in TOLERANCES_S}


def _word(n: int) -> str:
    return ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")[n % 10]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None

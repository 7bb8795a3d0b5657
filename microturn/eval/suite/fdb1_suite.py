"""Full-Duplex-Bench v1 as a suite: one scenario of each task to one row, published and corrected figures beside it.

The rules are those of fdb1.py. `right` is ours: the task is done, in time, and in the right words where they are known;
no takeover counts without an answer, so that neither silence nor endless speech is right anywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microturn.core.participant import Participant
from microturn.eval.scorers import plain as plain_words
from microturn.eval.suite.analyze import Listener, Segment, Utterance, Word, segments, utterances
from microturn.eval.suite.endpoint import Line, Session
from microturn.eval.suite.fdb1 import TASKS, Backchannels, Response, Task, backchannels, interruption, takeover, turn
from microturn.eval.suite.figures import macro, share
from microturn.eval.suite.judge import Judge
from microturn.eval.suite.matching import Moment, matched
from microturn.eval.suite.shape import Heard, Label, Row, Scored, Suite, Told, Window, plain
from microturn.eval.suite.timing import YIELD_S, Timed, response_latency, stop_latency, tally
from microturn.eval.suite.trace import Trace, playout

ANSWER_S = 3.0
NEAR_S = 1.0
LEAST_F1 = 0.5


@dataclass(frozen=True, eq=False)
class Case:
    """One scenario. start_s to end_s: the pause and what follows it, the turn, or the interruption.

    answers: words any of which is right after end_s, () where they are not known; due_s: when backchannels are due;
    people: how often people gave one in bins of 0.2 s; long: whether the answer is a turn by the published rule;
    before: what it is asked to say before, from before_s on. ends_with_turn: nothing is recorded after end_s.
    """

    id: str
    task: Task
    user: Participant
    ticks: int
    start_s: float
    end_s: float
    answers: tuple[str, ...] = ()
    say: str = ""
    say_s: float = 0.0
    due_s: tuple[float, ...] = ()
    people: tuple[float, ...] = ()
    long: bool = True
    before: str = ""
    before_s: float = 0.0
    ends_with_turn: bool = False
    heard: tuple[Heard, ...] = ()


@dataclass(frozen=True)
class _Found:
    row: Told
    response: Response | None = None
    backchannels: Backchannels | None = None
    took: bool | None = None


def fdb1_suite(name: str, what: str, cases: Sequence[Case], seed: int = 0) -> Suite:
    """A suite of cases, self-made or published."""
    by_id = {case.id: case for case in cases}

    def score(traces: Sequence[Trace], listener: Listener, judge: Judge) -> Scored:
        said = {trace.id: utterances(trace, listener) for trace in traces}
        found = [_found(by_id[t.id], t, said[t.id]) for t in traces]
        labels = {case.id: label(case) for case in cases}
        figures = _figures(found, by_id, seed)
        rows: list[Row] = [one.row for one in found]
        return Scored(figures["handled"]["mean"], figures, rows, said, labels)

    sessions = [Session(case.id, case.user, case.ticks) for case in cases]
    return Suite(name, what, sessions, fakes(cases), score)


def label(case: Case) -> Label:
    """Where what counts may begin."""
    if case.task == "backchannel":
        return Label(case.heard, [Window(at - 0.2, at + NEAR_S, "a backchannel is due") for at in case.due_s])
    return Label(case.heard, [Window(case.end_s, case.end_s + ANSWER_S, case.say or "an answer")])


def fakes(cases: Sequence[Case]) -> Mapping[str, Mapping[str, Sequence[Line]]]:
    """What those say who know the script, and those who know nothing."""
    return {
        "oracle": {case.id: _oracle(case, 0.4) for case in cases},
        "late-oracle": {case.id: _oracle(case, 3.5) for case in cases},
        "silent": {case.id: [] for case in cases},
        "babbler": {case.id: [Line(0.0, case.say or "and so on", 0.2 * case.ticks)] for case in cases},
    }


def spread(said: Sequence[Utterance]) -> list[Word]:
    """Words of utterances, each taking its share of its utterance's time: as near as one gets without a recogniser."""
    found: list[Word] = []
    for utterance in said:
        words = utterance.text.split() or ["?"]
        step = (utterance.end_s - utterance.start_s) / len(words)
        found += [
            Word(utterance.start_s + n * step, utterance.start_s + (n + 1) * step, w) for n, w in enumerate(words)
        ]
    return found


def answered(said: Sequence[Utterance], since_s: float, answers: Sequence[str]) -> bool:
    """Whether any of the words was said in what began after `since_s`; true where no words are known."""
    text = f" {plain_words(' '.join(u.text for u in said if u.start_s >= since_s - 0.05))} "
    return not answers or any(f" {plain_words(answer)} " in text for answer in answers)


def _oracle(case: Case, late_s: float) -> list[Line]:
    if case.task == "backchannel":
        last_s = case.due_s[-1] if case.due_s else 0.0
        late = late_s > 1.0  # all of them after the last one is over: none can be taken for the next one's
        return [Line(last_s + 1.5 + n * 0.7 if late else at, "mm hm", 0.4) for n, at in enumerate(case.due_s)]
    lines: list[Line] = []
    if case.before:
        stop_s = case.start_s + 0.6
        lines.append(Line(case.before_s, case.before, max(0.4, stop_s - case.before_s)))
    return [*lines, Line(case.end_s + late_s, case.say or "here is what i say to that", case.say_s)]


def _found(case: Case, trace: Trace, said: Sequence[Utterance]) -> _Found:
    if trace.why_void:
        return _Found(Told(case.id, case.task, None, f"void: {trace.why_void}", "void"))
    model, words = segments(playout(trace).pcm), spread(said)
    match case.task:
        case "pause_handling":
            return _paused(case, model, words, said, trace.length_s)
        case "backchannel":
            return _listened(case, model, words, said, trace.length_s)
        case "smooth_turn_taking":
            response = turn(words, model, case.end_s, trace.length_s)
            return _Found(_answer_row(case, response.timed, said), response)
        case "user_interruption":
            return _interrupted(case, model, words, said, trace.length_s)


def _paused(
    case: Case, model: Sequence[Segment], words: Sequence[Word], said: Sequence[Utterance], length_s: float
) -> _Found:
    before = [word for word in words if word.start_s < case.end_s]
    took = takeover(before)
    early = [segment for segment in model if segment.start_s < case.end_s - 0.05]
    if early:
        at_s = early[0].start_s
        row = Told(case.id, case.task, False, f"spoke at {at_s:.1f} s, before the end at {case.end_s:.1f} s", "early")
        return _Found(row, took=took)
    if case.ends_with_turn:
        return _Found(Told(case.id, case.task, True, "waited"), took=took)
    return _Found(_answer_row(case, response_latency(model, case.end_s, length_s), said), took=took)


def _listened(
    case: Case, model: Sequence[Segment], words: Sequence[Word], said: Sequence[Utterance], length_s: float
) -> _Found:
    found = backchannels(words, model, case.people, length_s)
    near = matched([Moment(u.start_s, u.text) for u in said], [Moment(at, "") for at in case.due_s], NEAR_S)
    right = not found.takeover_any and (near.f1 >= LEAST_F1 if case.due_s else found.frequency > 0)
    why = f"{near.hits} of {len(case.due_s)} backchannels in time, {near.spurious} elsewhere"
    if found.takeover_any:
        why = "took the turn; " + why
    return _Found(Told(case.id, case.task, right, why, "ok" if said else "silent", score=near.f1), backchannels=found)


def _interrupted(
    case: Case, model: Sequence[Segment], words: Sequence[Word], said: Sequence[Utterance], length_s: float
) -> _Found:
    response = interruption(words, model, case.start_s, case.end_s, length_s)
    stopped = stop_latency(model, case.start_s, length_s)
    answer = response_latency(model, case.end_s, length_s)
    row = _answer_row(case, answer, said)
    if stopped.status == "ok" and stopped.seconds is not None and stopped.seconds > YIELD_S:
        late = f"spoke on for {stopped.seconds:.1f} s; {row.why}"
        row = Told(row.id, row.category, False, late, "talked_through", stopped.seconds)
    elif stopped.status == "talked_through":
        row = Told(row.id, row.category, False, "never stopped speaking", "talked_through")
    elif stopped.status == "not_exercised":
        row = Told(row.id, row.category, row.right, f"{row.why} (it was silent when interrupted)", "not_exercised")
    return _Found(row, response)


def _answer_row(case: Case, timed: Timed, said: Sequence[Utterance]) -> Told:
    """The row of an answer that is due at the case's end."""
    spoken = " / ".join(u.text for u in said if u.start_s >= case.end_s - 0.05)
    if timed.status != "ok" or timed.seconds is None:
        why = {"early": "was speaking when the user ended", "silent": "no answer"}.get(timed.status, timed.status)
        return Told(case.id, case.task, False, why, timed.status, timed.seconds)
    why = f"answered after {timed.seconds:.2f} s: {spoken!r}"
    words = answered(said, case.end_s, case.answers)
    if not words:
        why += f"; {case.answers[0]!r} was right"
    return Told(case.id, case.task, words and timed.seconds <= ANSWER_S, why, "ok", timed.seconds)


def _figures(found: Sequence[_Found], cases: Mapping[str, Case], seed: int) -> dict[str, Any]:
    sure = [one for one in found if one.row.right is not None]
    scores = {
        task: [(one.row.id, float(bool(one.row.right))) for one in sure if one.row.category == task] for task in TASKS
    }
    figures: dict[str, Any] = {"handled": plain(macro(scores, seed))}
    for task in TASKS:
        mine = [one for one in sure if one.row.category == task]
        if mine:
            figures[task] = {"handled": plain(share(sum(bool(one.row.right) for one in mine), len(mine)))}
            figures[task] |= _of_task(task, mine, cases)
    return figures | {"void": len(found) - len(sure)}


def _of_task(task: Task, mine: Sequence[_Found], cases: Mapping[str, Case]) -> dict[str, Any]:
    if task == "pause_handling":
        return {"published takeover": plain(share(sum(bool(one.took) for one in mine), len(mine)))}
    if task == "backchannel":
        both = [one.backchannels for one in mine if one.backchannels is not None]
        units = [one.jsd_unit for one in both if one.jsd_unit is not None]
        return {
            "published takeover": plain(share(sum(one.takeover for one in both), len(both))),
            "corrected takeover": plain(share(sum(one.takeover_any for one in both), len(both))),
            "a second": _mean([one.frequency for one in both]),
            "published JSD": _mean([one.jsd for one in both]),
            "corrected JSD, 0 to 1": _mean(units),
        }
    responses = [(one, one.response) for one in mine if one.response is not None]
    turns = [response for one, response in responses if cases[one.row.id].long]
    latencies = [response.latency_s for response in turns if response.latency_s is not None]
    return {
        "published takeover": plain(share(sum(response.takeover for response in turns), len(turns))),
        "published latency s": _mean(latencies),
        "corrected": plain(tally([response.timed for _, response in responses])),
    }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None

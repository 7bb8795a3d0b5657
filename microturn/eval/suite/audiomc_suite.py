"""Audio MultiChallenge as a suite: a conversation of several turns, whose last reply has to meet criteria.

Scores are the published ones: the share of conversations of which every criterion is met (APR) and the mean share of
criteria met (ARS), one question to the judge for each. The authors give a model the earlier turns, with their own
assistant's replies as text, and have it hear the last one. Who can be given such a past is held so: `audiomc`. Whoever
hears and speaks all the time, ours among them, has only what it said itself. So in `audiomc-played` all turns are
played, with as long a pause after each as that reply would take (30 s at most), the model answers or does not, and the
judge reads the conversation as it happened: another task, and figures say so. Files: audiomc_files.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from microturn.core.chunk import Chunk
from microturn.core.clock import SAMPLE_RATE_HZ, TICK_MS
from microturn.core.participant import Participant
from microturn.eval.scorers import plain as plain_words
from microturn.eval.suite.analyze import Listener, Utterance, segments, utterances
from microturn.eval.suite.audiomc_files import Conversation, Turn, load_audiomc, unpack
from microturn.eval.suite.endpoint import Line, Past, Session
from microturn.eval.suite.figures import share
from microturn.eval.suite.judge import RUBRIC, Judge, accepted, yes
from microturn.eval.suite.published_figures import at
from microturn.eval.suite.published_suites import data_of, some
from microturn.eval.suite.shape import Asked, Heard, Label, Row, Scored, Suite, Told, Window, plain
from microturn.eval.suite.timing import Timed, response_latency, tally
from microturn.eval.suite.trace import Trace, playout
from microturn.media.av import audio_chunks, length_s, read_audio
from microturn.media.pcm import Pcm

LEAD_S = 0.6
REACT_S, WORD_S, LONGEST_S = 1.6, 0.4, 30.0  # a pause: until a reply begins, for each word of the set's own, at most
ANSWER_S = 30.0
WITHIN_S = 3.0
OUT_S, LATE_S = 0.4, 3.5
GIVEN, HAPPENED = "the set's own replies", "as it happened"
WHAT = "conversations of several turns, and criteria for the last reply"


class Criterion(NamedTuple):
    """What the last reply has to be.

    accept, refuse: rules (judge.py) that decide alone where there are any: one of the first, and none of the others.
    as_in: besides, the same words as in the reply to that turn, counted from 1; 0: none.
    """

    text: str
    accept: tuple[str, ...] = ()
    refuse: tuple[str, ...] = ()
    as_in: int = 0


@dataclass(frozen=True, eq=False)
class Case:
    """One conversation. turns: what the user says, and when; due_s: from when on the last reply may be said.

    past: turns from before the session.
    replies: what a perfect partner says to each turn, "" for nothing; part: a last reply that meets some criteria.
    """

    id: str
    axis: str
    user: Participant
    ticks: int
    turns: tuple[Heard, ...]
    criteria: tuple[Criterion, ...]
    replies: tuple[str, ...]
    part: str
    due_s: float
    past: tuple[Past, ...] = ()

    @property
    def length_s(self) -> float:
        """Of the whole session."""
        return TICK_MS / 1000 * self.ticks


class Says:
    """A user who plays turns at fixed times, and then waits for the reply."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = turns
        self._sounds: Iterator[Pcm] = iter(())
        self.heard: list[Heard] = []
        self._places: list[tuple[int, int]] = []
        tick = last = _ticks(LEAD_S)
        for turn in turns:
            seconds = length_s(turn.sound) or len(read_audio(turn.sound)) / SAMPLE_RATE_HZ
            last = tick + _ticks(seconds)
            self._places.append((tick, last))
            self.heard.append(Heard(tick * TICK_MS / 1000, tick * TICK_MS / 1000 + seconds, turn.said))
            tick = last + _ticks(min(LONGEST_S, REACT_S + WORD_S * len(turn.reply.split())))
        self.ticks = last + _ticks(ANSWER_S)

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """The sound of this tick; a session begins at tick 0 and goes on tick by tick."""
        for number, (first, last) in enumerate(self._places):
            if tick == first:
                self._sounds = audio_chunks(self._turns[number].sound, allow_truncated=True)
            if first <= tick < last:
                return Chunk(next(self._sounds, None))
        return Chunk()


def audiomc(asked: Asked) -> Suite:
    """Audio MultiChallenge, from its Parquet files; earlier replies are the set's own. Needs a judge.

    Sounds are unpacked beside the files. An endpoint that can be given no past is void in it: audiomc_played.
    """
    cases: list[Case] = []
    for one in _conversations(asked):
        user = Says(one.turns[-1:])
        past = tuple(Past(*turn) for turn in one.turns[:-1])
        cases.append(_case("audiomc", one, user, (", ".join(one.rubric),), past))
    return audiomc_suite("audiomc", WHAT, cases)


def audiomc_played(asked: Asked) -> Suite:
    """Audio MultiChallenge, every turn of it played: earlier replies are what the model says. Needs a judge."""
    cases: list[Case] = []
    for one in _conversations(asked):
        replies = (*(turn.reply for turn in one.turns[:-1]), ", ".join(one.rubric))
        cases.append(_case("audiomc-played", one, Says(one.turns), replies))
    return audiomc_suite("audiomc-played", WHAT, cases)


def _conversations(asked: Asked) -> list[Conversation]:
    root = data_of(asked)
    chosen = some([(one.axis, one) for one in load_audiomc(root)], asked)
    unpack(root, chosen)
    return chosen


def _case(suite: str, one: Conversation, user: Says, replies: tuple[str, ...], past: tuple[Past, ...] = ()) -> Case:
    turns, criteria = tuple(user.heard), tuple(Criterion(text) for text in one.rubric)
    key, due_s = f"{suite}/{one.axis}/{one.id}", turns[-1].end_s
    return Case(key, one.axis, user, user.ticks, turns, criteria, replies, one.rubric[0], due_s, past)


class Replies(NamedTuple):
    """What a model said to each turn but the last, and to the last."""

    before: tuple[str, ...]
    last: str


class _One(NamedTuple):
    row: Told
    timed: Timed
    met: tuple[bool, ...]
    by_rule: int


def audiomc_suite(name: str, what: str, cases: Sequence[Case]) -> Suite:
    """Conversations with criteria; primary: the share of them whose criteria are all met."""
    by_id = {case.id: case for case in cases}

    def score(traces: Sequence[Trace], listener: Listener, judge: Judge) -> Scored:
        said = {trace.id: utterances(trace, listener) for trace in traces}
        found = [_scored(by_id[trace.id], trace, said[trace.id], judge) for trace in traces]
        rows: list[Row] = [one.row for one in found]
        sure = [one for one in found if one.row.right is not None]
        told = _figures(sure) | {"history": GIVEN if any(c.past for c in cases) else HAPPENED}
        told["void"] = len(found) - len(sure)
        return Scored(at(told, ("APR", "rate")), told, rows, said, {case.id: label(case) for case in cases})

    fakes: dict[str, dict[str, list[Line]]] = {
        "oracle": {c.id: [*_earlier(c), Line(c.due_s + OUT_S, c.replies[-1])] for c in cases},
        "late-oracle": {c.id: [*_earlier(c), Line(_late_s(c), c.replies[-1])] for c in cases},
        "partly": {c.id: [Line(_late_s(c) - LATE_S + OUT_S, c.part)] for c in cases},
        "silent": {c.id: [] for c in cases},
        "babbler": {c.id: [Line(0.0, "and so on and so on", c.length_s)] for c in cases},
    }
    return Suite(name, what, [Session(c.id, c.user, c.ticks, past=c.past) for c in cases], fakes, score)


def label(case: Case) -> Label:
    """The turns, and where the last reply is due."""
    end_s = case.turns[-1].end_s
    return Label(case.turns, [Window(case.due_s, end_s + WITHIN_S, "; ".join(c.text for c in case.criteria))])


def replies_of(case: Case, said: Sequence[Utterance]) -> Replies:
    """Each utterance belongs to the turn that began last before it; to the last one, what is said from `due_s` on."""
    before: list[str] = []
    for number, turn in enumerate(case.turns[:-1]):
        until_s = case.turns[number + 1].start_s
        before.append(" ".join(one.text for one in said if turn.start_s <= one.start_s < until_s))
    last = [one.text for one in said if one.start_s >= case.turns[-1].start_s and one.end_s > case.due_s]
    return Replies(tuple(before), " ".join(last).strip())


def conversation(case: Case, before: Sequence[str]) -> str:
    """All that was said until the last reply, as the judge reads it."""
    told = [f"User: {one.said}\n\nAssistant: {one.reply or '(said nothing)'}" for one in case.past]
    for number, turn in enumerate(case.turns):
        told.append(f"User: {turn.text}")
        if number < len(before):
            told.append(f"Assistant: {before[number] or '(said nothing)'}")
    return "\n\n".join(told)


def _scored(case: Case, trace: Trace, said: Sequence[Utterance], judge: Judge) -> _One:
    if trace.why_void:
        return _none(case, f"void: {trace.why_void}", None, "void")
    replies, timed = replies_of(case, said), _timed(case, trace)
    if not replies.last:
        return _none(case, "nothing said to the last turn", False, "silent" if not said else timed.status)
    found = [_met(one, case, replies, judge) for one in case.criteria]
    met = tuple(one for one, _ in found if one is not None)
    if len(met) < len(found):
        return _none(case, "void: the judge failed", None, "void")
    unmet = [one.text for one, right in zip(case.criteria, met, strict=True) if not right]
    how = "right" if not unmet else "in part" if any(met) else "other words"
    why = f"{how}, {sum(met)} of {len(met)} criteria met: {replies.last!r}"
    why += f"; not {unmet[0]!r}" if unmet else ""
    row = Told(case.id, case.axis, not unmet, why, timed.status, timed.seconds, sum(met) / len(met))
    return _One(row, timed, met, sum(by_rule for _, by_rule in found))


def _none(case: Case, why: str, right: Literal[False] | None, status: str) -> _One:
    """Nothing to judge: no criterion is met by silence, not even that something be left unsaid."""
    timed = Timed("void") if right is None else Timed("silent")
    met = tuple(False for _ in case.criteria)
    return _One(Told(case.id, case.axis, right, why, status, score=0.0), timed, met, len(met))


def _met(one: Criterion, case: Case, replies: Replies, judge: Judge) -> tuple[bool | None, bool]:
    """Whether it is met, and whether rules alone say so."""
    if not one.accept and not one.as_in:
        fields = {"conversation": conversation(case, replies.before), "text": replies.last, "criterion": one.text}
        return yes(judge.chosen(RUBRIC, fields)), False
    same = plain_words(replies.before[one.as_in - 1]) if one.as_in else ""
    accept = (*one.accept, *((f"kw:{same}",) if same else ()))
    if one.as_in and not same:
        return False, True
    taken = bool(accepted(accept, one.text, replies.last, judge))
    return taken and not (one.refuse and accepted(one.refuse, "", replies.last, judge)), True


def _timed(case: Case, trace: Trace) -> Timed:
    """From the end of the user's last words: a recording goes on after them, and a reply need not wait for its end."""
    last = case.turns[-1]
    spoken = [one.end_s for one in segments(trace.user) if last.start_s < one.end_s <= last.end_s]
    end_s = min(case.due_s, max(spoken, default=last.end_s))
    return response_latency(segments(playout(trace).pcm), end_s, trace.length_s)


def _figures(found: Sequence[_One]) -> dict[str, Any]:
    axes = list(dict.fromkeys(one.row.category for one in found))
    in_time = [o for o in found if o.row.right and o.timed.status == "ok" and (o.timed.seconds or 0.0) <= WITHIN_S]
    criteria = sum(len(one.met) for one in found)
    return {
        "APR": plain(share(sum(bool(one.row.right) for one in found), len(found))),
        "ARS": _mean(found),
        "criteria met": plain(share(sum(sum(one.met) for one in found), criteria)),
        "APR in time": plain(share(len(in_time), len(found))),
        "axes": {axis: _axis([one for one in found if one.row.category == axis]) for axis in axes},
        "decided by rules": plain(share(sum(one.by_rule for one in found), criteria)),
        "response": plain(tally([one.timed for one in found])),
    }


def _axis(found: Sequence[_One]) -> dict[str, Any]:
    return {"APR": plain(share(sum(bool(one.row.right) for one in found), len(found))), "ARS": _mean(found)}


def _mean(found: Sequence[_One]) -> float | None:
    """Of the shares of criteria met, one a conversation."""
    return sum(sum(one.met) / len(one.met) for one in found) / len(found) if found else None


def _earlier(case: Case) -> list[Line]:
    return [
        Line(turn.end_s + OUT_S, reply) for turn, reply in zip(case.turns, case.replies[:-1], strict=False) if reply
    ]


def _late_s(case: Case) -> float:
    return case.turns[-1].end_s + LATE_S


def _ticks(seconds: float) -> int:
    return -int(-seconds * 1000 // TICK_MS)

"""QIVD as a suite: a question asked aloud in a clip, answered when the clip has shown enough. Files: qivd_files.py.

As Thinking Machines hold it (https://thinkingmachines.ai/blog/interaction-models/): the clip from its beginning, sound
and pictures, and a judge of all that the model said. So the published accuracy knows no time; beside it stands who was
right, silent before the annotated moment, and soon enough after it. Yes, no and numbers need no judge.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from microturn.core.chunk import Chunk
from microturn.core.clock import TICK_MS
from microturn.core.errors import InputError
from microturn.core.participant import Participant
from microturn.eval.scorers import plain as plain_words
from microturn.eval.suite.analyze import Listener, Utterance, numbers, utterances
from microturn.eval.suite.endpoint import Line, Session
from microturn.eval.suite.figures import macro, share
from microturn.eval.suite.judge import CORRECT, Judge, accepted, yes
from microturn.eval.suite.published_figures import at
from microturn.eval.suite.published_suites import data_of, some
from microturn.eval.suite.qivd_files import Clip, load_qivd
from microturn.eval.suite.shape import Asked, Heard, Label, Row, Scored, Suite, Told, Window, plain
from microturn.eval.suite.timing import Timed, tally
from microturn.eval.suite.trace import Trace
from microturn.media.av import audio_chunks, has_sound, length_s, tick_pictures
from microturn.media.pcm import Pcm
from microturn.media.picture import Frame

AFTER_S = 10.0  # of silence after a clip; nobody says how long the published drivers wait
EARLY_S = 0.5  # moments are annotated by hand: speech so shortly before one is not too early
WITHIN_S = 3.0
OUT_S, LATE_S = 0.3, 3.5
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True, eq=False)
class Case:
    """One clip. moment_s: from when on it can be answered; short: the answer in few words, "" where there are none.

    accept, refuse: rules (judge.py) that decide alone where there are any: one of the first, and none of the others.
    """

    id: str
    category: str
    user: Participant
    ticks: int
    moment_s: float
    question: str
    answer: str
    short: str = ""
    accept: tuple[str, ...] = ()
    refuse: tuple[str, ...] = ()
    heard: tuple[Heard, ...] = ()

    @property
    def length_s(self) -> float:
        """Of the whole session."""
        return TICK_MS / 1000 * self.ticks


class Shown:
    """A user who is what a clip shows and says, then quiet for `tail_s`."""

    def __init__(self, clip: Clip, tail_s: float = AFTER_S) -> None:
        seconds = length_s(clip.video)
        if seconds is None or not has_sound(clip.video):
            came = "no duration" if seconds is None else "no sound"
            raise InputError("a clip that asks nothing", clip.video, came, "a whole video with its sound")
        self._video = clip.video
        self.ticks = -int(-(seconds + tail_s) * 1000 // TICK_MS)
        self._sounds: Iterator[Pcm] = iter(())
        self._pictures: Iterator[Frame | None] = iter(())

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """Sound and picture of this tick; a session begins at tick 0 and goes on tick by tick."""
        if tick == 0:
            self._sounds = audio_chunks(self._video, allow_truncated=True)
            self._pictures = tick_pictures(self._video)
        return Chunk(next(self._sounds, None), next(self._pictures, None))


def qivd(asked: Asked) -> Suite:
    """QIVD, from its unpacked data; what rules do not decide needs a judge.

    Labels do not say when in a clip its question is spoken, so the timeline shows it from the beginning to the moment.
    """
    clips = load_qivd(data_of(asked))
    cases: list[Case] = []
    for clip in some([(clip.category, clip) for clip in clips], asked):
        user = Shown(clip)
        key = f"qivd/{clip.category}/{clip.id}"
        heard = (Heard(0.0, clip.moment_s, clip.question),)
        texts = (clip.question, clip.answer, clip.short)
        cases.append(Case(key, clip.category, user, user.ticks, clip.moment_s, *texts, heard=heard))
    return qivd_suite("qivd", "answer a question asked aloud about what is seen", cases, asked.seed)


class _One(NamedTuple):
    row: Told
    timed: Timed
    in_time: bool
    early: bool
    off_s: float | None
    by_rule: bool


def qivd_suite(name: str, what: str, cases: Sequence[Case], seed: int = 0) -> Suite:
    """Questions about clips; primary: accuracy as published, whenever the answer came."""
    by_id = {case.id: case for case in cases}

    def score(traces: Sequence[Trace], listener: Listener, judge: Judge) -> Scored:
        said = {trace.id: utterances(trace, listener) for trace in traces}
        found = [_scored(by_id[trace.id], trace, said[trace.id], judge) for trace in traces]
        rows: list[Row] = [one.row for one in found]
        sure = [one for one in found if one.row.right is not None]
        told = _figures(sure, seed) | {"always the commonest answer": _commonest(cases)}
        told["void"] = len(found) - len(sure)
        return Scored(at(told, ("accuracy", "rate")), told, rows, said, {case.id: label(case) for case in cases})

    common = {c.category: _common([one for one in cases if one.category == c.category]) for c in cases}
    fakes: dict[str, dict[str, list[Line]]] = {
        "oracle": {c.id: [Line(c.moment_s + OUT_S, c.answer)] for c in cases},
        "late-oracle": {c.id: [Line(c.moment_s + LATE_S, c.answer)] for c in cases},
        "early-oracle": {c.id: [Line(0.0, c.answer, 0.4)] for c in cases},
        "silent": {c.id: [] for c in cases},
        "babbler": {c.id: [Line(0.0, "and so on and so on", c.length_s)] for c in cases},
        "guesser": {c.id: [Line(c.moment_s + OUT_S, common[c.category])] for c in cases},
    }
    return Suite(name, what, [Session(c.id, c.user, c.ticks) for c in cases], fakes, score)


def label(case: Case) -> Label:
    """When the answer is due."""
    return Label(case.heard, [Window(case.moment_s, case.moment_s + WITHIN_S, case.answer)])


def decided(short: str, text: str) -> bool | None:
    """What words alone decide of an answer that is yes, no or a number; None where they do not, and a judge must.

    Yes and no count as the first word of an answer that does not hold both, a number where it is the only one.
    """
    wanted, said = plain_words(short.rstrip(".")), [word.strip(".,!?;:") for word in text.lower().split()]
    if wanted in ("yes", "no"):
        both = {"yes", "no"}.issubset(said)
        return said[0] == wanted if said and said[0] in ("yes", "no") and not both else None
    value = numbers(wanted)
    if len(value) == 1 and (wanted in NUMBERS or wanted.isdigit()):
        told = set(numbers(text))
        return told == set(value) if len(told) == 1 else None
    return None


def _scored(case: Case, trace: Trace, said: Sequence[Utterance], judge: Judge) -> _One:
    if trace.why_void:
        return _void(case, trace.why_void)
    text = " ".join(one.text for one in said).strip()
    right, by_rule = _right(case, text, judge) if text else (False, True)
    if right is None:
        return _void(case, "the judge failed")
    starts = [one.start_s - case.moment_s for one in said]
    early = any(off_s < -EARLY_S for off_s in starts)
    after = [off_s for off_s in starts if off_s >= -EARLY_S]
    timed = Timed("early", min(starts)) if early else Timed("ok", after[0]) if after else Timed("silent")
    in_time = right and not early and bool(after) and after[0] <= WITHIN_S
    when = f" before the end of what had to be seen, at {said[0].start_s:.1f} s" if early else ""
    late = f", {after[0]:.1f} s after the moment" if after and not early else ""
    words = f"{'right' if right else 'other words'}{when}{late}: {text!r}; {case.answer!r} is right"
    why = words if text else "nothing said"
    row = Told(case.id, case.category, right, why, timed.status, timed.seconds, float(in_time))
    return _One(row, timed, in_time, early, starts[0] if starts else None, by_rule)


def _void(case: Case, why: str) -> _One:
    return _One(Told(case.id, case.category, None, f"void: {why}", "void"), Timed("void"), False, False, None, False)


def _right(case: Case, text: str, judge: Judge) -> tuple[bool | None, bool]:
    """Whether it is right, and whether rules alone say so."""
    if case.accept:
        taken = accepted(case.accept, case.answer, text, judge)
        return bool(taken) and not (case.refuse and accepted(case.refuse, "", text, judge)), True
    plainly = decided(case.short, text)
    if plainly is not None:
        return plainly, True
    fields = {"question": case.question, "answer": case.answer, "text": text}
    return yes(judge.chosen(CORRECT, fields)), False


def _figures(found: Sequence[_One], seed: int) -> dict[str, Any]:
    by: dict[str, list[tuple[str, float]]] = {}
    for one in found:
        by.setdefault(one.row.category, []).append((one.row.id, float(bool(one.row.right))))
    offs = [abs(one.off_s) for one in found if one.off_s is not None]
    return {
        "accuracy": plain(share(sum(bool(one.row.right) for one in found), len(found))),
        "right and in time": plain(share(sum(one.in_time for one in found), len(found))),
        "spoke before the moment": plain(share(sum(one.early for one in found), len(found))),
        "first word off the moment, mean s": sum(offs) / len(offs) if offs else None,
        "categories": {name: plain(share(sum(int(s) for _, s in rows), len(rows))) for name, rows in by.items()},
        "macro": plain(macro(by, seed)),
        "decided by rules": plain(share(sum(one.by_rule for one in found), len(found))),
        "response": plain(tally([one.timed for one in found])),
    }


def _common(cases: Sequence[Case]) -> str:
    return Counter(case.short or case.answer for case in cases).most_common(1)[0][0]


def _commonest(cases: Sequence[Case]) -> float | None:
    """The accuracy of who sees nothing and always says the commonest answer of a category."""
    by: dict[str, Counter[str]] = {}
    for case in cases:
        by.setdefault(case.category, Counter()).update([plain_words(case.short or case.answer)])
    return sum(max(counts.values()) for counts in by.values()) / len(cases) if cases else None

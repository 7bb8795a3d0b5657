"""Entries of TimeSpeak-open and CueSpeak-open: a plan in marks becomes sound with exact times. Scoring: speaking.py.

A plan says what the user says, span by span, and what should be said how long after which mark; it is also the file
with which a scenario is added. Every span is synthesised alone, so a mark's times are exact and need no aligner.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from microturn.core.clock import SAMPLE_RATE_HZ, TICK_MS
from microturn.core.config import from_dict
from microturn.core.errors import InputError
from microturn.core.wav import to_float, to_int16
from microturn.data.voices import Clip
from microturn.eval.suite.analyze import UTTERANCE_GAP_S
from microturn.media.pcm import Pcm

Kind = Literal["timespeak", "cuespeak"]
LEAD_S = 0.5
PAUSE_S = 0.3
CUE_OPEN_S = 3.0
BEFORE_PAUSE_S = 0.5
LEAST_WINDOW_S = 0.4
NOISE_DBFS = -70.0

Speak = Callable[[str, str], Clip]
"""(voice id, text) to a clip."""


@dataclass(frozen=True)
class Span:
    """What the user says without a break, `gap_s` after the span before; `mark` names it.

    word: the mark is where this word ends, counted from 0; None: where the span ends.
    """

    text: str
    mark: str = ""
    gap_s: float = 0.0
    word: int | None = None


@dataclass(frozen=True)
class Due:
    """What should be said. delay_s after the end of the marked span; without one the span is a cue, answered at once.

    accept: "num:220" (with "~2": off by two at most), "kw:hello" (whole words) or "re:..."; any of them will do.
    """

    id: str
    mark: str
    say: str
    delay_s: float | None = None
    accept: tuple[str, ...] = ()
    overlap: bool = False


@dataclass(frozen=True)
class Forbidden:
    """Nothing may be said from after_s behind one mark's end until until_s behind another's; "": the session's end."""

    mark: str
    after_s: float = 0.0
    until_mark: str = ""
    until_s: float = 0.0


@dataclass(frozen=True)
class Plan:
    """One scenario before it sounds. scored: id of the expectation that counts; None: right is to say nothing.

    ack_s: speech that begins so soon after the first span is an acknowledgement and free. apart_s: what is said after
    so long a pause is another utterance.
    """

    id: str
    suite: Kind
    category: str
    template: str
    spans: tuple[Span, ...]
    due: tuple[Due, ...] = ()
    scored: str | None = None
    forbid: tuple[Forbidden, ...] = ()
    max_utterances: int | None = None
    ack_s: float = 1.5
    tail_s: float = 6.0
    voice: str = "espeak:en-us+Annie"
    apart_s: float = UTTERANCE_GAP_S

    def __post_init__(self) -> None:
        marks = {span.mark for span in self.spans} - {""}
        for name in [due.mark for due in self.due] + [f.mark for f in self.forbid]:
            if name not in marks:
                raise InputError("mark of a plan", self.id, repr(name), "one of " + ", ".join(sorted(marks)))
        if self.scored is not None and self.scored not in {due.id for due in self.due}:
            raise InputError("scored of a plan", self.id, repr(self.scored), "the id of something due, or null")
        if self.max_utterances is None and not self.forbid:
            raise InputError("a plan that a babbler passes", self.id, "no limit", "forbid or max_utterances")


class Expectation(NamedTuple):
    """due_s: the best moment; open_s to close_s: when its first sound may come."""

    id: str
    due_s: float
    open_s: float
    close_s: float
    say: str
    accept: tuple[str, ...]
    overlap: bool


class Said(NamedTuple):
    """A span where it sounds."""

    start_s: float
    end_s: float
    text: str
    mark: str


@dataclass(frozen=True)
class Entry:
    """A plan with times; `sha256` is of its 16-bit sound, which is made again from the plan."""

    id: str
    suite: Kind
    category: str
    template: str
    voice: str
    script: tuple[Said, ...]
    expect: tuple[Expectation, ...]
    scored: str | None
    forbid: tuple[tuple[float, float], ...]
    max_utterances: int | None
    ack_until: float
    length_s: float
    sha256: str
    apart_s: float = UTTERANCE_GAP_S

    @property
    def counted(self) -> Expectation | None:
        """The expectation that is scored; None for a negative entry."""
        return next((e for e in self.expect if e.id == self.scored), None)


class Sounded(NamedTuple):
    """An entry and the user's sound, float32 [N] at 16 kHz, whole ticks."""

    entry: Entry
    pcm: Pcm


def sounded(plan: Plan, speak: Speak) -> Sounded:
    """Say a plan; the same plan and voice give the same samples. A low noise floor takes the place of zeros."""
    script, ends, speech = _spoken(plan, speak)
    end_s = len(speech) / SAMPLE_RATE_HZ + plan.tail_s
    ticks = int(np.ceil(end_s * 1000 / TICK_MS))
    length = ticks * TICK_MS * SAMPLE_RATE_HZ // 1000
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(plan.id.encode()).digest()[:4]))
    floor = rng.standard_normal(length, dtype=np.float32) * np.float32(10.0 ** (NOISE_DBFS / 20.0))
    floor[: len(speech)] += speech
    quantised = to_int16(floor)
    length_s = length / SAMPLE_RATE_HZ
    expect = tuple(_expectation(due, ends[due.mark], script, length_s) for due in plan.due)
    forbid = tuple(
        (ends[f.mark].end_s + f.after_s, ends[f.until_mark].end_s + f.until_s if f.until_mark else length_s)
        for f in plan.forbid
    )
    digest = hashlib.sha256(quantised.astype("<i2").tobytes()).hexdigest()
    same = (plan.id, plan.suite, plan.category, plan.template, plan.voice)
    ack_until = script[0].end_s + plan.ack_s
    entry = Entry(
        *same, script, expect, plan.scored, forbid, plan.max_utterances, ack_until, length_s, digest, plan.apart_s
    )
    return Sounded(entry, to_float(quantised))


def read_plans(path: Path) -> list[Plan]:
    """Plans of a file: one JSON object, or a list of them. InputError names what is wrong in it."""
    try:
        rows: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("cannot read a scenario", path, str(error), "a JSON file, see docs/evaluation.md") from error
    listed = cast("list[Any]", rows) if isinstance(rows, list) else [rows]
    return [from_dict(Plan, row, f"{path}[{number}]") for number, row in enumerate(listed)]


def _spoken(plan: Plan, speak: Speak) -> tuple[tuple[Said, ...], dict[str, Said], Pcm]:
    """Spans where they sound; the same by mark, ending where the mark is; and the sound."""
    parts: list[Pcm] = [np.zeros(round(LEAD_S * SAMPLE_RATE_HZ), np.float32)]
    at = len(parts[0])
    script: list[Said] = []
    ends: dict[str, Said] = {}
    for span in plan.spans:
        gap = np.zeros(round(span.gap_s * SAMPLE_RATE_HZ), np.float32)
        clip = speak(plan.voice, span.text)
        at += len(gap)
        began_s = at / SAMPLE_RATE_HZ
        start_s, end_s = began_s + clip.words[0].start_ms / 1000, began_s + clip.words[-1].end_ms / 1000
        script.append(Said(start_s, end_s, span.text, span.mark))
        if span.mark:
            marked_s = end_s if span.word is None else began_s + clip.words[_place(span, clip)].end_ms / 1000
            ends[span.mark] = Said(start_s, marked_s, span.text, span.mark)
        at += len(clip.pcm)
        parts += [gap, clip.pcm.astype(np.float32)]
    return tuple(script), ends, np.concatenate(parts)


def _place(span: Span, clip: Clip) -> int:
    assert span.word is not None
    if not 0 <= span.word < len(clip.words):
        raise InputError("word of a span", span.text, span.word, f"0 to {len(clip.words) - 1}")
    return span.word


def _expectation(due: Due, mark: Said, script: Sequence[Said], length_s: float) -> Expectation:
    accept = due.accept or (f"kw:{due.say}",)
    if due.delay_s is not None:
        best_s = mark.end_s + due.delay_s
        early_s, late_s = min(0.5, 0.1 * due.delay_s), min(3.0, max(1.0, 0.1 * due.delay_s))
        return Expectation(due.id, best_s, best_s - early_s, best_s + late_s, due.say, accept, due.overlap)
    close_s = mark.end_s + CUE_OPEN_S
    if due.overlap:
        close_s = min(close_s, _next_pause_s(mark, script, length_s) - BEFORE_PAUSE_S)
    if close_s - mark.end_s < LEAST_WINDOW_S:
        raise InputError("the user stops too soon after a cue", due.id, mark.text, "words that go on for 4 s")
    return Expectation(due.id, mark.end_s + 0.1, mark.end_s, close_s, due.say, accept, due.overlap)


def _next_pause_s(mark: Said, script: Sequence[Said], length_s: float) -> float:
    after = [said for said in script if said.start_s >= mark.start_s]
    for said, following in pairwise(after):
        if following.start_s - said.end_s > PAUSE_S:
            return said.end_s
    return after[-1].end_s if after else length_s

"""How a model with a voice takes part: first sound, yielding, going on, sound that nobody asked for. Pure functions.

Definitions; ticks sound where the model gave a block of sound:

* The *playout clock*: the user's chunk of tick t is whole at the end of t. Its block starts to play when it has been
  computed, which takes what the engine's call for that tick took, all sessions of the batch together.
* *First sound*: from the end of the user's last word to the first sample above -40 dBFS of the answer, on the playout
  clock. It counts answers in the right words that were due in the tick after the user's line, which is a request.
* *Stop*: from the tick in which the barge-in asks for silence to the first silent tick, in ticks. It counts barge-ins
  that met the model sounding in the tick before.
* *New request*: what the barge-in's own line asks for, answered in the right words within 5 ticks.
* *Backchannel*: a line of the user that shows they listen, or a cough, begun while the model sounds. The model goes on
  if it still sounds 5 ticks after the end of it, or until its text was complete, or cut by a barge-in.
* *Undue sound*: ticks that sound, but not for an utterance that begins within 5 ticks of an expectation.
* *Extra answer*: an utterance that nothing expected within 5 ticks, begun within 2 s after own sound ended. With its
  own echo in the room this is the model that answers itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from microturn.core.clock import SAMPLE_RATE_HZ, TICK_MS, tick_of
from microturn.data.oracle import Expect
from microturn.data.script import Backchannel, Spoken
from microturn.eval.scorers import (
    NEAR_TICKS,
    TICKS_PER_MIN,
    YIELD_TICKS,
    Said,
    Utterance,
    pairs,
    same_words,
    utterances,
)
from microturn.media.pcm import Pcm

ONSET_DBFS = -40.0
AFTER_OWN_TICKS = 2_000 // TICK_MS


class SoundTick(NamedTuple):
    """A tick that sounds. onset_ms: its first sample above -40 dBFS or None; compute_ms: of the engine's call."""

    tick: int
    onset_ms: float | None
    compute_ms: float


@dataclass(frozen=True)
class SpokenCounts:
    """One session, counted. `stops` are in ticks, one for each barge-in that met sound."""

    ticks: int
    first_ms: tuple[float, ...] = ()
    compute_ms: tuple[float, ...] = ()
    stops: tuple[int, ...] = ()
    requests: int = 0
    answered: int = 0
    backchannels: int = 0
    continued: int = 0
    undue_ticks: int = 0
    extra_answers: int = 0


@dataclass(frozen=True)
class SpokenFigures:
    """Several sessions, summed up; None where there was nothing to count. `stopped_share`: silent within 2 ticks."""

    minutes: float
    answers: int
    first_ms_median: float | None
    first_ms_p90: float | None
    compute_ms_median: float | None
    compute_ms_p99: float | None
    stops: int
    stop_ticks_mean: float | None
    stopped_share: float | None
    requests: int
    answered_share: float | None
    backchannels: int
    continued_share: float | None
    undue_s_per_min: float
    extra_answers: int


class _Session(NamedTuple):
    """What the counting functions look at."""

    spoken: list[Utterance]
    sounding: frozenset[int]
    expects: Sequence[Expect]
    lines: Sequence[Spoken]


def onset_ms(pcm: Pcm) -> float | None:
    """Where in the block float32 [N] the first sample above -40 dBFS is, in ms."""
    loud = np.flatnonzero(np.abs(pcm) > 10.0 ** (ONSET_DBFS / 20.0))
    return None if not len(loud) else 1000.0 * float(loud[0]) / SAMPLE_RATE_HZ


def spoken_counts(
    said: Sequence[Said], sounds: Sequence[SoundTick], expects: Sequence[Expect], lines: Sequence[Spoken], ticks: int
) -> SpokenCounts:
    """Count one session of `ticks`; `lines` are what was spoken to the model, with absolute times."""
    of_user = [line for line in lines if line.speaker == "user" and line.words]
    session = _Session(utterances(said, expects), frozenset(s.tick for s in sounds), expects, of_user)
    right = dict(_pairs_of(session, words=True))
    near = {u for u, _ in _pairs_of(session, words=False)}
    backchannels = _backchannels(session)
    requests = _new_requests(session)
    called_for = {tick for u in near for tick in range(u.tick, u.until + 1)}
    return SpokenCounts(
        ticks=ticks,
        first_ms=tuple(_first_sounds(session, right, sounds)),
        compute_ms=tuple(s.compute_ms for s in sounds),
        stops=tuple(_stops(session)),
        requests=len(requests),
        answered=sum(expect in right.values() for expect in requests),
        backchannels=len(backchannels),
        continued=sum(backchannels),
        undue_ticks=len(session.sounding - called_for),
        extra_answers=sum(u not in near and _after_own_sound(u, session) for u in session.spoken),
    )


def spoken_figures(counts: Sequence[SpokenCounts]) -> SpokenFigures:
    """Sum up sessions."""
    first_ms = [ms for c in counts for ms in c.first_ms]
    compute_ms = [ms for c in counts for ms in c.compute_ms]
    stops = [ticks for c in counts for ticks in c.stops]
    requests, backchannels = sum(c.requests for c in counts), sum(c.backchannels for c in counts)
    minutes = sum(c.ticks for c in counts) / TICKS_PER_MIN
    undue_s = sum(c.undue_ticks for c in counts) * TICK_MS / 1000
    return SpokenFigures(
        minutes=minutes,
        answers=len(first_ms),
        first_ms_median=_percentile(first_ms, 50),
        first_ms_p90=_percentile(first_ms, 90),
        compute_ms_median=_percentile(compute_ms, 50),
        compute_ms_p99=_percentile(compute_ms, 99),
        stops=len(stops),
        stop_ticks_mean=float(np.mean(stops)) if stops else None,
        stopped_share=_share(sum(ticks <= YIELD_TICKS for ticks in stops), len(stops)),
        requests=requests,
        answered_share=_share(sum(c.answered for c in counts), requests),
        backchannels=backchannels,
        continued_share=_share(sum(c.continued for c in counts), backchannels),
        undue_s_per_min=undue_s / minutes if minutes else 0.0,
        extra_answers=sum(c.extra_answers for c in counts),
    )


def _pairs_of(session: _Session, words: bool) -> list[tuple[Utterance, Expect]]:
    """Utterances and expectations within 5 ticks of each other; `words`: in the right words."""

    def fits(u: Utterance, e: Expect) -> bool:
        return abs(u.tick - e.tick) <= NEAR_TICKS and (not words or same_words(u, e))

    return [(session.spoken[i], session.expects[j]) for i, j in pairs(session.spoken, session.expects, fits)]


def _first_sounds(session: _Session, right: dict[Utterance, Expect], sounds: Sequence[SoundTick]) -> list[float]:
    ends_ms = {_due(line): line.words[-1].end_ms for line in session.lines if line.line.meaning is not None}
    found: list[float] = []
    for utterance, expect in right.items():
        audible = (s for s in sounds if utterance.tick <= s.tick <= utterance.until and s.onset_ms is not None)
        first = next(audible, None)
        if first is not None and first.onset_ms is not None and expect.tick in ends_ms:
            plays_ms = (first.tick + 1) * TICK_MS + first.compute_ms
            found.append(plays_ms + first.onset_ms - ends_ms[expect.tick])
    return found


def _stops(session: _Session) -> list[int]:
    cuts = [e.cut for e in session.expects if e.cut is not None and e.cut - 1 in session.sounding]
    return [next(t for t in range(cut, max(session.sounding) + 2) if t not in session.sounding) - cut for cut in cuts]


def _new_requests(session: _Session) -> list[Expect]:
    """What is due in the tick after a line with a word that cuts something."""
    cuts = {e.cut for e in session.expects if e.cut is not None}
    due = {_due(line) for line in session.lines if any(tick_of(w.end_ms) + 1 in cuts for w in line.words)}
    return [e for e in session.expects if e.tick in due]


def _backchannels(session: _Session) -> list[bool]:
    """Whether the model goes on, for each backchannel that meets it sounding."""
    found: list[bool] = []
    for line in session.lines:
        begin, end = tick_of(line.words[0].start_ms), tick_of(line.words[-1].end_ms)
        if not isinstance(line.line.meaning, Backchannel) or begin not in session.sounding:
            continue
        met = next((u for u in session.spoken if u.tick <= begin <= u.until), None)
        found.append(met is not None and (met.until >= end + NEAR_TICKS or _is_whole(met, session.expects)))
    return found


def _is_whole(utterance: Utterance, expects: Sequence[Expect]) -> bool:
    """Whether it ended because its text did, or because a barge-in cut it."""
    return any(same_words(utterance, e) and abs(utterance.tick - e.tick) <= NEAR_TICKS for e in expects)


def _after_own_sound(utterance: Utterance, session: _Session) -> bool:
    return any(t in session.sounding for t in range(utterance.tick - AFTER_OWN_TICKS, utterance.tick))


def _due(line: Spoken) -> int:
    """The tick in which an answer to a line is due."""
    return tick_of(line.words[-1].end_ms) + 1


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _percentile(values: Sequence[float], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if values else None

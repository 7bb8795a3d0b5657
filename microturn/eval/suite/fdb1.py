"""Full-Duplex-Bench v1 (Lin et al. 2025, arXiv 2503.04721): its four scores as published, and corrected, side by side.

Pure functions over words and segments. "Published" follows the set's own scripts, with what is odd in them; "corrected"
gives a status in place of a number that means something else. Files of the set: fdb_files.py.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from microturn.eval.suite.analyze import Segment, Word
from microturn.eval.suite.timing import Timed, response_latency, stop_latency

Task = Literal["pause_handling", "backchannel", "smooth_turn_taking", "user_interruption"]
TASKS: tuple[Task, ...] = ("pause_handling", "backchannel", "smooth_turn_taking", "user_interruption")
TURN_S = 1.0
TURN_WORDS = 3
BACKCHANNEL_S = 3.0
BACKCHANNEL_WORDS = 2
BIN_S = 0.2
EPSILON = 1e-10
NO_BACKCHANNEL_JSD = 1.0


class Backchannels(NamedTuple):
    """One conversation: whether it took the turn, backchannels a second, and how far their times are from people's.

    jsd: the published distance, up to sqrt(ln 2) = 0.83, and 1 where there was none; jsd_unit: 0 to 1, None there.
    """

    takeover: bool
    takeover_any: bool
    frequency: float
    jsd: float
    jsd_unit: float | None


class Response(NamedTuple):
    """One turn or interruption: published takeover and latency (None: not counted), and the corrected verdict."""

    takeover: bool
    latency_s: float | None
    timed: Timed


def takeover(words: Sequence[Word]) -> bool:
    """Whether words are a turn: a second long from the first to the last, or more than three."""
    if not words:
        return False
    return words[-1].end_s - words[0].start_s >= TURN_S or len(words) > TURN_WORDS


def published_latency(words: Sequence[Word], since_s: float) -> float | None:
    """Start of the first word after `since_s`, zero where it was before; None without a takeover."""
    return max(0.0, words[0].start_s - since_s) if takeover(words) else None


def turn(words: Sequence[Word], model: Sequence[Segment], turn_end_s: float, length_s: float) -> Response:
    """Smooth turn taking: published values take all words, the corrected ones the onsets of sound."""
    timed = response_latency(model, turn_end_s, length_s)
    return Response(takeover(words), published_latency(words, turn_end_s), timed)


def interruption(
    words: Sequence[Word], model: Sequence[Segment], start_s: float, end_s: float, length_s: float
) -> Response:
    """User interruption from `start_s` to `end_s`.

    Published: the recording is cropped at the interruption's end, so that speech which never stopped is an answer
    without delay. Corrected: `not_exercised` where the model was silent when it came, `talked_through` where it spoke
    on past the end of the interruption, else the latency of the answer.
    """
    after = [word for word in words if word.end_s > end_s]
    cropped = [Word(max(word.start_s, end_s), word.end_s, word.text) for word in after]
    took, latency_s = takeover(cropped), published_latency(cropped, end_s)
    stopped = stop_latency(model, start_s, length_s)
    if stopped.status != "ok":
        return Response(took, latency_s, stopped)
    if any(segment.start_s < start_s and segment.end_s > end_s for segment in model):
        return Response(took, latency_s, Timed("talked_through"))
    return Response(took, latency_s, response_latency(model, end_s, length_s))


def backchannels(
    words: Sequence[Word], model: Sequence[Segment], people: Sequence[float], length_s: float
) -> Backchannels:
    """Backchannels in one conversation; `people`: how often people gave one, in bins of 0.2 s.

    Published: segments are gone through in order until one is longer than three seconds; the last one looked at decides
    about the takeover, and one that takes the turn makes the backchannels before it not count. Corrected: any segment
    that takes the turn is a takeover.
    """
    taken: list[bool] = []
    counted: list[Segment] = []
    for segment in model:
        long = segment.length_s > BACKCHANNEL_S
        taken.append(long or _takes_turn(segment, words))
        if long:
            break
        counted = [] if taken[-1] else [*counted, segment]
    jsd = distance(_bins(counted, length_s), people) if counted else NO_BACKCHANNEL_JSD
    unit = jsd**2 / float(np.log(2.0)) if counted else None
    frequency = len(counted) / length_s if length_s else 0.0
    return Backchannels(bool(taken) and taken[-1], any(taken), frequency, jsd, unit)


def distance(said: Sequence[float], people: Sequence[float]) -> float:
    """Jensen-Shannon distance in nats: root of the mean divergence of both from their middle.

    `people` is brought to as many bins as `said` in straight lines; `said` gets 1e-10; both get the sum 1.
    """
    p = np.asarray(said, np.float64) + EPSILON
    q = np.interp(np.linspace(0, 1, len(p)), np.linspace(0, 1, len(people)), np.asarray(people, np.float64))
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return float(np.sqrt(max(0.0, divergence)))


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> float:
    there = p > 0
    return float(np.sum(p[there] * np.log(p[there] / q[there])))


def _takes_turn(segment: Segment, words: Sequence[Word]) -> bool:
    inside = sum(word.start_s <= segment.end_s and word.end_s > segment.start_s for word in words)
    return segment.length_s >= TURN_S or inside > BACKCHANNEL_WORDS


def _bins(model: Sequence[Segment], length_s: float) -> list[float]:
    """How many segments sound in each 0.2 s, the bin of the end included."""
    bins = [0.0] * (int(length_s / BIN_S) + 1)
    for segment in model:
        for at in range(int(segment.start_s / BIN_S), min(len(bins), int(segment.end_s / BIN_S) + 1)):
            bins[at] += 1.0
    return bins

"""How late an answer is and how soon a model stops: one number or one status for each scenario, never a clipped number.

Definitions and statuses are those of docs/evaluation.md; all times are seconds on the playout clock.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from microturn.eval.suite.analyze import Segment

Status = Literal["ok", "early", "not_exercised", "talked_through", "right_censored", "silent", "void"]
STATUSES: tuple[Status, ...] = ("ok", "early", "not_exercised", "talked_through", "right_censored", "silent", "void")
END_MARGIN_S = 0.05
YIELD_S = 2.0
FALSE_STOP_S = 1.0


class Timed(NamedTuple):
    """A status, and the time it came to where there is one. Only `ok` counts in a mean."""

    status: Status
    seconds: float | None = None


class Tally(NamedTuple):
    """How many scenarios came to each status, and the times of those that are ok."""

    total: int
    eligible: int
    counts: dict[Status, int]
    mean_s: float | None
    median_s: float | None


def response_latency(model: Sequence[Segment], turn_end_s: float, length_s: float) -> Timed:
    """From the user's end to the first onset after it.

    `early`: it was already speaking, or had spoken during the turn and says nothing after it; `right_censored`: the
    answer begins within 50 ms of the end of the recording.
    """
    for segment in sorted(model):
        if segment.start_s < turn_end_s < segment.end_s:
            return Timed("early", segment.start_s - turn_end_s)
        if segment.start_s >= turn_end_s:
            late = segment.start_s >= length_s - END_MARGIN_S
            return Timed("right_censored") if late else Timed("ok", segment.start_s - turn_end_s)
    return Timed("silent")


def stop_latency(model: Sequence[Segment], barge_in_s: float, length_s: float) -> Timed:
    """From a barge-in to the end of what the model was saying.

    `not_exercised`: it was silent when the user began; `talked_through`: it went on to the end of the recording, or
    `right_censored` where that end came before two seconds had passed.
    """
    for segment in model:
        if segment.start_s < barge_in_s < segment.end_s:
            if segment.end_s < length_s - END_MARGIN_S:
                return Timed("ok", segment.end_s - barge_in_s)
            return Timed("talked_through" if length_s - barge_in_s >= YIELD_S else "right_censored")
    return Timed("not_exercised")


def false_stop(model: Sequence[Segment], noise_s: float, length_s: float) -> bool | None:
    """Whether it fell silent within a second of a backchannel or of talk to others; None where it was not speaking."""
    found = stop_latency(model, noise_s, length_s)
    if found.status in ("not_exercised", "right_censored"):
        return None
    return found.seconds is not None and found.seconds <= FALSE_STOP_S


def overlap_ratio(user: Sequence[Segment], model: Sequence[Segment]) -> float | None:
    """The share of the user's speech during which the model speaks; None without speech."""
    both_s = sum(max(0.0, min(u.end_s, m.end_s) - max(u.start_s, m.start_s)) for u in user for m in model)
    user_s = sum(u.length_s for u in user)
    return both_s / user_s if user_s else None


def interruptions(user: Sequence[Segment], model: Sequence[Segment]) -> int:
    """Model segments that begin while the user speaks."""
    return sum(any(u.start_s < m.start_s < u.end_s for u in user) for m in model)


def tally(timed: Sequence[Timed]) -> Tally:
    """Count what came of scenarios. Eligible are those in which the thing was put to the test at all."""
    counts: dict[Status, int] = {status: sum(t.status == status for t in timed) for status in STATUSES}
    ok = sorted(t.seconds for t in timed if t.status == "ok" and t.seconds is not None)
    middle = len(ok) // 2
    median_s = None if not ok else ok[middle] if len(ok) % 2 else (ok[middle - 1] + ok[middle]) / 2
    eligible = len(timed) - counts["not_exercised"] - counts["void"]
    return Tally(len(timed), eligible, counts, sum(ok) / len(ok) if ok else None, median_s)

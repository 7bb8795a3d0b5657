"""Scores of published sets of videos, as their authors define them: pure functions. Files: data/sight/published.py.

RepCount-A: off-by-one accuracy and mean absolute error of TransRAC (Hu et al. 2022, arXiv 2204.01018, section 5.1);
the count of a model that counts aloud is the last number said since the last repetition but one was over.
ProactiveVideoQA: PAUC (arXiv 2507.09313, section 3.3). Charades-STA: temporal IoU (Gao et al. 2017, arXiv 1705.02101).
Where a definition leaves something open, the choice is said at the function.
"""

from collections.abc import Sequence
from typing import NamedTuple

from microturn.data.sight.published import Span

OFF_BY = 1
MAE_OFFSET = 0.1  # in the denominator of TransRAC's own code
TAIL_S = 2.0
BEST_SCORE = 2
SILENT_SCORE = 0.5
RECALLED = (0.3, 0.5, 0.7)


class Number(NamedTuple):
    """A number said, and when its first sound began."""

    at_s: float
    value: int


class Counted(NamedTuple):
    """A clip's count as a model has it (None: it said none) and as it is."""

    said: int | None
    right: int


class Reply(NamedTuple):
    """A reply within a span and what a judge gave all replies so far: 0 wrong, 1 in part, 2 right."""

    at_s: float
    score: int


class Word(NamedTuple):
    """A word said, and when its first sound began."""

    at_s: float
    text: str


def spoken_count(numbers: Sequence[Number], reps: Sequence[Span], tail_s: float = TAIL_S) -> int | None:
    """The last number said from the end of the last repetition but one until `tail_s` after the last one.

    With one repetition the time begins at zero. The set's authors count offline: how long a spoken number may come late
    is our choice. None where no number was said then, or where there is no repetition.
    """
    if not reps:
        return None
    since_s = reps[-2].end_s if len(reps) > 1 else 0.0
    found = [number for number in numbers if since_s <= number.at_s <= reps[-1].end_s + tail_s]
    return max(found, key=lambda number: number.at_s).value if found else None


def off_by_one(counts: Sequence[Counted]) -> float:
    """OBO: the share of clips whose count is right within one; a clip without a number is wrong."""
    right = sum(c.said is not None and abs(c.said - c.right) <= OFF_BY for c in counts)
    return right / len(counts) if counts else 0.0


def count_error(counts: Sequence[Counted]) -> float:
    """MAE: mean of |said - right| / (right + 0.1); no number counts as zero."""
    errors = [abs((c.said or 0) - c.right) / (c.right + MAE_OFFSET) for c in counts]
    return sum(errors) / len(errors) if errors else 0.0


def kept_replies(replies: Sequence[Reply], related_end_s: float) -> list[Reply]:
    """In order of time, without those that come after the video has shown it and make what was said worse."""
    kept: list[Reply] = []
    for reply in sorted(replies):
        if not kept or reply.at_s <= related_end_s or reply.score >= kept[-1].score:
            kept.append(reply)
    return kept


def pauc(replies: Sequence[Reply], span: Span, omega: float = 0.5) -> float:
    """PAUC of one answer, 0 to 1: area under the score over the span in which it is right to reply.

    Before the first reply the score is that of silence, a quarter of the best; `omega` 0 lets lateness cost in full, 1
    nothing. Replies outside the span are passed over.
    """
    length_s = span.end_s - span.start_s
    inside = sorted(reply for reply in replies if span.start_s <= reply.at_s <= span.end_s)
    if not inside or length_s <= 0.0:
        return max((reply.score for reply in inside), default=SILENT_SCORE) / BEST_SCORE
    at_s = [(1.0 - omega) * (reply.at_s - span.start_s) for reply in inside]
    area = SILENT_SCORE * at_s[0]
    for reply, begin_s, end_s in zip(inside, at_s, [*at_s[1:], length_s], strict=True):
        area += reply.score * (end_s - begin_s)
    return area / (length_s * BEST_SCORE)


def said_span(words: Sequence[Word], video_end_s: float) -> Span | None:
    """From the first "start" to the first "stop" after it, or to the end of the video; None without a "start".

    What is said before the video begins is not in `words`: an acknowledgement may hold either word.
    """
    ordered = sorted(words)
    start_s = next((word.at_s for word in ordered if word.text == "start"), None)
    if start_s is None:
        return None
    stops = (word.at_s for word in ordered if word.text == "stop" and word.at_s > start_s)
    return Span(start_s, next(stops, video_end_s))


def temporal_iou(said: Span | None, right: Span) -> float:
    """Intersection of two stretches of time over the time from the first beginning to the last end; 0 without one."""
    if said is None:
        return 0.0
    both_s = max(min(said.end_s, right.end_s) - max(said.start_s, right.start_s), 0.0)
    whole_s = max(said.end_s, right.end_s) - min(said.start_s, right.start_s)
    return both_s / whole_s if whole_s > 0.0 else 0.0


def best_iou(said: Span | None, right: Sequence[Span]) -> float:
    """Where an action happens several times: the instance that fits best. (The first one alone: `right[:1]`.)"""
    return max((temporal_iou(said, span) for span in right), default=0.0)


def recalled(ious: Sequence[float], least: float) -> float:
    """R@1: the share of moments found with at least this IoU."""
    return sum(iou >= least for iou in ious) / len(ious) if ious else 0.0

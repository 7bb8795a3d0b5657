"""Whether two runs of one suite agree about when things were said: on the wire and on the virtual clock, above all.

TOLERANCE_S is what the wire may differ by (docs/evaluation.md): a tick of 200 ms, because the server's ticks do not
begin with the user's first sample; a packet of 20 ms and as much for another rate; 40 ms that the server keeps sound
for late packets; 60 ms that a listener does; 60 ms of transport and waiting for the processor.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from microturn.eval.suite.analyze import UTTERANCE_GAP_S, merged, segments
from microturn.eval.suite.figures import Share, share
from microturn.eval.suite.trace import Trace, playout

TOLERANCE_S = 0.4
SAME_S = 1.5


class Agreement(NamedTuple):
    """Onsets of utterances, second run minus first.

    sessions: those that count in both; matched: within 1.5 s of each other, one to one; only_first, only_second: the
    rest; within: the share of all onsets, matched or not, that are no more than TOLERANCE_S apart.
    """

    sessions: int
    matched: int
    only_first: int
    only_second: int
    median_s: float | None
    within: Share


def agreement(first: Sequence[Trace], second: Sequence[Trace]) -> Agreement:
    """Compare sessions of the same name that are void in neither run."""
    others = {trace.id: trace for trace in second if not trace.why_void}
    pairs = [(trace, others[trace.id]) for trace in first if not trace.why_void and trace.id in others]
    apart: list[float] = []
    only_first = only_second = 0
    for one, other in pairs:
        theirs, ours = onsets(one), onsets(other)
        found = matched(theirs, ours)
        apart += [ours[j] - theirs[i] for i, j in found.items()]
        only_first += len(theirs) - len(found)
        only_second += len(ours) - len(found)
    near = sum(abs(seconds) <= TOLERANCE_S for seconds in apart)
    every = len(apart) + only_first + only_second
    middle = median(apart) if apart else None
    return Agreement(len(pairs), len(apart), only_first, only_second, middle, share(near, every))


def onsets(trace: Trace) -> list[float]:
    """When each utterance of the model begins, on the playout clock."""
    return [segment.start_s for segment in merged(segments(playout(trace).pcm), UTTERANCE_GAP_S)]


def matched(first: Sequence[float], second: Sequence[float]) -> Mapping[int, int]:
    """Pairs of indices, nearest first, one to one, none further apart than 1.5 s."""
    near = [(abs(a - b), i, j) for i, a in enumerate(first) for j, b in enumerate(second) if abs(a - b) <= SAME_S]
    found: dict[int, int] = {}
    for _, i, j in sorted(near):
        if i not in found and j not in found.values():
            found[i] = j
    return found

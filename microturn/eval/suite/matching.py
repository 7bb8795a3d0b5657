"""Utterances against moments at which something is due, as OmniPro matches them (arXiv 2605.18577). Pure functions.

All pairs within a tolerance, nearest first, each utterance and each moment at most once. Time and content are told
apart: F1 of times, the share of right content among pairs, and the F1 of both together.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

TOLERANCES_S = (1.0, 2.0, 3.0, 5.0)
DEFAULT_S = 3.0


class Moment(NamedTuple):
    """A time and words: of an utterance, or of what is due."""

    at_s: float
    text: str


class Matched(NamedTuple):
    """hits: pairs; content: how many of them in the right words, None where nobody judged it."""

    hits: int
    spurious: int
    missed: int
    content: int | None

    @property
    def precision(self) -> float:
        """Pairs among utterances."""
        return _ratio(self.hits, self.hits + self.spurious)

    @property
    def recall(self) -> float:
        """Pairs among moments."""
        return _ratio(self.hits, self.hits + self.missed)

    @property
    def f1(self) -> float:
        """Of times alone."""
        return _f1(self.precision, self.recall)

    @property
    def accuracy(self) -> float | None:
        """Right content among pairs; None without a judge or a pair."""
        return None if self.content is None or not self.hits else self.content / self.hits

    @property
    def joint_f1(self) -> float | None:
        """Times and content together; None where nobody judged: the set's own code then gives 0."""
        if self.content is None:
            return None
        return _f1(_ratio(self.content, self.hits + self.spurious), _ratio(self.content, self.hits + self.missed))


SameWords = Callable[[str, str], bool | None]


def matched(
    said: Sequence[Moment], due: Sequence[Moment], within_s: float = DEFAULT_S, same: SameWords | None = None
) -> Matched:
    """same: whether (due text, said text) is right; None of it for one pair leaves the content unscored."""
    pairs = sorted(
        (abs(u.at_s - d.at_s), i, j)
        for i, u in enumerate(said)
        for j, d in enumerate(due)
        if abs(u.at_s - d.at_s) <= within_s + 1e-9
    )
    used: dict[int, int] = {}
    for _, i, j in pairs:
        if i not in used and j not in used.values():
            used[i] = j
    verdicts = None if same is None else [same(due[j].text, said[i].text) for i, j in used.items()]
    content = None if verdicts is None or None in verdicts else sum(bool(right) for right in verdicts)
    return Matched(len(used), len(said) - len(used), len(due) - len(used), content)


def summed(found: Sequence[Matched]) -> Matched:
    """Micro sums over scenarios; content is unscored where any is."""
    contents = [one.content for one in found]
    content = None if None in contents else sum(c for c in contents if c is not None)
    return Matched(sum(m.hits for m in found), sum(m.spurious for m in found), sum(m.missed for m in found), content)


def told(found: Mapping[float, Matched]) -> dict[str, dict[str, float | None]]:
    """Figures by tolerance."""
    return {
        f"within {within_s:g} s": {
            "time precision": one.precision,
            "time recall": one.recall,
            "time F1": one.f1,
            "content": one.accuracy,
            "joint F1": one.joint_f1,
        }
        for within_s, one in found.items()
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

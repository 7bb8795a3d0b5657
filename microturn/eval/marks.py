"""A verdict on every utterance and every expectation of one session, for people to read. Figures are scorers.py."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from microturn.data.oracle import Expect
from microturn.eval.scorers import EVENT_TICKS, NEAR_TICKS, Said, Utterance, pairs, same_words, utterances

Verdict = Literal["right", "early", "late", "wrong", "missed", "uncalled"]
VERDICTS: tuple[Verdict, ...] = ("right", "early", "late", "wrong", "missed", "uncalled")


class Mark(NamedTuple):
    """`said` is None where something was missed, `expected` where nobody asked for what was said.

    right: the words, within one tick (the event of scorers.py); early, late: the words, within five; wrong: other words
    within one tick.
    """

    verdict: Verdict
    said: Utterance | None
    expected: Expect | None

    @property
    def tick(self) -> int:
        """When it was said; for a miss, when it was due."""
        if self.said is not None:
            return self.said.tick
        assert self.expected is not None
        return self.expected.tick


def marks(said: Sequence[Said], expects: Sequence[Expect]) -> list[Mark]:
    """Verdicts in order of time; every utterance and every expectation is in exactly one."""
    spoken, due = utterances(said, expects), list(expects)
    found: list[Mark] = []
    for alike, within in ((True, EVENT_TICKS), (True, NEAR_TICKS), (False, EVENT_TICKS)):

        def fits(u: Utterance, e: Expect, alike: bool = alike, within: int = within) -> bool:
            return abs(u.tick - e.tick) <= within and (not alike or same_words(u, e))

        paired = pairs(spoken, due, fits)
        found += [Mark(_verdict(spoken[i], due[j]), spoken[i], due[j]) for i, j in paired]
        spoken = [u for i, u in enumerate(spoken) if i not in {pair[0] for pair in paired}]
        due = [e for j, e in enumerate(due) if j not in {pair[1] for pair in paired}]
    found += [Mark("uncalled", u, None) for u in spoken] + [Mark("missed", None, e) for e in due]
    return sorted(found, key=lambda mark: mark.tick)


def _verdict(said: Utterance, expected: Expect) -> Verdict:
    if not same_words(said, expected):
        return "wrong"
    if abs(said.tick - expected.tick) <= EVENT_TICKS:
        return "right"
    return "early" if said.tick < expected.tick else "late"

"""TimeSpeak and CueSpeak: is the right thing said in its window, and nothing elsewhere. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from microturn.eval.suite.analyze import Utterance
from microturn.eval.suite.endpoint import Line
from microturn.eval.suite.entries import Entry, Expectation
from microturn.eval.suite.figures import Macro, Share, macro, share
from microturn.eval.suite.judge import Judge, accepted
from microturn.eval.suite.timing import END_MARGIN_S, Tally, Timed, tally

HALF_WIDTHS_S = (0.5, 1.0, 2.0, 3.0)
LATE_S = 3.5
OUT_S = 0.2


@dataclass(frozen=True)
class Verdict:
    """right None: void. why: one line for a reader; all_right: every expectation, not the scored one alone.

    timed: when the right words came, from their best moment on, in whichever window; of negatives none.
    """

    id: str
    category: str
    template: str
    negative: bool
    right: bool | None
    all_right: bool | None
    why: str
    off_s: float | None = None
    widths: Mapping[str, bool] | None = None
    timed: Timed | None = None


@dataclass(frozen=True)
class Accuracy:
    """macro is the primary figure; `widths`: with windows of that half width around the best moment.

    timing: of the right words of positive entries, wherever they came.
    """

    macro: Macro
    categories: dict[str, Share]
    micro: Share
    negatives: Share
    all_expected: Share
    void: int
    widths: dict[str, float]
    timing: Tally


def verdict(entry: Entry, said: Sequence[Utterance], judge: Judge, void: str = "") -> Verdict:
    """One entry: the first reason to fail, or "right"."""
    scored = entry.counted
    same = (entry.id, entry.category, entry.template, scored is None)
    if void:
        return Verdict(*same, None, None, f"void: {void}", timed=None if scored is None else Timed("void"))
    wrong = _babble(entry, said)
    if scored is None:
        return Verdict(*same, not wrong, not wrong, wrong or "right: silent")
    found = {e.id: _met(e, said, judge, e.open_s, e.close_s) for e in entry.expect}
    unsure = found[scored.id] is None
    right = None if unsure else bool(found[scored.id]) and not wrong
    every = None if None in found.values() else all(found.values()) and not wrong
    why = wrong or ("void: the judge failed" if unsure else "right" if right else _why_not(scored, said, judge))
    nearest = min((u.start_s - scored.due_s for u in said), key=abs, default=None)
    widths = {
        f"{half:g}": not wrong and bool(_met(scored, said, judge, scored.due_s - half, scored.due_s + half))
        for half in HALF_WIDTHS_S
    }
    return Verdict(*same, right, every, why, nearest, widths, timed(scored, said, judge, entry.length_s))


def timed(expected: Expectation, said: Sequence[Utterance], judge: Judge, length_s: float) -> Timed:
    """When the right words came: the utterance nearest to the best moment, `early` if before the window opens.

    Where they never came it is `silent`, `right_censored` if the window was still open when the recording ended, and
    `void` if no judge could tell.
    """
    found = [(u.start_s, accepted(expected.accept, expected.say, u.text, judge)) for u in said]
    right = [at_s - expected.due_s for at_s, same in found if same]
    if right:
        nearest_s = min(right, key=abs)
        return Timed("early" if expected.due_s + nearest_s < expected.open_s - 1e-6 else "ok", nearest_s)
    if any(same is None for _, same in found):
        return Timed("void")
    return Timed("right_censored" if expected.close_s > length_s - END_MARGIN_S else "silent")


def accuracy(verdicts: Sequence[Verdict], seed: int = 0) -> Accuracy:
    """Macro over the categories of positive entries; negatives in a column of their own."""
    sure = [v for v in verdicts if v.right is not None]
    positive = [v for v in sure if not v.negative]
    names = list(dict.fromkeys(v.category for v in positive))
    rows = {name: [(v.template, float(bool(v.right))) for v in positive if v.category == name] for name in names}
    widths: dict[str, float] = {}
    for half in (f"{half:g}" for half in HALF_WIDTHS_S):
        each = [[bool((v.widths or {}).get(half)) for v in positive if v.category == name] for name in names]
        widths[half] = sum(sum(one) / len(one) for one in each) / len(each) if each else 0.0
    negative = [v for v in sure if v.negative]
    return Accuracy(
        macro(rows, seed),
        {name: share(sum(int(score) for _, score in rows[name]), len(rows[name])) for name in names},
        share(sum(bool(v.right) for v in positive), len(positive)),
        share(sum(bool(v.right) for v in negative), len(negative)),
        share(sum(bool(v.all_right) for v in positive), len(positive)),
        len(verdicts) - len(sure),
        widths,
        tally([v.timed for v in verdicts if v.timed is not None]),
    )


def oracle_lines(entry: Entry) -> list[Line]:
    """Says the right things at the best moments."""
    return [Line(e.due_s, e.say) for e in entry.expect]


def late_lines(entry: Entry) -> list[Line]:
    """Says the right things 3.5 s late, and in any case when the window is over."""
    return [Line(max(e.due_s + LATE_S, e.close_s + OUT_S), e.say) for e in entry.expect]


def babble_lines(entry: Entry) -> list[Line]:
    """Speaks from beginning to end, the right words among it."""
    words = " ".join(e.say for e in entry.expect) or "and so on"
    return [Line(0.0, words, entry.length_s)]


def rattle_lines(entry: Entry) -> list[Line]:
    """Says the right words once every 1.2 s: onsets everywhere, which only forbidden time and limits catch."""
    words = next((e.say for e in entry.expect if e.id == entry.scored), "yes")
    return [Line(1.2 * n, words, 0.3) for n in range(int(entry.length_s / 1.2))]


def _babble(entry: Entry, said: Sequence[Utterance]) -> str:
    free = [u for u in said if u.start_s < entry.ack_until and u.end_s <= entry.ack_until + 1.0]
    counted = [u for u in said if u not in free]
    for utterance in counted:
        for start_s, end_s in entry.forbid:
            if utterance.start_s < end_s and utterance.end_s > start_s:
                return f"spoke where nothing should be said, at {utterance.start_s:.1f} s: {utterance.text!r}"
    if entry.max_utterances is not None and len(counted) > entry.max_utterances:
        return f"{len(counted)} utterances; at most {entry.max_utterances} are right"
    return ""


def _met(expected: Expectation, said: Sequence[Utterance], judge: Judge, open_s: float, close_s: float) -> bool | None:
    inside = [u for u in said if open_s - 1e-6 <= u.start_s <= close_s + 1e-6]
    found = [accepted(expected.accept, expected.say, u.text, judge) for u in inside]
    return True if True in found else None if None in found else False


def _why_not(expected: Expectation, said: Sequence[Utterance], judge: Judge) -> str:
    window = f"{expected.open_s:.1f} to {expected.close_s:.1f} s"
    inside = [u for u in said if expected.open_s <= u.start_s <= expected.close_s]
    if inside:
        return f"other words in the window: {inside[0].text!r} for {expected.say!r}"
    right = [u for u in said if accepted(expected.accept, expected.say, u.text, judge)]
    if right:
        at_s = min((u.start_s for u in right), key=lambda at_s: abs(at_s - expected.due_s))
        return f"the right words at {at_s:.1f} s, outside of {window}"
    return f"nothing said in {window}"

"""Full-Duplex-Bench v1.5 (Lin et al. 2025, arXiv 2507.23159): what a model does when somebody speaks over it.

A judge gives one label for the first new thing said after the overlap began; the rest is arithmetic. The published
prompt is theirs and is read from a checkout where one is given; the judge here knows rules and nothing else.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple, Protocol

from microturn.eval.scorers import plain
from microturn.eval.suite.analyze import Segment
from microturn.eval.suite.timing import Timed, response_latency, stop_latency

Label = Literal["C_RESPOND", "C_RESUME", "C_UNCERTAIN_HANDLING", "C_UNKNOWN"]
LABELS: tuple[Label, ...] = ("C_RESPOND", "C_RESUME", "C_UNCERTAIN_HANDLING", "C_UNKNOWN")
Scene = Literal["user_interruption", "user_backchannel", "talking_to_other", "background_speech"]
WANTED: dict[Scene, Label] = {
    "user_interruption": "C_RESPOND",
    "user_backchannel": "C_RESUME",
    "talking_to_other": "C_RESUME",
    "background_speech": "C_RESUME",
}
ASKING_AGAIN = ("sorry", "pardon", "say that again", "repeat", "what did you say", "i did not understand")


class Overlap(NamedTuple):
    """One scenario: when somebody spoke over the model, words that answer them, words that the model was
    saying; text: what was said over it."""

    scene: Scene
    start_s: float
    end_s: float
    answers: tuple[str, ...] = ()
    resumes: tuple[str, ...] = ()
    text: str = ""


class Handled(NamedTuple):
    """label None: the judge failed, which is void. stop and response say how fast, the label says what."""

    scene: Scene
    label: Label | None
    stop: Timed
    response: Timed

    @property
    def exercised(self) -> bool:
        """Whether the model was speaking when the overlap began: else there was nothing to resume or to stop."""
        return self.stop.status != "not_exercised"


class Labeller(Protocol):
    """Gives one label; None where it cannot."""

    name: str

    def label(self, overlap: Overlap, before: str, after: str) -> Label | None:
        """`before` and `after`: what the model said until and since the overlap began."""
        ...


class RuleLabeller:
    """For scenarios whose answers are known words: whole words, in any order of the lists; silence is C_UNKNOWN."""

    name = "rules"

    def label(self, overlap: Overlap, before: str, after: str) -> Label | None:
        """The rule whose words come first in what was said after; C_UNKNOWN where none does."""
        said = f" {plain(after)} "
        rules: dict[Label, Sequence[str]] = {
            "C_RESPOND": overlap.answers,
            "C_RESUME": overlap.resumes,
            "C_UNCERTAIN_HANDLING": ASKING_AGAIN,
        }
        found: dict[Label, int] = {}
        for label, words in rules.items():
            at = _first(said, words)
            if at is not None:
                found[label] = at
        return min(found, key=lambda label: found[label]) if found else "C_UNKNOWN"


def handled(
    overlap: Overlap, model: Sequence[Segment], length_s: float, before: str, after: str, judge: Labeller
) -> Handled:
    """What came of one scenario."""
    label = judge.label(overlap, before, after)
    stop = stop_latency(model, overlap.start_s, length_s)
    return Handled(overlap.scene, label, stop, response_latency(model, overlap.end_s, length_s))


def rates(found: Sequence[Handled]) -> dict[Scene, float | None]:
    """Of each scene the share of the wanted label among all labels; None for a scene without one."""
    result: dict[Scene, float | None] = {}
    for scene, wanted in WANTED.items():
        labels = [one.label for one in found if one.scene == scene and one.label is not None]
        result[scene] = sum(label == wanted for label in labels) / len(labels) if labels else None
    return result


def average(by_scene: Mapping[Scene, float | None]) -> float | None:
    """The published average: mean over the scenes of rates rounded half up to whole per cents; None if one lacks."""
    known = [rate for rate in by_scene.values() if rate is not None]
    if len(known) < len(WANTED):
        return None
    cents = [Decimal(str(rate)).quantize(Decimal("0.01"), ROUND_HALF_UP) for rate in known]
    return float(sum(cents, Decimal(0)) / len(cents))


def plain_average(by_scene: Mapping[Scene, float | None]) -> float | None:
    """The same without rounding."""
    known = [rate for rate in by_scene.values() if rate is not None]
    return sum(known) / len(known) if len(known) == len(WANTED) else None


def _first(said: str, words: Sequence[str]) -> int | None:
    places = [said.find(f" {plain(word)} ") for word in words]
    return min((at for at in places if at >= 0), default=None)

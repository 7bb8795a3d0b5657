"""Rules in the place of a language model."""

import numpy as np
import pytest

from microturn.data import script as mean
from microturn.data.scenarios import sample_script
from microturn.eval.peer.understanding import meant
from microturn.eval.scorers import plain

SKILLS = ("answer", "memory", "count", "convert", "taboo", "items", "interval", "delay", "silence", "barge-in")


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("what is two plus two", mean.Ask("four")),
        ("what is two plus two no wait three", mean.Ask("five")),
        ("we it is the opposite of awake", mean.Ask("asleep")),
        ("the mm hm", mean.Backchannel()),
        ("my name is anna no tom", mean.Remember("tom")),
        ("say tea in ten seconds", mean.Delay("tea", 10)),
        ("my sister asked me what is two plus two", None),
        ("tom what is two plus two", None),
        ("i saw a dog in the garden", None),
    ],
)
def test_a_line_means(line: str, meaning: mean.Meaning | None) -> None:
    assert meant(line) == meaning


def test_only_who_is_called_answers_once_a_wake_word_is_set() -> None:
    assert meant("what is two plus two", "luna") is None
    assert meant("okay luna what is two plus two", "luna") == mean.Ask("four")


def test_forget_it_takes_back_a_reminder_and_else_nothing() -> None:
    assert meant("no forget it", pending=True) == mean.Cancel()
    assert meant("no forget it") is None


@pytest.mark.parametrize("skill", SKILLS)
def test_lines_of_training_are_understood_when_they_are_heard_right(skill: str) -> None:
    rng = np.random.default_rng(1)
    lines = [line for _ in range(20) for line in sample_script(skill, rng, "train").lines if line.speaker == "user"]
    right = [_same(meant(plain(line.text), None, True), line.meaning) for line in lines]
    assert sum(right) >= 0.95 * len(right)


def _same(found: mean.Meaning | None, right: mean.Meaning | None) -> bool:
    if isinstance(found, mean.Ask) and isinstance(right, mean.Ask):
        return found.answer == right.answer
    if isinstance(found, mean.Recite) and isinstance(right, mean.Recite):
        return found.text == right.text
    return found == right

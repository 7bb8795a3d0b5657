"""When the right words came, beside whether they came in their window."""

import pytest

from microturn.eval.suite.analyze import Utterance
from microturn.eval.suite.entries import Expectation
from microturn.eval.suite.judge import NoJudge
from microturn.eval.suite.speaking import timed
from microturn.eval.suite.timing import Timed

TEA = Expectation("d1", 5.0, 4.5, 6.0, "tea", ("kw:tea",), False)


@pytest.mark.parametrize(
    ("said", "length_s", "found"),
    [
        ([(5.3, "tea")], 10.0, Timed("ok", 0.3)),
        ([(2.0, "no tea"), (8.0, "tea")], 10.0, Timed("early", -3.0)),
        ([(8.0, "tea")], 10.0, Timed("ok", 3.0)),
        ([(5.0, "milk")], 10.0, Timed("silent")),
        ([], 10.0, Timed("silent")),
        ([], 6.0, Timed("right_censored")),
    ],
)
def test_right_words_have_a_time_or_a_status(said: list[tuple[float, str]], length_s: float, found: Timed) -> None:
    utterances = [Utterance(at_s, at_s + 0.5, text) for at_s, text in said]
    status, seconds = timed(TEA, utterances, NoJudge(), length_s)
    assert status == found.status and seconds == (None if found.seconds is None else pytest.approx(found.seconds))


def test_words_that_nobody_could_judge_are_void() -> None:
    greeting = TEA._replace(say="greets", accept=())
    assert timed(greeting, [Utterance(5.0, 5.5, "hi")], NoJudge(), 10.0) == Timed("void")

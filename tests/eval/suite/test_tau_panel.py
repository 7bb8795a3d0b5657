"""The interaction panel, a rule a test, on tick lists made by hand."""

import pytest

from microturn.eval.suite.tau_panel import Rate, UserSpan, panel


def ticks(pattern: str) -> list[bool]:
    return [sign == "#" for sign in pattern]


def test_an_answer_after_the_users_end_is_a_response() -> None:
    found = panel([([UserSpan(0, 5)], ticks("........####"))])
    assert (found.response_s.value, found.response.value) == (pytest.approx(0.6), 1.0)


def test_a_user_who_must_speak_again_was_not_answered() -> None:
    found = panel([([UserSpan(0, 3), UserSpan(6, 8)], ticks(".........###"))])
    assert found.response == Rate(0.5, 2)


def test_a_stop_within_two_seconds_yields_and_a_later_one_does_not() -> None:
    found = panel([([UserSpan(2, 8)], ticks("#####......")), ([UserSpan(2, 20)], ticks("#" * 15 + "." * 6))])
    assert (found.yielded, found.yield_s.value) == (Rate(0.5, 2), pytest.approx((0.6 + 2.6) / 2))


def test_a_start_while_the_user_speaks_is_an_interruption() -> None:
    assert panel([([UserSpan(0, 10)], ticks("....##......"))]).interruption == Rate(1.0, 1)


@pytest.mark.parametrize(("agent", "right"), [("####........", 0.0), ("##########..", 1.0)])
def test_a_backchannel_should_not_stop_the_agent(agent: str, right: float) -> None:
    assert panel([([UserSpan(2, 3, "backchannel")], ticks(agent))]).backchannel == Rate(right, 1)


@pytest.mark.parametrize(("agent", "right"), [("....##......", 0.0), ("............", 1.0)])
def test_a_tic_should_not_be_answered(agent: str, right: float) -> None:
    assert panel([([UserSpan(1, 2, "tic")], ticks(agent))]).tic == Rate(right, 1)


def test_a_rate_of_few_events_is_not_shown_and_selectivity_needs_all_three() -> None:
    found = panel([([UserSpan(1, 2, "tic")], ticks("............"))])
    assert found.tic.shown is None
    assert found.selectivity is None
    assert Rate(0.5, 10).shown == 0.5

"""Statuses of latencies, and shares with intervals."""

import pytest

from microturn.eval.suite.analyze import Segment
from microturn.eval.suite.figures import macro, share
from microturn.eval.suite.timing import (
    Timed,
    false_stop,
    interruptions,
    overlap_ratio,
    response_latency,
    stop_latency,
    tally,
)


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ([Segment(2.5, 4.0)], Timed("ok", 0.5)),
        ([Segment(1.5, 4.0)], Timed("early", -0.5)),
        ([Segment(0.5, 1.0)], Timed("silent")),
        ([Segment(9.98, 10.0)], Timed("right_censored")),
    ],
)
def test_an_answer_has_a_latency_or_a_status(model: list[Segment], found: Timed) -> None:
    assert response_latency(model, 2.0, 10.0) == found


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ([Segment(1.0, 2.5)], Timed("ok", 0.5)),
        ([Segment(2.5, 4.0)], Timed("not_exercised")),
        ([Segment(1.0, 10.0)], Timed("talked_through")),
    ],
)
def test_a_barge_in_stops_the_model_or_has_a_status(model: list[Segment], found: Timed) -> None:
    assert stop_latency(model, 2.0, 10.0) == found


def test_speech_that_the_recording_cuts_off_is_censored() -> None:
    assert stop_latency([Segment(1.0, 10.0)], 9.0, 10.0) == Timed("right_censored")


def test_a_stop_within_a_second_of_a_backchannel_is_false() -> None:
    assert false_stop([Segment(1.0, 2.5)], 2.0, 10.0) is True
    assert false_stop([Segment(1.0, 5.0)], 2.0, 10.0) is False
    assert false_stop([], 2.0, 10.0) is None


def test_overlap_and_interruptions_are_counted() -> None:
    user, model = [Segment(0.0, 4.0)], [Segment(3.0, 5.0), Segment(6.0, 7.0)]
    assert overlap_ratio(user, model) == 0.25
    assert interruptions(user, model) == 1


def test_only_ok_counts_in_the_mean_and_everything_in_the_counts() -> None:
    found = tally([Timed("ok", 0.2), Timed("ok", 0.4), Timed("early", -1.0), Timed("not_exercised"), Timed("void")])
    assert (found.total, found.eligible, found.counts["early"]) == (5, 3, 1)
    assert found.mean_s == pytest.approx(0.3)


def test_wilsons_interval_is_the_published_one() -> None:
    found = share(8, 10)
    assert (found.low, found.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_a_macro_mean_gives_small_categories_the_same_weight() -> None:
    found = macro({"a": [("t", 1.0)] * 9, "b": [("t", 0.0)], "empty": []})
    assert found.mean == 0.5

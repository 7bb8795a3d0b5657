"""Scores of published sets, against values worked out by hand from their definitions."""

import pytest

from microturn.data.sight.published import Span
from microturn.eval.published import (
    Counted,
    Number,
    Reply,
    Word,
    best_iou,
    count_error,
    kept_replies,
    off_by_one,
    pauc,
    recalled,
    said_span,
    spoken_count,
    temporal_iou,
)

REPS = (Span(1, 2), Span(2, 3), Span(3, 4))


def test_the_count_is_the_last_number_since_the_last_repetition_but_one() -> None:
    on_time = [Number(2.1, 1), Number(3.1, 2), Number(4.1, 3)]
    assert spoken_count(on_time, REPS) == 3
    assert spoken_count(on_time[:1], REPS) is None  # it stopped counting before
    assert spoken_count([*on_time[:2], Number(6.1, 9)], REPS) == 2  # too late to count
    assert spoken_count([Number(0.5, 1)], REPS[:1]) == 1 and spoken_count(on_time, []) is None


def test_off_by_one_takes_one_more_and_one_less_but_no_silence() -> None:
    counts = [Counted(3, 4), Counted(5, 4), Counted(6, 4), Counted(None, 1)]
    assert off_by_one(counts) == 0.5
    assert count_error(counts[:3]) == pytest.approx((1 + 1 + 2) / 4.1 / 3)
    assert count_error(counts[3:]) == pytest.approx(1 / 1.1)


@pytest.mark.parametrize(
    ("replies", "percent"),
    [
        ([(0, 2)], 100), ([(0, 1)], 50), ([(5, 2)], 81.25), ([(5, 1)], 43.75), ([(10, 2)], 62.5), ([(10, 1)], 37.5),
        ([(0, 0)], 0), ([(10, 0)], 12.5), ([(0, 1), (5, 2)], 87.5), ([], 25), ([(11, 2)], 25),
    ],
)  # fmt: skip
def test_pauc_at_a_half_has_the_published_values(replies: list[tuple[int, int]], percent: float) -> None:
    assert 100 * pauc([Reply(100 + at, score) for at, score in replies], Span(100, 110)) == pytest.approx(percent)


def test_pauc_without_a_price_of_time_is_the_last_score_and_with_the_full_one_the_area() -> None:
    late = [Reply(5, 2)]
    assert pauc(late, Span(0, 10), omega=1.0) == 1.0
    assert pauc(late, Span(0, 10), omega=0.0) == pytest.approx((0.5 * 5 + 2 * 5) / 20)


def test_a_worse_reply_after_it_was_shown_is_dropped_and_one_before_is_not() -> None:
    replies = [Reply(1, 2), Reply(2, 1), Reply(6, 0), Reply(7, 2)]
    assert kept_replies(replies, related_end_s=5) == [Reply(1, 2), Reply(2, 1), Reply(7, 2)]


def test_a_span_is_the_first_start_and_the_first_stop_after_it() -> None:
    words = [Word(1, "stop"), Word(2, "start"), Word(3, "start"), Word(5, "stop"), Word(8, "stop")]
    assert said_span(words, 10) == Span(2, 5)
    assert said_span(words[:2], 10) == Span(2, 10) and said_span(words[:1], 10) is None


def test_iou_of_apart_inside_and_alike() -> None:
    right = Span(2, 6)
    assert temporal_iou(Span(7, 9), right) == 0 and temporal_iou(None, right) == 0
    assert temporal_iou(Span(4, 8), right) == pytest.approx(2 / 6) and temporal_iou(right, right) == 1
    assert best_iou(Span(4, 8), [Span(0, 1), right]) == pytest.approx(2 / 6)
    assert recalled([0.2, 0.5, 0.8], 0.5) == pytest.approx(2 / 3)

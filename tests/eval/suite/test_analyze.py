"""Segments, words and numbers of what was said."""

import numpy as np
import pytest

from microturn.eval.suite.analyze import Segment, TextChannel, merged, numbers, segments, utterances
from microturn.eval.suite.endpoint import tone
from microturn.eval.suite.trace import Received, Text, Trace


def test_short_pauses_do_not_end_a_segment_and_clicks_are_none() -> None:
    pcm = np.zeros(32_000, np.float32)
    pcm[1_600:8_000], pcm[8_800:16_000], pcm[24_000:24_160] = tone(0.4), tone(0.45), tone(0.01)
    assert segments(pcm) == [Segment(pytest.approx(0.1), pytest.approx(1.0))]


def test_segments_are_merged_over_gaps_that_are_shorter() -> None:
    assert merged([Segment(0, 1), Segment(1.5, 2), Segment(2.7, 3)], 0.6) == [Segment(0, 2), Segment(2.7, 3)]


def test_text_belongs_to_the_nearest_sound_and_only_to_one() -> None:
    user = np.zeros(16_000 * 6, np.float32)
    pieces = (Received(1.0, tone(1.0)), Received(4.0, tone(1.0)))
    texts = (Text(0.9, " one"), Text(1.8, " two"), Text(4.1, " three"), Text(2.9, "lost", "heard"))
    said = utterances(Trace("a", "fake", user, pieces, texts=texts), TextChannel())
    assert [u.text for u in said] == ["one two", "three"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("twenty-one", [21]),
        ("two hundred and five, then 12", [205, 12]),
        ("two point five", [2.5]),
        ("the 3rd and the twenty first", [3, 21]),
        ("no number here", []),
        ("1,200 dollars.", [1200]),
        ("one, two, three", [1, 2, 3]),
    ],
)
def test_spoken_numbers_are_read(text: str, found: list[float]) -> None:
    assert numbers(text) == found

"""Recitals: one right text a request, in words the world knows."""

import pytest

from microturn.data.lexicon import WORDS
from microturn.data.scenarios.recitals import STORIES, long_requests, plain_requests, recital_ms, requests, subjects
from microturn.data.script import Meaning, Recite
from microturn.data.splits import SPLITS, Split


def text_of(meaning: Meaning | None) -> str:
    assert isinstance(meaning, Recite)
    return meaning.text


def test_a_request_is_for_what_it_says() -> None:
    asked = {phrase.text: text_of(phrase.meaning) for phrase in requests("train")}
    assert asked["count to ten"] == "one two three four five six seven eight nine ten"
    assert asked["list the days of the week"].split()[-2:] == ["saturday", "sunday"]
    assert asked["count from five to fifteen"].split()[:2] == ["five", "six"]
    assert asked["tell me a story"].startswith("a strong lion")


def test_stories_are_short_and_of_the_closed_world() -> None:
    texts = [text_of(slot.meaning) for slot in subjects()]
    assert len(set(texts)) == len(STORIES) == 12
    assert all(25 <= len(text.split()) <= 45 for text in texts)
    assert {word for text in texts for word in text.split()} <= WORDS


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_asks_for_every_story_and_list(split: Split) -> None:
    asked = {text_of(phrase.meaning) for phrase in requests(split)}
    assert {text_of(slot.meaning) for slot in plain_requests()} <= asked


def test_long_requests_leave_time_to_speak_into_them() -> None:
    assert min(recital_ms(text_of(phrase.meaning)) for phrase in long_requests("train")) >= 4_500
    assert any(phrase.text == "list the colors" for phrase in requests("train"))
    assert all(phrase.text != "list the colors" for phrase in long_requests("train"))

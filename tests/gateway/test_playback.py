import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.gateway.playback import Playback, UnknownItem


def counted() -> Playback:
    """Three words, each of 200 ms, from 1,000 ms on."""
    ledger = Playback()
    ledger.began("a", 1_000)
    for index, word in enumerate((" one", " two", " three")):
        ledger.said(word, 1_000 + index * 200)
        ledger.sounded(1_200 + index * 200)
    return ledger


def test_words_are_heard_once_their_sound_was_played() -> None:
    ledger = counted()
    assert [ledger.acknowledge("a", ms).text for ms in (0, 1, 200, 201, 600)] == [
        "",
        "one",
        "one",
        "one two",
        "one two three",
    ]


def test_more_than_was_sent_counts_as_all_of_it() -> None:
    assert counted().acknowledge("a", 90_000).played_ms == 600


@settings(deadline=None)
@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=8))
def test_what_was_played_never_becomes_less(acks: list[int]) -> None:
    ledger = counted()
    played = [ledger.acknowledge("a", ms).played_ms for ms in acks]
    assert played == [min(600, max(acks[: index + 1])) for index in range(len(acks))]


def test_without_acknowledgements_playback_runs_200_ms_behind() -> None:
    ledger = counted()
    assert [ledger.played("a", now_ms).text for now_ms in (1_200, 1_201, 1_601)] == ["", "one", "one two three"]


def test_words_that_never_sounded_were_not_heard() -> None:
    ledger = counted()
    ledger.stopped("three four")
    assert ledger.acknowledge("a", 600).text == "one two"


def test_an_utterance_that_is_not_known_is_refused_and_so_is_a_forgotten_one() -> None:
    ledger = counted()
    with pytest.raises(UnknownItem):
        ledger.acknowledge("b", 10)
    for index in range(64):
        ledger.began(f"later {index}", 2_000)
    with pytest.raises(UnknownItem):
        ledger.acknowledge("a", 10)

"""What the figures mean, on sessions whose score one can see."""

import pytest

from microturn.data.oracle import Expect
from microturn.eval.scorers import (
    Counts,
    Figures,
    Said,
    Utterance,
    counted,
    figures,
    macro_interval,
    pairs,
    utterances,
    word_edits,
)

EXPECTS = (Expect(10, "seven", "answer"), Expect(50, "eight dollars", "convert"), Expect(80, "one", "count"))


def score(*said: Said, expects: tuple[Expect, ...] = EXPECTS, ticks: int = 300) -> Figures:
    return figures([counted(said, expects, ticks)])


def oracle_says(late_ticks: int = 0) -> tuple[Said, ...]:
    return tuple(Said(e.tick + late_ticks, e.text) for e in EXPECTS)


def test_who_says_what_is_expected_has_every_figure_at_its_best() -> None:
    found = score(*oracle_says())
    assert (found.event_f1, found.time_f1, found.content_f1, found.precision, found.recall) == (1, 1, 1, 1, 1)
    assert found.false_per_min == 0 and found.latency_mean_ticks == 0 and found.minutes == 1


def test_silence_scores_nothing_where_something_is_due_and_everything_where_nothing_is() -> None:
    assert (score().event_f1, score().recall, score().false_per_min, score().latency_mean_ticks) == (0, 0, 0, None)
    assert score(expects=()).event_f1 == 1


def test_one_tick_late_is_an_event_and_two_ticks_late_only_right_content() -> None:
    assert score(*oracle_says(1)).event_f1 == 1
    late = score(*oracle_says(2))
    assert (late.event_f1, late.time_f1, late.content_f1, late.latency_mean_ticks) == (0, 0, 1, 2)
    assert late.false_per_min == 3
    assert score(*oracle_says(6)).content_f1 == 0


def test_the_wrong_word_at_the_right_time_is_no_event() -> None:
    wrong = score(*(Said(e.tick, "banana") for e in EXPECTS))
    assert (wrong.event_f1, wrong.time_f1, wrong.content_f1, wrong.false_per_min) == (0, 1, 0, 0)


def test_a_babbler_pays_with_precision_and_false_speech() -> None:
    babble = score(*oracle_says(), *(Said(t, "no") for t in range(100, 280, 20)))
    assert babble.recall == 1 and babble.precision == 3 / 12 and babble.false_per_min == 9
    assert score(Said(5, "no"), expects=()).event_f1 == 0


def test_a_text_said_over_two_ticks_is_one_utterance() -> None:
    assert score(Said(10, "seven"), Said(50, "eight"), Said(51, "dollars"), Said(80, "one")).event_f1 == 1


def test_pieces_of_a_word_are_joined_without_a_space() -> None:
    said = [Said(50, "eight"), Said(51, "doll"), Said(52, "ars", joins=True)]
    assert utterances(said, EXPECTS) == [Utterance(50, "eight dollars", 52)]


def test_what_is_said_a_tick_after_a_whole_expected_text_is_another_utterance() -> None:
    expects = (Expect(20, "okay", "items"), Expect(21, "one", "count"))
    assert score(Said(20, "okay"), Said(21, "one"), expects=expects).event_f1 == 1
    assert utterances([Said(20, "okay"), Said(21, "one")], ()) == [Utterance(20, "okay one", 21)]
    assert utterances([Said(19, "well"), Said(20, "okay"), Said(21, "so")], expects) == [
        Utterance(19, "well", 19),
        Utterance(20, "okay", 20),
        Utterance(21, "so", 21),
    ]


def test_a_silent_tick_ends_an_utterance() -> None:
    assert utterances([Said(50, "eight"), Said(52, "dollars")], EXPECTS) == [
        Utterance(50, "eight", 50),
        Utterance(52, "dollars", 52),
    ]


def test_matching_makes_as_many_pairs_as_there_can_be() -> None:
    expects = (Expect(10, "beep", "taboo"), Expect(12, "beep", "taboo"))
    spoken = [Utterance(11, "beep", 11), Utterance(9, "beep", 9)]
    assert len(pairs(spoken, expects, lambda u, e: abs(u.tick - e.tick) <= 1)) == 2
    assert score(Said(11, "beep"), expects=expects).recall == 0.5


def test_sessions_add_up_before_the_figure_is_made() -> None:
    both = figures([Counts(4, 2, 2, 2, 2, 150), Counts(0, 2, 0, 0, 0, 150)])
    assert both.event_f1 == pytest.approx(4 / 8) and both.false_per_min == 2 and both.scenarios == 2


def test_the_interval_holds_the_figure_and_vanishes_without_spread() -> None:
    mixed = [Counts(1, 1, i % 2, 1, 1, 100) for i in range(20)]
    low, high = macro_interval({"answer": mixed})
    assert 0.2 < low < 0.5 < high < 0.8
    assert macro_interval({"answer": [Counts(1, 1, 1, 1, 1, 100)] * 5}) == (1, 1)
    assert macro_interval({"answer": mixed}) == macro_interval({"answer": mixed})


@pytest.mark.parametrize(
    ("reference", "heard", "edits"),
    [("a b c", "a b c", 0), ("a b c", "", 3), ("", "x", 1), ("a b c", "a x c d", 2), ("one two", "two one", 2)],
)
def test_word_edits(reference: str, heard: str, edits: int) -> None:
    assert word_edits(reference.split(), heard.split()) == edits

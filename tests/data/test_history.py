"""Histories: which words come late, never or wrong, and what is taught from there."""

from dataclasses import replace

import numpy as np

from microturn.data.history import History, HistoryConfig, as_text, drawn_history
from microturn.data.oracle import Expect

RIGHT = HistoryConfig(mute_share=0.0, late_share=0.0, wrong_share=0.0)
WORDS = [Expect(10 * place, word, "count") for place, word in enumerate(("four", "five", "six", "seven") * 50)]


def drawn(expects: list[Expect], config: HistoryConfig, seed: int = 0) -> History:
    return drawn_history(expects, config, np.random.default_rng(seed))


def test_a_right_history_is_what_is_expected() -> None:
    assert drawn(WORDS, RIGHT) == (tuple(map(as_text, WORDS)), {}, frozenset())


def test_a_late_word_is_due_from_its_tick_until_it_is_said() -> None:
    history = drawn(WORDS, replace(RIGHT, late_share=0.5))
    assert not history.untaught and len(history.said) == len(WORDS)
    late = {said.tick - right.tick for said, right in zip(history.said, WORDS, strict=True)}
    assert late == {0, 1, 2, 3}
    for said, right in zip(history.said, WORDS, strict=True):
        assert [tick for tick in history.due if right.tick <= tick < right.tick + 10] == list(
            range(right.tick, said.tick)
        )


def test_words_never_said_are_due_for_a_while_then_nothing_is_taught() -> None:
    history = drawn(WORDS[:1], replace(RIGHT, mute_share=1.0))
    assert history == ((), dict.fromkeys(range(4), "four"), frozenset({4, 5, 6}))


def test_only_the_beginning_of_a_run_of_one_skill_stays_unsaid() -> None:
    expects = [Expect(tick, "four", "count" if tick < 50 else "answer") for tick in range(0, 100, 10)]
    for seed in range(20):
        counted = [
            as_text(expect) in drawn(expects, replace(RIGHT, mute_share=0.5), seed).said for expect in expects[:5]
        ]
        assert counted == sorted(counted)


def test_a_wrong_word_is_said_in_place_of_the_right_one_and_not_taught() -> None:
    history = drawn(WORDS, replace(RIGHT, wrong_share=0.5))
    other = [said.tick for said, right in zip(history.said, WORDS, strict=True) if said.words != (right.text,)]
    assert len(other) > 40
    assert set(other) <= history.untaught and not history.due


def test_words_that_are_due_are_taught_although_those_before_them_never_came() -> None:
    close = [Expect(0, "four", "count"), Expect(5, "five", "answer")]
    for seed in range(20):
        history = drawn(close, replace(RIGHT, mute_share=0.5), seed)
        assert 5 not in history.untaught

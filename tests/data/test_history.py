"""Histories: which words come late, never or wrong, and what is taught from there."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from microturn.data.agent import AgentClip
from microturn.data.history import (
    ALL_RIGHT,
    History,
    HistoryConfig,
    Saying,
    as_text,
    drawn_history,
    right_history,
    saying_of,
)
from microturn.data.oracle import Expect
from microturn.data.voices import WordTime

RIGHT = ALL_RIGHT
WORDS = [Expect(10 * place, word, "count") for place, word in enumerate(("four", "five", "six", "seven") * 50)]


LONG = "one two three four five six seven"
RECITAL = Expect(10, LONG, "barge-in", cut=14)


def drawn(expects: list[Expect], config: HistoryConfig, seed: int = 0) -> History:
    return drawn_history(expects, config, np.random.default_rng(seed))


def clip(text: str) -> AgentClip:
    """Every word takes 300 ms, the first one begins at 15 ms."""
    words = tuple(WordTime(word, 15 + 300 * i, 315 + 300 * i) for i, word in enumerate(text.split()))
    ticks = -(-words[-1].end_ms // 200)
    return AgentClip(np.zeros(3_200 * ticks, np.float32), np.zeros((10 * ticks, 80), np.float32), words)


def aloud(expects: list[Expect], config: HistoryConfig, seed: int = 0) -> History:
    return drawn_history(expects, config, np.random.default_rng(seed), clip)


def ticks_of(saying: Saying) -> range:
    return range(saying.tick, saying.tick + saying.ticks)


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


def test_a_wrong_text_is_said_where_the_right_one_is_taught() -> None:
    history = drawn(WORDS, replace(RIGHT, wrong_share=0.5))
    wrong = {right.tick: right.text for said, right in zip(history.said, WORDS, strict=True) if said.text != right.text}
    assert len(wrong) > 40
    assert wrong.items() <= history.due.items() and not history.untaught
    assert all(WORDS[tick // 10].text == text for tick, text in history.due.items())


def test_a_run_of_one_skill_can_be_wrong_throughout() -> None:
    histories = [
        drawn_history(WORDS, replace(RIGHT, wrong_run_share=0.5), np.random.default_rng(seed), others=["beep"])
        for seed in range(20)
    ]
    said = [{saying.text for saying in history.said} for history in histories]
    assert all(texts in ({"beep"}, {"four", "five", "six", "seven"}) for texts in said)
    assert {"beep"} in said and {"four", "five", "six", "seven"} in said


def test_words_that_are_due_are_taught_although_those_before_them_never_came() -> None:
    close = [Expect(0, "four", "count"), Expect(5, "five", "answer")]
    for seed in range(20):
        history = drawn(close, replace(RIGHT, mute_share=0.5), seed)
        assert 5 not in history.untaught


def test_something_that_was_not_due_is_said_now_and_then_where_silence_is_taught() -> None:
    for hear in (drawn, aloud):
        history = hear(WORDS, replace(RIGHT, spurious_share=0.3))
        right = {expect.tick for expect in WORDS}
        spurious = [saying for saying in history.said if saying.tick not in right]
        assert 30 < len(spurious) < 90 and len(history.said) == len(WORDS) + len(spurious)
        assert dict.fromkeys((saying.tick for saying in spurious), "") == history.due and not history.untaught
        assert {saying.text for saying in spurious} <= {"four", "five", "six", "seven"}


def test_each_word_is_written_when_the_one_before_begins_to_sound() -> None:
    saying = saying_of(Expect(10, "red house tree door", "echo words"), clip)  # they begin at 15, 315, 615, 915 ms
    assert saying == Saying(10, ("red", "house", "tree", "door"), (0, 0, 1, 3), 7, "red house tree door")
    assert saying_of(Expect(10, "yes, red", "answer")).words == ("yes", "red")


def test_from_the_cut_on_nothing_is_written_and_nothing_sounds() -> None:
    said = saying_of(RECITAL, clip)
    assert said == Saying(10, ("one", "two", "three", "four"), (0, 0, 1, 3), 4, LONG)
    assert saying_of(RECITAL).words == tuple(LONG.split())  # written, it was over by then
    assert saying_of(replace(RECITAL, cut=12)).words == ("one", "two", "three", "four")
    assert right_history([RECITAL], clip) == ((said,), {14: ""}, frozenset())


def test_a_stop_comes_late_in_a_share_and_what_sounds_then_teaches_silence() -> None:
    recitals = [replace(RECITAL, tick=tick, cut=tick + 4) for tick in range(0, 4_000, 40)]
    history = aloud(recitals, replace(RIGHT, late_stop_share=0.5))
    late = [saying.ticks - 4 for saying in history.said]
    assert set(late) == {0, 1, 2} and 30 < sum(map(bool, late)) < 70
    for saying, recital in zip(history.said, recitals, strict=True):
        assert saying.words == saying_of(recital, clip).words
        silent = [tick for tick in history.due if recital.tick <= tick < recital.tick + 40]
        assert silent == list(range(recital.tick + 4, ticks_of(saying).stop + 1))
    assert set(history.due.values()) == {""} and not history.untaught


def test_a_late_recitation_is_cut_when_the_right_one_is_and_never_begins_after_that() -> None:
    config = replace(RIGHT, late_share=1.0)
    for cut in (11, 12, 13, 14):
        for seed in range(10):
            history = aloud([replace(RECITAL, cut=cut)], config, seed)
            taught = {tick for tick, text in history.due.items() if text}
            assert history.due.keys() <= set(range(10, cut + 1))
            assert all(10 < s.tick < ticks_of(s).stop == cut for s in history.said)
            assert taught == set(range(10, history.said[0].tick if history.said else cut))


def test_what_sounds_late_keeps_the_next_one_waiting_and_nothing_else_is_due_meanwhile() -> None:
    close = [Expect(10 * place + 2 * k, "red house", "count") for place in range(60) for k in range(3)]
    for seed in range(5):
        history = aloud(close, replace(HistoryConfig(), wrong_share=0.0), seed)
        for before, after in pairwise(history.said):
            assert ticks_of(before).stop <= after.tick
        sounding = {tick for saying in history.said for tick in ticks_of(saying)}
        assert not sounding & history.due.keys()


def test_one_that_waited_is_due_from_the_end_of_the_one_before() -> None:
    close = [Expect(10, "red house", "a"), Expect(13, "tree", "b")]  # the first one sounds four ticks
    history = aloud(close, replace(RIGHT, late_share=1.0, catch_up_ticks=2))
    assert [saying.tick for saying in history.said] == [11, 16]
    assert history.due == {10: "red house", 15: "tree"}


def test_going_on_is_taught_also_after_a_wrong_beginning() -> None:
    expects = [Expect(10, "red house", "a"), Expect(30, "tree", "b")]
    history = aloud(expects, replace(RIGHT, wrong_share=1.0), 1)
    assert [saying.tick for saying in history.said] == [10, 30]
    assert history.due == {10: "red house", 30: "tree"} and not history.untaught


def test_recitations_are_never_replaced() -> None:
    config = replace(RIGHT, wrong_share=1.0, wrong_run_share=1.0)
    assert [saying.text for saying in aloud([RECITAL], config).said] == [RECITAL.text]

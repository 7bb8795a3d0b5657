"""A text said by the voice alone: which words are written when, and when it is over."""

from itertools import pairwise

import torch

from microturn.model.recite import REST_TICKS, is_quiet, recite
from microturn.model.voice import Voice
from tests.model.test_voice import forced, toy_voice

ALWAYS, NEVER = (1.0,) * 6, (-1.0,) * 6


def written(voice: Voice, words: list[list[int]], per_tick: int = 2) -> list[int]:
    """How many tokens each tick got."""
    lengths = [0, *(block.state.length for block in recite(voice, words, per_tick))]
    return [after - before - 1 for before, after in pairwise(lengths)]


def loud(voice: Voice) -> Voice:
    """Never silent, whatever it says."""
    with torch.no_grad():
        voice.flow.flow.out.bias.fill_(50.0)
    return voice


def test_a_word_is_written_when_the_one_before_begins() -> None:
    voice = loud(forced(toy_voice(), ALWAYS))
    assert written(voice, [[20], [21], [22], [23], [24]])[:4] == [2, 2, 1, 0]


def test_words_wait_until_the_one_before_begins() -> None:
    one_a_tick = loud(forced(toy_voice(), (1.0, *NEVER[1:])))
    assert written(one_a_tick, [[20], [21], [22]])[:4] == [2, 1, 0, 0]


def test_a_word_of_many_tokens_is_spread_over_ticks() -> None:
    voice = loud(forced(toy_voice(), ALWAYS))
    assert written(voice, [[20, 21, 22, 23, 24], [25]])[:4] == [2, 2, 2, 0]


def test_sound_that_never_falls_silent_is_ended() -> None:
    voice = loud(forced(toy_voice(), ALWAYS))
    assert len(recite(voice, [[20]], 2)) == 1 + REST_TICKS


def test_words_that_never_begin_are_given_up() -> None:
    assert len(recite(forced(toy_voice(), NEVER), [[20], [21]], 2)) == REST_TICKS


def test_silence_after_the_last_word_ends_it() -> None:
    voice = forced(toy_voice(), ALWAYS)
    with torch.no_grad():
        voice.flow.flow.out.bias.fill_(-50.0)
    assert written(voice, [[20], [21], [22]]) == [2, 1]


def test_no_words_are_no_ticks() -> None:
    assert recite(toy_voice(), [], 2) == []


def test_a_block_is_quiet_when_its_second_half_is() -> None:
    levels = torch.full((10, 80), 9, dtype=torch.uint8)
    levels[5:] = 0
    assert is_quiet(levels)
    levels[9, 40] = 9
    assert not is_quiet(levels)

"""Utterances laid out: when words are written and begin, and what a batch tells of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from microturn.train.utterances import Laid, Take, UtteranceConfig, lay_out, make_voice_batch
from tests.train.toy import toy_tokenizer

PLAIN = UtteranceConfig(chain_share=0.0, early_share=0.0, late_share=0.0, astray_share=0.0)
WORDS = ("two", "plus", "four", "five")


def take(words: Sequence[str], starts_ms: Sequence[int], ticks: int) -> Take:
    """Sound that counts its ticks from -1 upwards."""
    levels = np.arange(ticks, dtype=np.float16)[:, None, None] / 10.0 - 1.0
    return Take(np.broadcast_to(levels, (ticks, 10, 80)), tuple(words), tuple(starts_ms))


def test_a_word_is_written_when_the_one_before_begins_to_sound() -> None:
    one = lay_out([take(WORDS[:3], (15, 430, 790), 5)], toy_tokenizer(), 2, PLAIN, None)
    assert one.written == [0, 0, 2] and one.begins == [0, 2, 3]
    assert toy_tokenizer().decode(one.tokens) == "two plus four"


def test_more_tokens_than_a_tick_holds_are_written_later_and_never_sound_before() -> None:
    tokenizer = toy_tokenizer()
    pieces = len(tokenizer.encode("plusfour"))
    one = lay_out([take(("plusfour",), (15,), 6)], tokenizer, 2, PLAIN, None)
    assert pieces > 2 and one.written == [n // 2 for n in range(pieces)] and one.begins == one.written


def test_tokens_that_would_be_written_after_the_sound_are_left_out() -> None:
    tokenizer = toy_tokenizer()
    one = lay_out([take(("plusfour",), (15,), 1)], tokenizer, 2, PLAIN, None)
    assert one.tokens == tokenizer.encode("plusfour")[:2] and one.written == [0, 0]


def test_texts_in_a_row_are_one_utterance() -> None:
    parts = [take(("two",), (15,), 2), take(("plus", "four"), (15, 210), 3)]
    one = lay_out(parts, toy_tokenizer(), 2, PLAIN, None)
    assert len(one.blocks_NFC) == 5 and one.written == [0, 2, 2] and one.begins == [0, 2, 3]


def test_words_off_the_rule_still_come_before_their_sound() -> None:
    shaky = replace(PLAIN, early_share=0.5, late_share=0.5)
    parts, rng = [take(WORDS, (15, 300, 700, 1_500), 9)], np.random.default_rng(0)
    drawn = [lay_out(parts, toy_tokenizer(), 2, shaky, rng) for _ in range(50)]
    assert all(w <= b for one in drawn for w, b in zip(one.written, one.begins, strict=True))
    assert {one.written[2] for one in drawn} == {1, 2}, "tick 0 is full"
    assert {one.written[3] for one in drawn} == {2, 4}


def laid() -> list[Laid]:
    tokenizer = toy_tokenizer()
    long = lay_out([take(WORDS[:3], (15, 430, 790), 5)], tokenizer, 2, PLAIN, None)
    return [long, lay_out([take(("five",), (15,), 2)], tokenizer, 2, PLAIN, None)]


def test_a_batch_tells_what_sounds_what_waits_and_what_begins() -> None:
    batch = make_voice_batch(laid(), PLAIN, None)
    two, plus, four = toy_tokenizer().encode("two plus four")
    told = [[0, two, plus], [two, plus, 0], [two, plus, four], [plus, four, 0], [four, 0, 0]]
    assert batch.utterances.near_BNK[0].tolist() == told
    assert batch.utterances.age_BN[0].tolist() == [0, 0, 1, 0, 0]
    begins = [[1, 0], [0], [1, 0], [1], []]
    rows = zip(batch.begins_BNJ[0], batch.waits_BNJ[0], strict=True)
    assert [begin[wait].int().tolist() for begin, wait in rows] == begins
    assert batch.valid_BN.sum(1).tolist() == [5, 2]


def test_the_block_before_is_the_one_of_the_tick_before() -> None:
    batch = make_voice_batch(laid(), PLAIN, None)
    assert torch.equal(batch.utterances.before_BNFC[0, 1:], batch.blocks_BNFC[0, :-1])
    assert bool((batch.utterances.before_BNFC[:, 0] == -1.0).all())


def test_blocks_stand_after_the_words_of_their_tick() -> None:
    batch = make_voice_batch(laid(), PLAIN, None)
    assert batch.utterances.order_BT[0].tolist() == [0, 1, 3, 4, 2, 5, 6, 7]
    assert batch.utterances.place_BN[0].tolist() == [2, 3, 5, 6, 7]

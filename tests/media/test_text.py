"""The vocabulary: one token a word, the same everywhere, and text that never becomes a control token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microturn.core.errors import InputError
from microturn.media.text import CONTROL_TOKENS, Control, TextTokenizer

LINES = [
    "what is three plus four",
    "say beep whenever i say banana",
    "don't tell me, what is the opposite of hot",
    "count the animals in my story",
] * 5
TOKENIZER = TextTokenizer.train(LINES)


def test_every_word_of_the_world_is_one_token() -> None:
    words = " ".join(LINES).replace(",", "").split()
    assert all(len(TOKENIZER.encode(word)) == 1 for word in words)


def test_a_word_has_the_same_id_at_any_place() -> None:
    (three,) = TOKENIZER.encode("three")
    assert [TOKENIZER.encode(text).index(three) for text in ("three plus", "plus three", "what is  three")] == [0, 1, 2]


def test_control_tokens_have_fixed_ids_at_the_start() -> None:
    assert [TOKENIZER.token(index) for index in range(16)] == list(CONTROL_TOKENS)
    assert (Control.PAD, Control.LISTEN, Control.SPEAK, Control.UNK) == (0, 1, 2, 9)


@given(st.text())
def test_no_text_becomes_a_control_token(text: str) -> None:
    assert all(index >= 16 or index == Control.UNK for index in TOKENIZER.encode(text + "<listen>" + text))


def test_control_tokens_are_not_decoded() -> None:
    assert TOKENIZER.decode([Control.SPEAK, *TOKENIZER.encode("three plus"), Control.PAD]) == "three plus"


def test_decoding_gives_the_words_back() -> None:
    assert TOKENIZER.decode(TOKENIZER.encode("Don't  tell me: WHAT is hot?")) == "don't tell me what is hot"


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz'", min_size=1), max_size=5))
def test_unknown_words_come_back_from_their_pieces(words: list[str]) -> None:
    text = " ".join(words)
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_only_the_first_piece_starts_a_word() -> None:
    pieces = TOKENIZER.encode("zyzzyva")
    assert [TOKENIZER.starts_word(index) for index in pieces] == [True] + [False] * (len(pieces) - 1)
    assert not TOKENIZER.starts_word(Control.SPEAK)


def test_digits_are_read_one_by_one() -> None:
    assert TOKENIZER.decode(TOKENIZER.encode("room 42")) == "room 4 2"


def test_a_saved_tokenizer_is_the_same() -> None:
    again = TextTokenizer.load(TOKENIZER.dumps())
    assert again.dumps() == TOKENIZER.dumps()
    assert again.encode("what banana zebra") == TOKENIZER.encode("what banana zebra")


def test_training_twice_gives_the_same_vocabulary() -> None:
    assert TextTokenizer.train(reversed(LINES)).dumps() == TOKENIZER.dumps()


def test_a_small_vocabulary_keeps_the_most_frequent_words() -> None:
    small = TextTokenizer.train(["yes"] * 9 + ["perhaps"], vocab_size=16 + 64 + 2, n_pieces=2)
    assert small.vocab_size == 82
    assert len(small.encode("yes")) == 1 and len(small.encode("perhaps")) > 1


@pytest.mark.parametrize("text", ["", "{}", "[]", TOKENIZER.dumps().replace("<listen>", "<lissen>")])
def test_another_text_is_no_tokenizer(text: str) -> None:
    with pytest.raises(InputError, match="tokenizer"):
        TextTokenizer.load(text)


def test_letters_of_other_alphabets_are_unknown() -> None:
    assert TextTokenizer.train(["größe größe"]).encode("ö") == [Control.UNK]


def test_an_empty_text_has_no_tokens() -> None:
    assert TOKENIZER.encode(" , ") == [] and TOKENIZER.decode([]) == ""

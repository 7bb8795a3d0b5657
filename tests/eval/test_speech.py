"""Word error of speech: what counts as an error, the language model, and the recogniser on the original voice."""

import numpy as np
import pytest

from microturn.core.errors import InputError
from microturn.data.agent import AgentVoice
from microturn.data.voices import available_engines
from microturn.eval.speech import WorldRecogniser, held_out_texts, language_model, levelled, spoken_word_error

BLOCK = np.full(1_600, 0.01, np.float32)


class Answers:
    """A recogniser that gives prepared words."""

    def __init__(self, *texts: str) -> None:
        self._texts = list(texts)

    def understand(self, pcm16: bytes) -> list[str]:
        return self._texts.pop(0).split()


def test_edits_are_counted_over_all_words_and_the_worst_come_first() -> None:
    texts = ["two plus two", "the east", "beep"]
    found = spoken_word_error([BLOCK] * 3, texts, Answers("two plus two", "the beast", "they be"))
    assert (found.words, found.edits, found.word_error) == (6, 3, 0.5)
    assert found.worst == (("beep", "they be"), ("the east", "the beast"))


def test_a_sound_is_needed_for_every_text() -> None:
    with pytest.raises(InputError, match="a sound a text"):
        spoken_word_error([BLOCK], ["one", "two"], Answers())


def test_sounds_are_brought_to_one_level_with_silence_around() -> None:
    soft, loud = (np.frombuffer(levelled(BLOCK * factor), "<i2") for factor in (0.1, 10))
    np.testing.assert_array_equal(soft, loud)
    assert not soft[:4_800].any() and soft[4_800] == round(0.1 * 32_768) and not soft[-4_800:].any()


def test_after_every_word_the_language_model_gives_one_in_all() -> None:
    words = ["one", "two", "three", "</s>"]
    lines = language_model(["one two", "one three", "one two three"], ["one", "two", "three"]).splitlines()
    at = lines.index("\\2-grams:")
    ones = [line.split() for line in lines[lines.index("\\1-grams:") + 1 : at] if line]
    twos = [line.split() for line in lines[at + 1 : lines.index("\\end\\")] if line]
    unigram, weight = ({row[1]: float(row[column]) for row in ones} for column in (0, 2))
    bigram = {(left, right): float(log10) for log10, left, right in twos}
    for left in ("<s>", "one", "two"):
        total = sum(10 ** bigram.get((left, right), unigram[right] + weight[left]) for right in words)
        assert total == pytest.approx(1, abs=0.01)


def test_held_out_texts_are_different_and_repeat() -> None:
    texts = held_out_texts(40)
    assert len(set(texts)) == 40 and texts == held_out_texts(40)
    assert max(len(text.split()) for text in texts) <= 12 and len({len(text.split()) for text in texts}) >= 4


@pytest.mark.skipif(bool(available_engines()["flite"]), reason="flite is not installed")
def test_the_original_voice_is_understood_and_noise_is_not() -> None:
    texts = ["eight dollars", "thursday", "are you there"]
    clips = [AgentVoice().say(text).pcm for text in texts]
    recogniser = WorldRecogniser()
    assert spoken_word_error(clips, texts, recogniser).word_error == 0
    noise = [np.random.default_rng(0).normal(0, 0.05, len(clip)).astype(np.float32) for clip in clips]
    assert spoken_word_error(noise, texts, recogniser).word_error > 0.5

"""What the agent's voice practises on."""

import numpy as np
import pytest

from microturn.data.lexicon import WORDS
from microturn.data.sayings import Sayings, SayingsConfig, echoes, recited, sayings

SMALL = SayingsConfig(scripts=64, echoes=1_600, lines=100)


@pytest.fixture(scope="module")
def train() -> Sayings:
    return sayings("train", SMALL)


def test_each_text_has_a_probability_and_is_there_once(train: Sayings) -> None:
    assert len(set(train.texts)) == len(train.texts) == len(train.weights)
    assert train.weights.sum() == pytest.approx(1.0) and float(train.weights.min()) > 0.0


def test_the_kinds_have_their_shares(train: Sayings) -> None:
    share_of = dict(zip(train.texts, train.weights, strict=True))
    recitals = sum(share_of[text] for text in set(recited("train")))
    assert recitals == pytest.approx(SMALL.recital_share, abs=0.01)


def test_every_word_of_the_world_is_said_alone(train: Sayings) -> None:
    assert {word for word in WORDS if "-" not in word} <= set(train.texts)


def test_rows_of_words_belong_to_one_split() -> None:
    rows = {s: echoes(s, 1_500, np.random.default_rng(0)) for s in ("train", "test")}
    assert not {text for text in rows["train"] if " " in text} & set(rows["test"])


def test_texts_are_what_the_voice_can_be_asked_to_say(train: Sayings) -> None:
    assert all(set(text) <= set("abcdefghijklmnopqrstuvwxyz' ") for text in train.texts)


def test_the_same_settings_give_the_same_texts(train: Sayings) -> None:
    assert sayings("train", SMALL).texts == train.texts

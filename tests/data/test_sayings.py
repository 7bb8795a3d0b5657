"""What the agent's voice practises on."""

import numpy as np
import pytest

from microturn.data.lexicon import WORDS
from microturn.data.oracle import LET_ME_CHECK, STILL_WORKING, oracle
from microturn.data.sayings import Sayings, SayingsConfig, echoes, recited, remarks, reports, sayings
from microturn.data.scenarios import SIGHT_SKILLS, sample_script
from microturn.data.script import evenly_spoken, staged
from microturn.data.sight.play import seen
from microturn.data.splits import SPLITS

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


def test_all_that_is_said_of_things_seen_is_practised(train: Sayings) -> None:
    said: set[str] = set()
    for skill in SIGHT_SKILLS:
        for seed in range(12):
            script = sample_script(skill, np.random.default_rng(seed), "train")
            placed = evenly_spoken(script)
            shots = staged(script, [line.words[-1].end_ms for line in placed.spoken], 0, placed.end_ms)
            due = oracle(placed.spoken, placed.end_ms, seen=seen(shots))
            said |= {expect.text for expect in due if expect.skill in SIGHT_SKILLS}
    assert len(said) > 30 and said <= set(train.texts)
    assert set(remarks("test")) <= set(remarks("train"))


def test_reports_of_work_belong_to_one_split(train: Sayings) -> None:
    found = {split: set(reports(split, 400)) for split in SPLITS}
    assert {LET_ME_CHECK, STILL_WORKING} < found["train"] <= set(reports("train", SMALL.reports))
    assert found["train"].isdisjoint(found["val"] | found["test"]) and found["val"].isdisjoint(found["test"])
    assert len(found["test"]) > 20


def test_the_same_settings_give_the_same_texts(train: Sayings) -> None:
    assert sayings("train", SMALL).texts == train.texts

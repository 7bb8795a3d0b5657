"""Stories told to the agent: a sign of listening after each phrase, none inside one, none when it is over."""

import numpy as np
import pytest

from microturn.data.oracle import oracle
from microturn.data.scenarios import sample_script
from microturn.data.scenarios.telling import hesitant
from microturn.data.script import EndTelling, Script, StopAll, evenly_spoken
from microturn.data.splits import SPLITS, Split


def told(split: Split, negative: bool) -> list[Script]:
    scripts = [sample_script("backchannelling", np.random.default_rng(seed), split) for seed in range(80)]
    return [script for script in scripts if script.negative == negative]


@pytest.mark.parametrize("split", SPLITS)
def test_each_phrase_between_opening_and_end_gets_one_mm_hm(split: Split) -> None:
    for script in told(split, negative=False):
        ends = [i for i, line in enumerate(script.lines) if isinstance(line.meaning, (EndTelling, StopAll))]
        n_phrases = (ends or [len(script.lines)])[0] - 1
        assert 4 <= n_phrases <= 8
        expects = oracle(*evenly_spoken(script))
        assert [(e.text, e.skill) for e in expects] == [("mm hm", "backchannelling")] * n_phrases


def test_pauses_between_phrases_leave_room_for_an_mm_hm() -> None:
    gaps = [line.gap_ms for script in told("train", negative=False) for line in script.lines[1:]]
    assert 600 <= min(gaps) < 800 and 1_400 < max(gaps) <= 1_600


@pytest.mark.parametrize("split", SPLITS)
def test_hesitations_stand_inside_a_phrase(split: Split) -> None:
    for phrase in hesitant(split):
        before, filler, after = phrase.text.split(", ")
        assert filler in ("uh", "um") and len(before.split()) >= 2 and len(after.split()) >= 2


def test_a_story_for_nobody_or_somebody_else_stays_without_answer() -> None:
    scripts = told("train", negative=True)
    assert len(scripts) > 5
    assert all(oracle(*evenly_spoken(script)) == [] for script in scripts)

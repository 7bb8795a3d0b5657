"""Work that is handed over: what is asked, what comes back, and when it is said."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.data.lexicon import SIGHT_WORDS, WORDS, WORK_WORDS
from microturn.data.oracle import LET_ME_CHECK, STILL_WORKING, oracle
from microturn.data.scenarios import WORK_SKILLS, all_phrases, questions, sample_script, work_phrases, working
from microturn.data.scenarios.again import worked_again
from microturn.data.script import Ask, Delegate, evenly_spoken, results
from microturn.data.splits import SPLITS, Split

SEEDS = st.integers(0, 2**32 - 1)


def test_no_phrase_template_or_slots_are_in_two_splits() -> None:
    for one, other in combinations(SPLITS, 2):
        for part in ("text", "template", "slots"):
            shared = {getattr(p, part) for p in work_phrases(one)} & {getattr(p, part) for p in work_phrases(other)}
            assert not shared, part


def test_the_canonical_sum_is_learnt() -> None:
    assert "how much is seventeen times twenty three" in {phrase.text for phrase in work_phrases("train")}


def test_what_the_world_knows_is_never_handed_over() -> None:
    known = {phrase.text for split in SPLITS for phrase in all_phrases(split) if isinstance(phrase.meaning, Ask)}
    assert not known & {phrase.text for split in SPLITS for phrase in work_phrases(split)}
    assert not {slot.fill["x"] for slot in questions.facts("sum")} & {
        slot.fill["x"] for split in SPLITS for slot in working.operations(split)
    }


@pytest.mark.parametrize("split", SPLITS)
def test_all_words_are_known(split: Split) -> None:
    rng = np.random.default_rng(0)
    texts = [phrase.text for phrase in work_phrases(split)] + [working.result(rng, split) for _ in range(2_000)]
    assert {word for text in texts for word in text.replace(",", "").split()} <= WORDS | SIGHT_WORDS | WORK_WORDS


@given(st.sampled_from(WORK_SKILLS), SEEDS, st.sampled_from(SPLITS))
@settings(max_examples=150, deadline=None)
def test_a_script_hands_over_what_is_asked_and_nothing_else(skill: str, seed: int, split: Split) -> None:
    script = sample_script(skill, np.random.default_rng(seed), split)
    spoken, end_ms = evenly_spoken(script)
    expects = oracle(spoken, end_ms)
    asked = [said for said in spoken if isinstance(said.line.meaning, Delegate)]
    handed_over = [expect for expect in expects if expect.hands_over]
    assert script.skill == skill and script.negative == (not asked)
    assert len(handed_over) == len(asked) and {expect.text for expect in handed_over} <= {LET_ME_CHECK}
    for expect in expects:
        if expect.skill == "delegate" and not expect.hands_over:
            came = [result for result in results(spoken) if result.text == expect.text]
            assert any(result.at_ms < 200 * expect.tick for result in came)
            lines = [(said.words[0].start_ms, said.words[-1].end_ms) for said in spoken if said.speaker == "user"]
            assert all(not first <= 200 * expect.tick <= last for first, last in lines), "over the user"


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_script_played_again_has_the_same_lines_and_other_results(seed: int) -> None:
    rng = np.random.default_rng(seed)
    script = sample_script("delegate", rng, "train")
    again = worked_again(script, rng)
    assert [line.text for line in again.lines] == [line.text for line in script.lines]
    meanings = [(a.meaning, b.meaning) for a, b in zip(script.lines, again.lines, strict=True)]
    assert all(type(a) is type(b) for a, b in meanings)
    assert all(a == b for a, b in meanings if not isinstance(a, Delegate))


def test_results_are_of_many_kinds_and_templates_are_held_out() -> None:
    rng = np.random.default_rng(0)
    found = {split: [working.result(rng, split) for _ in range(3_000)] for split in SPLITS}
    assert len(set(found["train"])) > 1_500
    assert any(" opens at " in text for text in found["test"])
    assert not any(" opens at " in text for text in found["train"])
    drawn = [working.afresh(rng) for _ in range(500)]
    assert any(not task.result for task in drawn) and max(task.after_ms for task in drawn) > 10_000


def test_both_skills_say_their_own() -> None:
    scripts = [sample_script("progress", np.random.default_rng(seed), "train") for seed in range(40)]
    said = {expect.text for script in scripts for expect in oracle(*evenly_spoken(script))}
    assert {LET_ME_CHECK, STILL_WORKING} <= said

"""The world's scripts: canonical phrases, disjoint splits, determinism, and labels that lie inside the session."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.core.errors import InputError
from microturn.data import scenarios
from microturn.data.lexicon import (
    COLOR_OF,
    FRUITS,
    ITEM_WORDS,
    NAMES,
    OPPOSITE_OF,
    UNKNOWN_WORDS,
    WORDS,
    number_words,
    trailing_number,
)
from microturn.data.oracle import oracle
from microturn.data.scenarios import SKILLS, all_lines, all_phrases, corpus, questions, sample_script, stories
from microturn.data.script import SPEAKERS, Ask, Script, evenly_spoken
from microturn.data.splits import SPLITS, Split

CANONICAL = """
what is three plus four
what day comes after monday
what is the opposite of hot
what color is grass
my name is anna
what is my name
what is two plus two, no, three plus three
hey john, what is two plus two
only answer when i call you max
answer everyone again
count the animals in my story
count the colors in my story
count the fruits in my story
tell me every price in dollars, one euro is two dollars
tell me every length in feet, one meter is three feet
say beep whenever i say banana
say okay after each item
okay stop
stop
remind me to breathe every four seconds until i say stop
say stretch in six seconds
and drink in ten seconds
make it eight
cancel that
start the stopwatch
stop the stopwatch
i am starting now
done
how long did that take
if i am quiet for five seconds ask me are you there
count down from five
repeat after me, red house tree
list the days of the week
list the months
count to twenty
count from five to fifteen
tell me a story
wait, what is two plus two
hold on, what day comes after monday
sorry, what is the opposite of hot
wait
no, list the months instead
mm hm
uh huh
right
okay
let me tell you a story
the end
that was my story
""".strip().splitlines()

skills = st.sampled_from(SKILLS)
splits = st.sampled_from(SPLITS)
seeds = st.integers(0, 2**32 - 1)


def script_from(skill: str, seed: int, split: Split) -> Script:
    return sample_script(skill, np.random.default_rng(seed), split)


def test_canonical_phrases_are_all_in_training() -> None:
    assert set(CANONICAL) - set(all_lines("train")) == set()


@given(skills, seeds, splits)
@settings(max_examples=400, deadline=None)
def test_every_script_is_placed_labelled_and_inside_its_session(skill: str, seed: int, split: Split) -> None:
    script = script_from(skill, seed, split)
    spoken, end_ms = evenly_spoken(script)
    expects = oracle(spoken, end_ms)
    assert script.skill == skill
    assert all(0 <= expect.tick * 200 < end_ms for expect in expects)
    assert all(line.gap_ms >= 0 and line.speaker in SPEAKERS for line in script.lines)
    assert all(line.speaker == "user" for line in script.lines if line.meaning is not None)


@given(skills, seeds, splits)
@settings(max_examples=100, deadline=None)
def test_nothing_is_said_while_nothing_is_on(skill: str, seed: int, split: Split) -> None:
    spoken, end_ms = evenly_spoken(script_from(skill, seed, split))
    unmeant = [said for said in spoken if said.line.meaning is None or said.speaker != "user"]
    assert oracle(unmeant, end_ms) == []
    first_ms = min((s.words[-1].end_ms for s in spoken if s.line.meaning is not None), default=end_ms)
    assert all(expect.tick * 200 >= first_ms - 200 for expect in oracle(spoken, end_ms))


@given(skills, seeds, splits)
@settings(max_examples=100, deadline=None)
def test_the_same_seed_gives_the_same_script(skill: str, seed: int, split: Split) -> None:
    assert script_from(skill, seed, split) == script_from(skill, seed, split)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("skill", SKILLS)
def test_scripts_are_made_of_listed_lines_and_have_negatives(skill: str, split: Split) -> None:
    scripts = [script_from(skill, seed, split) for seed in range(200)]
    listed = set(all_lines(split))
    assert {line.text for script in scripts for line in script.lines} <= listed
    assert 0.05 < np.mean([script.negative for script in scripts]) < 0.5
    placed = [(script, *evenly_spoken(script)) for script in scripts]
    own = Counter(e.skill for script, spoken, end in placed for e in oracle(spoken, end) if not script.negative)
    assert sum(own.values()) >= 100
    assert 5_000 < np.median([end for _, _, end in placed]) < 45_000


@pytest.mark.parametrize("skill", sorted({*SKILLS} - {"stop", "delay"}))
def test_negatives_expect_nothing(skill: str) -> None:
    for seed in range(300):
        script = script_from(skill, seed, "train")
        if script.negative:
            assert [e for e in oracle(*evenly_spoken(script)) if e.skill == skill] == []


@pytest.mark.parametrize("held_out", ["val", "test"])
def test_splits_share_no_template_and_no_slot_combination(held_out: Split) -> None:
    def keys(split: Split) -> tuple[set[str], set[str]]:
        own = [p for p in all_phrases(split) if not p.template.startswith("shared:")]
        return {p.template for p in own}, {p.slots for p in own}

    (train_templates, train_slots), (templates, slots) = keys("train"), keys(held_out)
    assert train_templates.isdisjoint(templates)
    assert train_slots.isdisjoint(slots)
    assert templates
    assert slots


@pytest.mark.parametrize("pair", [("train", "val"), ("train", "test"), ("val", "test")])
def test_splits_share_no_text_but_parts_and_items(pair: tuple[Split, Split]) -> None:
    shared = {p.text for split in SPLITS for p in all_phrases(split) if p.template.startswith("shared:")}
    assert (set(all_lines(pair[0])) & set(all_lines(pair[1]))) - shared == set()


def test_sampled_scripts_are_disjoint_by_template_and_slots() -> None:
    def drawn(split: Split) -> list[Script]:
        return [script_from(skill, seed, split) for skill in SKILLS for seed in range(60)]

    by_split = {split: drawn(split) for split in SPLITS}
    for held_out in ("val", "test"):
        assert {s.template for s in by_split["train"]}.isdisjoint(s.template for s in by_split[held_out])
        assert {s.slots for s in by_split["train"]}.isdisjoint(s.slots for s in by_split[held_out])


def test_knowledge_is_covered_in_training() -> None:
    asked = {p.text for kind in questions.CORES for p in questions.questions("train", kind)}
    told = {p.text for p in all_phrases("train")}
    assert all(f"what is the opposite of {x}" in asked for x in OPPOSITE_OF)
    assert all(f"what color is {x}" in asked for x in COLOR_OF)
    assert all(f"my name is {x}" in told for x in NAMES)
    for a in range(21):
        for b in range(21 - a):
            either = {f"what is {number_words(x)} plus {number_words(y)}" for x, y in ((a, b), (b, a))}
            assert either & asked
        assert all(f"what is {number_words(a)} minus {number_words(b)}" in asked for b in range(a + 1))


def test_held_out_sums_are_many_and_right() -> None:
    held_out = [s for s in questions.facts("sum") if s.split == "test"]
    assert len(held_out) >= 10
    for slot in questions.facts("sum"):
        a, op, b = slot.key.partition("+") if "+" in slot.key else slot.key.partition("-")
        assert slot.meaning == Ask(number_words(int(a) + int(b) if op == "+" else int(a) - int(b)))


def test_story_kinds_hold_only_their_own_cues() -> None:
    for category in ("animals", "colors", "fruits"):
        assert all(p not in stories.without_category("train", category) for p in stories.stories("train", category))
    for phrase in stories.stories("train", "plain"):
        assert all(
            phrase in stories.without_category("train", category) for category in ("animals", "colors", "fruits")
        )


@pytest.mark.parametrize("split", SPLITS)
def test_lines_are_words_of_the_world_or_known_strangers(split: Split) -> None:
    words = {word for text in all_lines(split) for word in text.replace(",", "").split()}
    assert words <= WORDS | {*UNKNOWN_WORDS}
    assert all(set(word) <= set("abcdefghijklmnopqrstuvwxyz'") for word in words)


def test_the_world_has_about_a_thousand_words_and_twelve_thousand_lines() -> None:
    assert 900 <= len(WORDS) <= 1100
    assert WORDS.isdisjoint(UNKNOWN_WORDS)
    assert 8_000 <= len(set(all_lines("train"))) <= 16_000


def test_numbers_are_spelled_and_read_back() -> None:
    assert [number_words(n) for n in (0, 13, 20, 23, 100, 101)] == [
        *("zero", "thirteen", "twenty", "twenty three", "one hundred", "one hundred one")
    ]
    assert all(trailing_number(("it", "was", *number_words(n).split())) == n for n in range(200))
    assert trailing_number(("some",)) is None


def test_every_fruit_is_an_item() -> None:
    assert {*FRUITS} <= ITEM_WORDS


def test_the_corpus_gives_lines_and_answers_of_all_skills() -> None:
    dialogs = list(corpus("train", 200, np.random.default_rng(0)))
    assert len(dialogs) == 200
    assert {dialog.skill for dialog in dialogs} == {*SKILLS}
    assert sum(len(dialog.answers) for dialog in dialogs) > 200


def test_unknown_names_are_told_what_is_right() -> None:
    with pytest.raises(InputError, match="unknown skill"):
        sample_script("juggle", np.random.default_rng(0), "train")
    with pytest.raises(InputError, match="unknown split"):
        sample_script("answer", np.random.default_rng(0), "dev")  # type: ignore[arg-type]
    assert scenarios.SKILLS[0] == "answer"

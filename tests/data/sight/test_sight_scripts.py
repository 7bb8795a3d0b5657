"""Scripts of sight: canonical phrases, disjoint splits, negatives, words the agent can say."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.data.lexicon import ONES, SIGHT_WORDS, TENS, WORDS
from microturn.data.oracle import Expect, oracle
from microturn.data.scenarios import ALL_SKILLS, SIGHT_SKILLS, SKILLS, all_lines, sample_script, sight_phrases
from microturn.data.scenarios.again import shown_again
from microturn.data.script import AskSeen, SceneScript, Script, evenly_spoken, script_from_json, script_to_json, staged
from microturn.data.sight.play import COLORS, SHAPES, Moving, Things, seen
from microturn.data.splits import SPLITS, Split

CANONICAL = """
count my push ups
count my squats
count my jumping jacks
count my arm raises
say start when i start jumping and stop when i stop
how many fingers am i holding up
keep telling me
tell me when i slouch
tell me when you see a red ball
what color is the ball
how many balls
which side is the ball on
comment on what you see
""".strip().splitlines()
SAID = {*ONES, *TENS, *COLORS, *SHAPES, "start", "stop", "sit", "up", "no", "more", "hand", "left", "right"}
SAID |= {"you", "move", "rest"}


def script_from(skill: str, seed: int, split: Split) -> Script:
    return sample_script(skill, np.random.default_rng(seed), split)


def expected(script: Script) -> list[Expect]:
    spoken, end_ms = evenly_spoken(script)
    shots = staged(script, [said.words[-1].end_ms for said in spoken], 0, end_ms)
    return oracle(spoken, end_ms, seen=seen(shots))


def test_skills_of_sight_come_after_all_others() -> None:
    assert ALL_SKILLS[: len(SKILLS) + len(SIGHT_SKILLS)] == (*SKILLS, *SIGHT_SKILLS)
    assert set(SKILLS).isdisjoint(SIGHT_SKILLS)


def test_canonical_phrases_are_all_in_training() -> None:
    assert set(CANONICAL) <= {phrase.text for phrase in sight_phrases("train")}


@given(st.sampled_from(SIGHT_SKILLS), st.integers(0, 2**32 - 1), st.sampled_from(SPLITS))
@settings(max_examples=150, deadline=None)
def test_every_script_is_labelled_inside_its_session_and_survives_json(skill: str, seed: int, split: Split) -> None:
    script = script_from(skill, seed, split)
    assert script == script_from(skill, seed, split) == script_from_json(json.loads(json.dumps(script_to_json(script))))
    assert script.skill == skill and evenly_spoken(script).end_ms < 64_000
    assert all(0 <= e.tick * 200 < evenly_spoken(script).end_ms for e in expected(script))
    own = {word for e in expected(script) if e.skill in SIGHT_SKILLS for word in e.text.split()}
    assert own <= SAID and own.isdisjoint(SIGHT_WORDS - {"star"})


@pytest.mark.parametrize("skill", SIGHT_SKILLS)
def test_scripts_have_something_to_say_and_negatives_nothing(skill: str) -> None:
    listed = {*all_lines("train"), *(phrase.text for phrase in sight_phrases("train"))}
    scripts = [script_from(skill, seed, "train") for seed in range(120)]
    assert {line.text for script in scripts for line in script.lines} <= listed
    assert 0.1 < np.mean([script.negative for script in scripts]) < 0.4
    own = Counter((s.negative, bool([e for e in expected(s) if e.skill == skill])) for s in scripts)
    assert own[True, True] == 0 and own[False, True] > 0.95 * (own[False, True] + own[False, False])


def test_other_skills_run_beside_those_of_sight() -> None:
    beside = Counter(
        e.skill for skill in SIGHT_SKILLS for seed in range(60) for e in expected(script_from(skill, seed, "train"))
    )
    assert beside["interval"] + beside["delay"] > 20 and beside["count"] + beside["taboo"] > 5


@pytest.mark.parametrize("held_out", ["val", "test"])
def test_splits_share_no_template_no_slots_and_no_text(held_out: Split) -> None:
    train, others = sight_phrases("train"), sight_phrases(held_out)
    assert {p.template for p in train}.isdisjoint(p.template for p in others)
    assert {p.slots for p in train}.isdisjoint(p.slots for p in others)
    known = {*all_lines("train"), *(p.text for p in train)}
    assert known.isdisjoint(p.text for p in others)


@pytest.mark.parametrize("split", SPLITS)
def test_phrases_are_words_of_the_world_and_of_sight(split: Split) -> None:
    words = {word for phrase in sight_phrases(split) for word in phrase.text.replace(",", "").split()}
    assert words <= WORDS | SIGHT_WORDS and WORDS.isdisjoint(SIGHT_WORDS)


def test_what_is_practised_is_said_in_training_alone() -> None:
    said = {split: [phrase.text for phrase in sight_phrases(split)] for split in SPLITS}
    found = {split: sum("can you count my fingers" in text for text in said[split]) for split in SPLITS}
    assert found["train"] > 1 and found["val"] == found["test"] == 0


@pytest.mark.parametrize("split", SPLITS)
def test_a_script_shows_what_belongs_to_its_split(split: Split) -> None:
    assert {script_from(skill, 1, split).shot.split for skill in SIGHT_SKILLS} == {split}  # type: ignore[attr-defined]


@pytest.mark.parametrize("skill", SIGHT_SKILLS)
def test_shown_again_a_script_looks_different_and_asks_the_same(skill: str) -> None:
    for seed in range(40):
        script = script_from(skill, seed, "test")
        other = shown_again(script, np.random.default_rng([seed, 1]))
        assert isinstance(script, SceneScript) and isinstance(other, SceneScript)
        assert other.lines == script.lines and other.shot.seed != script.shot.seed and other.shot.split == "test"
        assert script.lines[0].meaning is not None or [e for e in expected(other) if e.skill == skill] == []


@pytest.mark.parametrize("skill", SIGHT_SKILLS)
def test_who_knows_the_lines_by_heart_does_not_know_what_to_say_when(skill: str) -> None:
    rng = np.random.default_rng(3)
    drawn = (script_from(skill, seed, "train") for seed in range(40))
    asking = [script for script in drawn if not script.negative and [e for e in expected(script) if e.skill == skill]]
    for script in asking[:8]:
        due = {
            tuple((e.text, e.tick) for e in expected(shown_again(script, rng)) if e.skill == skill) for _ in range(30)
        }
        assert len(due) > 2


@pytest.mark.parametrize("skill", ["reps", "start stop", "appear", "posture", "comment"])
def test_lines_do_not_tell_whether_anything_comes_of_them(skill: str) -> None:
    rng = np.random.default_rng(6)
    scripts = [script_from(skill, seed, "train") for seed in range(160)]
    asking = [script for script in scripts if any(line.meaning and line.speaker == "user" for line in script.lines)]
    drawn = {negative: [s for s in asking if s.negative == negative] for negative in (False, True)}
    told = {
        negative: np.mean([any(e.skill == skill for e in expected(shown_again(s, rng))) for s in (40 * scripts)[:80]])
        for negative, scripts in drawn.items()
    }
    assert 0.4 < told[True] < 0.95 and 0.4 < told[False] < 0.95


@pytest.mark.parametrize("skill", ["reps", "start stop"])
def test_motions_that_were_not_asked_for_are_seen_before_and_after_one_that_was(skill: str) -> None:
    rng = np.random.default_rng(7)
    scripts = [script_from(skill, seed, "train") for seed in range(40)]
    plays = [again.shot.play for s in scripts * 3 if isinstance(again := shown_again(s, rng), SceneScript)]
    mixed = [play for play in plays if isinstance(play, Moving) and len({rep.motion for rep in play.reps}) > 1]
    assert len(mixed) > 0.08 * len(plays)


def test_what_a_question_is_about_is_there_once_or_not_at_all() -> None:
    rng = np.random.default_rng(4)
    scripts = [script for seed in range(150) if not (script := script_from("asked", seed, "train")).negative]
    answers: Counter[str] = Counter()
    for script in scripts:
        again = shown_again(script, rng)
        assert isinstance(again, SceneScript) and isinstance(again.shot.play, Things)
        shapes = Counter(thing.shape for thing in again.shot.play.things)
        asked = [line.meaning for line in script.lines if isinstance(line.meaning, AskSeen)]
        assert all(shapes[ask.shape] <= 1 for ask in asked if ask.about != "count")
        answers.update(text.split()[0] for e in expected(again) if (text := e.text))
    assert len(answers) > 10 and 0.05 < answers["no"] / answers.total() < 0.35


def test_a_script_without_a_scene_stays_as_it_is() -> None:
    script, rng = script_from("count", 1, "train"), np.random.default_rng(0)
    assert shown_again(script, rng) is script and rng.random() == np.random.default_rng(0).random()

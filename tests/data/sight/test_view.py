"""What is in view, in words."""

import numpy as np
import pytest

from microturn.data.lexicon import SIGHT_WORDS, WORDS
from microturn.data.scenarios import SIGHT_SKILLS, sample_script
from microturn.data.script import evenly_spoken, staged
from microturn.data.sight.play import (
    COLORS,
    SHAPES,
    Go,
    Hand,
    Lean,
    Moving,
    Play,
    Rep,
    Shot,
    Shown,
    Sitting,
    Staged,
    Thing,
    Things,
    seen,
)
from microturn.data.sight.view import view_at

START_MS, ZERO_MS, END_MS = 1_000, 2_000, 20_000


def on(play: Play) -> list[Staged]:
    return [Staged(Shot(play, "train", 0), START_MS, ZERO_MS, END_MS)]


def at(play: Play, *times_ms: int) -> list[str]:
    """What is in view so long after the play's zero."""
    return [" ".join(view_at(on(play), ZERO_MS + t_ms)) for t_ms in times_ms]


def test_a_repetition_goes_there_and_back_and_is_done() -> None:
    whole = Rep("push ups", 1_000, 2_000, down=0.5, hold=0.0)  # done at 2,850
    play = Moving("floor", (whole, Rep("waving", 5_000, 1_000, down=0.5)))
    found = at(play, 0, 1_500, 2_500, 2_900, 3_100, 3_300, 5_200)
    assert found == ["rest", "push down", "push up", "push done", "rest", "rest", "hand down"]


def test_half_a_repetition_is_never_done() -> None:
    half = Moving("floor", (Rep("squats", 0, 2_000, depth=0.5),))
    assert not any("done" in view for view in at(half, *range(0, 3_000, 50)))


def test_fingers_posture_and_things_are_those_that_can_be_known() -> None:
    hand = Hand(3, (Shown(1_000, 0), Shown(3_000, -1)), change_ms=200)
    assert at(hand, -500, 1_100, 1_300, 3_300) == ["three", "three", "zero", "no"]
    sitting = Sitting(0.0, (Lean(1_000, 1_000, 1.0), Lean(4_000, 1_000, 0.0)))
    assert at(sitting, 0, 1_700, 1_900, 4_900) == ["high", "high", "low", "high"]
    ball = Thing("ball", "red", -0.2, 0.5, (Go(1_000, 1_000, 0.3), Go(3_000, 1_000, 0.7), Go(5_000, 1_000, 1.2)))
    cup = Thing("cup", "blue", 0.8, 0.5)
    found = at(Things((ball, cup)), 0, 2_000, 4_000, 6_000)
    assert found == [
        "blue cup right",
        "blue cup right red ball left",
        "blue cup right red ball right",
        "blue cup right",
    ]


def test_nothing_is_in_view_where_nothing_is_on() -> None:
    assert view_at(on(Hand(2)), START_MS - 1) == view_at(on(Hand(2)), END_MS) == view_at([], 0) == ()


@pytest.mark.parametrize("skill", SIGHT_SKILLS)
def test_words_are_known_and_change_with_the_facts(skill: str) -> None:
    for seed in range(8):
        script = sample_script(skill, np.random.default_rng(seed), "train")
        placed = evenly_spoken(script)
        shots = staged(script, [line.words[-1].end_ms for line in placed.spoken], 0, placed.end_ms)
        views = [view_at(shots, t_ms) for t_ms in range(0, placed.end_ms, 200)]
        assert {word for view in views for word in view} <= WORDS | SIGHT_WORDS
        things = {word for view in views for word in view if word in (*COLORS, *SHAPES)}
        facts = [fact for _, fact in seen(shots)]
        assert {getattr(fact, "shape", None) for fact in facts} - {None} == things & set(SHAPES)

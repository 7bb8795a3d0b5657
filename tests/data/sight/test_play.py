"""What is true of a play, and when it can be known."""

import json

import pytest

from microturn.data.sight.play import (
    Appeared,
    Began,
    ChangedSide,
    Ended,
    FingersUp,
    Go,
    Hand,
    Lean,
    Left,
    Moving,
    Play,
    Rep,
    RepDone,
    SatUp,
    SceneOver,
    Seen,
    Shot,
    Shown,
    Sitting,
    Slouched,
    Staged,
    Thing,
    Things,
    bouts,
    changes,
    seen,
    shot_from_json,
    shot_to_json,
)

SQUATS = Moving("standing", (Rep("squats", 0, 2_000), Rep("squats", 2_200, 2_000, 0.4), Rep("squats", 4_400, 2_000)))
CALLED = Hand(2, (Shown(1_000, -1), Shown(2_000, 4)), change_ms=200)
BENT = Sitting(0.0, (Lean(0, 1_000, 0.3), Lean(2_000, 1_000, 1.0), Lean(4_000, 1_000, 0.0)))
COMING = Things((Thing("ball", "red", -0.3, 0.5, (Go(1_000, 1_000, 0.2), Go(3_000, 1_000, 0.8), Go(5_000, 100, 1.3))),))


def facts(play: Play, kind: type) -> list[int]:
    return [entry.t_ms for entry in changes(play) if isinstance(entry.fact, kind)]


def test_a_half_repetition_is_not_completed() -> None:
    assert facts(SQUATS, RepDone) == [SQUATS.reps[0].done_ms, SQUATS.reps[2].done_ms]


def test_a_repetition_is_completed_late_on_its_way_back() -> None:
    rep = Rep("push ups", 1_000, 2_000, down=0.4, hold=0.2)
    assert 1_000 + 2_000 * 0.6 < rep.done_ms < rep.end_ms


def test_repetitions_without_a_rest_are_one_bout() -> None:
    assert bouts(SQUATS) == [("squats", 0, 6_400)]
    apart = Moving("standing", (Rep("squats", 0, 2_000), Rep("squats", 3_500, 2_000)))
    assert [(bout.start_ms, bout.end_ms) for bout in bouts(apart)] == [(0, 2_000), (3_500, 5_500)]


def test_that_somebody_stopped_is_known_after_a_rest() -> None:
    assert facts(SQUATS, Began) == [450] and facts(SQUATS, Ended) == [7_000]


def test_waving_has_bouts_and_no_repetitions() -> None:
    waves = Moving("standing", (Rep("waving", 0, 2_000),))
    assert not facts(waves, RepDone) and len(facts(waves, Began)) == len(facts(waves, Ended)) == 1


def test_a_changed_hand_is_known_when_it_has_changed() -> None:
    assert changes(CALLED) == [Seen(1_200, FingersUp(-1)), Seen(2_200, FingersUp(4))]


def test_a_half_bend_is_no_slouch() -> None:
    assert changes(BENT) == [Seen(2_800, Slouched()), Seen(4_800, SatUp())]


def test_a_thing_appears_changes_sides_and_leaves() -> None:
    appeared, moved, left = changes(COMING)
    assert appeared == (1_800, Appeared("red", "ball", "left"))
    assert moved == (3_800, ChangedSide("red", "ball", "right")) and left == (5_080, Left("red", "ball"))


def test_a_staged_play_is_seen_from_its_beginning_to_its_end() -> None:
    staged = Staged(Shot(CALLED, "train", 1), start_ms=500, zero_ms=3_000, end_ms=5_000)
    assert seen([staged]) == [
        Seen(500, FingersUp(2)),
        Seen(4_200, FingersUp(-1)),
        Seen(5_000, SceneOver()),
    ]


@pytest.mark.parametrize("play", [SQUATS, CALLED, BENT, COMING])
def test_a_shot_survives_json(play: Play) -> None:
    shot = Shot(play, "val", 7, after=2)
    assert shot_from_json(json.loads(json.dumps(shot_to_json(shot)))) == shot

"""Frames show what the play says: shapes, colors, depth, fingers and posture can be read off the pixels."""

from dataclasses import replace

import numpy as np
import pytest

from microturn.data.sight import hand
from microturn.data.sight.body import POSES, Manner, sit
from microturn.data.sight.look import look
from microturn.data.sight.play import (
    COLORS,
    EXERCISES,
    SHAPES,
    Go,
    Hand,
    Lean,
    Moving,
    Rep,
    Shot,
    Sitting,
    Thing,
    Things,
)
from microturn.data.sight.scene import Scene, depth_at, place_at
from microturn.data.sight.things import PAINTS, paint, sprite

SQUAT = Moving("standing", (Rep("squats", 1_000, 2_000),))
PLAYS = [SQUAT, Hand(3), Sitting(0.0, (Lean(0, 500, 1.0),)), Things((Thing("star", "blue", 0.3, 0.5),))]


@pytest.mark.parametrize("play", PLAYS)
def test_a_frame_is_a_small_picture_that_the_shot_alone_decides(play: Moving | Hand | Sitting | Things) -> None:
    first, again = Scene(Shot(play, "train", 5)), Scene(Shot(play, "train", 5))
    frame = first.frame(1_700)
    assert frame.shape == (80, 80, 3) and frame.dtype == np.uint8
    first.frame(300)
    np.testing.assert_array_equal(frame, again.frame(1_700))
    np.testing.assert_array_equal(frame, first.frame(1_700))
    assert not np.array_equal(frame, Scene(Shot(play, "train", 6)).frame(1_700))
    assert Scene(Shot(play, "train", 5), 60, 96).frame(0).shape == (60, 96, 3)


def test_a_repetition_goes_to_its_depth_and_back() -> None:
    rep = Rep("squats", 1_000, 2_000, depth=0.9, down=0.4, hold=0.2)
    depths = [depth_at(rep, t_ms) for t_ms in range(1_000, 3_001, 20)]
    assert depths[0] == 0.0 and depths[-1] == pytest.approx(0.0, abs=1e-3) and max(depths) == pytest.approx(0.9)
    assert depth_at(rep, rep.done_ms) < 0.1 * rep.depth
    assert np.all(np.diff(depths[:40]) >= 0) and np.all(np.diff(depths[61:]) <= 0)


@pytest.mark.parametrize("motion", EXERCISES)
def test_every_exercise_moves_the_picture_there_and_back(motion: str) -> None:
    stance = "floor" if motion == "push ups" else "standing"
    for seed in range(4):
        scene = Scene(Shot(Moving(stance, (Rep(motion, 0, 2_000),)), "test", seed))
        rest, deep, back = (np.full((80, 80, 3), 128.0, np.float32) for _ in range(3))
        for picture, t_ms in ((rest, -20), (deep, 1_000), (back, 1_990)):
            scene._painter.draw(picture, t_ms)
        moved, left = np.abs(deep - rest).mean(), np.abs(back - rest).mean()
        assert moved > 1.0 and moved > 2.0 * left, (motion, seed)


@pytest.mark.parametrize("motion", EXERCISES)
def test_half_depth_is_between_rest_and_whole(motion: str) -> None:
    rest, half, whole = (np.array(POSES[motion](depth, Manner()).chest + POSES[motion](depth, Manner()).wrists[0])
                         for depth in (0.0, 0.4, 1.0))  # fmt: skip
    assert np.abs(half - rest).sum() > 0.05 and np.abs(whole - half).sum() > 0.05


def test_bones_keep_their_length() -> None:
    for motion in EXERCISES:
        for depth in np.linspace(0.0, 1.0, 6):
            pose = POSES[motion](float(depth), Manner())
            for side in (0, 1):
                upper = np.linalg.norm(np.subtract(pose.elbows[side], pose.shoulders[side]))
                thigh = np.linalg.norm(np.subtract(pose.knees[side], pose.thighs[side]))
                assert 0.2 < upper < 0.4 and 0.3 < thigh < 0.5, (motion, depth)


def test_who_slouches_has_the_head_low_and_ahead() -> None:
    straight, bent = sit(0.0, Manner()).head, sit(1.0, Manner()).head
    assert bent[1] < straight[1] - 0.12 and bent[2] > straight[2] + 0.15


@pytest.mark.parametrize("fingers", range(6))
def test_a_number_of_fingers_is_stretched(fingers: int) -> None:
    for style in np.linspace(0.0, 1.0, 7):
        assert sum(hand.grip(fingers, float(style)).stretched) == fingers
    assert hand.grip(-1, 0.5).lift == 1.0


def test_more_fingers_cover_more_of_the_picture_and_no_hand_covers_nothing() -> None:
    scenes = [Scene(Shot(Hand(fingers), "train", 2)) for fingers in (-1, 0, 1, 3, 5)]
    empty, *shown = (scene._drawn(0) for scene in scenes)
    covered = [int((np.abs(picture - empty).max(axis=2) > 8).sum()) for picture in shown]
    assert covered[0] > 0 and covered == sorted(covered) and covered[-1] > covered[0] + 300


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_has_an_outline_of_its_own(shape: str) -> None:
    upright = replace(look("train", 1), numbers=look("train", 1).numbers | {"thing_turn_deg": 0.0})
    covers = {name: sprite(name, "red", upright, 80).cover for name in SHAPES}
    others = [np.abs(covers[shape] - cover).mean() for name, cover in covers.items() if name != shape]
    assert 0.2 < covers[shape].mean() < 0.85 and min(others) > 0.04


def test_colors_are_far_from_each_other_at_every_tone() -> None:
    tones = (-1.0, -0.5, 0.0, 0.5, 1.0)
    painted = {color: np.stack([paint(color, tone) for tone in tones]) for color in COLORS}
    assert set(PAINTS) == set(COLORS)
    for one in COLORS:
        for other in COLORS:
            apart = np.linalg.norm(painted[one][:, None] - painted[other][None], axis=2).min()
            assert one == other or apart > 45, (one, other)


def test_a_thing_is_where_it_goes_and_in_its_color() -> None:
    thing = Thing("ball", "red", -0.3, 0.5, (Go(0, 1_000, 0.25), Go(2_000, 500, 0.75)))
    places = [place_at(thing.x, thing.goes, t_ms) for t_ms in (-1, 1_000, 2_500)]
    assert places == pytest.approx([-0.3, 0.25, 0.75])
    for seed in range(5):
        scene = Scene(Shot(Things((thing,)), "test", seed))
        for t_ms, column in ((1_500, 20), (3_000, 60)):
            red, green, blue = scene._drawn(t_ms)[40, column]
            assert red > 2 * green and red > 2 * blue

"""Glances: what is asked of a pair of frames is what the pair shows."""

import numpy as np
import pytest

from microturn.core.clock import TICK_MS
from microturn.data import glance
from microturn.data.glance import AMOUNTS, FINGERS, NUMBERS, TOLD, Glance, draw_glance
from microturn.data.sight.play import COLORS, SHAPES
from microturn.data.sight.scene import HEIGHT, WIDTH


@pytest.fixture(scope="module")
def drawn() -> list[Glance]:
    rng = np.random.default_rng(3)
    return [draw_glance(rng, "train", 3) for _ in range(60)]


def told(one: Glance, pair: int) -> set[str]:
    return {TOLD[place] for place in np.flatnonzero(one.told_PQ[pair])}


def test_a_glance_has_a_frame_more_than_pairs_and_repeats_itself(drawn: list[Glance]) -> None:
    for one, again in zip(drawn, (draw_glance(np.random.default_rng(3), "train", 3),), strict=False):
        assert one.frames.shape == (4, HEIGHT, WIDTH, 3) and one.frames.dtype == np.uint8
        assert all(np.array_equal(a, b, equal_nan=a.dtype != np.uint8) for a, b in zip(one, again, strict=True))


def test_every_pair_shows_something_of_one_kind(drawn: list[Glance]) -> None:
    kinds = set()
    for one in drawn:
        for pair, amounts in enumerate(one.amounts_PA):
            there = {name for name, amount in zip(AMOUNTS, amounts, strict=True) if not np.isnan(amount)}
            kinds.add(frozenset(there))
            words = told(one, pair)
            assert (there == set(FINGERS)) == bool(words & set(NUMBERS))
            assert bool(words & set(SHAPES)) == bool(words & set(COLORS))
            assert len(words & set(SHAPES)) <= sum(" " in word for word in words)
    assert kinds == {frozenset({"depth", "onward"}), frozenset(FINGERS), frozenset({"bent"}), frozenset()}


def test_onward_is_the_way_of_the_depth(drawn: list[Glance]) -> None:
    depth, onward = AMOUNTS.index("depth"), AMOUNTS.index("onward")
    moved = [one for one in drawn if not np.isnan(one.amounts_PA[0, depth])]
    for one in moved:
        steps = np.diff(one.amounts_PA[:, depth])
        assert np.allclose(one.amounts_PA[1:, onward], glance.ONWARD_SCALE * steps, atol=1e-5)
    assert any(np.abs(one.amounts_PA[:, onward]).max() > 0.3 for one in moved) and TICK_MS == 200


def test_a_moving_body_changes_the_picture_and_a_still_hand_hardly_does(drawn: list[Glance]) -> None:
    def change(one: Glance) -> float:
        return float(np.abs(np.diff(one.frames.astype(np.float32), axis=0)).mean())

    onward = AMOUNTS.index("onward")
    moving = [change(one) for one in drawn if np.abs(np.nan_to_num(one.amounts_PA[:, onward])).min() > 0.1]
    resting = [change(one) for one in drawn if np.nan_to_num(one.amounts_PA[:, onward]).any() == 0]
    assert moving and np.median(moving) > np.median(resting)

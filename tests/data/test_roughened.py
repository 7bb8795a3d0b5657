"""What the agent hears of itself while it learns: its own sound, a little wrong."""

import numpy as np

from microturn.data.echo import FRAMES_PER_TICK, roughened

LEVELS = np.zeros((60, 80), np.uint8)
LEVELS[10:40] = 7


def test_silence_stays_silent_and_what_sounds_is_off_by_a_level_or_two() -> None:
    rough = roughened(LEVELS, np.random.default_rng(1), 2.0, 0.0)
    assert rough.dtype == np.uint8 and not rough[:10].any() and not rough[40:].any()
    off = rough[10:40].astype(int) - 7
    assert 0.2 < np.abs(off).mean() < 3.0 and np.abs(off).max() <= 8


def test_whole_ticks_are_missing_and_no_parts_of_them() -> None:
    rough = roughened(LEVELS, np.random.default_rng(2), 0.0, 0.5)
    heard = rough.reshape(-1, FRAMES_PER_TICK, 80)
    there = {bool(tick.any()) for tick in heard[1:4]}
    assert all((tick == 7).all() or not tick.any() for tick in heard[1:4]) and there == {True, False}


def test_nothing_asked_for_changes_nothing() -> None:
    assert np.array_equal(roughened(LEVELS, np.random.default_rng(3), 0.0, 0.0), LEVELS)
    silent = np.zeros_like(LEVELS)
    assert np.array_equal(roughened(silent, np.random.default_rng(3), 2.0, 0.5), silent)

"""Curves and smears: sizes, what a room keeps, what does not fit."""

import numpy as np

from microturn.data.tone import TAPS, add_at, loudspeaker_curve, room_taps, smeared, smooth_curve, to_power


def test_curves_are_as_large_as_asked_and_repeat_with_the_generator() -> None:
    curves = np.stack([smooth_curve(np.random.default_rng(seed), 80, 5.0) for seed in range(200)])
    assert 2.0 < curves.std() < 8.0
    assert np.abs(np.diff(curves, axis=1)).max() < 3.0
    np.testing.assert_array_equal(curves[3], smooth_curve(np.random.default_rng(3), 80, 5.0))


def test_a_small_loudspeaker_takes_away_lows_and_highs_and_adds_nothing() -> None:
    for seed in range(20):
        curve = loudspeaker_curve(np.random.default_rng(seed), 80)
        assert curve.max() == 0 and curve[0] < -6 and curve[79] <= -1 and not curve[20:50].any()


def test_a_room_goes_on_after_the_sound_and_grows_softer() -> None:
    impulse = np.zeros((3, 80), np.float32)
    impulse[1] = 1.0
    taps = room_taps(np.random.default_rng(0), (9.0, 22.0))
    wet = smeared(impulse, taps)
    assert wet.shape == (3 + TAPS, 80)
    np.testing.assert_allclose(wet[2 : 2 + TAPS, 0], taps, rtol=1e-6)
    assert wet[0].max() == 0 and wet[1].min() == 1.0 and taps[:4].sum() > taps[-4:].sum() and taps.max() < 0.25
    assert smeared(impulse, taps[:0]) is impulse


def test_power_is_that_of_the_decibels() -> None:
    np.testing.assert_allclose(to_power(np.array([0.0, -10.0, 20.0])), [1.0, 0.1, 100.0], rtol=1e-5)


def test_what_does_not_fit_is_left_out() -> None:
    power = np.zeros((5, 80), np.float32)
    add_at(power, np.ones((4, 80), np.float32), 3)
    add_at(power, np.ones((4, 80), np.float32), 9)
    assert power[:, 0].tolist() == [0, 0, 0, 1, 1]

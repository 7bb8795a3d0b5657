"""Degradations keep the length, do what their numbers say, and repeat with the same generator."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from microturn.data import degrade

TONE = (0.1 * np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000)).astype(np.float32)
ALL: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "eq": degrade.eq,
    "room": degrade.room,
    "codec_8k": lambda pcm, rng: degrade.codec_8k(pcm),
    "mulaw": lambda pcm, rng: degrade.mulaw(pcm),
    "gain": lambda pcm, rng: degrade.gain(pcm, 6.0),
    "babble": partial(degrade.add_noise, color="babble", clips=[TONE, TONE[:500]]),
    **{color: partial(degrade.add_noise, color=color) for color in ("white", "pink", "brown", "hum")},
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("n", [1, 333, 16_000])
def test_length_and_type_stay_and_the_same_seed_repeats(name: str, n: int) -> None:
    first, again = (ALL[name](TONE[:n], np.random.default_rng(3)) for _ in range(2))
    assert first.shape == (n,) and first.dtype == np.float32 and np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("color", ["white", "pink", "brown", "hum"])
def test_noise_has_its_level(color: degrade.NoiseColor) -> None:
    noisy = degrade.add_noise(np.zeros(16_000, np.float32), np.random.default_rng(0), color, level_db=-40)
    assert 20 * np.log10(noisy.std()) == pytest.approx(-40, abs=0.5)


def test_gain_clips_at_full_scale() -> None:
    assert degrade.gain(TONE, 40).max() == 1.0


def test_a_room_leaves_the_direct_sound_in_place_and_rings_after_it() -> None:
    click = np.zeros(8000, np.float32)
    click[100] = 1.0
    heard = degrade.room(click, np.random.default_rng(0), rt60_s=0.3, direct_to_reverb_db=6)
    assert np.abs(heard[:100]).max() < 1e-6 and heard[100] == pytest.approx(1, abs=1e-4)
    assert 10 * np.log10((heard[101:] ** 2).sum()) == pytest.approx(-6, abs=0.2)


def test_a_telephone_has_no_sound_above_4_khz_and_no_delay() -> None:
    white = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    heard = degrade.codec_8k(white)
    power = np.abs(np.fft.rfft(heard)) ** 2
    assert power[4300:].mean() < 1e-3 * power[300:3400].mean()
    lag = np.correlate(heard[4000:8000], white[3900:8100], "valid").argmax() - 100
    assert lag == 0

import numpy as np
import pytest

from microturn.eval.sound import border_ratio, log_spectral_distance_db, mel_error_db, prominence_db

NOISE = (0.1 * np.random.default_rng(0).normal(size=32_000)).astype(np.float32)


def test_a_sound_is_no_distance_from_itself() -> None:
    assert log_spectral_distance_db(NOISE, NOISE) == 0.0
    assert mel_error_db(NOISE, NOISE) == 0.0


def test_half_as_loud_is_six_decibels_away() -> None:
    assert log_spectral_distance_db(0.5 * NOISE, NOISE) == pytest.approx(6.02, abs=0.05)
    assert mel_error_db(0.5 * NOISE, NOISE) == pytest.approx(6.02, abs=0.2)


def test_silence_counts_where_one_of_the_two_sounds() -> None:
    gap = NOISE.copy()
    gap[16_000:] = 0.0
    assert log_spectral_distance_db(gap, NOISE) > 10.0
    assert log_spectral_distance_db(0.0 * NOISE, 0.0 * NOISE) == 0.0


def test_a_sound_without_blocks_has_borders_like_any_other_place() -> None:
    long = np.random.default_rng(1).normal(size=3_200 * 400)
    assert border_ratio(long) == pytest.approx(1.0, abs=0.25)


def test_a_step_at_each_border_shows() -> None:
    level = np.repeat(np.arange(10) % 2, 3_200)
    assert border_ratio(NOISE + level) > 20.0


def test_a_steady_voice_stands_out_and_a_hoarse_one_less() -> None:
    time_s = np.arange(16_000) / 16_000
    voice = 0.05 * sum(np.cos(2.0 * np.pi * 110.0 * k * time_s) for k in range(1, 60))
    steady, hoarse = prominence_db(voice, voice), prominence_db(voice + NOISE[:16_000], voice)
    assert steady > hoarse + 3.0 > prominence_db(NOISE[:16_000], voice) + 3.0
    assert np.isnan(prominence_db(voice, 0.0 * voice))

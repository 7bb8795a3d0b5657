"""The log-mel front end: streaming equals whole, nothing looks ahead, and all levels are used."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.core.errors import InputError
from microturn.media.mel import (
    FLOOR_DB,
    MelConfig,
    MelStream,
    calibrate,
    dequantize,
    hz_to_mel,
    log_mel_db,
    mel_filters_KC,
    mel_to_hz,
    quantize,
)

RNG = np.random.default_rng(0)
SOUND = (0.1 * RNG.standard_normal(16_000) * np.linspace(0.001, 1.0, 16_000)).astype(np.float32)
CONFIG = MelConfig()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(SOUND)), max_size=10).map(sorted))
def test_streaming_equals_the_whole(splits: list[int]) -> None:
    stream = MelStream()
    frames = np.concatenate([stream.push(piece) for piece in np.split(SOUND, splits)])
    np.testing.assert_allclose(frames, log_mel_db(SOUND), atol=1e-4)


def test_a_chunk_gives_ten_frames_of_eighty_channels() -> None:
    assert log_mel_db(SOUND[:3200]).shape == (10, 80)
    assert log_mel_db(SOUND[:319]).shape == (0, 80)


@pytest.mark.parametrize("frame", [0, 3, 20])
def test_a_frame_does_not_hear_what_comes_after_it(frame: int) -> None:
    changed = SOUND.copy()
    changed[(frame + 1) * CONFIG.hop_samples :] = 1.0
    before, after = log_mel_db(SOUND), log_mel_db(changed)
    np.testing.assert_array_equal(before[: frame + 1], after[: frame + 1])
    assert (before[frame + 1] != after[frame + 1]).any()


def test_a_frame_hears_up_to_its_end() -> None:
    changed = SOUND.copy()
    changed[5 * CONFIG.hop_samples - 40 : 5 * CONFIG.hop_samples] += 0.5
    assert (log_mel_db(SOUND)[4] != log_mel_db(changed)[4]).any()


def test_silence_lies_on_the_floor() -> None:
    db = log_mel_db(np.zeros(3200, np.float32))
    assert (db == FLOOR_DB).all() and (quantize(db) == 0).all()


def test_levels_are_the_nearest_of_sixteen() -> None:
    step_db = (CONFIG.high_db - CONFIG.low_db) / 15
    db = CONFIG.low_db + step_db * np.array([-3.0, 0.0, 0.4, 0.6, 15.0, 99.0])
    assert quantize(db).tolist() == [0, 0, 0, 1, 15, 15]
    assert quantize(db).dtype == np.uint8


def test_a_level_stands_for_what_is_rounded_to_it() -> None:
    db = np.linspace(-86.0, -26.0, 50)
    assert np.abs(dequantize(quantize(db)) - db).max() <= 2.0
    assert dequantize(np.array([[0, 15]], np.uint8)).tolist() == [[-86.0, -26.0]]


@pytest.mark.parametrize("hz", [300.0, 1000.0, 3000.0, 6000.0])
def test_a_tone_is_loudest_in_its_own_channel(hz: float) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(3200) / 16_000).astype(np.float32)
    channel = int(np.argmax(log_mel_db(tone)[5]))
    centre_hz = float(mel_to_hz(np.linspace(0.0, float(hz_to_mel(np.array(8000.0))), 82)[channel + 1]))
    assert centre_hz == pytest.approx(hz, rel=0.12)


def test_twice_the_amplitude_is_six_db() -> None:
    np.testing.assert_allclose(log_mel_db(2 * SOUND) - log_mel_db(SOUND), 6.0206, atol=1e-2)


def test_every_channel_hears_something() -> None:
    assert mel_filters_KC(CONFIG).shape == (257, 80)
    assert (mel_filters_KC(CONFIG).sum(axis=0) > 0).all()


def test_mel_and_hz_are_inverses() -> None:
    hz = np.array([0.0, 100.0, 999.0, 1000.0, 1001.0, 8000.0])
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz)), hz, atol=1e-6)


def test_a_calibrated_range_uses_all_levels() -> None:
    dbs = [log_mel_db(SOUND), log_mel_db(SOUND * 0.1), np.full((100, 80), FLOOR_DB, np.float32)]
    config = calibrate(dbs)
    used = np.bincount(quantize(np.concatenate(dbs[:2]), config).ravel(), minlength=16)
    assert (used > 0).all() and used[[0, 15]].max() < 0.25 * used.sum()


def test_calibration_finds_the_percentiles() -> None:
    config = calibrate([np.linspace(-100.0, 0.0, 10_001)], low_percent=10.0, high_percent=90.0)
    assert (config.low_db, config.high_db) == pytest.approx((-90.0, -10.0), abs=1.0)


def test_silence_alone_cannot_be_calibrated_on() -> None:
    with pytest.raises(InputError, match="digital silence only"):
        calibrate([np.full((3, 80), FLOOR_DB)])

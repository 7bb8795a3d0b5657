"""Sound as numbers: splits do not matter, nothing is lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.core.errors import InputError
from microturn.media.pcm import Chunker, Resampler, gain, level_dbfs, resample, to_mono

SOUND = (0.3 * np.random.default_rng(0).standard_normal(20_000)).astype(np.float32)
SPLITS = st.lists(st.integers(0, len(SOUND)), max_size=8).map(sorted)


@settings(max_examples=30, deadline=None)
@given(SPLITS, st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]))
def test_resampling_in_pieces_equals_the_whole(splits: list[int], from_hz: int) -> None:
    resampler = Resampler(from_hz, 16_000)
    pieces = [resampler.push(piece) for piece in np.split(SOUND, splits)]
    np.testing.assert_allclose(
        np.concatenate([*pieces, resampler.flush()]), resample(SOUND, from_hz, 16_000), atol=1e-6
    )


@pytest.mark.parametrize("from_hz", [8_000, 11_025, 44_100, 48_000, 96_000])
def test_resampling_keeps_length_time_and_level(from_hz: int) -> None:
    def tone(rate: int) -> np.ndarray:
        return np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)

    out = resample(tone(from_hz), from_hz, 16_000)
    assert abs(len(out) - 16_000) <= 1
    np.testing.assert_allclose(out[800:15_000], tone(16_000)[800:15_000], atol=2e-3)


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(InputError, match="0 to 16000 Hz"):
        Resampler(0, 16_000)


@given(SPLITS)
def test_chunks_do_not_depend_on_the_packets(splits: list[int]) -> None:
    chunker = Chunker()
    chunks = [chunk for piece in np.split(SOUND, splits) for chunk in chunker.push(piece)] + chunker.flush()
    assert [chunk.shape for chunk in chunks] == [(3200,)] * 7
    joined = np.concatenate(chunks)
    assert np.array_equal(joined[: len(SOUND)], SOUND) and not joined[len(SOUND) :].any()


def test_a_flushed_chunker_is_empty() -> None:
    chunker = Chunker()
    chunker.push(SOUND[:100])
    assert len(chunker.flush()) == 1 and chunker.flush() == []


def test_mono_is_the_mean_of_the_channels() -> None:
    stereo = np.array([[1.0, 0.0], [-1.0, 0.5]], np.float32)
    assert to_mono(stereo).tolist() == [0.5, -0.25]
    assert to_mono(SOUND) is SOUND


def test_levels_are_in_db_below_full_scale() -> None:
    assert level_dbfs(np.ones(10, np.float32)) == pytest.approx(0.0)
    assert level_dbfs(gain(np.ones(10, np.float32), -26.0)) == pytest.approx(-26.0, abs=1e-4)
    assert level_dbfs(np.zeros(10, np.float32)) == level_dbfs(np.zeros(0, np.float32)) == -120.0

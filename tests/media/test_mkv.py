"""Conversations as mkv: both channels stay apart, pictures keep their times."""

from pathlib import Path

import av
import numpy as np
import pytest

from microturn.core.errors import InputError
from microturn.media.av import VideoFrame, write_audio
from microturn.media.mkv import read_mkv, write_mkv


def tones(seconds: float) -> np.ndarray:
    """440 Hz on the left in the first half, 880 Hz on the right in the second."""
    n = int(16_000 * seconds)
    t = np.arange(n) / 16_000
    stereo = np.zeros((n, 2), np.float32)
    stereo[: n // 2, 0] = 0.5 * np.sin(2 * np.pi * 440 * t[: n // 2])
    stereo[n // 2 :, 1] = 0.5 * np.sin(2 * np.pi * 880 * t[n // 2 :])
    return stereo


def loudness(pcm: np.ndarray) -> np.ndarray:
    return np.sqrt((pcm**2).mean(axis=0))


def picture(level: int) -> np.ndarray:
    return np.full((48, 64, 3), level, np.uint8)


def test_the_user_is_left_and_the_model_right(tmp_path: Path) -> None:
    stereo = tones(2.0)
    write_mkv(tmp_path / "a.mkv", np.split(stereo, 4))
    again = read_mkv(tmp_path / "a.mkv")
    assert abs(len(again.stereo) - len(stereo)) < 1_600 and again.frames == []
    half = len(stereo) // 2
    left, right = loudness(again.stereo[2_000 : half - 2_000]), loudness(again.stereo[half + 2_000 : -2_000])
    assert left[0] > 0.3 > 0.01 > left[1] and right[1] > 0.3 > 0.01 > right[0]


def test_pictures_keep_their_times_and_are_scaled_to_the_first(tmp_path: Path) -> None:
    frames = [VideoFrame(200, picture(20)), VideoFrame(600, picture(120)), VideoFrame(1_000, picture(220)[:24])]
    write_mkv(tmp_path / "a.mkv", np.split(tones(2.0), 4), frames)
    again = read_mkv(tmp_path / "a.mkv").frames
    assert [frame.t_ms for frame in again] == [200, 600, 1_000]
    assert all(frame.rgb.shape == (48, 64, 3) for frame in again)
    assert [abs(float(one.rgb.mean()) - level) < 8 for one, level in zip(again, (20, 120, 220), strict=True)] == [
        True
    ] * 3


def test_the_codecs_are_those_that_browsers_play(tmp_path: Path) -> None:
    write_mkv(tmp_path / "a.mkv", [tones(0.4)], [VideoFrame(0, picture(9))])
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["opus", "vp8"]


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mkv").write_text("no media")
    with pytest.raises(InputError, match="cannot be read"):
        read_mkv(tmp_path / "text.mkv")
    write_audio(tmp_path / "mono.wav", np.zeros(1600, np.float32))
    with pytest.raises(InputError, match="no stereo sound"):
        read_mkv(tmp_path / "mono.wav")
    with pytest.raises(InputError, match="cannot be written"):
        write_mkv(tmp_path / "none" / "a.mkv", [tones(0.4)])

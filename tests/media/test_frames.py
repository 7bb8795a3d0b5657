import av
import numpy as np
import pytest

from microturn.media.frames import TRACK_HZ, FrameReader, FrameWriter

SINE = (0.25 * np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000)).astype(np.float32)


def frame_of(samples: np.ndarray, pts: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.repeat(samples, 2)[None], format="s16", layout="stereo")
    frame.sample_rate, frame.pts = TRACK_HZ, pts
    return frame


def test_what_is_written_to_frames_is_read_back_a_millisecond_later() -> None:
    writer, reader = FrameWriter(), FrameReader()
    frames = [writer.push(SINE[at : at + 320]) for at in range(0, 16_000, 320)]
    assert [frame.samples for frame in frames] == [960] * 50
    assert [frame.pts for frame in frames] == list(range(0, 48_000, 960))
    back = np.concatenate([reader.push(frame) for frame in frames])
    assert back[1_000:15_000] == pytest.approx(SINE[1_000 - 16 : 15_000 - 16], abs=1e-3)


def test_silence_is_exact_zeros() -> None:
    writer = FrameWriter()
    writer.push(SINE[:320])
    writer.push(np.zeros(320, np.float32))
    assert not writer.push(np.zeros(320, np.float32)).to_ndarray().any()


def test_frames_that_never_came_are_silence() -> None:
    reader = FrameReader()
    loud = np.full(960, 8_000, np.int16)
    before = len(reader.push(frame_of(loud, 0)))
    after = reader.push(frame_of(loud, 960 * 4))
    assert before == 320 - 16
    assert len(after) == 4 * 320
    assert not after[:960].any() and after[1_000:].min() > 0.2


def test_a_long_gap_is_a_new_beginning() -> None:
    reader = FrameReader()
    loud = np.full(960, 8_000, np.int16)
    reader.push(frame_of(loud, 0))
    assert len(reader.push(frame_of(loud, 48_000 * 60))) == 320

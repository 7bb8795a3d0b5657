import av
import numpy as np
import pytest

from microturn.media.frames import PICTURE_PX, TRACK_HZ, FrameReader, FrameWriter, rgb_of

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


@pytest.mark.parametrize(("came", "given"), [((320, 240), (240, 320)), ((1_920, 1_080), (360, PICTURE_PX))])
def test_a_large_picture_is_made_smaller(came: tuple[int, int], given: tuple[int, int]) -> None:
    red = np.zeros((came[1], came[0], 3), np.uint8)
    red[..., 0] = 255
    rgb = rgb_of(av.VideoFrame.from_ndarray(red, format="rgb24").reformat(format="yuv420p"))
    assert rgb.shape == (*given, 3)
    assert rgb.reshape(-1, 3).mean(axis=0) == pytest.approx([254, 0, 0], abs=3)

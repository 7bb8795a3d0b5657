"""Frames of WebRTC tracks: sound of 16 kHz to and from their 48 kHz with 1 ms of delay, pictures. No tracks, no clock.

The resampler of `pcm` is a better filter but gives its samples in lots, up to 37 ms late; on a live line that is too
much. This one is libswresample's, by PyAV.
"""

from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.media.pcm import Pcm, to_int16

Frame = av.AudioFrame
VideoFrame = av.VideoFrame
TRACK_HZ = 48_000
TIME_BASE = Fraction(1, TRACK_HZ)
PICTURE_PX = 640  # the longer side of a picture, at most: no model here sees more
GAP_S = 1.0  # sound that never came is silence for so long at most; a longer gap is a new beginning


class FrameReader:
    """Frames of a microphone to mono samples; frames that are missing between two others become silence."""

    def __init__(self) -> None:
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        self._next_pts: int | None = None

    def push(self, frame: Frame) -> Pcm:
        """One frame, its `pts` in samples of its rate, to float32 [N] at 16 kHz."""
        missing_s = 0.0
        if frame.pts is not None:
            if self._next_pts is not None:
                missing_s = (frame.pts - self._next_pts) / frame.sample_rate
            self._next_pts = frame.pts + frame.samples
            frame.pts = None  # libswresample would make up for gaps itself, and stretch what it takes for drift
        pieces = [piece.to_ndarray()[0] for piece in self._resampler.resample(frame)]
        silence = np.zeros(round(missing_s * SAMPLE_RATE_HZ) if 0 < missing_s <= GAP_S else 0, np.float32)
        return np.concatenate([silence, *pieces])


class FrameWriter:
    """Mono samples to frames of a loudspeaker; silence is exact zeros but for 2 ms of the filter's ringing."""

    def __init__(self) -> None:
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=TRACK_HZ)
        self._pts = 0
        self._early = True

    def push(self, pcm: Pcm) -> Frame:
        """float32 [N] at 16 kHz to a frame of 3 N samples, mono, 16 bits."""
        frame = Frame.from_ndarray(to_int16(pcm)[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        pieces = [piece.to_ndarray()[0] for piece in self._resampler.resample(frame)]
        samples = np.concatenate([np.zeros(0, np.int16), *pieces])
        if self._early:  # the filter's delay, once: every frame is as long as what came in
            samples, self._early = np.pad(samples, (3 * len(pcm) - len(samples), 0)), False
        written = Frame.from_ndarray(samples[None], format="s16", layout="mono")
        written.sample_rate, written.time_base, written.pts = TRACK_HZ, TIME_BASE, self._pts
        self._pts += len(samples)
        return written


def rgb_of(picture: VideoFrame) -> npt.NDArray[np.uint8]:
    """A picture of a camera as uint8 [H, W, 3], made smaller where it is larger than `PICTURE_PX`."""
    scale = min(1.0, PICTURE_PX / max(picture.width, picture.height))
    width, height = (max(1, round(side * scale)) for side in (picture.width, picture.height))
    return np.asarray(picture.reformat(width=width, height=height, format="rgb24").to_ndarray(), np.uint8)

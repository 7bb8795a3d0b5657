"""A conversation as one file that players open: stereo Opus, user left and agent right, and the camera beside it.

Matroska (RFC 9559) with Opus (RFC 6716) and VP8 (RFC 6386): what browsers play. Shapes: N samples, H x W pictures.
"""
# pyright: reportUnknownMemberType=false
# PyAV's own types leave the type of a packet open.

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, cast

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video import VideoStream

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.core.errors import InputError
from microturn.media.av import Rgb, VideoFrame
from microturn.media.pcm import Pcm

AUDIO_BITS, VIDEO_BITS = 64_000, 400_000
VIDEO_OPTIONS = {"deadline": "realtime", "cpu-used": "8"}
MS = Fraction(1, 1000)


class Media(NamedTuple):
    """What a file holds. stereo: float32 [N, 2] at 16 kHz; frames: pictures with their times."""

    stereo: npt.NDArray[np.float32]
    frames: list[VideoFrame]


def write_mkv(path: Path, blocks: Iterable[Pcm], frames: Iterable[VideoFrame] = ()) -> None:
    """Write sound, float32 [n, 2] at 16 kHz at a time, and pictures in the order of time, all scaled to the first."""
    pictures = iter(frames)
    first = next(pictures, None)
    try:
        with av.open(str(path), "w", format="matroska") as container:
            sound = container.add_stream("libopus", rate=SAMPLE_RATE_HZ, layout="stereo")
            sound.bit_rate = AUDIO_BITS
            video = None if first is None else _video(container, first)
            done, waiting = 0, first
            for block in blocks:
                end_ms = (done + len(block)) * 1000 // SAMPLE_RATE_HZ
                while waiting is not None and video is not None and waiting.t_ms < end_ms:
                    container.mux(video.encode(_picture(waiting, video)))
                    waiting = next(pictures, None)
                container.mux(sound.encode(_sound(block, done)))
                done += len(block)
            for stream in (sound, *([] if video is None else [video])):
                container.mux(stream.encode(None))
    except FFmpegError as error:
        raise InputError("cannot be written", path, str(error), "a place where a file can be written") from error


def read_mkv(path: Path) -> Media:
    """What `write_mkv` wrote, but for what its codecs took away; InputError for any other file."""
    right = "an mkv with stereo sound that microturn wrote"
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio or container.streams.audio[0].layout.nb_channels != 2:
                raise InputError("no stereo sound", path, f"{len(container.streams)} streams", right)
            stereo = np.concatenate([np.zeros((0, 2), np.float32), *_stereo(container)])
        with av.open(str(path)) as container:
            frames = list(_frames(container)) if container.streams.video else []
    except (FFmpegError, OSError) as error:
        raise InputError("cannot be read", path, str(error), right) from error
    return Media(stereo, frames)


def _video(container: OutputContainer, first: VideoFrame) -> VideoStream:
    height, width, _ = first.rgb.shape
    stream = container.add_stream("libvpx", rate=25, options=VIDEO_OPTIONS)
    stream.width, stream.height, stream.pix_fmt = max(2, width // 2 * 2), max(2, height // 2 * 2), "yuv420p"
    stream.bit_rate, stream.codec_context.time_base = VIDEO_BITS, MS
    return stream


def _picture(frame: VideoFrame, stream: VideoStream) -> av.VideoFrame:
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.rgb), format="rgb24")
    picture = picture.reformat(stream.width, stream.height, "yuv420p")
    picture.pts, picture.time_base = frame.t_ms, MS
    return picture


def _sound(block: Pcm, done: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block, np.float32).reshape(1, -1), "flt", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, done, Fraction(1, SAMPLE_RATE_HZ)
    return frame


def _stereo(container: InputContainer) -> Iterator[npt.NDArray[np.float32]]:
    to_16_khz = av.AudioResampler("flt", "stereo", SAMPLE_RATE_HZ)
    for decoded in (*container.decode(container.streams.audio[0]), None):
        for frame in to_16_khz.resample(decoded):
            yield cast("npt.NDArray[np.float32]", frame.to_ndarray()).reshape(-1, 2)


def _frames(container: InputContainer) -> Iterator[VideoFrame]:
    for frame in container.decode(container.streams.video[0]):
        t_ms = round(1000 * float((frame.pts or 0) * (frame.time_base or 0)))
        yield VideoFrame(t_ms, cast("Rgb", frame.to_ndarray(format="rgb24")))

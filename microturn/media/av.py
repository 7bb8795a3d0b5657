"""Sound and pictures out of files and into files, through PyAV (FFmpeg). Live devices and the network live elsewhere.

Any container, codec, rate and layout that FFmpeg reads comes out as float32 mono at the rate asked for.
Shapes: N samples, C channels.
"""
# pyright: reportUnknownMemberType=false
# PyAV's own types leave the type of a packet open.

import math
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import av
import numpy as np
import numpy.typing as npt
from av.audio import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video import VideoStream

from microturn.core.clock import SAMPLE_RATE_HZ, TICK_MS
from microturn.core.errors import InputError
from microturn.media.frames import rgb_of
from microturn.media.pcm import Chunker, Pcm, Resampler
from microturn.media.promise import promised_s

Rgb = npt.NDArray[np.uint8]
RIGHT = "a sound or video file (wav, flac, mp3, mp4, mkv, webm, y4m)"
CODING = ("libavcodec", "libavformat")
LATE_PICTURE_S = 1.0  # a picture dated so long after the end that the file says has a broken date
MISSING_S = 0.1  # what codecs add or leave out at the ends is shorter than this

AUDIO_CODECS = {
    ".wav": "pcm_s16le",
    ".flac": "flac",
    ".mp3": "libmp3lame",
    ".m4a": "aac",
    ".mp4": "aac",
    ".mkv": "flac",
    ".webm": "libopus",
}
VIDEO_CODECS = {".mp4": "libx264", ".mkv": "libx264", ".webm": "libvpx", ".y4m": "wrapped_avframe"}


class VideoFrame(NamedTuple):
    """One picture: t_ms from the beginning of the file, rgb uint8 [H, W, 3]."""

    t_ms: int
    rgb: Rgb


def read_audio(path: Path, rate_hz: int = SAMPLE_RATE_HZ, allow_truncated: bool = False) -> Pcm:
    """All sound of a file: float32 mono [N] in [-1, 1]. Errors as `audio_blocks`."""
    return np.concatenate(list(audio_blocks(path, rate_hz, allow_truncated)))


def audio_chunks(path: Path, allow_truncated: bool = False) -> Iterator[Pcm]:
    """The sound of a file as chunks of 200 ms, float32 [3200], read lazily; the last one is filled with zeros."""
    chunker = Chunker()
    for block in audio_blocks(path, SAMPLE_RATE_HZ, allow_truncated):
        yield from chunker.push(block)
    yield from chunker.flush()


def audio_blocks(path: Path, rate_hz: int = SAMPLE_RATE_HZ, allow_truncated: bool = False) -> Iterator[Pcm]:
    """The first sound stream of a file in pieces of any length, float32 mono, read lazily.

    Raises InputError for a file that is missing, empty, no media, without sound, broken, holds NaN or infinity, or ends
    before the length its header promises (unless allow_truncated: then what is there is given).
    """
    resampler, samples_in, from_hz, seconds = None, 0, 0, 0.0
    for frame in _frames(path, "audio", allow_truncated):
        assert isinstance(frame, av.AudioFrame)
        if resampler is None or frame.sample_rate != from_hz:
            if resampler is not None:
                yield resampler.flush()
            from_hz = frame.sample_rate
            resampler = Resampler(from_hz, rate_hz)
        pcm = _mono(frame)
        if not np.isfinite(pcm).all():
            at_s = seconds + int(np.argmin(np.isfinite(pcm))) / from_hz
            raise InputError("samples that are no numbers", path, f"NaN or infinity at {at_s:.3f} s", "finite samples")
        yield resampler.push(np.clip(pcm, -1.0, 1.0))
        samples_in += len(pcm)
        seconds += len(pcm) / from_hz
    if resampler is None or samples_in == 0:
        raise InputError("no sound in the file", path, "0 samples", "a file with sound in it")
    yield resampler.flush()


def library_versions() -> str:
    """PyAV and the FFmpeg libraries that read and write files."""
    parts = (f"{name} {'.'.join(map(str, version))}" for name, version in av.library_versions.items() if name in CODING)
    return ", ".join([f"PyAV {av.__version__}", *parts])


def length_s(path: Path) -> float | None:
    """How long a file says it is, in seconds; None where it says nothing. A hint, never to be trusted."""
    with _input(path) as container:
        return None if container.duration is None else container.duration / av.time_base


def video_frames(path: Path, allow_truncated: bool = False) -> Iterator[VideoFrame]:
    """The pictures of a file with their times, read lazily. Errors as `audio_blocks`."""
    empty = True
    for number, frame in enumerate(_frames(path, "video", allow_truncated)):
        assert isinstance(frame, av.VideoFrame)
        empty = False
        t_ms = number if frame.pts is None else round(1000 * frame.pts * (frame.time_base or 0))
        yield VideoFrame(t_ms, cast("Rgb", frame.to_ndarray(format="rgb24")))
    if empty:
        raise InputError("no picture in the file", path, "0 frames", "a file with pictures in it")


def has_sound(path: Path) -> bool:
    """Whether there is a sound stream in the file. InputError for what is no file of sound or video."""
    with _input(path) as container:
        return bool(container.streams.audio)


def tick_pictures(path: Path) -> Iterator[Rgb | None]:
    """What a camera that shows this file gives, a micro-turn at a time: uint8 [H, W, 3], 640 pixels a side at most.

    The newest picture of each 200 ms by the times in the file, upright, None where none is; read lazily. What cannot be
    decoded, is late, or dated after the file's end is passed over: the others go on. InputError where no picture is.
    """
    tick, newest, empty = 0, None, True
    for at_s, frame in _whole_pictures(path):
        empty = False
        while tick < int(at_s * 1000) // TICK_MS:
            yield None if newest is None else _upright(newest)
            tick, newest = tick + 1, None
        newest = frame
    if empty:
        raise InputError("no picture in the file", path, "0 frames", "a file with pictures in it")
    yield None if newest is None else _upright(newest)


def _upright(picture: av.VideoFrame) -> Rgb:
    """As its file says that it is to be shown: telephones turn their pictures by a note beside them."""
    return np.ascontiguousarray(np.rot90(rgb_of(picture), round(picture.rotation / 90)))


def _whole_pictures(path: Path) -> Iterator[tuple[float, av.VideoFrame]]:
    """Pictures in order with their seconds; packets that FFmpeg cannot decode are left out."""
    with _input(path) as container:
        if not container.streams.video:
            came = " and ".join(stream.type for stream in container.streams) or "nothing"
            raise InputError("no video stream", path, came, "a file with pictures in it")
        begin_s = (container.start_time or 0) / av.time_base
        end_s = math.inf if container.duration is None else container.duration / av.time_base + LATE_PICTURE_S
        last_s = 0.0
        for packet in _packets(container, container.streams.video[0]):
            try:
                frames = packet.decode()
            except (FFmpegError, ValueError):
                continue
            for frame in frames:
                assert isinstance(frame, av.VideoFrame)
                at_s = last_s if frame.pts is None else float(frame.pts * (frame.time_base or 0)) - begin_s
                if last_s <= at_s <= end_s:
                    last_s = at_s
                    yield at_s, frame


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Any]:
    """Until the end of the file, or until nothing more can be read of it."""
    packets = container.demux(stream)
    while True:
        try:
            yield next(packets)
        except (StopIteration, FFmpegError):
            return


def write_audio(path: Path, pcm: Pcm, rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Write float32 [N] (mono) or [N, C]; the name's ending says the container and codec."""
    with _output(path, AUDIO_CODECS) as container:
        _AudioTrack(container, path, pcm, rate_hz).write_until(None)


def write_video(path: Path, frames: Iterable[Rgb], fps: int, pcm: Pcm | None = None, rate_hz: int = 16_000) -> None:
    """Write pictures, uint8 [H, W, 3] of even height and width, at `fps` a second, and sound beside them if given."""
    with _output(path, VIDEO_CODECS) as container:
        stream = cast("VideoStream", container.add_stream(VIDEO_CODECS[path.suffix.lower()], rate=fps))
        stream.pix_fmt = "yuv420p"
        track = None if pcm is None else _AudioTrack(container, path, pcm, rate_hz)
        for number, rgb in enumerate(frames):
            if rgb.shape[0] % 2 or rgb.shape[1] % 2:
                raise InputError("size of a picture", path, f"{rgb.shape[1]}x{rgb.shape[0]}", "even width and height")
            if number == 0:
                stream.height, stream.width = rgb.shape[:2]
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
            if track is not None:
                track.write_until((number + 1) / fps)
        container.mux(stream.encode(None))
        if track is not None:
            track.write_until(None)


class _AudioTrack:
    """Sound on its way into a container, written in step with the pictures."""

    def __init__(self, container: OutputContainer, path: Path, pcm: Pcm, rate_hz: int) -> None:
        codec = AUDIO_CODECS.get(path.suffix.lower())
        if codec is None:
            raise InputError("sound in this container", path, path.suffix, "one of " + ", ".join(AUDIO_CODECS))
        self._pcm_NC = pcm.reshape(len(pcm), -1)
        if self._pcm_NC.shape[1] not in (1, 2):
            raise InputError("channels to write", path, self._pcm_NC.shape[1], "1 or 2")
        self._container, self._rate_hz, self._done = container, rate_hz, 0
        self._layout = "mono" if self._pcm_NC.shape[1] == 1 else "stereo"
        self._stream = cast("AudioStream", container.add_stream(codec, rate=rate_hz, layout=self._layout))

    def write_until(self, seconds: float | None) -> None:
        """Encode what has not been written up to this time; None: all of it, and end the stream."""
        stop = len(self._pcm_NC) if seconds is None else min(len(self._pcm_NC), int(seconds * self._rate_hz))
        for start in range(self._done, stop, 4096):
            block_CN = np.ascontiguousarray(self._pcm_NC[start : min(start + 4096, stop)].T, np.float32)
            frame = av.AudioFrame.from_ndarray(block_CN, format="fltp", layout=self._layout)
            frame.sample_rate, frame.pts = self._rate_hz, start
            self._container.mux(self._stream.encode(frame))
        self._done = max(self._done, stop)
        if seconds is None:
            self._container.mux(self._stream.encode(None))


def _frames(
    path: Path, kind: Literal["audio", "video"], allow_truncated: bool
) -> Iterator[av.AudioFrame | av.VideoFrame]:
    """Decoded frames of the first stream of this kind; checks the length at the end."""
    end_s = 0.0
    with _input(path) as container:
        streams = container.streams.audio if kind == "audio" else container.streams.video
        if not streams:
            came = " and ".join(stream.type for stream in container.streams) or "nothing"
            right = "a file with sound in it" if kind == "audio" else "a file with pictures in it"
            raise InputError(f"no {kind} stream", path, came, right)
        promise_s = promised_s(path, container, streams[0])
        try:
            for frame in container.decode(streams[0]):
                assert isinstance(frame, av.AudioFrame | av.VideoFrame)
                end_s = _end_s(frame, end_s)
                yield frame
        except FFmpegError as error:
            if not allow_truncated:
                raise InputError("broken", path, f"{_reason(error)} after {end_s:.2f} s", "a whole file") from error
    if promise_s is not None and end_s < promise_s - MISSING_S and not allow_truncated:
        raise InputError("ends too early", path, f"{end_s:.2f} s", f"the {promise_s:.2f} s its header promises")


def _end_s(frame: av.AudioFrame | av.VideoFrame, before_s: float) -> float:
    """End of what has been decoded: by counting samples, or by the picture's time."""
    if isinstance(frame, av.AudioFrame):
        return before_s + frame.samples / frame.sample_rate
    if frame.pts is None:
        return before_s
    return max(before_s, float((frame.pts + (frame.duration or 0)) * (frame.time_base or 0)))


@contextmanager
def _input(path: Path) -> Generator[InputContainer]:
    if not path.exists():
        raise InputError("no such file", path, "nothing", RIGHT)
    if path.is_dir():
        raise InputError("not a file", path, "a folder", RIGHT)
    if path.stat().st_size == 0:
        raise InputError("empty file", path, "0 bytes", RIGHT)
    try:
        container = av.open(str(path))
    except (FFmpegError, OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read as sound or video", path, _look(path, error), RIGHT) from error
    with container:
        yield container


@contextmanager
def _output(path: Path, codecs: dict[str, str]) -> Generator[OutputContainer]:
    if path.suffix.lower() not in codecs:
        raise InputError("file type to write", path, path.suffix or "none", "one of " + ", ".join(codecs))
    try:
        with av.open(str(path), "w") as container:
            yield container
    except FFmpegError as error:
        raise InputError("cannot be written", path, _reason(error), "a place and settings that allow it") from error


def _look(path: Path, error: Exception) -> str:
    """What a file that FFmpeg does not open looks like."""
    try:
        with path.open("rb") as file:
            begin = file.read(512)
    except OSError as why:
        return why.strerror or "an error"
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in begin):
        return "text"
    return f"{path.stat().st_size} bytes that say: {_reason(error)}"


def _reason(error: Exception) -> str:
    return str(error.strerror) if isinstance(error, OSError | FFmpegError) and error.strerror else str(error)


def _mono(frame: av.AudioFrame) -> Pcm:
    """Mean of the channels as float32 [N], whatever the sample type."""
    values = cast("npt.NDArray[Any]", frame.to_ndarray())
    planes_CN = values if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype == np.uint8:
        planes_CN = (planes_CN.astype(np.float32) - 128.0) / 128.0
    elif values.dtype == np.int16:
        planes_CN = planes_CN / 32_768.0
    elif values.dtype == np.int32:
        planes_CN = planes_CN / 2_147_483_648.0
    with np.errstate(over="ignore", invalid="ignore"):  # NaN and infinity are found by the caller
        return planes_CN.mean(axis=0, dtype=np.float64).astype(np.float32)

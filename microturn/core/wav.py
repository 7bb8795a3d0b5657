"""16-bit wav with the standard library: grown while it is written, read even when its writer was killed.

Other containers and rates are the business of microturn.media.av.
"""

import struct
from io import FileIO
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.core.errors import InputError

FULL_SCALE = 32_768.0
_PCM, _EXTENSIBLE = 1, 0xFFFE
_HEADER_BYTES = 44


def to_int16(pcm: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """float32 in [-1, 1] of any shape to int16, rounded and clipped; `to_float` of the result comes back unchanged."""
    return np.clip(np.rint(pcm * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1.0).astype(np.int16)


def to_float(pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """int16 of any shape to float32 in [-1, 1)."""
    return pcm.astype(np.float32) / np.float32(FULL_SCALE)


class WavWriter:
    """A wav file at 16 kHz that is complete after every `write`: nothing is buffered, the header follows the data.

    keep_samples: go on with the file that is there, after so many samples of each channel; what it lacks is silence.
    """

    def __init__(self, path: Path, channels: int = 1, keep_samples: int | None = None) -> None:
        self._channels = channels
        self._file = path.open("wb" if keep_samples is None else "r+b", buffering=0)
        self._data_bytes = 2 * channels * (keep_samples or 0)
        if keep_samples is not None:
            self._file.truncate(_HEADER_BYTES + self._data_bytes)
        self._write_header()

    def write(self, pcm: npt.NDArray[np.float32]) -> None:
        """Append float32 [N] (mono) or [N, channels]."""
        samples = to_int16(pcm).astype("<i2").tobytes()
        self._file.seek(_HEADER_BYTES + self._data_bytes)
        _write_all(self._file, samples)
        self._data_bytes += len(samples)
        self._write_header()

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _write_header(self) -> None:
        # RIFF/WAVE, IBM and Microsoft 1991: a format block, then the sound. Sizes are 32 bits: the largest one stays.
        size = min(self._data_bytes, 2**32 - 1 - _HEADER_BYTES)
        rate, width = SAMPLE_RATE_HZ, 2 * self._channels
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, self._channels, rate, rate * width, width, 16)
        header = struct.pack("<4sI4s", b"RIFF", size + _HEADER_BYTES - 8, b"WAVE") + form
        self._file.seek(0)
        _write_all(self._file, header + struct.pack("<4sI", b"data", size))

    def __enter__(self) -> "WavWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _write_all(file: FileIO, data: bytes) -> None:
    """An unbuffered write may take only a part, as on a disk that is nearly full; then the next one says why."""
    done = 0
    while done < len(data):
        done += file.write(data[done:])


def read_wav(path: Path) -> npt.NDArray[np.float32]:
    """All sound of a 16 kHz 16-bit wav file, float32 [N, channels].

    A header that promises more than there is, or a half sample at the end, is what a killed writer leaves: read as far
    as it goes. Raises InputError for anything that is no such wav.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError("cannot read", path, error.strerror or "an error", "a readable wav file") from error
    channels, start, size = _find_data(content, path)
    count = min(size, len(content) - start) // (2 * channels) * channels
    samples = np.frombuffer(content, "<i2", count=count, offset=start)
    return to_float(samples.reshape(-1, channels))


def wav_samples(path: Path) -> int:
    """How many samples a mono file of `WavWriter` holds, without reading them."""
    try:
        return max(0, path.stat().st_size - _HEADER_BYTES) // 2
    except OSError as error:
        raise InputError("cannot read", path, error.strerror or "an error", "a wav file of WavWriter") from error


def map_wav(path: Path) -> npt.NDArray[np.int16]:
    """The samples of a file of `WavWriter` where they lie, int16 [N * channels], read as they are looked at."""
    count = wav_samples(path)
    return np.memmap(path, "<i2", "r", _HEADER_BYTES, (count,)) if count else np.zeros(0, np.int16)


def _find_data(content: bytes, path: Path) -> tuple[int, int, int]:
    """Channels, first byte and size in bytes of the sound."""
    right = f"a 16-bit wav of {SAMPLE_RATE_HZ} Hz"
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise InputError("not a wav file", path, f"{len(content)} bytes beginning {content[:4]!r}", right)
    at, channels = 12, 0
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if name == b"fmt " and at + 24 <= len(content):
            code, channels, rate, bits = (
                int.from_bytes(content[at + 8 + first : at + 8 + last], "little")
                for first, last in ((0, 2), (2, 4), (4, 8), (14, 16))
            )
            if code not in (_PCM, _EXTENSIBLE) or channels == 0 or rate != SAMPLE_RATE_HZ or bits != 16:
                came = f"format {code}, {channels} channels, {rate} Hz, {bits} bits"
                raise InputError("another kind of wav", path, came, right)
        if name == b"data" and channels:
            return channels, at + 8, size or len(content)
        at += 8 + size + size % 2
    raise InputError("no sound in the wav file", path, f"{len(content)} bytes", right)

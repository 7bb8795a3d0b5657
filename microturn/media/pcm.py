"""Sound as numbers: widths, channels, rates, chunks of 200 ms, levels. Files are the business of media.av.

Shapes: N samples, C channels. Sound is float32 in [-1, 1], mono [N] unless it says otherwise.
"""
# pyright: reportMissingTypeStubs=false
# soxr ships no types.

import numpy as np
import numpy.typing as npt
import soxr

from microturn.core.clock import CHUNK_SAMPLES
from microturn.core.errors import InputError
from microturn.core.wav import to_float, to_int16

__all__ = ["Chunker", "Pcm", "Resampler", "gain", "level_dbfs", "resample", "to_float", "to_int16", "to_mono"]

Pcm = npt.NDArray[np.float32]
SILENCE_DBFS = -120.0


def to_mono(pcm: Pcm) -> Pcm:
    """Mean of the channels: float32 [N] or [N, C] to [N]."""
    return pcm if pcm.ndim == 1 else pcm.mean(axis=1, dtype=np.float32)


def level_dbfs(pcm: Pcm) -> float:
    """Root mean square level in dB below full scale, never under -120; a full-scale square wave has 0."""
    power = float(np.mean(np.square(pcm, dtype=np.float64))) if len(pcm) else 0.0
    return max(SILENCE_DBFS, 10.0 * float(np.log10(max(power, 1e-30))))


def gain(pcm: Pcm, gain_db: float) -> Pcm:
    """Louder or softer by gain_db; not clipped."""
    return pcm * np.float32(10.0 ** (gain_db / 20.0))


def resample(pcm: Pcm, from_hz: int, to_hz: int) -> Pcm:
    """A whole recording at another rate."""
    resampler = Resampler(from_hz, to_hz)
    return np.concatenate([resampler.push(pcm), resampler.flush()])


class Resampler:
    """Sound that arrives in pieces at another rate; any split gives the samples of the whole.

    The first samples come late by soxr's filter (some milliseconds), yet nothing is shifted or lost after `flush`.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz <= 0 or to_hz <= 0:
            raise InputError("sample rate", "Resampler", f"{from_hz} to {to_hz} Hz", "rates above 0")
        # soxr's own stream; None when there is nothing to convert.
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")

    def push(self, pcm: Pcm) -> Pcm:
        """Append float32 [N]; return what is ready."""
        return self._next(pcm, last=False)

    def flush(self) -> Pcm:
        """The rest; nothing may be pushed afterwards."""
        return self._next(np.zeros(0, np.float32), last=True)

    def _next(self, pcm: Pcm, last: bool) -> Pcm:
        piece = np.ascontiguousarray(pcm, np.float32)
        return piece if self._stream is None else np.asarray(self._stream.resample_chunk(piece, last), np.float32)


class Chunker:
    """Gathers packets of any length into chunks of 3200 samples (200 ms at 16 kHz)."""

    def __init__(self, chunk_samples: int = CHUNK_SAMPLES) -> None:
        self._chunk_samples = chunk_samples
        self._waiting: list[Pcm] = []
        self._n_waiting = 0

    def push(self, pcm: Pcm) -> list[Pcm]:
        """Append float32 [N]; return the chunks that became full, each float32 [chunk_samples]."""
        self._waiting.append(pcm)
        self._n_waiting += len(pcm)
        if self._n_waiting < self._chunk_samples:
            return []
        joined = np.concatenate(self._waiting)
        full = len(joined) // self._chunk_samples * self._chunk_samples
        self._waiting, self._n_waiting = [joined[full:].copy()], len(joined) - full
        return list(joined[:full].reshape(-1, self._chunk_samples))

    def flush(self) -> list[Pcm]:
        """The last, unfinished chunk filled with zeros, or nothing; the chunker is empty afterwards."""
        return self.push(np.zeros(-self._n_waiting % self._chunk_samples, np.float32)) if self._n_waiting else []

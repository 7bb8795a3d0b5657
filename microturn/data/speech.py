"""Raw speech as a synthesiser gives it, and its tidy form: trimmed, levelled, 16 kHz. No engine lives here.

Shapes: N samples, W words. Word times are seconds from the first sample of the sound they go with.
"""

import ctypes
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import soxr

from microturn.core.clock import SAMPLE_RATE_HZ

SPEECH_LEVEL_DB = -26.0
LEAD_MS = 30
TAIL_MS = 60
FADE_MS = 5
_FRAME_MS = 5


class Span(NamedTuple):
    """One written word and the seconds it takes."""

    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class RawSpeech:
    """pcm: float32 [N] at `sample_rate_hz`, any level; spans: one per word of the text, in order."""

    pcm: np.ndarray
    sample_rate_hz: int
    spans: tuple[Span, ...]


def seed_c_noise() -> None:
    """Start C's `rand`, from which espeak-ng and flite draw breath and frication, at the same place for every line."""
    ctypes.CDLL(None).srand(0)


def written_words(text: str) -> tuple[str, ...]:
    """The words of a line, commas dropped: one per whitespace-separated piece that holds a letter."""
    stripped = (piece.strip(",.?!;:") for piece in text.split())
    return tuple(word for word in stripped if word)


def resample(speech: RawSpeech, tract: float) -> RawSpeech:
    """To 16 kHz, and `tract` times higher and faster (a shorter vocal tract); word times follow."""
    pcm = soxr.resample(speech.pcm, speech.sample_rate_hz * tract, SAMPLE_RATE_HZ, quality="HQ")
    spans = tuple(Span(word, start / tract, end / tract) for word, start, end in speech.spans)
    return RawSpeech(np.asarray(pcm, np.float32), SAMPLE_RATE_HZ, spans)


def frame_levels_db(pcm: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Mean power of consecutive 5 ms frames: float32 [N // frame] in dB, floor -120."""
    n = sample_rate_hz * _FRAME_MS // 1000
    frames = pcm[: len(pcm) // n * n].reshape(-1, n)
    return 10.0 * np.log10(np.maximum((frames.astype(np.float64) ** 2).mean(axis=1), 1e-12))


def sounding_frames(pcm: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Which 5 ms frames hold sound: bool [F]. Sound is what lies within 42 dB of the loudest tenth."""
    levels = frame_levels_db(pcm, sample_rate_hz)
    if not len(levels):
        return np.zeros(0, bool)
    return levels > max(np.percentile(levels, 90) - 42.0, -85.0)


def trim(speech: RawSpeech) -> RawSpeech:
    """Cut what lies before the first and after the last word down to 30 and 60 ms, fade the cuts, shift the words.

    The sound begins where both the engine's word times and the energy say so, and ends where either says so.
    """
    sounding = np.flatnonzero(sounding_frames(speech.pcm, speech.sample_rate_hz))
    if not len(sounding) or not speech.spans:
        return speech
    rate_hz = speech.sample_rate_hz
    begin_s = max(int(sounding[0]) * _FRAME_MS / 1000.0, speech.spans[0].start_s)
    end_s = min((int(sounding[-1]) + 1) * _FRAME_MS / 1000.0, speech.spans[-1].end_s)
    first = max(0, int((begin_s - LEAD_MS / 1000.0) * rate_hz))
    last = min(len(speech.pcm), int((end_s + TAIL_MS / 1000.0) * rate_hz))
    lead_s = first / rate_hz
    spans = tuple(
        Span(word, max(begin_s, start) - lead_s, max(begin_s, min(end, end_s)) - lead_s)
        for word, start, end in speech.spans
    )
    return RawSpeech(_faded(speech.pcm[first:last], rate_hz), rate_hz, spans)


def _faded(pcm: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    n = min(len(pcm) // 2, sample_rate_hz * FADE_MS // 1000)
    ramp = np.linspace(0.0, 1.0, n, endpoint=False, dtype=np.float32)
    return np.concatenate([pcm[:n] * ramp, pcm[n : len(pcm) - n], pcm[len(pcm) - n :] * ramp[::-1]])


def level(speech: RawSpeech, level_db: float = SPEECH_LEVEL_DB) -> RawSpeech:
    """Scale so that the rms of the sounding frames is `level_db` dBFS."""
    sounding = sounding_frames(speech.pcm, speech.sample_rate_hz)
    levels = frame_levels_db(speech.pcm, speech.sample_rate_hz)[sounding]
    if not len(levels):
        return speech
    active_db = 10.0 * np.log10(np.mean(10.0 ** (levels / 10.0)))
    return replace(speech, pcm=(speech.pcm * 10.0 ** ((level_db - active_db) / 20.0)).astype(np.float32))

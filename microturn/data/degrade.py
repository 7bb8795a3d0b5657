"""What happens to speech on its way to the ear: gain, tone, room, noise, telephone. Waveform level, all draws explicit.

Shapes: pcm is float32 [N] in [-1, 1] at 16 kHz and keeps its length; `rng` is a numpy Generator; noise levels are dB.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import soxr

from microturn.core.clock import SAMPLE_RATE_HZ

NoiseColor = Literal["white", "pink", "brown", "hum", "babble"]
_SLOPE_DB_PER_OCTAVE = {"white": 0.0, "pink": -3.0, "brown": -6.0}
_MU = 255.0


def gain(pcm: np.ndarray, db: float) -> np.ndarray:
    """Louder by `db`, clipped at full scale."""
    return np.clip(pcm * np.float32(10.0 ** (db / 20.0)), -1.0, 1.0).astype(np.float32)


def eq(pcm: np.ndarray, rng: np.random.Generator, strength_db: float = 6.0) -> np.ndarray:
    """A random smooth tone curve: normal gains of `strength_db` at 8 points from 60 Hz to 8 kHz, evenly in octaves."""
    points_log2_hz = np.linspace(np.log2(60.0), np.log2(8000.0), 8)
    gains_db = rng.normal(0.0, strength_db, 8)
    n = _fft_size(len(pcm))
    log2_hz = np.log2(np.maximum(np.fft.rfftfreq(n, 1.0 / SAMPLE_RATE_HZ), 1.0))
    curve = 10.0 ** (np.interp(log2_hz, points_log2_hz, gains_db - gains_db.mean()) / 20.0)
    return np.fft.irfft(np.fft.rfft(pcm, n) * curve, n)[: len(pcm)].astype(np.float32)


def room(
    pcm: np.ndarray, rng: np.random.Generator, rt60_s: float = 0.4, direct_to_reverb_db: float = 6.0
) -> np.ndarray:
    """In a room: the direct sound, undelayed, and an exponentially decaying noise tail that starts 2-8 ms later."""
    n_tail = max(1, int(rt60_s * SAMPLE_RATE_HZ))
    seconds = np.arange(n_tail) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(n_tail) * 10.0 ** (-3.0 * seconds / rt60_s)
    tail[: int(rng.uniform(0.002, 0.008) * SAMPLE_RATE_HZ)] = 0.0
    tail *= 10.0 ** (-direct_to_reverb_db / 20.0) / max(float(np.sqrt((tail**2).sum())), 1e-9)
    tail[0] += 1.0
    n = _fft_size(len(pcm) + n_tail)
    return np.fft.irfft(np.fft.rfft(pcm, n) * np.fft.rfft(tail, n), n)[: len(pcm)].astype(np.float32)


def noise(n_samples: int, rng: np.random.Generator, color: NoiseColor, clips: Sequence[np.ndarray] = ()) -> np.ndarray:
    """float32 [n_samples] of noise with rms 1. Babble sums `clips` (speech of others) from random places."""
    if color == "hum":
        raw = _hum(n_samples, rng)
    elif color == "babble":
        raw = _babble(n_samples, rng, clips)
    else:
        raw = _sloped(n_samples, rng, _SLOPE_DB_PER_OCTAVE[color])
    return (raw / max(float(np.sqrt((raw**2).mean())), 1e-9)).astype(np.float32)


def add_noise(
    pcm: np.ndarray,
    rng: np.random.Generator,
    color: NoiseColor,
    level_db: float = -50.0,
    clips: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """Noise of `color` at `level_db` dBFS rms under the whole recording."""
    return pcm + np.float32(10.0 ** (level_db / 20.0)) * noise(len(pcm), rng, color, clips)


def mulaw(pcm: np.ndarray) -> np.ndarray:
    """Through 8-bit mu-law and back (ITU-T G.711's curve)."""
    squeezed = np.sign(pcm) * np.log1p(_MU * np.minimum(np.abs(pcm), 1.0)) / np.log1p(_MU)
    stepped = np.rint(squeezed * 127.0) / 127.0
    return (np.sign(stepped) * np.expm1(np.abs(stepped) * np.log1p(_MU)) / _MU).astype(np.float32)


def codec_8k(pcm: np.ndarray) -> np.ndarray:
    """A telephone: 8 kHz and mu-law, back to 16 kHz."""
    narrow = soxr.resample(pcm, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ // 2, quality="HQ")
    wide = soxr.resample(mulaw(narrow), SAMPLE_RATE_HZ // 2, SAMPLE_RATE_HZ, quality="HQ")
    padded = np.zeros(len(pcm), np.float32)
    padded[: min(len(wide), len(pcm))] = wide[: len(pcm)]
    return padded


def _fft_size(n_samples: int) -> int:
    """The next size 2^a or 3 * 2^a, fast to transform."""
    power = 1 << max(0, n_samples - 1).bit_length()
    return power * 3 // 4 if n_samples <= power * 3 // 4 else power


def _sloped(n_samples: int, rng: np.random.Generator, db_per_octave: float) -> np.ndarray:
    n = _fft_size(n_samples)
    hz = np.maximum(np.fft.rfftfreq(n, 1.0 / SAMPLE_RATE_HZ), 30.0)
    shape = 10.0 ** (db_per_octave * np.log2(hz / 1000.0) / 20.0)
    return np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * shape, n)[:n_samples]


def _hum(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    mains_hz = float(rng.choice([50.0, 60.0]))
    seconds = np.arange(n_samples) / SAMPLE_RATE_HZ
    partials = [
        rng.uniform(0.3, 1.0) / k * np.sin(2 * np.pi * (mains_hz * k * seconds + rng.random())) for k in range(1, 9)
    ]
    return np.sum(partials, axis=0) + 0.05 * rng.standard_normal(n_samples)


def _babble(n_samples: int, rng: np.random.Generator, clips: Sequence[np.ndarray]) -> np.ndarray:
    mixed = np.zeros(n_samples)
    for clip in clips:
        turned = np.roll(np.resize(clip, n_samples), int(rng.integers(n_samples)))
        mixed += rng.uniform(0.5, 1.0) * turned
    return mixed

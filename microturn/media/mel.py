"""Sound to numbers: causal log-mel frames and their 16 levels (dMel), streaming and offline. No learning lives here.

dMel: Bai et al. 2024, arXiv 2407.15835. Mel scale and area normalisation: Slaney, Auditory Toolbox, 1998.
Shapes: N samples, F mel frames, C channels, K spectrum bins.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from microturn.core.errors import InputError

FLOOR_DB = -120.0
HISTOGRAM_DB = 0.5


@dataclass(frozen=True)
class MelConfig:
    """Constants of the front end; `low_db` and `high_db` are the centres of the first and last level."""

    sample_rate_hz: int = 16_000
    window_samples: int = 512
    hop_samples: int = 320
    n_mels: int = 80
    n_levels: int = 16
    low_db: float = -86.0
    high_db: float = -26.0


def hz_to_mel(hz: np.ndarray) -> np.ndarray:
    """Slaney's scale: linear to 1 kHz, logarithmic above."""
    linear = hz / (200.0 / 3.0)
    above = 15.0 + np.log(np.maximum(hz, 1e-9) / 1000.0) / (np.log(6.4) / 27.0)
    return np.where(hz < 1000.0, linear, above)


def mel_to_hz(mel: np.ndarray) -> np.ndarray:
    """Inverse of `hz_to_mel`."""
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))


@lru_cache(maxsize=8)
def mel_filters_KC(config: MelConfig) -> np.ndarray:
    """Triangular filters, float32 [window // 2 + 1, n_mels], area-normalised times their mean width.

    So a tone keeps its level, whatever the channel.
    """
    bins_hz = np.fft.rfftfreq(config.window_samples, 1.0 / config.sample_rate_hz)
    top = hz_to_mel(np.array(config.sample_rate_hz / 2.0))
    edges_hz = mel_to_hz(np.linspace(0.0, float(top), config.n_mels + 2))
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz[:, None] - left) / (centre - left)
    falling = (right - bins_hz[:, None]) / (right - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    bin_hz = config.sample_rate_hz / config.window_samples
    return (triangles * (2.0 * bin_hz / (right - left))).astype(np.float32)


@lru_cache(maxsize=8)
def _window(config: MelConfig) -> np.ndarray:
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(config.window_samples) / config.window_samples)
    return (hann / hann.sum() * 2.0).astype(np.float32)


def _frames_db(padded: np.ndarray, config: MelConfig) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(padded, config.window_samples)[:: config.hop_samples]
    spectrum = np.fft.rfft(frames * _window(config), axis=1)
    power_FK = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    mel_FC = power_FK @ mel_filters_KC(config)
    db_FC = 10.0 * np.log10(np.maximum(mel_FC, 10.0 ** (FLOOR_DB / 10.0)))
    return np.maximum(db_FC, FLOOR_DB).astype(np.float32)  # the logarithm rounds to just below the floor


def log_mel_db(pcm: np.ndarray, config: MelConfig = MelConfig()) -> np.ndarray:
    """Log-mel power of a whole recording.

    pcm: float32 [N] in [-1, 1]. Returns float32 [N // hop, n_mels] in dB, never below -120.
    Causal: frame f reads samples up to (f + 1) * hop, zeros before the start. A tail shorter than a hop is dropped.
    """
    return MelStream(config).push(pcm)


def quantize(db: np.ndarray, config: MelConfig = MelConfig()) -> np.ndarray:
    """Nearest of `n_levels` levels between low_db and high_db: uint8, same shape as `db`."""
    step_db = (config.high_db - config.low_db) / (config.n_levels - 1)
    level = np.rint((db - config.low_db) / step_db)
    return np.clip(level, 0, config.n_levels - 1).astype(np.uint8)


def dequantize(levels: np.ndarray, config: MelConfig = MelConfig()) -> np.ndarray:
    """The centre of each level in dB: float32, same shape as `levels`, the inverse of `quantize` to half a step."""
    return np.linspace(config.low_db, config.high_db, config.n_levels, dtype=np.float32)[levels]


def calibrate(
    dbs: Iterable[np.ndarray], config: MelConfig = MelConfig(), low_percent: float = 5.0, high_percent: float = 99.9
) -> MelConfig:
    """The config whose range fits these sounds: from where `low_percent` of all values lie below to `high_percent`.

    dbs: arrays of dB as `log_mel_db` gives them, any shape, read once and kept as a histogram of 0.5 dB bins; values at
    the floor (digital silence) do not count. The ends are rounded to whole dB. Raises InputError when all is silence.
    """
    edges = np.arange(FLOOR_DB, 60.0 + HISTOGRAM_DB, HISTOGRAM_DB)
    counts = np.zeros(len(edges) - 1, np.int64)
    for db in dbs:
        counts += np.histogram(db[db > FLOOR_DB + HISTOGRAM_DB], edges)[0]
    if not counts.any():
        raise InputError("no sound to calibrate on", "calibrate", "digital silence only", "log-mel of real sounds")
    share = 100.0 * np.cumsum(counts) / counts.sum()
    low_db = float(np.floor(edges[np.searchsorted(share, low_percent)]))
    high_db = float(np.ceil(edges[np.searchsorted(share, min(high_percent, float(share[-1]))) + 1]))
    return replace(config, low_db=low_db, high_db=max(high_db, low_db + config.n_levels))


class MelStream:
    """Log-mel of sound that arrives in pieces: any split gives the very frames of the whole."""

    def __init__(self, config: MelConfig = MelConfig()) -> None:
        self.config = config
        self._carry = np.zeros(config.window_samples - config.hop_samples, np.float32)

    def push(self, pcm: np.ndarray) -> np.ndarray:
        """Append float32 [N]; return the frames that became complete, float32 [F, n_mels] dB."""
        padded = np.concatenate([self._carry, np.asarray(pcm, np.float32)])
        context = self.config.window_samples - self.config.hop_samples
        n_frames = (len(padded) - context) // self.config.hop_samples
        used = n_frames * self.config.hop_samples
        self._carry = padded[used:]
        if n_frames == 0:
            return np.zeros((0, self.config.n_mels), np.float32)
        return _frames_db(padded[: used + context], self.config)

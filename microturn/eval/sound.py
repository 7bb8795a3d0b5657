"""How far one sound is from another, and whether a sound shows where its blocks meet. Figures alone, no listening.

Shapes: N samples, F frames, K spectrum bins.
"""

import numpy as np
from numpy.typing import NDArray

from microturn.core.clock import CHUNK_SAMPLES
from microturn.media.mel import MelConfig, log_mel_db

Floats = NDArray[np.floating]

WINDOW_SAMPLES = 512
HOP_SAMPLES = 128
FLOOR_DB = -80.0
LOUD_DB = -45.0
PITCH_WINDOW_SAMPLES = 1024
PITCH_HOP_SAMPLES = 160
PITCH_PERIODS = slice(64, 266)
"""Samples of a period, 250 down to 60 Hz."""


def log_spectral_distance_db(said: Floats, right: Floats) -> float:
    """Root mean square over bins, mean over frames, of the difference of log spectra [N], in dB.

    Everything more than 80 dB below full scale counts as silence, and frames silent in both do not count.
    """
    said_FK, right_FK = _log_spectrum_db(said), _log_spectrum_db(right)
    sounding_F = (np.maximum(said_FK, right_FK) > FLOOR_DB).any(axis=1)
    distance_F = np.sqrt(np.mean((said_FK - right_FK) ** 2, axis=1))
    return float(distance_F[sounding_F].mean()) if sounding_F.any() else 0.0


def mel_error_db(said: Floats, right: Floats, mel: MelConfig = MelConfig()) -> float:
    """Mean absolute difference of the mel frames of two sounds [N], clipped to the range of the front end, in dB."""
    said_db, right_db = (np.clip(log_mel_db(pcm, mel), mel.low_db, mel.high_db) for pcm in (said, right))
    return float(np.abs(said_db - right_db).mean())


def prominence_db(said: Floats, right: Floats) -> float:
    """How far the pitch stands out of the cepstrum of `said` [N], in dB, where `right` is loud and most like a voice.

    Hoarse or buzzing sound has less of it than a clear voice (Hillenbrand, Cleveland and Erickson 1994, cepstral peak
    prominence; here above the median in place of a line). NaN where `right` has nothing loud.
    """
    (said_F, _), (right_F, level_F) = _cepstral_peaks_db(said), _cepstral_peaks_db(right)
    loud_F = level_F > LOUD_DB
    if not loud_F.any():
        return float("nan")
    return float(said_F[loud_F & (right_F >= np.median(right_F[loud_F]))].mean())


def border_ratio(pcm: Floats, block_samples: int = CHUNK_SAMPLES) -> float:
    """How much a sound jumps where its blocks meet: mean square of the step over a border against that inside.

    1 where borders are like any other place; a click at each border gives many times that. pcm: [N], at least two
    blocks; blocks are counted from the first sample.
    """
    energy = np.diff(np.asarray(pcm, np.float64)) ** 2
    at_border = np.zeros(len(energy), bool)
    at_border[block_samples - 1 :: block_samples] = True
    return float(energy[at_border].mean() / max(energy[~at_border].mean(), 1e-20))


def _log_spectrum_db(pcm: Floats) -> Floats:
    window = np.hanning(WINDOW_SAMPLES + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(pcm, WINDOW_SAMPLES)[::HOP_SAMPLES]
    magnitude_FK = np.abs(np.fft.rfft(frames * window, axis=1)) * (2.0 / window.sum())
    return np.maximum(20.0 * np.log10(np.maximum(magnitude_FK, 1e-9)), FLOOR_DB)


def _cepstral_peaks_db(pcm: Floats) -> tuple[Floats, Floats]:
    """Peak above the median of the cepstrum, and level, of each frame, in dB."""
    frames = np.lib.stride_tricks.sliding_window_view(pcm, PITCH_WINDOW_SAMPLES)[::PITCH_HOP_SAMPLES]
    windowed = frames * np.hanning(PITCH_WINDOW_SAMPLES)
    log_power_FK = 10.0 * np.log10(np.abs(np.fft.rfft(windowed, axis=1)) ** 2 + 1e-10)
    periods = 10.0 * np.log10(np.fft.irfft(log_power_FK, axis=1)[:, PITCH_PERIODS] ** 2 + 1e-9)
    level_F = 10.0 * np.log10(np.mean(windowed**2, axis=1) + 1e-10)
    return periods.max(axis=1) - np.median(periods, axis=1), level_F

"""The pitch of a clean voice, from its samples: labels for the vocoder's own ear.

Normalised autocorrelation with the shortest period that is nearly as good as the best one (after de Cheveigné and
Kawahara 2002, YIN). Clean synthetic speech needs no more.
Shapes: B pieces, N samples, T sub-frames, L lags, W samples of a window.
"""

from typing import NamedTuple

import torch
from torch import Tensor

LOWEST_HZ, HIGHEST_HZ = 55.0, 250.0
VOICED = 0.7
NEARLY = 0.9
QUIETEST_RMS = 2e-3


class Pitch(NamedTuple):
    """hz: float32 [B, T], held through what has none; voiced: bool [B, T]."""

    hz_BT: Tensor
    voiced_BT: Tensor


def pitch_of(pcm_BN: Tensor, hop_samples: int, sample_rate_hz: int, window_samples: int = 512) -> Pitch:
    """Pitch around the middle of every `hop_samples` of float32 [B, N]."""
    shortest, longest = int(sample_rate_hz / HIGHEST_HZ), int(sample_rate_hz / LOWEST_HZ)
    reach = window_samples + longest
    before = (reach - hop_samples) // 2
    padded_BN = torch.nn.functional.pad(pcm_BN, (before, reach - hop_samples - before))
    frames_BTW = padded_BN.unfold(1, reach, hop_samples)
    size = 1 << (2 * reach - 1).bit_length()
    first = torch.fft.rfft(frames_BTW[..., :window_samples], n=size)
    products_BTL = torch.fft.irfft(torch.fft.rfft(frames_BTW, n=size) * first.conj(), n=size)[..., : longest + 1]
    energy = torch.nn.functional.pad(frames_BTW.double().square().cumsum(-1), (1, 0))
    energy_BTL = (energy[..., window_samples:] - energy[..., : longest + 1]).float()
    match_BTL = products_BTL / (energy_BTL[..., :1] * energy_BTL).clamp(min=1e-9).sqrt()
    inner = match_BTL[..., shortest:longest]
    peaks = (inner >= match_BTL[..., shortest - 1 : longest - 1]) & (inner > match_BTL[..., shortest + 1 :])
    height_BTL = torch.where(peaks, inner, 0.0)
    best_BT = height_BTL.amax(-1)
    lag_BT = (height_BTL >= NEARLY * best_BT[..., None]).float().argmax(-1) + shortest
    loud_BT = (energy_BTL[..., 0] / window_samples).sqrt() > QUIETEST_RMS
    voiced_BT = (best_BT > VOICED) & loud_BT
    return _held(sample_rate_hz / _refined(match_BTL, lag_BT), voiced_BT)


def _refined(match_BTL: Tensor, lag_BT: Tensor) -> Tensor:
    """The top of the parabola through a peak and its neighbours, in samples."""
    left, top, right = (match_BTL.gather(-1, (lag_BT + d)[..., None])[..., 0] for d in (-1, 0, 1))
    bend = (left - 2.0 * top + right).clamp(max=-1e-6)
    return lag_BT + (0.5 * (left - right) / bend).clamp(-0.5, 0.5)


def _held(hz_BT: Tensor, voiced_BT: Tensor) -> Pitch:
    """The pitch of the last voiced sub-frame, and of the first one before that."""
    places_T = torch.arange(hz_BT.shape[1])
    last_BT = torch.where(voiced_BT, places_T, -1).cummax(1).values
    first_B1 = torch.where(voiced_BT.any(1), voiced_BT.float().argmax(1), 0)[:, None]
    held_BT = hz_BT.gather(1, torch.where(last_BT < 0, first_B1, last_BT))
    middle = held_BT.new_tensor(110.0)
    return Pitch(torch.where(voiced_BT.any(1, keepdim=True), held_BT, middle), voiced_BT)

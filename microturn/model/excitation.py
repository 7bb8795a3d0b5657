"""What the vocoder filters: a train of pulses at a pitch, and a noise. Both go on across blocks, in step.

Shapes: B clips, T sub-frames, N samples, H samples of a hop, E kinds (pulses, noise), K spectrum bins.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

STEPS_PER_HZ = 8.0
TOP_HZ = 7_800.0
NOISE_SAMPLES = 2**15


class ExcitationState(NamedTuple):
    """Where it stands: the last pitch in Hz and the phase in cycles, float64 [B]; how many samples there have been."""

    pitch_hz_B: Tensor
    cycles_B: Tensor
    samples: Tensor


def silent_start(clips: int, hz: float, device: torch.device) -> ExcitationState:
    """The state before the first sample."""
    pitch_hz_B = torch.full((clips,), hz, dtype=torch.float64, device=device)
    return ExcitationState(pitch_hz_B, torch.zeros_like(pitch_hz_B), torch.zeros((), dtype=torch.int64, device=device))


def excitation(
    pitch_hz_BT: Tensor, noise: Tensor, hop_samples: int, sample_rate_hz: int, state: ExcitationState
) -> tuple[Tensor, ExcitationState]:
    """Pulses and noise of unit power, float32 [B, E, T * hop_samples], after those of `state`.

    The pitch is rounded to an eighth of a hertz, so that differences in the last bits do not add up to another phase,
    and glides from one sub-frame to the next. `noise` is one stretch of it, repeated.
    """
    rounded_BT = (pitch_hz_BT * STEPS_PER_HZ).round().double() / STEPS_PER_HZ
    before_BT = torch.cat([state.pitch_hz_B[:, None], rounded_BT[:, :-1]], dim=1)
    share_H = torch.arange(1, hop_samples + 1, device=rounded_BT.device, dtype=torch.float64) / hop_samples
    hz_BN = (before_BT[..., None] + (rounded_BT - before_BT)[..., None] * share_H).flatten(1)
    cycles_BN = (state.cycles_B[:, None] + hz_BN.cumsum(dim=1) / sample_rate_hz).frac()
    pulses_BN = pulses(cycles_BN, (TOP_HZ / hz_BN).floor()).float()
    places_N = (state.samples + torch.arange(hz_BN.shape[1], device=hz_BN.device)) % len(noise)
    noise_BN = noise[places_N].float().expand_as(pulses_BN)
    after = ExcitationState(rounded_BT[:, -1], cycles_BN[:, -1], state.samples + hz_BN.shape[1])
    return torch.stack([pulses_BN, noise_BN], dim=1), after


def pulses(cycles: Tensor, harmonics: Tensor) -> Tensor:
    """Equal harmonics that all have their tops at whole cycles, unit power: Dirichlet's kernel, same shape."""
    half_angle = math.pi * cycles
    below, order = half_angle.sin(), 2.0 * harmonics + 1.0
    kernel = torch.where(below.abs() < 1e-6, order, (order * half_angle).sin() / below)
    return 0.5 * (kernel - 1.0) / (0.5 * harmonics).sqrt()


def white_noise(seed: int = 0) -> Tensor:
    """Two seconds of unit power, float32 [32768]."""
    return torch.randn(NOISE_SAMPLES, generator=torch.Generator().manual_seed(seed))


def minimum_phase(log_magnitude: Tensor) -> Tensor:
    """The complex spectrum [..., K] of the filter with this log magnitude whose energy comes soonest.

    By folding the cepstrum: Oppenheim and Schafer, Discrete-Time Signal Processing, chapter 12.
    """
    cepstrum = torch.fft.irfft(log_magnitude)
    half = cepstrum.shape[-1] // 2
    folded = torch.cat([cepstrum[..., :1], 2.0 * cepstrum[..., 1:half], cepstrum[..., half : half + 1]], dim=-1)
    log_spectrum = torch.fft.rfft(folded, n=2 * half)
    return torch.polar(log_spectrum.real.exp(), log_spectrum.imag)  # several times faster than a complex exponential

"""How far the vocoder's sound is from the original: short-time spectra at several resolutions, mel, and a little phase.

Spectral convergence and log magnitude: Yamamoto et al. 2020, arXiv 1910.11480. Mel distance: Kong et al. 2020,
arXiv 2010.05646.
Shapes: B clips, N samples, K spectrum bins, S short-time spectra, C mel channels.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microturn.media.mel import MelConfig, mel_filters_KC

SMALLEST = 3e-4
HOPS_PER_WINDOW = 4


class VocoderParts(NamedTuple):
    """Mean over the batch: `log` and `mel` in nepers, `convergence` and `complex` as shares of the original."""

    total: Tensor
    log: Tensor
    convergence: Tensor
    mel: Tensor
    complex: Tensor


class VocoderLoss(nn.Module):
    """Compares sounds [B, N] at the resolutions `windows` (samples); `complex_weight` is for the term with phase.

    A deterministic voice has one right sound for a text, but mel frames say little of where its pitch pulses lie; so
    the term that asks for the very phase stays small beside those that ask for magnitudes.
    """

    filters_KC: Tensor

    def __init__(self, windows: tuple[int, ...], complex_weight: float, mel: MelConfig) -> None:
        super().__init__()
        self.windows, self.complex_weight, self.mel_window = windows, complex_weight, mel.window_samples
        self.register_buffer("filters_KC", torch.from_numpy(mel_filters_KC(mel)), persistent=False)
        for window in {*windows, mel.window_samples}:
            self.register_buffer(f"window_{window}", torch.hann_window(window), persistent=False)

    def forward(self, said_BN: Tensor, right_BN: Tensor) -> VocoderParts:
        """Parts and their weighted sum, scalars."""
        zero = said_BN.new_zeros(())
        log, convergence, phase, mel = zero, zero, zero, zero
        for window in dict.fromkeys((*self.windows, self.mel_window)):
            said, right = self._spectra(said_BN, window), self._spectra(right_BN, window)
            said_BKS, right_BKS = _magnitude(said), _magnitude(right)
            log = log + F.l1_loss(said_BKS.log(), right_BKS.log())
            convergence = convergence + (said_BKS - right_BKS).norm() / right_BKS.norm()
            phase = phase + (torch.view_as_real(said) - torch.view_as_real(right)).abs().mean() / right_BKS.mean()
            if window == self.mel_window:
                mel = F.l1_loss(self._log_mel(said_BKS), self._log_mel(right_BKS))
        count = len({*self.windows, self.mel_window})
        log, convergence, phase = log / count, convergence / count, phase / count
        total = log + convergence + mel + self.complex_weight * phase
        return VocoderParts(total, log, convergence, mel, phase)

    def _spectra(self, pcm_BN: Tensor, window: int) -> Tensor:
        """Complex [B, K, S], a full-scale sine about 1."""
        shape = self.get_buffer(f"window_{window}")
        hop = window // HOPS_PER_WINDOW
        spectra = torch.stft(pcm_BN, window, hop, window=shape, center=False, return_complex=True)
        return spectra * (2.0 / shape.sum())

    def _log_mel(self, magnitude_BKS: Tensor) -> Tensor:
        """Log of the magnitude in mel channels, [B, S, C]."""
        return 0.5 * (magnitude_BKS.mT.square() @ self.filters_KC + SMALLEST**2).log()


def _magnitude(spectra: Tensor) -> Tensor:
    """Never zero, where a logarithm or a gradient of the root would be lost."""
    return (spectra.real.square() + spectra.imag.square() + SMALLEST**2).sqrt()

"""How far the vocoder's sound is from the original: short-time spectra at several resolutions, and mel.

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
    """Mean over the batch: `log` and `mel` in nepers, `convergence` as a share of the original."""

    total: Tensor
    log: Tensor
    convergence: Tensor
    mel: Tensor


class VocoderLoss(nn.Module):
    """Compares sounds [B, N] at the resolutions `windows` (samples).

    `convergence` has a small weight: of pulses and noise that lie elsewhere than the right ones it wants less.
    Nothing asks for the right phases, because mel frames do not tell where the pulses lie.
    """

    filters_KC: Tensor

    def __init__(self, windows: tuple[int, ...], convergence_weight: float, mel: MelConfig) -> None:
        super().__init__()
        self.windows, self.convergence_weight, self.mel_window = windows, convergence_weight, mel.window_samples
        self.register_buffer("filters_KC", torch.from_numpy(mel_filters_KC(mel)), persistent=False)
        for window in {*windows, mel.window_samples}:
            self.register_buffer(f"window_{window}", torch.hann_window(window), persistent=False)

    def forward(self, said_BN: Tensor, right_BN: Tensor) -> VocoderParts:
        """Parts and their weighted sum, scalars."""
        zero = said_BN.new_zeros(())
        log, convergence, mel = zero, zero, zero
        for window in dict.fromkeys((*self.windows, self.mel_window)):
            said_BKS, right_BKS = self._magnitude(said_BN, window), self._magnitude(right_BN, window)
            log = log + F.l1_loss(said_BKS.log(), right_BKS.log())
            convergence = convergence + (said_BKS - right_BKS).norm() / right_BKS.norm()
            if window == self.mel_window:
                mel = F.l1_loss(self._log_mel(said_BKS), self._log_mel(right_BKS))
        count = len({*self.windows, self.mel_window})
        log, convergence = log / count, convergence / count
        total = log + mel + self.convergence_weight * convergence
        return VocoderParts(total, log, convergence, mel)

    def _magnitude(self, pcm_BN: Tensor, window: int) -> Tensor:
        """[B, K, S], a full-scale sine about 1; never zero, where logarithm and root have no gradient."""
        shape = self.get_buffer(f"window_{window}")
        hop = window // HOPS_PER_WINDOW
        spectra = torch.stft(pcm_BN, window, hop, window=shape, center=False, return_complex=True)
        power_BKS = (spectra.real.square() + spectra.imag.square()) * (2.0 / shape.sum()) ** 2
        return (power_BKS + SMALLEST**2).sqrt()

    def _log_mel(self, magnitude_BKS: Tensor) -> Tensor:
        """Log of the magnitude in mel channels, [B, S, C]."""
        return 0.5 * (magnitude_BKS.mT.square() @ self.filters_KC + SMALLEST**2).log()

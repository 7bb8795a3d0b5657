"""Judges for the end of the vocoder's training: small nets that learn to tell its sound from the agent's own voice.

Of two kinds: over compressed complex spectra (after Jang et al. 2021, UnivNet, arXiv 2106.07889; Vocos), and over
samples folded by a period (Kong et al. 2020, HiFi-GAN, arXiv 2010.05646). Hinge loss, and feature matching.
Shapes: B pieces, N samples, K spectrum bins, S short-time spectra.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1
HOPS_PER_WINDOW = 4
COMPRESSION = 0.3
SMALLEST = 1e-4
LOUDER = 10.0


class Verdict(NamedTuple):
    """One judge's opinion, higher for the agent's own voice, in any shape; and its layers' outputs on the way there."""

    opinion: Tensor
    features: list[Tensor]


class Judges(nn.Module):
    """All judges: one a window (samples of a spectrum), one a period (samples of a fold)."""

    def __init__(self, windows: tuple[int, ...], periods: tuple[int, ...], channels: int = 16) -> None:
        super().__init__()
        spectra = [_SpectrumJudge(window, channels) for window in windows]
        folds = [_FoldJudge(period, channels) for period in periods]
        self.judges = nn.ModuleList([*spectra, *folds])

    def forward(self, pcm_BN: Tensor) -> list[Verdict]:
        """Every judge's verdict of sounds [B, N]."""
        return [judge(pcm_BN) for judge in self.judges]


class _SpectrumJudge(nn.Module):
    """Convolutions over frequency and time of the complex spectrum."""

    window: Tensor

    def __init__(self, window: int, channels: int) -> None:
        super().__init__()
        self.hop = window // HOPS_PER_WINDOW
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        widths = (2, channels, channels, 2 * channels, 2 * channels)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, (7, 3), stride=(2, 1), padding=(3, 1)) for a, b in pairwise(widths))
        self.last = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, pcm_BN: Tensor) -> Verdict:
        spectra = torch.stft(pcm_BN, len(self.window), self.hop, window=self.window, center=False, return_complex=True)
        spectra = spectra * (2.0 / self.window.sum())
        power_BKS = spectra.real.square() + spectra.imag.square() + SMALLEST**2
        compressed = torch.view_as_real(spectra) * power_BKS[..., None] ** (0.5 * (COMPRESSION - 1.0))
        return _judged(compressed.permute(0, 3, 1, 2), self.layers, self.last)


class _FoldJudge(nn.Module):
    """Convolutions along every `period`-th sample."""

    def __init__(self, period: int, channels: int) -> None:
        super().__init__()
        self.period = period
        widths = (1, channels, 2 * channels, 4 * channels, 4 * channels)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, (5, 1), stride=(3, 1), padding=(2, 0)) for a, b in pairwise(widths))
        self.last = nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0))

    def forward(self, pcm_BN: Tensor) -> Verdict:
        whole = pcm_BN.shape[1] // self.period * self.period
        return _judged(LOUDER * pcm_BN[:, None, :whole].unflatten(2, (-1, self.period)), self.layers, self.last)


def _judged(x: Tensor, layers: nn.ModuleList, last: nn.Module) -> Verdict:
    features: list[Tensor] = []
    for layer in layers:
        x = F.leaky_relu(layer(x), SLOPE)
        features.append(x)
    return Verdict(last(x), features)


def judges_loss(of_said: list[Verdict], of_right: list[Verdict]) -> Tensor:
    """What the judges minimise: opinions above 1 of the right sound and below -1 of what the vocoder said."""
    losses = [
        F.relu(1.0 + said.opinion.float()).mean() + F.relu(1.0 - right.opinion.float()).mean()
        for said, right in zip(of_said, of_right, strict=True)
    ]
    return torch.stack(losses).mean()


class Favour(NamedTuple):
    """What the vocoder minimises, scalars: `opinion`, minus what the judges say; `matching`, how far their features of
    the two sounds lie apart, as a share of the features' size."""

    opinion: Tensor
    matching: Tensor


def favour(of_said: list[Verdict], of_right: list[Verdict]) -> Favour:
    """Mean over judges; the verdicts of the right sound are taken as they are."""
    opinions, distances = [], []
    for said, right in zip(of_said, of_right, strict=True):
        opinions.append(-said.opinion.float().mean())
        for own, wanted in zip(said.features, right.features, strict=True):
            wanted = wanted.detach().float()
            distances.append((own.float() - wanted).abs().mean() / (wanted.abs().mean() + SMALLEST))
    return Favour(torch.stack(opinions).mean(), torch.stack(distances).mean())

"""From a condition to one tick of mel: a flow head, and its twin that regresses the block at once. No time, no tokens.

Conditional flow matching (Lipman et al. 2023, arXiv 2210.02747) on straight paths from noise (t = 0) to the block
(t = 1). The network predicts the block itself, from which the velocity follows (Li and He 2025, arXiv 2511.13720): a
narrow network cannot pass on noise of 800 numbers, but it can say what the block is. Blocks are in `scaled` units.

Shapes: Z blocks, F frames of a tick, C mel channels, U width of the condition, W inner width, L last frames of before.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from microturn.media.mel import MelConfig

LAST_FRAMES = 2
TIME_FEATURES = 64
NEAREST_END = 0.2  # of the path: what is left of it divides the loss, so it may not become nothing


def scaled(mel_db: Tensor, mel: MelConfig) -> Tensor:
    """Decibels as the heads know them: low_db and all below it is -1, high_db and all above it 1."""
    return ((mel_db - mel.low_db) * (2.0 / (mel.high_db - mel.low_db)) - 1.0).clamp(-1.0, 1.0)


def unscaled(block: Tensor, mel: MelConfig) -> Tensor:
    """Inverse of `scaled`, never outside low_db to high_db."""
    return (block.clamp(-1.0, 1.0) + 1.0) * ((mel.high_db - mel.low_db) / 2.0) + mel.low_db


class FlowHead(nn.Module):
    """Two heads on one condition: a flow in a few Euler steps, and direct regression with no step at all."""

    def __init__(self, cond_width: int, frames: int, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.shape = (frames, channels)
        self.flow = _Net(cond_width, frames, channels, width, blocks, timed=True)
        self.direct = _Net(cond_width, frames, channels, width, blocks - 1, timed=False)

    def predict_direct(self, cond_ZU: Tensor, last_ZLC: Tensor) -> Tensor:
        """The block at once, [Z, F, C]."""
        return self.direct(cond_ZU, last_ZLC).unflatten(-1, self.shape)

    def predict(self, x_ZFC: Tensor, t_Z: Tensor, cond_ZU: Tensor, last_ZLC: Tensor) -> Tensor:
        """The block where the path through `x_ZFC` at `t_Z` ends, [Z, F, C]."""
        return self.flow(cond_ZU, last_ZLC, x_ZFC.flatten(1), t_Z).unflatten(-1, self.shape)

    def sample(self, noise_ZFC: Tensor, cond_ZU: Tensor, last_ZLC: Tensor, evals: int) -> Tensor:
        """The block that `evals` Euler steps of equal length lead to from the noise, [Z, F, C]; 0: the direct one."""
        if evals == 0:
            return self.predict_direct(cond_ZU, last_ZLC)
        x_ZFC = noise_ZFC
        for step in range(evals):
            t_Z = torch.full((len(x_ZFC),), step / evals, device=x_ZFC.device)
            end_ZFC = self.predict(x_ZFC, t_Z, cond_ZU, last_ZLC).float()
            x_ZFC = x_ZFC + (end_ZFC - x_ZFC) / (evals - step)  # velocity (end - x) / (1 - t), for 1 / evals
        return x_ZFC

    def direct_loss_Z(self, block_ZFC: Tensor, cond_ZU: Tensor, last_ZLC: Tensor) -> Tensor:
        """Mean absolute error of the direct head, fp32 [Z]."""
        return (self.predict_direct(cond_ZU, last_ZLC).float() - block_ZFC).abs().mean((1, 2))

    def flow_loss_Z(
        self, block_ZFC: Tensor, noise_ZFC: Tensor, t_Z: Tensor, cond_ZU: Tensor, last_ZLC: Tensor
    ) -> Tensor:
        """Mean squared error of the velocity at `t_Z` of the path from noise to block, fp32 [Z]."""
        t_Z11 = t_Z[:, None, None]
        x_ZFC = (1.0 - t_Z11) * noise_ZFC + t_Z11 * block_ZFC
        end_ZFC = self.predict(x_ZFC, t_Z, cond_ZU, last_ZLC).float()
        return (end_ZFC - block_ZFC).square().mean((1, 2)) / (1.0 - t_Z).clamp(min=NEAREST_END).square()


class _Net(nn.Module):
    """Residual MLP over a whole block; a timed one also reads the noisy block, and condition and time modulate it."""

    def __init__(self, cond_width: int, frames: int, channels: int, width: int, blocks: int, timed: bool) -> None:
        super().__init__()
        self.cond = nn.Linear(cond_width, width)
        self.last = nn.Linear(LAST_FRAMES * channels, width, bias=False)
        self.noisy = nn.Linear(frames * channels, width, bias=False) if timed else None
        self.time = nn.Linear(TIME_FEATURES, width) if timed else None
        self.blocks = nn.ModuleList(_Block(width, timed) for _ in range(blocks))
        self.out = nn.Linear(width, frames * channels)

    def forward(
        self, cond_ZU: Tensor, last_ZLC: Tensor, noisy_ZX: Tensor | None = None, t_Z: Tensor | None = None
    ) -> Tensor:
        """[Z, F * C]; a timed net needs the noisy block and its time, the other has neither."""
        h_ZW = c_ZW = self.cond(cond_ZU) + self.last(last_ZLC.flatten(1))
        if self.noisy is not None and self.time is not None:
            assert noisy_ZX is not None and t_Z is not None
            c_ZW = c_ZW + self.time(_time_features(t_Z))
            h_ZW = c_ZW + self.noisy(noisy_ZX)
        for block in self.blocks:
            h_ZW = block(h_ZW, c_ZW)
        return self.out(F.rms_norm(h_ZW, h_ZW.shape[-1:]))


class _Block(nn.Module):
    """Norm, scale and shift by the condition (adaLN, Peebles and Xie 2023, arXiv 2212.09748), MLP, added."""

    def __init__(self, width: int, modulated: bool) -> None:
        super().__init__()
        self.modulate = nn.Linear(width, 2 * width) if modulated else None
        self.up = nn.Linear(width, width)
        self.down = nn.Linear(width, width)

    def forward(self, h_ZW: Tensor, c_ZW: Tensor) -> Tensor:
        normed_ZW = F.rms_norm(h_ZW, h_ZW.shape[-1:])
        if self.modulate is not None:
            scale_ZW, shift_ZW = self.modulate(F.silu(c_ZW)).chunk(2, dim=-1)
            normed_ZW = normed_ZW * (1.0 + scale_ZW) + shift_ZW
        return h_ZW + self.down(F.silu(self.up(normed_ZW)))


def _time_features(t_Z: Tensor) -> Tensor:
    """Cosines and sines of t, periods from a hundredth of the path to six times its length; fp32."""
    half = TIME_FEATURES // 2
    rates = torch.exp(torch.linspace(0.0, math.log(600.0), half, device=t_Z.device))
    angle = t_Z[:, None].float() * rates
    return torch.cat([angle.cos(), angle.sin()], dim=-1)

"""An ear for pitch: mel frames in, the pitch of the voice in them out. Its labels are train/pitch.py's.

In the lower channels of a male voice the harmonics stand apart, and their spacing shows through levels of 4 dB as well.
A choice among narrow bins, then the centre of gravity around the likeliest one (Kim et al. 2018, "CREPE",
arXiv 1802.06182), tells more than a regression, which learns little but the mean.
Shapes: B clips, F mel frames, C mel channels, T sub-frames, P pitch bins.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FRAMES = 5
CHANNELS = 40
WIDTH = 256
BINS = 64
LOWEST_HZ, HIGHEST_HZ = 60.0, 240.0
MIDDLE_HZ = 110.0
NEAR_BINS = 2
CONTRAST = 3.0


class PitchEar(nn.Module):
    """Five frames at a time; what lies between their loudness and silence is left out by taking off their mean."""

    def __init__(self, subframes: int) -> None:
        super().__init__()
        self.subframes = subframes
        self.embed, self.embed_norm = nn.Linear(FRAMES * CHANNELS, WIDTH), nn.LayerNorm(WIDTH)
        self.mix, self.mix_norm = nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH)
        self.bins = nn.Linear(WIDTH, subframes * BINS)

    def forward(self, recent_BFC: Tensor) -> Tensor:
        """Normalised mel [B, 4 + F, C], silence before the first frame, to logits of pitch bins [B, T, P]."""
        stacked = recent_BFC[..., :CHANNELS].unfold(1, FRAMES, 1).flatten(2)
        heard = CONTRAST * (stacked - stacked.mean(dim=2, keepdim=True))
        hidden = F.gelu(self.embed_norm(self.embed(heard)))
        hidden = F.gelu(self.mix_norm(self.mix(hidden)))
        return self.bins(hidden).unflatten(2, (self.subframes, BINS)).flatten(1, 2)


def pitch_hz(logits_BTP: Tensor) -> Tensor:
    """The pitch that logits stand for, float32 [B, T]."""
    logits_BTP = logits_BTP.float()
    near = torch.arange(-NEAR_BINS, NEAR_BINS + 1, device=logits_BTP.device)
    bins_BTP = (logits_BTP.argmax(dim=-1, keepdim=True) + near).clamp(0, BINS - 1)
    share_BTP = logits_BTP.gather(-1, bins_BTP).softmax(dim=-1)
    return MIDDLE_HZ * 2.0 ** (share_BTP * bin_octaves(logits_BTP.device)[bins_BTP]).sum(dim=-1)


def bin_octaves(device: torch.device | None = None) -> Tensor:
    """Centres of the bins in octaves from 110 Hz, [P]."""
    low, high = (math.log2(hz / MIDDLE_HZ) for hz in (LOWEST_HZ, HIGHEST_HZ))
    return torch.linspace(low, high, BINS, device=device)

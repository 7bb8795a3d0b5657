"""One micro-turn's input as positions of the sequence: sound with tick and clock, text, own voice, sight. No decisions.

Sound (dMel, Bai et al. 2024, arXiv 2407.15835): every (channel, level) of a mel frame has an embedding, summed over
channels; the frames of one position are stacked and folded to the model's width, as patches of a picture are.

Shapes: B sessions, S sound positions, N ticks, P frames a position, C mel channels, L levels, U model width, X tokens,
O own positions (for these P is all frames of a tick), I positions of sight.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from microturn.model.backbone import RMSNorm
from microturn.model.config import InteractionConfig
from microturn.model.sight import SightStem

SHORTEST_PERIOD_S = 0.4
LONGEST_PERIOD_S = 4_200.0


class SoundStem(nn.Module):
    """Levels of a few mel frames to one position."""

    def __init__(self, config: InteractionConfig) -> None:
        super().__init__()
        self.levels, self.channels = config.mel.n_levels, config.mel.n_mels
        eps = config.backbone.norm_eps
        self.table = nn.Parameter(torch.empty(self.channels * self.levels, config.frame_width))
        self.frame_norm = RMSNorm(config.frame_width, eps)
        self.fold = nn.Linear(config.frame_width * config.frames_per_token, config.stem_width, bias=False)
        self.out = nn.Linear(config.stem_width, config.backbone.width, bias=False)
        self.norm = RMSNorm(config.backbone.width, eps)

    def forward(self, levels_BSPC: Tensor) -> Tensor:
        """uint8 levels to [B, S, U]."""
        frames = self.embed_frames(levels_BSPC)
        return self.norm(self.out(F.gelu(self.fold(self.frame_norm(frames).flatten(-2)))))

    def embed_frames(self, levels_BSPC: Tensor) -> Tensor:
        """Sum of the channels' level embeddings, as one matrix product over a one-hot code (fast in training)."""
        codes = torch.arange(self.levels, device=levels_BSPC.device, dtype=levels_BSPC.dtype)
        onehot = (levels_BSPC[..., None] == codes).flatten(-2).to(self.table.dtype)
        return onehot @ self.table

    def embed_frames_by_lookup(self, levels_BSPC: Tensor) -> Tensor:
        """The same sum by table look-up: the plain twin."""
        rows = levels_BSPC.long() + torch.arange(self.channels, device=levels_BSPC.device) * self.levels
        return self.table[rows].sum(-2)


class OwnStem(nn.Module):
    """Levels of the block that the model itself produced to one position: it hears itself.

    One voice, always clean: levels are taken as numbers, a table for each would be wasted on it.
    """

    def __init__(self, config: InteractionConfig, inner_width: int) -> None:
        super().__init__()
        width = config.backbone.width
        self.last_level = config.mel.n_levels - 1
        self.fold = nn.Linear(config.frames_per_tick * config.mel.n_mels, inner_width, bias=False)
        self.out = nn.Linear(inner_width, width, bias=False)
        self.norm = RMSNorm(width, config.backbone.norm_eps)
        self.mark = nn.Parameter(torch.zeros(width))

    def forward(self, levels_BOPC: Tensor) -> Tensor:
        """uint8 levels to [B, O, U]."""
        centred = levels_BOPC.flatten(-2).to(self.fold.weight.dtype) / self.last_level - 0.5
        own_BOU = self.norm(self.out(F.gelu(self.fold(centred))))
        return own_BOU + self.mark.to(own_BOU.dtype)


class Fusion(nn.Module):
    """Embeds what a tick brings; positions are then put in order by an index."""

    def __init__(self, config: InteractionConfig) -> None:
        super().__init__()
        self.config = config
        width = config.backbone.width
        self.sound = SoundStem(config)
        self.tick = nn.Parameter(torch.zeros(width))
        self.clock = nn.Linear(config.clock_features, width, bias=False)
        self.tokens = nn.Embedding(config.vocab_size, width)
        self.token_norm = RMSNorm(width, config.backbone.norm_eps)
        self.own = None if config.voice is None else OwnStem(config, config.voice.own_width)
        self.sight = None if config.sight is None else SightStem(config.sight, width, config.backbone.norm_eps)

    def embed_sound(self, levels_BSPC: Tensor, seconds_BN: Tensor) -> Tensor:
        """Sound positions [B, S, U], S = N * sound_tokens; clock features at each, the tick's mark at its first."""
        sound_BSU = self.sound(levels_BSPC)
        per_tick = sound_BSU.unflatten(1, (-1, self.config.sound_tokens))
        clock_BNU = self.clock(clock_features(seconds_BN, self.config.clock_features).to(sound_BSU.dtype))
        timed = per_tick + clock_BNU[:, :, None].to(sound_BSU.dtype)
        first = timed[:, :, :1] + self.tick.to(sound_BSU.dtype)
        return torch.cat([first, timed[:, :, 1:]], dim=2).flatten(1, 2)

    def embed_text(self, tokens_BX: Tensor) -> Tensor:
        """Text and control tokens, said or typed, [B, X, U]."""
        return self.token_norm(self.tokens(tokens_BX))

    def forward(
        self,
        levels_BSPC: Tensor,
        seconds_BN: Tensor,
        tokens_BX: Tensor,
        order_BT: Tensor,
        own_BOPC: Tensor | None = None,
        pairs_BVPHWC: Tensor | None = None,
    ) -> Tensor:
        """Positions in order, [B, T, U].

        `order_BT` indexes sound positions first (0..S-1), then tokens (S..S+X-1), then own blocks (S+X..S+X+O-1), then
        what was seen (S+X+O..S+X+O+I-1). A model without a voice or without sight passes over what it has no place for.
        """
        sound_BSU = self.embed_sound(levels_BSPC, seconds_BN)
        parts = [sound_BSU, self.embed_text(tokens_BX).to(sound_BSU.dtype)]
        if self.own is not None and own_BOPC is not None:
            parts.append(self.own(own_BOPC).to(sound_BSU.dtype))
        if self.sight is not None and pairs_BVPHWC is not None and pairs_BVPHWC.shape[1]:
            parts.append(self.sight(pairs_BVPHWC).to(sound_BSU.dtype))
        parts_BIU = torch.cat(parts, dim=1)
        return parts_BIU.gather(1, order_BT[:, :, None].expand(-1, -1, parts_BIU.shape[2]))


def clock_features(seconds: Tensor, count: int) -> Tensor:
    """Sines and cosines of the session's time, periods 0.4 s to 70 min in geometric steps; fp32 [..., count]."""
    half = count // 2
    ratio = math.log(LONGEST_PERIOD_S / SHORTEST_PERIOD_S) / (half - 1)
    steps = torch.arange(half, device=seconds.device, dtype=torch.float64)
    periods = SHORTEST_PERIOD_S * torch.exp(ratio * steps)
    angle = 2.0 * math.pi * (seconds.double()[..., None] / periods % 1.0)
    return torch.cat([angle.sin(), angle.cos()], dim=-1).float()

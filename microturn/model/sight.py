"""Pictures to positions: a pair of consecutive frames, folded patch by patch. No vision encoder, no order of positions.

hMLP (Touvron et al. 2022, arXiv 2203.09795, section 4): each fold is a linear map of a square of neighbours that no
other square shares, so a patch knows nothing of the next one; the backbone puts them together. Two frames lie on each
other as channels, so that motion is seen in one tick.

Shapes: B sessions, V pairs, P frames of a pair, H and W pixels, Y and X squares, C channels, K positions a pair,
U model width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from microturn.model.backbone import RMSNorm
from microturn.model.config import SightConfig

PAIR = 2
COLORS = 3


class Fold(nn.Module):
    """Squares of `side` * `side` neighbours to one vector each."""

    def __init__(self, side: int, channels: int, width: int, norm_eps: float) -> None:
        super().__init__()
        self.side = side
        self.linear = nn.Linear(side * side * channels, width, bias=False)
        self.norm = RMSNorm(width, norm_eps)

    def forward(self, x_NYXC: Tensor) -> Tensor:
        """[N, Y, X, C] to [N, Y / side, X / side, width]."""
        return F.gelu(self.norm(self.linear(squares(x_NYXC, self.side))))


class SightStem(nn.Module):
    """Pairs of frames to positions. `places` tells the positions of one pair apart."""

    def __init__(self, config: SightConfig, width: int, norm_eps: float) -> None:
        super().__init__()
        self.config = config
        channels = (PAIR * COLORS, *config.widths)
        sizes = zip(config.folds, channels, config.widths, strict=False)
        self.folds = nn.Sequential(*(Fold(side, old, new, norm_eps) for side, old, new in sizes))
        self.gather = nn.Linear(config.widths[-1] * config.patches_per_token, config.gather_width, bias=False)
        self.gather_norm = RMSNorm(config.gather_width, norm_eps)
        self.out = nn.Linear(config.gather_width, width, bias=False)
        self.norm = RMSNorm(width, norm_eps)
        self.places = nn.Parameter(torch.zeros(config.tokens_per_pair, width))

    def forward(self, pairs_BVPHWC: Tensor) -> Tensor:
        """uint8 pairs [B, V, 2, H, W, 3], the older frame first, to [B, V * K, U]."""
        batch, pairs = pairs_BVPHWC.shape[:2]
        stacked = pairs_BVPHWC.permute(0, 1, 3, 4, 2, 5).flatten(-2).flatten(0, 1)
        x_NYXC = stacked.to(self.out.weight.dtype) / 255.0 - 0.5
        patches_NYXC = self.folds(x_NYXC)
        return self._positions(patches_NYXC.reshape(batch, pairs, self.config.tokens_per_pair, -1))

    def by_patch(self, pairs_BVPHWC: Tensor) -> Tensor:
        """The same, one patch after the other: the plain twin."""
        patch = self.config.patch
        embedded: list[Tensor] = []
        for row in range(0, self.config.height, patch):
            for column in range(0, self.config.width, patch):
                cut = pairs_BVPHWC[:, :, :, row : row + patch, column : column + patch]
                both = torch.cat([cut[:, :, 0], cut[:, :, 1]], dim=-1).flatten(0, 1) / 255.0 - 0.5
                embedded.append(self.folds(both).flatten(1))
        together = torch.stack(embedded, dim=1).reshape(*pairs_BVPHWC.shape[:2], self.config.tokens_per_pair, -1)
        return self._positions(together)

    def _positions(self, together_BVKC: Tensor) -> Tensor:
        """The patches of each position, side by side, to [B, V * K, U]."""
        met = F.gelu(self.gather_norm(self.gather(together_BVKC)))
        positions_BVKU = self.norm(self.out(met))
        return (positions_BVKU + self.places.to(positions_BVKU.dtype)).flatten(1, 2)


def squares(x_NYXC: Tensor, side: int) -> Tensor:
    """Squares of side * side neighbours as one vector each, [N, Y / side, X / side, side * side * C]."""
    n, y, x, c = x_NYXC.shape
    cut = x_NYXC.reshape(n, y // side, side, x // side, side, c)
    return cut.permute(0, 1, 3, 2, 4, 5).reshape(n, y // side, x // side, side * side * c)

"""One forward over ticks that are laid out, appended to rows of keys and values. It decides nothing and keeps nothing.

Shapes: B rows, N ticks, F mel frames, C channels, P frames a position, S sound positions, X tokens, O own blocks,
T new positions, U model width, V pairs of frames, or words where it is the last axis.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from microturn.core.clock import TICK_MS
from microturn.engine.session import Positions
from microturn.model.backbone import BackboneState
from microturn.model.config import InteractionConfig
from microturn.model.interaction import InteractionModel


class Extended(NamedTuple):
    """After a forward: hidden states; CTC labels of the sound positions, by row; keys and values."""

    hidden_BTU: Tensor
    labels_BS: list[list[int]]
    state: BackboneState


def append(
    model: InteractionModel,
    laid: Sequence[Positions],
    levels_BFC: npt.NDArray[np.uint8],
    ticks_BN: npt.NDArray[np.int64],
    before: BackboneState,
    vocab_size: int,
) -> Extended:
    """Embed and append ticks that are laid out, as many for each row; a row with no positions appends nothing.

    Labels are ids below `vocab_size`.
    """
    config, device = model.config, model.decision.weight.device
    new_B = torch.tensor([len(row.order) for row in laid], device=device)
    shape = (len(laid), -1, config.frames_per_token, config.mel.n_mels)
    levels_BSPC = torch.as_tensor(levels_BFC.reshape(shape), device=device)
    seconds_BN = torch.as_tensor(TICK_MS / 1000 * ticks_BN, device=device)
    tokens_BX = _padded([row.tokens for row in laid], device)
    own_BOPC, pairs_BVPHWC = _own_blocks(laid, config, device), _pairs(laid, config, device)
    first_own = levels_BSPC.shape[1] + tokens_BX.shape[1]
    orders = _orders(laid, first_own, first_own + (0 if own_BOPC is None else own_BOPC.shape[1]))
    x_BTU = model.fusion(levels_BSPC, seconds_BN, tokens_BX, _padded(orders, device), own_BOPC, pairs_BVPHWC)
    hidden_BTU, tapped_BTU, after = model.step(x_BTU, new_B, before)
    places_BS = _padded([row.sound_places for row in laid], device)
    tapped_BSU = tapped_BTU.gather(1, places_BS[:, :, None].expand(-1, -1, tapped_BTU.shape[2]))
    heard_BSV = model.transcribe(tapped_BSU)[..., :vocab_size]
    labels_BS: list[list[int]] = heard_BSV.argmax(-1).numpy(force=True).tolist()
    return Extended(hidden_BTU, labels_BS, after)


def silence(config: InteractionConfig, ticks: int) -> npt.NDArray[np.uint8]:
    """Levels of ticks in which nothing is heard, [ticks, F, C]."""
    return np.zeros((ticks, config.frames_per_tick, config.mel.n_mels), np.uint8)


def _orders(laid: Sequence[Positions], first_own: int, first_seen: int) -> list[list[int]]:
    """Indices of positions by row, own blocks from `first_own` on, what is seen from `first_seen` on."""
    orders = [list(row.order) for row in laid]
    for row, order in zip(laid, orders, strict=True):
        for first, places in ((first_own, row.own_places), (first_seen, row.seen_places)):
            for index, place in enumerate(places):
                order[place] = first + index
    return orders


def _own_blocks(laid: Sequence[Positions], config: InteractionConfig, device: torch.device) -> Tensor | None:
    """Own blocks [B, O, F, C], silence on the right; None where no row has any."""
    most = max(len(row.own) for row in laid)
    if not most:
        return None
    quiet = list(silence(config, 1))
    own_BOFC = np.stack([[*row.own, *quiet * (most - len(row.own))] for row in laid])
    return torch.as_tensor(own_BOFC, device=device)


def _pairs(laid: Sequence[Positions], config: InteractionConfig, device: torch.device) -> Tensor | None:
    """Pairs of frames [B, V, 2, H, W, 3], darkness on the right; None where no row has any."""
    most = max(len(row.seen) for row in laid)
    if not most:
        return None
    assert config.sight is not None
    dark = [np.zeros((2, config.sight.height, config.sight.width, 3), np.uint8)]
    pairs_BVPHWC = np.stack([[*row.seen, *dark * (most - len(row.seen))] for row in laid])
    return torch.as_tensor(pairs_BVPHWC, device=device)


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Rows of different lengths as one int64 tensor, zeros on the right."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], dtype=torch.long, device=device)

"""What training minimises: decisions, transcript, what is in view, and a little z-loss. No optimizer, no data.

Shapes: B streams, T positions, Z positions with a target, V vocabulary, W words.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from microturn.model.interaction import InteractionModel
from microturn.train.batch import NO_TARGET, Batch


class Losses(NamedTuple):
    """`total` is differentiable; the others are for display, per weighted target."""

    total: Tensor
    decide: Tensor
    heard: Tensor
    view: Tensor


class LossWeights(NamedTuple):
    """Share of each part."""

    heard: float = 0.5
    view: float = 0.3
    z: float = 1e-4


def losses(
    model: InteractionModel, batch: Batch, weights: LossWeights, hidden_BTU: Tensor, tapped_BTU: Tensor
) -> Losses:
    """Weighted cross-entropies at the positions that have a target; fp32."""
    decide, z_decide = _cross_entropy(model.decide, hidden_BTU, batch.decide_BT, batch.decide_weight_BT)
    heard, z_heard = _cross_entropy(model.transcribe, tapped_BTU, batch.heard_BT, batch.heard_weight_BT)
    view = _view_loss(model, tapped_BTU, batch.view_BTW)
    total = decide + weights.heard * heard + weights.view * view + weights.z * (z_decide + z_heard)
    return Losses(total, decide.detach(), heard.detach(), view.detach())


def _view_loss(model: InteractionModel, tapped_BTU: Tensor, view_BTW: Tensor) -> Tensor:
    """Cross-entropy of what pictures show, by the head that reads what is heard: the words of one share its mass.

    A model that has to find out from a few spoken answers what there is to see learns it very slowly.
    """
    picked = view_BTW[..., 0] != NO_TARGET
    logits_ZV = model.transcribe(tapped_BTU[picked]).float()
    target_ZW = view_BTW[picked]
    there_ZW = target_ZW != NO_TARGET
    log_ZW = logits_ZV.log_softmax(-1).gather(-1, target_ZW.clamp(min=0)) * there_ZW
    return -(log_ZW.sum(-1) / there_ZW.sum(-1).clamp(min=1)).sum() / picked.sum().clamp(min=1)


def _cross_entropy(
    head: Callable[[Tensor], Tensor], states_BTU: Tensor, target_BT: Tensor, weight_BT: Tensor
) -> tuple[Tensor, Tensor]:
    picked = target_BT != NO_TARGET
    logits_ZV = head(states_BTU[picked]).float()
    weight_Z = weight_BT[picked]
    loss_Z = F.cross_entropy(logits_ZV, target_BT[picked], reduction="none")
    z_Z = torch.logsumexp(logits_ZV, -1).square()
    norm = weight_Z.sum().clamp(min=1.0)
    return (loss_Z * weight_Z).sum() / norm, (z_Z * weight_Z).sum() / norm

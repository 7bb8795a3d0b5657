"""Optimizers: Muon for hidden matrices, AdamW for everything else, and the schedule. No loop, no model.

Muon: Jordan et al. 2024 (kellerjordan.github.io/posts/muon): momentum, then the nearest semi-orthogonal matrix by a
Newton-Schulz iteration. Scale: Liu et al. 2025, arXiv 2502.16982 (0.2 * sqrt(larger side), so that AdamW's rates
carry over).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer

from microturn.train.distributed import own_part, whole

MUON = ("backbone.layers.", "fusion.sound.", "fusion.own.", "fusion.sight.")
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


@dataclass(frozen=True)
class OptimConfig:
    """Learning rates at the plateau; warm-up, plateau, then linear decay to `final_share` over the last steps."""

    muon_lr: float = 4e-3
    adam_lr: float = 2e-3
    weight_decay: float = 0.02
    momentum: float = 0.95
    adam_betas: tuple[float, float] = (0.9, 0.98)
    clip_norm: float = 1.0
    warmup_steps: int = 200
    decay_steps: int = 0
    final_share: float = 0.02


def lr_share(step: int, total_steps: int, config: OptimConfig) -> float:
    """Share of the full learning rate at `step` (0-based) of `total_steps`."""
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    left = total_steps - step
    if config.decay_steps and left < config.decay_steps:
        return warm * (config.final_share + (1.0 - config.final_share) * left / config.decay_steps)
    return warm


def orthogonalize(matrices_NRC: Tensor, steps: int = 5) -> Tensor:
    """Push all singular values of each [R, C] matrix towards one."""
    a, b, c = NEWTON_SCHULZ
    x = matrices_NRC.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).float()


class Muon(Optimizer):
    """Orthogonalised momentum for matrices. `rank` of `world` processes work on a share each and add up the results.

    Spread parameters (DTensor) are gathered for it, for orthogonality is the whole matrix's.
    """

    def __init__(self, params: Iterable[Tensor], config: OptimConfig, rank: int = 0, world: int = 1) -> None:
        super().__init__(params, {"lr": config.muon_lr, "momentum": config.momentum, "decay": config.weight_decay})
        self.rank, self.world = rank, world

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            updates = [whole(self._momentum(p, group["momentum"])) for p in params]
            moves = [torch.zeros_like(u) for u in updates]
            for index in range(self.rank, len(params), self.world):
                scale = 0.2 * math.sqrt(max(params[index].shape))
                moves[index].copy_(orthogonalize(updates[index][None])[0] * scale)
            _sum_over_processes(moves, self.world)
            for parameter, move in zip(params, moves, strict=True):
                parameter.mul_(1.0 - group["lr"] * group["decay"])
                parameter.add_(own_part(move, parameter), alpha=-group["lr"])

    def _momentum(self, parameter: Tensor, momentum: float) -> Tensor:
        assert parameter.grad is not None
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(parameter.grad, 1.0 - momentum)
        return parameter.grad.lerp(state["momentum"], momentum)


def _sum_over_processes(tensors: Sequence[Tensor], world: int) -> None:
    if world == 1 or not tensors:
        return
    flat = torch.cat([t.flatten() for t in tensors])
    dist.all_reduce(flat)
    for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


def average_gradients(model: nn.Module, world: int) -> None:
    """Mean of every gradient over the processes, in one transfer."""
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    _sum_over_processes(grads, world)
    if world > 1:
        torch._foreach_div_(grads, world)


def make_optimizers(model: nn.Module, config: OptimConfig, rank: int = 0, world: int = 1) -> list[Optimizer]:
    """Muon for the layers' and the stems' matrices; AdamW for tables, heads, gains, convolutions, distance biases."""
    hidden, decayed, rest = [], [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        is_matrix = parameter.ndim == 2 and name.endswith(".weight")
        if is_matrix and name.startswith(MUON):
            hidden.append(parameter)
        elif name.endswith(("table", "tokens.weight", "decision.weight", "heard.weight")):
            decayed.append(parameter)
        else:
            rest.append(parameter)
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, lr=config.adam_lr, betas=config.adam_betas, eps=1e-9)
    return [Muon(hidden, config, rank, world), adam]


def set_lr(optimizers: Sequence[Optimizer], config: OptimConfig, share: float) -> None:
    """Set every optimizer's rate to `share` of its plateau."""
    for optimizer in optimizers:
        full = config.muon_lr if isinstance(optimizer, Muon) else config.adam_lr
        for group in optimizer.param_groups:
            group["lr"] = full * share


def load_moments(optimizer: Optimizer, saved: Mapping[str, Any]) -> None:
    """Take over what the saved optimizer remembered, each process its part; settings stay this optimizer's own."""
    settings = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    params = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    moments = {
        index: {name: own_part(value, params[index]) for name, value in kept.items()}
        for index, kept in saved["state"].items()
    }
    optimizer.load_state_dict({**saved, "state": moments})
    for group, own in zip(optimizer.param_groups, settings, strict=True):
        group.update(own)

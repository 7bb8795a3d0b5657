"""Feeding a backbone in pieces: what the tests of streaming share. No assertions."""

from collections.abc import Sequence

import torch
from torch import Tensor

from microturn.model.backbone import Backbone, BackboneState


def randomize(module: torch.nn.Module, seed: int) -> None:
    """Weights that leave no part of the architecture idle: convolutions, biases and gains included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.state_dict().items()):
            if name.endswith(("norm.weight", "scale")):
                parameter.copy_(1.0 + 0.3 * torch.randn(parameter.shape, generator=generator))
            elif "conv" in name:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
            elif parameter.ndim < 2 or "profiles" in name or "proj.proj" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
            elif parameter.is_floating_point():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter.shape[-1] ** -0.5)


@torch.no_grad()
def in_steps(
    backbone: Backbone, x_BTU: Tensor, news: Sequence[Sequence[int]], state: BackboneState
) -> tuple[list[Tensor], BackboneState]:
    """Row b takes news[i][b] of its positions in step i, padded with noise. Returns each row's outputs [T_b, U]."""
    at = [0] * len(x_BTU)
    outputs: list[list[Tensor]] = [[] for _ in at]
    noise = torch.Generator().manual_seed(1)
    for new in news:
        step_BTU = 5.0 * torch.randn(len(at), max(new), x_BTU.shape[2], generator=noise)
        for row, count in enumerate(new):
            step_BTU[row, :count] = x_BTU[row, at[row] : at[row] + count]
        out_BTU, _, state = backbone.step(step_BTU, torch.tensor(new), state)
        for row, count in enumerate(new):
            outputs[row].append(out_BTU[row, :count])
            at[row] += count
    return [torch.cat(pieces) for pieces in outputs], state

"""Names: which tensors of a published Inkling checkpoint make which parameter of ours. No files, no weights.

The published layout is the one transformers' Inkling saves: `model.llm.layers.N.attn.wq_du.weight`, expert and shared
weights apart, and `w13` matrices whose rows take turns (gate 0, up 0, gate 1, up 1, ...) where ours hold all gates,
then all ups.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

OUTSIDE_LAYERS = {
    "tokens.weight": "model.llm.embed.weight",
    "token_norm.weight": "model.llm.embed_norm.weight",
    "backbone.norm.weight": "model.llm.norm.weight",
    "unembed.weight": "model.llm.unembed.weight",
    "sound_table": "model.audio.encoder.weight",
    "sound_norm.weight": "model.audio.final_norm.weight",
}
IN_A_LAYER = {
    "attention_norm.weight": "attn_norm.weight",
    "attention.q.weight": "attn.wq_du.weight",
    "attention.k.weight": "attn.wk_dv.weight",
    "attention.v.weight": "attn.wv_dv.weight",
    "attention.r.weight": "attn.wr_du.weight",
    "attention.o.weight": "attn.wo_ud.weight",
    "attention.k_conv.weight_CK": "attn.k_sconv.weight",
    "attention.v_conv.weight_CK": "attn.v_sconv.weight",
    "attention.q_norm.weight": "attn.q_norm.weight",
    "attention.k_norm.weight": "attn.k_norm.weight",
    "attention.profiles_RE": "attn.rel_logits_proj.proj",
    "attention_conv.weight_CK": "attn_sconv.weight",
    "mlp_norm.weight": "mlp_norm.weight",
    "mlp_conv.weight_CK": "mlp_sconv.weight",
    "mlp.gate_up.weight": "mlp.w13_dn.weight",
    "mlp.down.weight": "mlp.w2_md.weight",
    "mlp.scale": "mlp.global_scale",
    "mlp.router": "mlp.gate.weight",
    "mlp.router_bias": "mlp.gate.bias",
    "mlp.router_scale": "mlp.gate.global_scale",
}
EXPERTS = {
    "mlp.gate_up_NUV": ("mlp.experts.w13_weight", "mlp.shared_experts.shared_w13_weight"),
    "mlp.down_NVU": ("mlp.experts.w2_weight", "mlp.shared_experts.shared_w2_weight"),
}
LAYER_NAME = re.compile(r"backbone\.layers\.(\d+)\.(.+)")


@dataclass(frozen=True)
class Part:
    """One published tensor. `turns_dim`: the dimension along which gate and up rows take turns, None if they do not."""

    key: str
    shape: tuple[int, ...]
    turns_dim: int | None = None


def key_map(shapes: Mapping[str, tuple[int, ...]], routed: int) -> dict[str, tuple[Part, ...]]:
    """For each of our parameters (name to shape) the published tensors that make it, stacked along dimension 0.

    `routed`: how many of a sparse layer's experts are routed; the rest are shared ones.
    """
    return {name: _parts(name, shape, routed) for name, shape in shapes.items()}


def _parts(name: str, shape: tuple[int, ...], routed: int) -> tuple[Part, ...]:
    match = LAYER_NAME.fullmatch(name)
    if match is None:
        return (Part(OUTSIDE_LAYERS[name], shape),)
    layer, rest = f"model.llm.layers.{match[1]}.", match[2]
    if rest in EXPERTS:
        own, shared = EXPERTS[rest]
        turns_dim = 1 if rest == "mlp.gate_up_NUV" else None
        parts = (
            Part(layer + own, (routed, *shape[1:]), turns_dim),
            Part(layer + shared, (shape[0] - routed, *shape[1:]), turns_dim),
        )
        return parts if shape[0] > routed else parts[:1]
    if rest.endswith("conv.weight_CK"):
        shape = (shape[0], 1, shape[1])
    return (Part(layer + IN_A_LAYER[rest], shape, 0 if rest == "mlp.gate_up.weight" else None),)


def halves_from_turns(tensor: Tensor, dim: int) -> Tensor:
    """Rows that take turns (g0, u0, g1, u1, ...) along `dim` put in halves (g0, g1, ..., u0, u1, ...)."""
    return tensor.unflatten(dim, (-1, 2)).transpose(dim, dim + 1).flatten(dim, dim + 1)

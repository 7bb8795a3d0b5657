"""The decoder: Inkling's architecture in plain PyTorch, with explicit state. No embeddings, no heads, no audio.

Architecture: Thinking Machines Lab, Inkling (2026): no rotary positions but a learned, content-mixed bias by distance;
RMS-normed queries and keys with 1/d scaling; short causal depthwise convolutions on K, V and both sub-layer outputs;
sliding-window and global layers; dense or sparse SwiGLU.

Two paths compute the same numbers: `Backbone.forward` over whole sequences (training, no state) and `Backbone.step`
over a few new positions of many sessions (serving, `BackboneState` in and out).

Shapes: B sessions, T new positions, W window, H query heads, G key/value heads, D head width, R ring slots,
E distances of the bias, U model width, C channels of a convolution.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from microturn.model.config import BackboneConfig

MASKED = -30_000.0

AtTap = Callable[[Tensor], Tensor]


class RMSNorm(nn.Module):
    """Root-mean-square norm with a gain, computed in fp32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        x32 = x.float()
        return (x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + self.eps) * self.weight).to(x.dtype)


class ShortConv(nn.Module):
    """Depthwise causal convolution over the last `kernel` positions, plus its input; fp32."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.weight_CK = nn.Parameter(torch.zeros(channels, kernel))

    def forward(self, x_BTC: Tensor, before_BKC: Tensor | None = None) -> Tensor:
        """`before_BKC`: the kernel - 1 inputs that came earlier (None: zeros)."""
        kernel = self.weight_CK.shape[1]
        x32 = x_BTC.float()
        if before_BKC is None:
            padded = F.pad(x32, (0, 0, kernel - 1, 0))
        else:
            padded = torch.cat([before_BKC, x32], dim=1)
        length = x_BTC.shape[1]
        taps = [padded[:, i : i + length] * self.weight_CK[:, i] for i in range(kernel)]
        return (x32 + sum(taps)).to(x_BTC.dtype)


class ConvStates(NamedTuple):
    """Last inputs of a layer's four convolutions, each fp32 [B, kernel - 1, C]."""

    k: Tensor
    v: Tensor
    attention: Tensor
    mlp: Tensor


@dataclass(frozen=True)
class BackboneState:
    """Where B sessions stand. `length_B` commits: ring slots written beyond it are scratch and never read.

    `step` writes the rings in place, only ever beyond the committed length, and returns a new state; keeping the old
    one is a rollback as long as fewer than `slack` positions were written since. `clone` makes a fork.
    """

    length_B: Tensor
    k_BGRD: tuple[Tensor, ...]
    v_BGRD: tuple[Tensor, ...]
    convs: tuple[ConvStates, ...]

    def clone(self) -> "BackboneState":
        """An independent copy."""
        return BackboneState(
            self.length_B.clone(),
            tuple(k.clone() for k in self.k_BGRD),
            tuple(v.clone() for v in self.v_BGRD),
            tuple(ConvStates(*(t.clone() for t in c)) for c in self.convs),
        )


class Attention(nn.Module):
    """Grouped-query attention with a distance bias mixed by the query position's own content."""

    def __init__(self, config: BackboneConfig, layer: int) -> None:
        super().__init__()
        is_global = config.is_global(layer)
        self.heads = config.heads if is_global else config.local_heads
        self.kv_heads = config.kv_heads if is_global else config.local_kv_heads
        self.head_dim = config.head_dim if is_global else config.local_head_dim
        self.reach = config.reach(layer)
        self.rel_dim = config.rel_dim
        self.log_floor = config.log_scaling_floor if is_global else None
        self.log_alpha = config.log_scaling_alpha
        self.q = nn.Linear(config.width, self.heads * self.head_dim, bias=False)
        self.k = nn.Linear(config.width, self.kv_heads * self.head_dim, bias=False)
        self.v = nn.Linear(config.width, self.kv_heads * self.head_dim, bias=False)
        self.r = nn.Linear(config.width, self.heads * config.rel_dim, bias=False)
        self.o = nn.Linear(self.heads * self.head_dim, config.width, bias=False)
        self.k_conv = ShortConv(self.kv_heads * self.head_dim, config.conv_kernel)
        self.v_conv = ShortConv(self.kv_heads * self.head_dim, config.conv_kernel)
        self.q_norm = RMSNorm(self.head_dim, config.norm_eps)
        self.k_norm = RMSNorm(self.head_dim, config.norm_eps)
        self.profiles_RE = nn.Parameter(torch.zeros(config.rel_dim, config.extent(layer)))

    def _split(self, x_BTC: Tensor, heads: int) -> Tensor:
        return x_BTC.unflatten(-1, (heads, -1)).transpose(1, 2)

    def _queries(self, x_BTU: Tensor) -> tuple[Tensor, Tensor]:
        """Queries [B, H, T, D], scaled, and bias by distance [B, H, T, E]."""
        q_BHTD = self.q_norm(self._split(self.q(x_BTU), self.heads)) / self.head_dim
        bias_BHTE = self._split(self.r(x_BTU), self.heads) @ self.profiles_RE.to(x_BTU.dtype)
        return q_BHTD, bias_BHTE

    def _log_scale(self, positions: Tensor) -> Tensor:
        """Inkling's growth of the logits beyond `log_floor` positions, fp32, shape of `positions`."""
        assert self.log_floor is not None
        return 1.0 + self.log_alpha * torch.log(((positions + 1).float() / self.log_floor).clamp(min=1.0))

    def forward(self, x_BTU: Tensor) -> Tensor:
        """Causal attention over a whole sequence."""
        q_BHTD, bias_BHTE = self._queries(x_BTU)
        if self.log_floor is not None:
            tau_T1 = self._log_scale(torch.arange(x_BTU.shape[1], device=x_BTU.device))[:, None].to(q_BHTD.dtype)
            q_BHTD, bias_BHTE = q_BHTD * tau_T1, bias_BHTE * tau_T1
        k_BGTD = self.k_norm(self._split(self.k_conv(self.k(x_BTU)), self.kv_heads))
        v_BGTD = self._split(self.v_conv(self.v(x_BTU)), self.kv_heads)
        groups = self.heads // self.kv_heads
        k_BHTD = k_BGTD.repeat_interleave(groups, 1)
        v_BHTD = v_BGTD.repeat_interleave(groups, 1)
        length = x_BTU.shape[1]
        blocked = self.reach is not None and length > self.reach and length % self.reach == 0
        attend = blocked_attention if blocked else full_attention
        mixed_BHTD = attend(q_BHTD, k_BHTD, v_BHTD, bias_BHTE, self.reach or length)
        return self.o(mixed_BHTD.transpose(1, 2).flatten(2))

    def step(
        self, x_BTU: Tensor, length_B: Tensor, ring_k: Tensor, ring_v: Tensor, convs: ConvStates
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Append T positions to the rings [B, G, R, D] and attend; also the raw inputs of the K and V convolutions."""
        raw_k, raw_v = self.k(x_BTU), self.v(x_BTU)
        k_BGTD = self.k_norm(self._split(self.k_conv(raw_k, convs.k), self.kv_heads))
        v_BGTD = self._split(self.v_conv(raw_v, convs.v), self.kv_heads)
        batch, _, slots, _ = ring_k.shape
        assert self.reach is None or x_BTU.shape[1] <= slots - self.reach, "more new positions than the state's slack"
        new = torch.arange(x_BTU.shape[1], device=x_BTU.device)
        position_BT = length_B[:, None] + new
        slot_BT = position_BT % slots
        row_B1 = torch.arange(batch, device=x_BTU.device)[:, None]
        ring_k[row_B1, :, slot_BT] = k_BGTD.transpose(1, 2).to(ring_k.dtype)
        ring_v[row_B1, :, slot_BT] = v_BGTD.transpose(1, 2).to(ring_v.dtype)

        last_B1 = position_BT[:, -1:]
        held_BR = last_B1 - (last_B1 - torch.arange(slots, device=x_BTU.device)) % slots
        distance_BTR = position_BT[:, :, None] - held_BR[:, None, :]
        seen_BTR = (distance_BTR >= 0) & (held_BR[:, None, :] >= 0)
        if self.reach is not None:
            seen_BTR &= distance_BTR < self.reach
        q_BHTD, bias_BHTE = self._queries(x_BTU)
        if self.log_floor is not None:
            tau_B1T1 = self._log_scale(position_BT)[:, None, :, None].to(q_BHTD.dtype)
            q_BHTD, bias_BHTE = q_BHTD * tau_B1T1, bias_BHTE * tau_B1T1
        extent = bias_BHTE.shape[-1]
        index_B1TR = distance_BTR.clamp(0, extent - 1)[:, None].expand(-1, self.heads, -1, -1)
        bias_BHTR = bias_BHTE.gather(-1, index_B1TR).masked_fill((distance_BTR >= extent)[:, None], 0.0)
        bias_BHTR = bias_BHTR.masked_fill(~seen_BTR[:, None], MASKED)
        # Queries of one key head stand together as rows, so the rings are read where they lie, never repeated.
        rows_BGNR = bias_BHTR.reshape(batch, self.kv_heads, -1, slots)
        q_BGND = q_BHTD.reshape(batch, self.kv_heads, -1, self.head_dim)
        keys, values = ring_k.to(q_BGND.dtype), ring_v.to(q_BGND.dtype)
        weights = torch.softmax((q_BGND @ keys.transpose(-1, -2) + rows_BGNR).float(), -1).to(q_BGND.dtype)
        mixed_BHTD = (weights @ values).view(batch, self.heads, -1, self.head_dim)
        return self.o(mixed_BHTD.transpose(1, 2).flatten(2)), raw_k, raw_v


def full_attention(q_BHTD: Tensor, k_BHTD: Tensor, v_BHTD: Tensor, bias_BHTE: Tensor, reach: int) -> Tensor:
    """Causal attention, every query against every key; sees `reach` positions back. The blocked one's slow twin."""
    length, extent = q_BHTD.shape[2], bias_BHTE.shape[-1]
    distance = torch.arange(length, device=q_BHTD.device)
    known = min(length, extent)
    by_distance = F.pad(bias_BHTE[..., :known], (0, length - known))
    allowed = (distance[None, :] <= distance[:, None]) & (distance[None, :] < reach)
    flipped = by_distance.masked_fill(~allowed, MASKED).flip(-1)
    # Row i must move left by length - 1 - i: one cell of padding a row does it when the rows are laid end to end.
    laid = F.pad(flipped, (0, 1), value=MASKED).flatten(-2)[..., length - 1 :]
    bias_BHTT = F.pad(laid, (0, length * length - laid.shape[-1]), value=MASKED).unflatten(-1, (length, length))
    scores = q_BHTD @ k_BHTD.transpose(-1, -2) + bias_BHTT
    return torch.softmax(scores.float(), -1).to(v_BHTD.dtype) @ v_BHTD


def blocked_attention(q_BHTD: Tensor, k_BHTD: Tensor, v_BHTD: Tensor, bias_BHTE: Tensor, reach: int) -> Tensor:
    """Sliding-window attention in blocks of `reach`: queries of a block meet its own and the previous block of keys."""
    n_blocks = q_BHTD.shape[2] // reach

    def with_previous(x_BHTD: Tensor) -> Tensor:
        blocks = x_BHTD.unflatten(2, (n_blocks, reach))
        previous = F.pad(blocks[:, :, :-1], (0, 0, 0, 0, 1, 0))
        return torch.cat([previous, blocks], dim=3)

    known = min(reach, bias_BHTE.shape[-1])
    by_distance = F.pad(bias_BHTE[..., :known], (0, reach - known)).unflatten(2, (n_blocks, reach))
    offset = torch.arange(reach, device=q_BHTD.device)
    before_start = offset[None, :] > offset[:, None]
    first = by_distance[:, :, :1].masked_fill(before_start, MASKED)
    flipped = torch.cat([first, by_distance[:, :, 1:]], dim=2).flip(-1)
    # Query a of a block may see columns a + 1 .. a + reach of its two blocks: rows one cell longer than the target
    # shift by one each.
    laid = F.pad(flipped, (0, reach + 1), value=MASKED).flatten(-2)
    laid = F.pad(laid, (1, 0), value=MASKED)[..., : 2 * reach * reach]
    bias = laid.unflatten(-1, (reach, 2 * reach))
    scores = q_BHTD.unflatten(2, (n_blocks, reach)) @ with_previous(k_BHTD).transpose(-1, -2) + bias
    mixed = torch.softmax(scores.float(), -1).to(v_BHTD.dtype) @ with_previous(v_BHTD)
    return mixed.flatten(2, 3)


class DenseMLP(nn.Module):
    """SwiGLU with a learned scale."""

    def __init__(self, width: int, mlp_width: int) -> None:
        super().__init__()
        self.gate_up = nn.Linear(width, 2 * mlp_width, bias=False)
        self.down = nn.Linear(mlp_width, width, bias=False)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x_BTU: Tensor) -> Tensor:
        gate, up = self.gate_up(x_BTU).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up) * self.scale.to(x_BTU.dtype)


class SparseMLP(nn.Module):
    """Routed experts plus shared ones; all chosen ones share one normalised weight (the shared experts are a sink)."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        total = config.experts + config.shared_experts
        self.routed, self.top, self.route_scale = config.experts, config.experts_per_token, config.route_scale
        self.router = nn.Parameter(torch.empty(total, config.width))
        self.router_bias = nn.Parameter(torch.zeros(config.experts), requires_grad=False)
        self.router_scale = nn.Parameter(torch.ones(1))
        self.gate_up_NUV = nn.Parameter(torch.empty(total, 2 * config.expert_width, config.width))
        self.down_NVU = nn.Parameter(torch.empty(total, config.width, config.expert_width))

    def route(self, x_NU: Tensor) -> tuple[Tensor, Tensor]:
        """Chosen experts and their weights, both [N, top + shared]; fp32."""
        logits = F.linear(x_NU.float(), self.router.float())
        chosen = torch.topk(logits[:, : self.routed].sigmoid() + self.router_bias, self.top, dim=-1).indices
        shared = torch.arange(self.routed, logits.shape[1], device=x_NU.device).expand(len(x_NU), -1)
        chosen = torch.cat([chosen, shared], dim=-1)
        weights = torch.softmax(F.logsigmoid(logits.gather(-1, chosen)), dim=-1)
        return chosen, weights * self.route_scale * self.router_scale.float()

    def forward(self, x_BTU: Tensor) -> Tensor:
        x_NU = x_BTU.flatten(0, -2)
        chosen, weights = self.route(x_NU)
        out = torch.zeros_like(x_NU, dtype=torch.float32)
        for expert in chosen.unique().tolist():
            rows, place = (chosen == expert).nonzero(as_tuple=True)
            gate, up = F.linear(x_NU[rows], self.gate_up_NUV[expert]).chunk(2, dim=-1)
            gated = F.silu(gate) * up * weights[rows, place, None].to(x_NU.dtype)
            out.index_add_(0, rows, F.linear(gated, self.down_NVU[expert]).float())
        return out.to(x_BTU.dtype).view_as(x_BTU)


class Layer(nn.Module):
    """x += conv(attention(norm(x))); x += conv(mlp(norm(x)))."""

    def __init__(self, config: BackboneConfig, layer: int) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.width, config.norm_eps)
        self.attention = Attention(config, layer)
        self.attention_conv = ShortConv(config.width, config.conv_kernel)
        self.mlp_norm = RMSNorm(config.width, config.norm_eps)
        sparse = layer in config.sparse_layers
        self.mlp: nn.Module = SparseMLP(config) if sparse else DenseMLP(config.width, config.mlp_width)
        self.mlp_conv = ShortConv(config.width, config.conv_kernel)

    def forward(self, x_BTU: Tensor) -> Tensor:
        x_BTU = x_BTU + self.attention_conv(self.attention(self.attention_norm(x_BTU)))
        return x_BTU + self.mlp_conv(self.mlp(self.mlp_norm(x_BTU)))

    def step(
        self, x_BTU: Tensor, new_B: Tensor, length_B: Tensor, ring_k: Tensor, ring_v: Tensor, convs: ConvStates
    ) -> tuple[Tensor, ConvStates]:
        mixed, raw_k, raw_v = self.attention.step(self.attention_norm(x_BTU), length_B, ring_k, ring_v, convs)
        x_BTU = x_BTU + self.attention_conv(mixed, convs.attention)
        projected = self.mlp(self.mlp_norm(x_BTU))
        x_BTU = x_BTU + self.mlp_conv(projected, convs.mlp)
        pairs = zip(convs, (raw_k, raw_v, mixed, projected), strict=True)
        return x_BTU, ConvStates(*(_last_inputs(before, new, new_B) for before, new in pairs))


def _last_inputs(before_BKC: Tensor, new_BTC: Tensor, new_B: Tensor) -> Tensor:
    """The last kernel - 1 inputs of each row, of which only the first `new_B` new ones count."""
    joined = torch.cat([before_BKC, new_BTC.float()], dim=1)
    index = new_B[:, None] + torch.arange(before_BKC.shape[1], device=new_B.device)
    return joined.gather(1, index[:, :, None].expand(-1, -1, joined.shape[2]))


class Backbone(nn.Module):
    """All layers and the final norm. Input embeddings and heads belong to whoever uses it."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(Layer(config, i) for i in range(config.layers))
        self.norm = RMSNorm(config.width, config.norm_eps)

    def _layers(self) -> Iterable[Layer]:
        return cast("Iterable[Layer]", self.layers)

    def forward(
        self, x_BTU: Tensor, tap: int | None = None, at_tap: AtTap | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Whole sequences. Returns the normed last hidden states and, if asked, the states after `tap` layers.

        The layers above go on with what `at_tap` makes of those.
        """
        tapped = None
        for depth, layer in enumerate(self._layers(), start=1):
            x_BTU = layer(x_BTU)
            if depth == tap:
                tapped = x_BTU
                x_BTU = x_BTU if at_tap is None else at_tap(x_BTU)
        return self.norm(x_BTU), tapped

    def step(
        self, x_BTU: Tensor, new_B: Tensor, state: BackboneState, tap: int | None = None, at_tap: AtTap | None = None
    ) -> tuple[Tensor, Tensor | None, BackboneState]:
        """Append the first `new_B` of T new positions to each row; rows are padded on the right.

        Outputs at padded positions are meaningless. T may not exceed the `slack` the state was made with.
        """
        tapped, convs = None, []
        for depth, layer in enumerate(self._layers(), start=1):
            ring_k, ring_v = state.k_BGRD[depth - 1], state.v_BGRD[depth - 1]
            x_BTU, conv = layer.step(x_BTU, new_B, state.length_B, ring_k, ring_v, state.convs[depth - 1])
            convs.append(conv)
            if depth == tap:
                tapped = x_BTU
                x_BTU = x_BTU if at_tap is None else at_tap(x_BTU)
        after = BackboneState(state.length_B + new_B, state.k_BGRD, state.v_BGRD, tuple(convs))
        return self.norm(x_BTU), tapped, after

    def fresh_state(self, batch: int, slack: int = 64, max_length: int | None = None) -> BackboneState:
        """State of new sessions. Rings hold a layer's reach (`max_length` where unlimited) plus `slack`."""
        weight = self.norm.weight
        rings, convs = [], []
        for layer in self._layers():
            attention = layer.attention
            reach = attention.reach if attention.reach is not None else max_length
            if reach is None:
                raise ValueError("a backbone with unlimited global layers needs max_length for its rings")
            shape = (batch, attention.kv_heads, reach + slack, attention.head_dim)
            rings.append(weight.new_zeros(shape))
            channels = (attention.k.out_features, attention.v.out_features, self.config.width, self.config.width)
            before = self.config.conv_kernel - 1
            convs.append(ConvStates(*(weight.new_zeros(batch, before, c, dtype=torch.float32) for c in channels)))
        length_B = torch.zeros(batch, dtype=torch.long, device=weight.device)
        return BackboneState(length_B, tuple(rings), tuple(torch.zeros_like(r) for r in rings), tuple(convs))

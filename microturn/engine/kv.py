"""Static slots of keys and values: rows of one `BackboneState`, one row a session. No tokens, no decisions.

A turn writes beyond a row's committed length and gives a new state; `commit` moves the length. What is never committed
is never read, so a turn that fails leaves no trace.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from microturn.model.backbone import Backbone, BackboneState, ConvStates

SLACK = 64  # positions a turn, or one step of a replay, may append


def fresh_slots(backbone: Backbone, slots: int) -> BackboneState:
    """Empty rows with room for `SLACK` positions beyond each layer's reach."""
    return backbone.fresh_state(slots, slack=SLACK)


def rows(kv: BackboneState, first: int, count: int) -> BackboneState:
    """Neighbouring rows, without a copy of the rings."""
    return BackboneState(
        kv.length_B[first : first + count],
        tuple(k[first : first + count] for k in kv.k_BGRD),
        tuple(v[first : first + count] for v in kv.v_BGRD),
        tuple(ConvStates(*(t[first : first + count] for t in convs)) for convs in kv.convs),
    )


def commit(kv: BackboneState, first: int, after: BackboneState) -> None:
    """Make `after`, which a step gave for the rows from `first` on, the truth of these rows."""
    for mine, theirs in zip(rows(kv, first, len(after.length_B)).convs, after.convs, strict=True):
        for old, new in zip(mine, theirs, strict=True):
            old.copy_(new)
    kv.length_B[first : first + len(after.length_B)] = after.length_B


def scrub(kv: BackboneState, slot: int) -> None:
    """Empty one row."""
    row = rows(kv, slot, 1)
    for tensor in (row.length_B, *row.k_BGRD, *row.v_BGRD, *(t for convs in row.convs for t in convs)):
        tensor.zero_()


def erase(kv: BackboneState, slot: int, positions: Sequence[int]) -> None:
    """Zero the keys and values of committed positions of one row, in the layers that can still reach them."""
    length = int(kv.length_B[slot])
    for ring_BGRD in (*kv.k_BGRD, *kv.v_BGRD):
        slots = ring_BGRD.shape[2]
        reached = [position % slots for position in positions if length - (slots - SLACK) <= position < length]
        ring_BGRD[slot][:, reached] = 0.0


def pack(kv: BackboneState, slot: int) -> dict[str, Tensor]:
    """Copy what a row still needs: keys and values [positions, G, D] in order, convolution inputs [kernel - 1, C]."""
    packed: dict[str, Tensor] = {}
    length = int(kv.length_B[slot])
    for layer, (k_BGRD, v_BGRD, convs) in enumerate(zip(kv.k_BGRD, kv.v_BGRD, kv.convs, strict=True)):
        place = _places(length, k_BGRD)
        packed[f"{layer}.k"] = k_BGRD[slot][:, place].transpose(0, 1).contiguous()
        packed[f"{layer}.v"] = v_BGRD[slot][:, place].transpose(0, 1).contiguous()
        packed |= {f"{layer}.conv.{name}": t[slot].clone() for name, t in convs._asdict().items()}
    return packed


def unpack(kv: BackboneState, slot: int, length: int, packed: dict[str, Tensor]) -> None:
    """Write a packed row of `length` committed positions into an empty slot."""
    for layer, (k_BGRD, v_BGRD, convs) in enumerate(zip(kv.k_BGRD, kv.v_BGRD, kv.convs, strict=True)):
        place = _places(length, k_BGRD)
        k_BGRD[slot][:, place] = packed[f"{layer}.k"].to(k_BGRD.device).transpose(0, 1)
        v_BGRD[slot][:, place] = packed[f"{layer}.v"].to(v_BGRD.device).transpose(0, 1)
        for name, tensor in convs._asdict().items():
            tensor[slot].copy_(packed[f"{layer}.conv.{name}"])
    kv.length_B[slot] = length


def shapes(kv: BackboneState, length: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of each tensor that `pack` gives for a row of `length` positions."""
    wanted: dict[str, tuple[tuple[int, ...], torch.dtype]] = {}
    for layer, (k_BGRD, convs) in enumerate(zip(kv.k_BGRD, kv.convs, strict=True)):
        held = (len(_places(length, k_BGRD)), k_BGRD.shape[1], k_BGRD.shape[3])
        wanted[f"{layer}.k"] = wanted[f"{layer}.v"] = (held, k_BGRD.dtype)
        wanted |= {f"{layer}.conv.{name}": (tuple(t.shape[1:]), t.dtype) for name, t in convs._asdict().items()}
    return wanted


def _places(length: int, ring_BGRD: Tensor) -> Tensor:
    """Ring slots of the positions a later query can still reach, oldest first."""
    slots = ring_BGRD.shape[2]
    reach = slots - SLACK
    return torch.arange(max(0, length - reach), length, device=ring_BGRD.device) % slots

"""The decoder's two paths compute the same numbers, and its state is a value: padded, kept, forked, batched."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from microturn.core.errors import ConfigError
from microturn.model.backbone import Backbone, blocked_attention, full_attention
from microturn.model.config import BackboneConfig
from tests.model.stepping import in_steps, randomize

# Windows of 4 and 12 positions, so that 60 positions wrap every ring several times.
SMALL = BackboneConfig(
    width=16,
    layers=4,
    heads=4,
    kv_heads=2,
    head_dim=8,
    local_heads=2,
    local_kv_heads=1,
    local_head_dim=4,
    window=4,
    global_layers=(1, 3),
    global_window=12,
    rel_dim=3,
    rel_extent=7,
    mlp_width=24,
    sparse_layers=(2,),
    experts=4,
    experts_per_token=2,
    shared_experts=1,
    expert_width=8,
    route_scale=2.0,
    log_scaling_floor=5,
)
LENGTH = 60


def backbone_of(config: BackboneConfig = SMALL) -> Backbone:
    backbone = Backbone(config).eval()
    randomize(backbone, seed=3)
    return backbone.requires_grad_(False)


def inputs(batch: int = 2, length: int = LENGTH) -> Tensor:
    return torch.randn(batch, length, SMALL.width, generator=torch.Generator().manual_seed(4))


def attention_inputs(length: int, extent: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    q, k, v = (torch.randn(2, 3, length, 8, generator=generator) for _ in range(3))
    return q, k, v, torch.randn(2, 3, length, extent, generator=generator)


def by_definition(q: Tensor, k: Tensor, v: Tensor, bias_BHTE: Tensor, reach: int) -> Tensor:
    """Attention position by position, as the formula reads."""
    rows = []
    for i in range(q.shape[2]):
        seen = range(max(0, i - reach + 1), i + 1)
        scores = [
            (q[:, :, i] * k[:, :, j]).sum(-1) + (bias_BHTE[:, :, i, i - j] if i - j < bias_BHTE.shape[-1] else 0.0)
            for j in seen
        ]
        weights = torch.stack(scores, -1).softmax(-1)
        rows.append(torch.einsum("bhj,bhjd->bhd", weights, v[:, :, seen.start : i + 1]))
    return torch.stack(rows, 2)


@pytest.mark.parametrize(("reach", "extent"), [(24, 24), (24, 40), (24, 5), (6, 6), (6, 3), (1, 1), (100, 100)])
def test_full_attention_is_the_formula(reach: int, extent: int) -> None:
    given = attention_inputs(24, extent)
    torch.testing.assert_close(full_attention(*given, reach), by_definition(*given, reach), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("reach", "extent"), [(6, 6), (6, 3), (6, 9), (12, 12), (2, 2), (1, 1)])
def test_blocked_attention_is_full_attention_gradients_too(reach: int, extent: int) -> None:
    results = []
    for attend in (blocked_attention, full_attention):
        given = [tensor.requires_grad_() for tensor in attention_inputs(24, extent)]
        mixed = attend(*given, reach)
        mixed.square().sum().backward()
        results.append((mixed.detach(), *(tensor.grad for tensor in given)))
    for blocked, full in zip(*results, strict=True):
        torch.testing.assert_close(blocked, full, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("chunks", [[1] * LENGTH, [5] * 12, [3, 1, 5, 2, 4] * 4, [2, 5] * 8 + [4]])
def test_steps_are_the_whole_also_when_the_rings_have_wrapped(chunks: list[int]) -> None:
    backbone, x_BTU = backbone_of(), inputs()
    whole, _ = backbone(x_BTU)
    rows, _ = in_steps(backbone, x_BTU, [[n, n] for n in chunks], backbone.fresh_state(2, slack=5))
    torch.testing.assert_close(torch.stack(rows), whole, atol=1e-4, rtol=0)


def test_the_tap_is_the_same_in_both_paths() -> None:
    backbone, x_BTU = backbone_of(), inputs(length=8)
    _, whole = backbone(x_BTU, tap=2)
    _, stepped, _ = backbone.step(x_BTU, torch.tensor([8, 8]), backbone.fresh_state(2, slack=8), tap=2)
    assert whole is not None
    assert stepped is not None
    torch.testing.assert_close(stepped, whole, atol=1e-4, rtol=0)


def test_unlimited_global_layers_need_a_length_and_then_see_everything() -> None:
    backbone, x_BTU = backbone_of(replace(SMALL, global_window=None)), inputs()
    with pytest.raises(ValueError, match="max_length"):
        backbone.fresh_state(1)
    whole, _ = backbone(x_BTU)
    rows, _ = in_steps(backbone, x_BTU, [[6, 6]] * 10, backbone.fresh_state(2, slack=6, max_length=LENGTH))
    torch.testing.assert_close(torch.stack(rows), whole, atol=1e-4, rtol=0)


def test_what_left_every_window_has_no_effect() -> None:
    backbone = backbone_of(replace(SMALL, layers=1, global_layers=(), sparse_layers=()))
    x_BTU = inputs(1, 30)
    changed = x_BTU.clone()
    changed[:, 0] += 10.0
    seen = SMALL.window - 1 + 3 * (SMALL.conv_kernel - 1)  # window, then the convolutions of K, attention and MLP
    before, after = backbone(x_BTU)[0], backbone(changed)[0]
    torch.testing.assert_close(before[:, seen + 1 :], after[:, seen + 1 :])
    assert not torch.allclose(before[:, seen], after[:, seen])


def test_padded_positions_disturb_nothing_and_rows_may_stand_still() -> None:
    backbone, x_BTU = backbone_of(), inputs(3)
    whole, _ = backbone(x_BTU)
    news = [[5, 1, 0], [0, 4, 2], [1, 0, 5], [3, 3, 3], [5, 2, 0]] * 4
    rows, state = in_steps(backbone, x_BTU, news, backbone.fresh_state(3, slack=5))
    assert state.length_B.tolist() == [56, 40, 40]
    for row, expected in zip(rows, whole, strict=True):
        torch.testing.assert_close(row, expected[: len(row)], atol=1e-4, rtol=0)


def test_batched_is_alone() -> None:
    backbone, x_BTU = backbone_of(), inputs(3)
    news = [[5, 1, 0], [2, 4, 3], [1, 5, 5]] * 4
    together, _ = in_steps(backbone, x_BTU, news, backbone.fresh_state(3, slack=5))
    for row in range(3):
        alone_news = [[new[row]] for new in news if new[row]]
        alone, _ = in_steps(backbone, x_BTU[row : row + 1], alone_news, backbone.fresh_state(1, slack=5))
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)


def test_keeping_the_old_state_is_a_rollback() -> None:
    backbone, x_BTU = backbone_of(), inputs()
    whole, _ = backbone(x_BTU)
    _, kept = in_steps(backbone, x_BTU[:, :40], [[4, 4]] * 10, backbone.fresh_state(2, slack=8))
    in_steps(backbone, 9.0 * inputs(length=7), [[3, 3], [4, 4]], kept)
    rows, _ = in_steps(backbone, x_BTU[:, 40:], [[4, 4]] * 5, kept)
    torch.testing.assert_close(torch.stack(rows), whole[:, 40:], atol=1e-4, rtol=0)


def test_a_clone_is_a_fork() -> None:
    backbone, x_BTU = backbone_of(), inputs()
    whole, _ = backbone(x_BTU)
    _, state = in_steps(backbone, x_BTU[:, :40], [[4, 4]] * 10, backbone.fresh_state(2, slack=4))
    fork = state.clone()
    in_steps(backbone, 9.0 * inputs(), [[4, 4]] * 12, state)
    rows, _ = in_steps(backbone, x_BTU[:, 40:], [[4, 4]] * 5, fork)
    torch.testing.assert_close(torch.stack(rows), whole[:, 40:], atol=1e-4, rtol=0)


def test_more_new_positions_than_the_slack_are_our_own_mistake() -> None:
    backbone = backbone_of()
    with pytest.raises(AssertionError, match="slack"):
        backbone.step(inputs(1, 6), torch.tensor([6]), backbone.fresh_state(1, slack=5))


def test_the_routed_experts_follow_the_correction_bias_but_not_their_weights() -> None:
    mlp = backbone_of().layers[2].mlp
    x_NU = inputs(1, 9)[0]
    mlp.router_bias.copy_(torch.tensor([9.0, -9.0, 9.0, -9.0]))
    chosen, weights = mlp.route(x_NU)
    assert {tuple(sorted(row)) for row in chosen.tolist()} == {(0, 2, 4)}
    torch.testing.assert_close(weights.sum(-1), 2.0 * mlp.router_scale.expand(9))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"heads": 3}, "multiple of kv_heads"),
        ({"global_layers": (4,)}, "layers 0 to 3"),
        ({"experts": 1}, "experts_per_token"),
    ],
)
def test_impossible_shapes_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(SMALL, **change)

"""Muon, which parameter goes where, and the schedule."""

from dataclasses import replace

import pytest
import torch

from microturn.model.interaction import InteractionModel
from microturn.train.optim import Muon, OptimConfig, load_moments, lr_share, make_optimizers, orthogonalize, set_lr
from tests.train.toy import toy_config


@pytest.mark.parametrize("shape", [(24, 64), (64, 24), (32, 32)])
def test_orthogonalize_brings_all_singular_values_near_one(shape: tuple[int, int]) -> None:
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0)) * 7
    values = torch.linalg.svdvals(orthogonalize(matrices, steps=5))
    assert values.min() > 0.3 and values.max() < 1.4
    assert values.median() == pytest.approx(1.0, abs=0.3)


def test_a_step_of_muon_is_as_large_whatever_the_gradient() -> None:
    moved = []
    for scale in (1e-4, 1e4):
        parameter = torch.nn.Parameter(torch.zeros(16, 64))
        parameter.grad = scale * torch.randn(16, 64, generator=torch.Generator().manual_seed(0))
        Muon([parameter], OptimConfig(muon_lr=0.1)).step()
        moved.append(parameter.detach())
    torch.testing.assert_close(moved[0], moved[1], rtol=0.05, atol=0.01)
    assert moved[0].square().mean().sqrt() == pytest.approx(0.1 * 0.2, rel=0.3)


def test_every_parameter_has_one_optimizer_and_muon_has_the_hidden_matrices() -> None:
    model = InteractionModel(toy_config().model)
    muon, adam = make_optimizers(model, OptimConfig())
    ids = [id(p) for optimizer in (muon, adam) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(ids) == sorted(id(p) for p in model.parameters())
    hidden = {id(p) for group in muon.param_groups for p in group["params"]}
    names = {name for name, p in model.named_parameters() if id(p) in hidden}
    assert "backbone.layers.0.attention.q.weight" in names and "fusion.sound.fold.weight" in names
    assert not names & {"decision.weight", "heard.weight", "fusion.tokens.weight", "fusion.sound.table"}


def test_rates_warm_up_stay_and_decay_to_the_final_share() -> None:
    config = OptimConfig(warmup_steps=10, decay_steps=20, final_share=0.1)
    shares = [lr_share(step, 100, config) for step in range(100)]
    assert shares[0] == pytest.approx(0.1) and shares[9] == 1.0
    assert set(shares[9:80]) == {1.0}
    assert shares[80:] == sorted(shares[80:], reverse=True)
    assert shares[99] == pytest.approx(0.1 + 0.9 / 20)


def test_set_lr_keeps_each_optimizers_own_plateau() -> None:
    optimizers = make_optimizers(InteractionModel(toy_config().model), OptimConfig())
    set_lr(optimizers, OptimConfig(muon_lr=0.4, adam_lr=0.2), 0.5)
    assert [{group["lr"] for group in o.param_groups} for o in optimizers] == [{0.2}, {0.1}]


def test_loaded_moments_come_with_the_settings_of_now() -> None:
    model, config = InteractionModel(toy_config().model), OptimConfig(weight_decay=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    old = make_optimizers(model, config)
    new = make_optimizers(model, replace(config, weight_decay=0.25))
    for before, after in zip(old, new, strict=True):
        before.step()
        load_moments(after, before.state_dict())
    assert new[0].param_groups[0]["decay"] == new[1].param_groups[0]["weight_decay"] == 0.25
    torch.testing.assert_close(new[0].state_dict()["state"], old[0].state_dict()["state"])

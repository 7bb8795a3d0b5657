"""The flow head: scales, Euler steps, and both heads learning one mapping."""

from dataclasses import replace

import pytest
import torch

from microturn.media.mel import MelConfig
from microturn.model.flow import LAST_FRAMES, FlowHead, scaled, unscaled
from tests.model.stepping import randomize

FRAMES, CHANNELS, WIDTH = 3, 4, 16


def head(seed: int = 0) -> FlowHead:
    one = FlowHead(8, FRAMES, CHANNELS, WIDTH, 2)
    randomize(one, seed)
    return one


def condition(count: int, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noise, condition and last frames of so many blocks."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((count, FRAMES, CHANNELS), (count, 8), (count, LAST_FRAMES, CHANNELS))
    noise, cond, last = (torch.randn(shape, generator=generator) for shape in shapes)
    return noise, cond, last


def test_decibels_survive_scaling_within_the_range_of_the_levels() -> None:
    mel = MelConfig()
    mel_db = torch.tensor([-120.0, mel.low_db, -50.0, mel.high_db, -10.0])
    assert scaled(mel_db, mel).tolist() == pytest.approx([-1.0, -1.0, 0.2, 1.0, 1.0])
    assert unscaled(scaled(mel_db, mel), mel).tolist() == pytest.approx([-86.0, -86.0, -50.0, -26.0, -26.0], abs=1e-4)


def test_scaling_follows_the_range_of_the_config() -> None:
    mel = replace(MelConfig(), low_db=-100.0, high_db=0.0)
    assert scaled(torch.tensor(-50.0), mel).item() == pytest.approx(0.0)


def test_no_step_is_the_direct_head() -> None:
    one, (noise, cond, last) = head(), condition(5)
    assert torch.equal(one.sample(noise, cond, last, 0), one.predict_direct(cond, last))


def test_one_step_goes_where_the_path_is_said_to_end() -> None:
    one, (noise, cond, last) = head(), condition(5)
    end = one.predict(noise, torch.zeros(5), cond, last)
    torch.testing.assert_close(one.sample(noise, cond, last, 1), end)


def test_two_steps_are_eulers() -> None:
    one, (noise, cond, last) = head(), condition(5)
    half = noise + 0.5 * (one.predict(noise, torch.zeros(5), cond, last) - noise)
    velocity = (one.predict(half, torch.full((5,), 0.5), cond, last) - half) / 0.5
    torch.testing.assert_close(one.sample(noise, cond, last, 2), half + 0.5 * velocity)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_noise_condition_and_last_frames_all_count(part: int) -> None:
    one, given = head(), list(condition(1))
    before = one.sample(given[0], given[1], given[2], 3)
    given[part] = given[part] + 1.0
    assert not torch.allclose(before, one.sample(given[0], given[1], given[2], 3))


def test_both_heads_learn_what_the_condition_says() -> None:
    one = head()
    generator = torch.Generator().manual_seed(3)
    optimizer = torch.optim.Adam(one.parameters(), lr=3e-3)
    table = torch.rand(4, FRAMES, CHANNELS, generator=generator) * 2.0 - 1.0
    which, cond, last = torch.arange(4).repeat(16), torch.eye(8)[:4].repeat(16, 1), torch.zeros(64, 2, CHANNELS)
    for _ in range(400):
        noise = torch.randn(64, FRAMES, CHANNELS, generator=generator)
        t = 0.8 * torch.rand(64, generator=generator)
        loss = one.direct_loss_Z(table[which], cond, last) + one.flow_loss_Z(table[which], noise, t, cond, last)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
    noise = torch.randn(4, FRAMES, CHANNELS, generator=generator)
    for evals in (0, 1, 4):
        made = one.sample(noise, cond[:4], last[:4], evals)
        assert (made - table).abs().mean() < 0.15, evals

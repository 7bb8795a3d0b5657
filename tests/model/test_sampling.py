"""Random numbers by counter, and the choice of a token."""

import numpy as np
import pytest
import torch

from microturn.core.errors import ConfigError
from microturn.model.sampling import (
    Choices,
    Draw,
    SamplingConfig,
    noted_sampling,
    philox,
    sample_tokens,
    sampling_notes,
    uniforms,
)

LISTEN = 1
# Test vectors of the Random123 library (kat_vectors, philox4x32 10): counter, key, answer.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text: str) -> tuple[np.ndarray, ...]:
    return tuple(np.array([int(word, 16)]) for word in text.split())


def choices(vocab: int, forbidden: tuple[int, ...] = ()) -> Choices:
    allowed = torch.zeros(vocab)
    allowed[list(forbidden)] = -torch.inf
    return Choices(allowed, LISTEN)


def sampled(logits: torch.Tensor, temperature: float, bias: float = 0.0, seeds: list[int] | None = None, tick: int = 0):
    batch = len(logits)
    draw = Draw(torch.tensor(seeds or [0] * batch), torch.full((batch,), tick), step=0)
    heat, listen_bias = torch.full((batch,), temperature), torch.full((batch,), bias)
    return sample_tokens(logits, choices(logits.shape[1]), heat, listen_bias, draw)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_philox_gives_the_published_answers(counter: str, key: str, answer: str) -> None:
    c, k = words(counter), words(key)
    given = philox((c[0], c[1], c[2], c[3]), (k[0], k[1]))
    assert " ".join(f"{int(word[0]):08x}" for word in given) == answer


def test_numpy_and_torch_give_the_same_bits() -> None:
    seeds, ticks = np.array([0, 7, 2**40 + 3, -5, 2**63 - 1]), np.array([0, 1, 2, 3, 2**31])
    with_torch = uniforms(torch.from_numpy(seeds), torch.from_numpy(ticks), 1, 0, 1001)
    assert np.array_equal(uniforms(seeds, ticks, 1, 0, 1001), with_torch.numpy())


def test_uniforms_fill_the_open_interval_evenly() -> None:
    u = uniforms(np.array([3]), np.array([9]), 0, 0, 40_000)[0]
    assert u.min() > 0.0 and u.max() < 1.0
    assert np.abs(np.histogram(u, bins=10, range=(0, 1))[0] - 4_000).max() < 250


def test_each_of_seed_tick_step_and_stream_changes_the_numbers() -> None:
    rows = [uniforms(np.array([s]), np.array([t]), i, j, 8)[0] for s, t, i, j in np.eye(4, dtype=np.int64)]
    assert len({row.tobytes() for row in rows}) == 4


def test_a_session_draws_the_same_alone_and_in_a_batch() -> None:
    logits = torch.randn(5, 300, generator=torch.Generator().manual_seed(0))
    together = sampled(logits, 1.0, seeds=[1, 2, 3, 4, 5])
    alone = [sampled(logits[i : i + 1], 1.0, seeds=[i + 1]) for i in range(5)]
    assert together.tolist() == [int(token) for token in alone]


def test_temperature_zero_is_argmax() -> None:
    logits = torch.tensor([[0.0, 1.0, 3.0], [5.0, 1.0, 3.0]])
    assert sampled(logits, 0.0).tolist() == [2, 0]


def test_listen_bias_moves_the_listen_logit_only() -> None:
    logits = torch.tensor([[0.0, 1.0, 3.0]])
    assert [int(sampled(logits, 0.0, bias)) for bias in (0.0, 1.9, 2.1, -1e9)] == [2, 2, LISTEN, 2]


def test_frequencies_follow_softmax_of_logits_over_temperature() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0]])
    counts = np.bincount([int(sampled(logits, 2.0, seeds=[11], tick=t)) for t in range(3_000)], minlength=3)
    assert counts / 3_000 == pytest.approx(torch.softmax(logits[0] / 2.0, -1).numpy(), abs=0.03)


def test_a_session_at_zero_and_one_at_one_share_a_batch() -> None:
    logits = torch.tensor([[0.0, 1.0, 1.1]] * 2)
    draw = Draw(torch.tensor([1, 1]), torch.tensor([4, 4]), 0)
    mixed = sample_tokens(logits, choices(3), torch.tensor([0.0, 1.0]), torch.zeros(2), draw)
    assert mixed.tolist() == [2, int(sampled(logits[:1], 1.0, seeds=[1], tick=4))]


def test_tokens_that_cannot_be_said_are_never_drawn() -> None:
    logits, draw = torch.tensor([[9.0, 0.0, 1.0]]), Draw(torch.tensor([1]), torch.tensor([0]), 0)
    for heat in (0.0, 1.0):
        assert int(sample_tokens(logits, choices(3, (0,)), torch.tensor([heat]), torch.zeros(1), draw)) != 0


@pytest.mark.parametrize(
    "settings", [{"temperature": -0.1}, {"temperature": float("nan")}, {"listen_bias": float("inf")}]
)
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        SamplingConfig(**settings)


def test_notes_say_both_biases_and_one_that_is_missing_is_none() -> None:
    assert noted_sampling({"step": 7, "listen_bias": 1, "stop_bias": -0.5}) == SamplingConfig(0.0, 1.0, -0.5)
    assert noted_sampling({"step": 7, "listen_bias": 1}) == SamplingConfig(listen_bias=1.0)
    assert noted_sampling({}) == SamplingConfig()
    both = SamplingConfig(listen_bias=2.0, stop_bias=0.25)
    assert noted_sampling(sampling_notes(both)) == both


@pytest.mark.parametrize("bias", ["2", None, True, float("nan")])
def test_a_note_that_is_no_bias_is_refused(bias: object) -> None:
    with pytest.raises(ConfigError, match="stop_bias"):
        noted_sampling({"stop_bias": bias})

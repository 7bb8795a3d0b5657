"""One token from logits: counter-based random numbers and Gumbel-max. What a token means to a session lives elsewhere.

A random number is a function of (session seed; tick, step, stream, index) and of nothing else: not of the batch a
session runs in, of retries, or of the device. Philox4x32-10: Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3". The arithmetic is written once and runs on int64 arrays of numpy and of torch with the same bits.

Shapes: B sessions, V vocabulary.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from microturn.core.config import from_dict
from microturn.core.errors import ConfigError

STREAM_TEXT = 0
WORD = 0xFFFF_FFFF
ROUNDS = 10
MULTIPLIERS = (0xD251_1F53, 0xCD9E_8D57)
WEYL = (0x9E37_79B9, 0xBB67_AE85)
BIASES = ("listen_bias", "stop_bias")

Array = TypeVar("Array", np.ndarray, Tensor)


@dataclass(frozen=True)
class SamplingConfig:
    """The only settings between logits and decision.

    temperature: 0 takes the likeliest token. listen_bias is added to the logit of <listen> where the session was silent
    in the last tick; where it sounded, stop_bias is: the one decides how readily it begins, the other how readily it
    stops. A session without a voice never sounds.
    """

    temperature: float = 0.0
    listen_bias: float = 0.0
    stop_bias: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature < float("inf"):
            raise ConfigError("temperature", "SamplingConfig", self.temperature, "a finite number, 0 or more")
        for name in BIASES:
            if not -float("inf") < getattr(self, name) < float("inf"):
                raise ConfigError(name, "SamplingConfig", getattr(self, name), "a finite number")


def noted_sampling(notes: Mapping[str, Any]) -> SamplingConfig:
    """What the notes of a checkpoint or of a recording ask for: both biases, each 0 where it is not noted.

    Raises ConfigError for a bias that is no finite number.
    """
    return from_dict(SamplingConfig, {name: notes[name] for name in BIASES if name in notes}, "notes")


def sampling_notes(sampling: SamplingConfig) -> dict[str, float]:
    """The notes that `noted_sampling` reads back: the biases alone, since a temperature is never noted."""
    return {name: getattr(sampling, name) for name in BIASES}


class Draw(NamedTuple):
    """Where each of B sessions stands: seed of the session, tick, and how many tokens it has said in this tick."""

    seed_B: Tensor
    tick_B: Tensor
    step: int


class Choices(NamedTuple):
    """What may be chosen: 0 for tokens that can be said and -inf for the others, fp32 [V]; and the id of <listen>."""

    allowed_V: Tensor
    listen_id: int


def sample_tokens(
    logits_BV: Tensor, choices: Choices, temperature_B: Tensor, listen_bias_B: Tensor, draw: Draw
) -> Tensor:
    """One token id a session, int64 [B]: argmax of logits / temperature + Gumbel noise, of the logits alone at 0."""
    scores_BV = logits_BV.float() + choices.allowed_V
    scores_BV[:, choices.listen_id] += listen_bias_B
    if bool((temperature_B == 0).all()):
        return scores_BV.argmax(-1)
    uniform_BV = uniforms(draw.seed_B, draw.tick_B, draw.step, STREAM_TEXT, scores_BV.shape[1])
    gumbel_BV = -torch.log(-torch.log(uniform_BV))
    heat_B1 = temperature_B.double()[:, None]
    noisy_BV = scores_BV.double() / heat_B1.clamp(min=1e-9) + gumbel_BV
    return torch.where(heat_B1 > 0, noisy_BV, scores_BV.double()).argmax(-1)


def uniforms(seed_B: Array, tick_B: Array, step: int, stream: int, count: int) -> Array:
    """Random numbers inside (0, 1), float64 [B, count]; the same bits from numpy (int64 seeds) as from torch."""
    blocks = -(-count // 4)
    seed_B1, tick_B1 = seed_B[:, None], tick_B[:, None]
    on_torch = isinstance(seed_B, Tensor)
    index_1K = torch.arange(blocks, device=seed_B.device)[None] if on_torch else np.arange(blocks)[None]
    counter = (index_1K, tick_B1, tick_B1 * 0 + step, tick_B1 * 0 + stream)
    words: Any = philox(counter, (seed_B1 & WORD, (seed_B1 >> 32) & WORD))
    if isinstance(seed_B, Tensor):
        words_BV: Any = torch.stack(words, dim=-1).flatten(1).double()
    else:
        words_BV = np.stack(words, axis=-1).reshape(len(seed_B), -1)
    return (words_BV[:, :count] + 0.5) / 2.0**32


def philox(counter: tuple[Array, Array, Array, Array], key: tuple[Array, Array]) -> tuple[Array, Array, Array, Array]:
    """Philox4x32-10: four 32-bit words of counter and two of key to four random words, all held in int64."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        high0, low0 = _product(c0, MULTIPLIERS[0])
        high2, low2 = _product(c2, MULTIPLIERS[1])
        c0, c1, c2, c3 = high2 ^ c1 ^ k0, low2, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + WEYL[0]) & WORD, (k1 + WEYL[1]) & WORD
    return c0, c1, c2, c3


def _product(word: Array, factor: int) -> tuple[Array, Array]:
    """High and low 32 bits of word * factor; the halves of `word` go separately, so int64 never overflows."""
    low = (word & 0xFFFF) * factor
    high = (word >> 16) * factor + (low >> 16)
    return high >> 16, ((high & 0xFFFF) << 16) | (low & 0xFFFF)

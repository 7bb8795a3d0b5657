"""Utterances to tensors: when each word is written and when it sounds, what the decoder reads and what it is taught.

Nothing is synthesised here and nothing learns.
Shapes: B utterances, N ticks, X tokens, T positions, F frames of a tick, C mel channels, K near tokens, J waiting ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from microturn.core.clock import TICK_MS
from microturn.data.agent import AgentClip
from microturn.data.history import Saying
from microturn.media.mel import MelConfig
from microturn.media.text import Control, TextTokenizer
from microturn.model.flow import scaled
from microturn.model.voice import BEGINS, NEAR, SILENCE, Utterances
from microturn.train.batch import said_by_tick


@dataclass(frozen=True)
class UtteranceConfig:
    """How utterances are drawn. Most have one text; `chain_share` of them has two or three in a row, with silence.

    `early_share`, `late_share`: of words, how many are written a tick off the rule, late ones never after their sound;
    `astray_share`: of ticks, in how many the decoder is told a wrong sounding token; `silent_ticks`: silence at the end
    and between texts, at most; `ticks`: what is longer is cut there.
    """

    chain_share: float = 0.25
    early_share: float = 0.08
    late_share: float = 0.12
    astray_share: float = 0.05
    silent_ticks: int = 2
    ticks: int = 100


class Take(NamedTuple):
    """A text as the agent's voice says it: its mel in `scaled` units, fp16 [N, F, C], and when its words begin."""

    blocks_NFC: np.ndarray
    words: tuple[str, ...]
    starts_ms: tuple[int, ...]


class Laid(NamedTuple):
    """One utterance: blocks fp16 [N, F, C]; token ids, the tick each is written in and the tick it begins to sound."""

    blocks_NFC: np.ndarray
    tokens: list[int]
    written: list[int]
    begins: list[int]


class VoiceBatch(NamedTuple):
    """What the decoder reads, the blocks it is taught (`scaled`, fp32), which of them count, and which tokens begin.

    begins_BNJ: whether the first, second ... waiting token begins in the tick; waits_BNJ: whether there is such a one.
    """

    utterances: Utterances
    blocks_BNFC: Tensor
    valid_BN: Tensor
    begins_BNJ: Tensor
    waits_BNJ: Tensor


def take_of(clip: AgentClip, mel: MelConfig) -> Take:
    """What training keeps of a clip."""
    frames_per_tick = mel.sample_rate_hz * TICK_MS // 1000 // mel.hop_samples
    blocks = scaled(torch.from_numpy(clip.mel_db), mel).half().numpy().reshape(-1, frames_per_tick, mel.n_mels)
    return Take(blocks, tuple(w.word for w in clip.words), tuple(w.start_ms for w in clip.words))


def lay_out(
    takes: Sequence[Take],
    tokenizer: TextTokenizer,
    per_tick: int,
    config: UtteranceConfig,
    rng: np.random.Generator | None,
) -> Laid:
    """One utterance of some texts in a row. Without `rng` every word is written by the rule and no silence is added."""
    pieces: list[np.ndarray] = []
    words: list[str] = []
    leads: list[int] = []
    sounds: list[int] = []
    tick = 0
    for take in takes:
        starts = [tick + start // TICK_MS for start in take.starts_ms]
        words += take.words
        leads += [tick, *(_jittered(a, b, config, rng) for a, b in pairwise(starts))]
        sounds += starts
        quiet = 0 if rng is None else int(rng.integers(config.silent_ticks + 1))
        silence = np.full((quiet, *take.blocks_NFC.shape[1:]), SILENCE, np.float16)
        pieces += [take.blocks_NFC, silence]
        tick += len(take.blocks_NFC) + quiet
    by_tick = said_by_tick([Saying(0, tuple(words), tuple(leads), tick)], tokenizer, per_tick)
    written = [(at, token) for at in sorted(by_tick) for token in by_tick[at]]
    token_sounds = [at for word, at in zip(words, sounds, strict=True) for _ in tokenizer.encode(word)]
    blocks = np.concatenate(pieces)[: config.ticks]
    in_time = zip(written, token_sounds, strict=False)  # pieces of a last word that would come after its sound do not
    kept = [(at, token, max(at, due)) for (at, token), due in in_time]
    kept = [row for row in kept if row[0] < len(blocks)]
    return Laid(blocks, [token for _, token, _ in kept], [at for at, _, _ in kept], [due for _, _, due in kept])


def _jittered(rule: int, sound: int, config: UtteranceConfig, rng: np.random.Generator | None) -> int:
    """The tick a word is written in that by the rule is written in `rule` and sounds in `sound`."""
    draw = 1.0 if rng is None else rng.random()
    if draw < config.early_share:
        return max(0, rule - 1)
    late = draw < config.early_share + config.late_share
    return min(rule + 1, sound) if late else rule


def draw_utterance(
    takes: Sequence[Take],
    weights: np.ndarray,
    tokenizer: TextTokenizer,
    per_tick: int,
    config: UtteranceConfig,
    rng: np.random.Generator,
) -> Laid:
    """One utterance of training, of texts drawn by their weights (which add up to 1)."""
    count = int(rng.integers(2, 4)) if rng.random() < config.chain_share else 1
    drawn = [takes[index] for index in rng.choice(len(takes), count, p=weights)]
    return lay_out(drawn, tokenizer, per_tick, config, rng)


def make_voice_batch(laid: Sequence[Laid], config: UtteranceConfig, rng: np.random.Generator | None) -> VoiceBatch:
    """Pad utterances to one shape. Without `rng` the decoder is never led astray about what sounds."""
    n_ticks, n_tokens = max(len(u.blocks_NFC) for u in laid), max(len(u.tokens) for u in laid)
    size = len(laid)
    blocks = np.full((size, n_ticks, *laid[0].blocks_NFC.shape[1:]), SILENCE, np.float32)
    before = blocks.copy()
    tokens = np.zeros((size, n_tokens), np.int64)
    near = np.full((size, n_ticks, NEAR), int(Control.PAD), np.int64)
    age, place = np.zeros((size, n_ticks), np.int64), np.zeros((size, n_ticks), np.int64)
    order = np.zeros((size, n_ticks + n_tokens), np.int64)
    valid = np.zeros((size, n_ticks), bool)
    begins = np.zeros((size, n_ticks, BEGINS), np.float32)
    waits = np.zeros((size, n_ticks, BEGINS), bool)
    for row, one in enumerate(laid):
        ticks = len(one.blocks_NFC)
        blocks[row, :ticks], before[row, 1:ticks] = one.blocks_NFC, one.blocks_NFC[:-1]
        tokens[row, : len(one.tokens)] = one.tokens
        valid[row, :ticks] = True
        sequence, place[row, :ticks] = _sequence(one, n_tokens)
        order[row, : len(sequence)] = sequence
        begun = _begun_before(one, config.astray_share, rng)
        written, sounding = np.array(one.written, np.int64), np.array(one.begins, np.int64)
        for tick in range(ticks):
            first = begun[tick]
            told = one.tokens[max(first - 1, 0) : int((written <= tick).sum())]
            told = told if first else [int(Control.PAD), *told]
            near[row, tick, : len(told[:NEAR])] = told[:NEAR]
            age[row, tick] = tick - 1 - max(0, sounding[first - 1]) if first else tick
            waiting = sounding[first : first + len(told) - 1][:BEGINS]
            waits[row, tick, : len(waiting)] = True
            begins[row, tick, : len(waiting)] = waiting <= tick
    arrays = (tokens, before, near, np.maximum(age, 0), order, place)
    utterances = Utterances(*(torch.from_numpy(a) for a in arrays))
    return VoiceBatch(utterances, *(torch.from_numpy(a) for a in (blocks, valid, begins, waits)))


def _sequence(one: Laid, n_tokens: int) -> tuple[list[int], list[int]]:
    """Indices of tokens and, from `n_tokens` on, of blocks in sequence; and the place of every block in it."""
    sequence: list[int] = []
    place: list[int] = []
    token = 0
    for tick in range(len(one.blocks_NFC)):
        while token < len(one.tokens) and one.written[token] <= tick:
            sequence.append(token)
            token += 1
        place.append(len(sequence))
        sequence.append(n_tokens + tick)
    return sequence, place


def _begun_before(one: Laid, astray_share: float, rng: np.random.Generator | None) -> list[int]:
    """How many tokens have begun to sound before each tick; in a share of the ticks one more or one less is told."""
    begun: list[int] = []
    for tick in range(len(one.blocks_NFC)):
        true = sum(at < tick for at in one.begins)
        most = sum(at <= tick for at in one.written)
        astray = rng is not None and rng.random() < astray_share
        told = true + int(rng.choice((-1, 1))) if rng is not None and astray else true
        begun.append(min(max(told, 0), most))
    return begun

"""Streams to tensors: the order of positions, targets and their weights. Knows tokens; renders nothing.

A tick is: sound positions, then typed tokens; the last of these decides. Then come the words said in that tick.
Shapes: B streams, N ticks, S sound positions, P frames a position, C channels, X text tokens, T positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from microturn.data.history import History, Saying
from microturn.data.stream import Stream
from microturn.media.text import Control, TextTokenizer
from microturn.model.config import InteractionConfig

NO_TARGET = -100
HEARD_DELAY_MS = 60


@dataclass(frozen=True)
class BatchConfig:
    """Fixed shapes, and how much each kind of moment weighs in the loss."""

    ticks: int = 320
    text_slots: int = 64
    listen_weight: float = 0.3
    near_weight: float = 1.0
    near_ticks: int = 5
    say_weight: float = 3.0
    heard_blank_weight: float = 0.2
    tick_offset_s: float = 600.0


class Batch(NamedTuple):
    """What `InteractionModel.forward` takes, and targets: ids or NO_TARGET, weights fp32, both [B, T]."""

    levels_BSPC: Tensor
    seconds_BN: Tensor
    tokens_BX: Tensor
    order_BT: Tensor
    decide_BT: Tensor
    decide_weight_BT: Tensor
    heard_BT: Tensor
    heard_weight_BT: Tensor


def said_by_tick(said: Sequence[Saying], tokenizer: TextTokenizer, per_tick: int) -> dict[int, list[int]]:
    """Token ids to be said in each tick: a word is written in its tick, or as soon as there is room for its tokens."""
    by_tick: dict[int, list[int]] = {}
    for saying in said:
        tick = saying.tick
        for word, lead in zip(saying.words, saying.leads, strict=True):
            tick = max(tick, saying.tick + lead)
            for token in tokenizer.encode(word):
                while len(by_tick.setdefault(tick, [])) >= per_tick:
                    tick += 1
                by_tick[tick].append(token)
    return by_tick


def _typed_by_tick(stream: Stream, tokenizer: TextTokenizer, per_tick: int) -> dict[int, list[int]]:
    typed: dict[int, list[int]] = {}
    for entry in stream.typed:
        tokens = [int(Control.USER), *tokenizer.encode(entry.text)]
        typed.setdefault(entry.tick, []).extend(tokens[: per_tick + 1])
    return typed


class _Row:
    """One stream being laid out: positions in order, each with its target; tokens beside them."""

    def __init__(self, n_sound: int) -> None:
        self.n_sound = n_sound
        self.tokens: list[int] = []
        self.order: list[int] = []
        self.decide: list[int] = []
        self.decide_weight: list[float] = []
        self.sound_place: list[int] = []
        self.taught = True

    def _place(self, index: int, target: int, weight: float) -> None:
        taught = self.taught and target != NO_TARGET
        self.order.append(index)
        self.decide.append(target if taught else NO_TARGET)
        self.decide_weight.append(weight if taught else 0.0)

    def place_sound(self, index: int, target: int, weight: float) -> None:
        self.sound_place.append(len(self.order))
        self._place(index, target, weight)

    def place_token(self, token: int, target: int, weight: float) -> None:
        self._place(self.n_sound + len(self.tokens), target, weight)
        self.tokens.append(token)


def _lay_out(
    stream: Stream, history: History, tokenizer: TextTokenizer, model: InteractionConfig, config: BatchConfig
) -> _Row:
    """Order and decision targets of one stream. Text beyond the slots ends the targets there, never the sound."""
    said = said_by_tick(history.said, tokenizer, model.text_per_tick)
    unsaid = {tick: tokenizer.encode(text)[:1] for tick, text in history.due.items()}
    typed = _typed_by_tick(stream, tokenizer, model.typed_per_tick)
    near = {t + d for t in said | unsaid for d in range(-config.near_ticks, config.near_ticks + 1)}
    row = _Row(config.ticks * model.sound_tokens)
    full = False
    for tick in range(config.ticks):
        asked, words = typed.get(tick, []), said.get(tick, [])
        full = full or len(row.tokens) + len(asked) + len(words) > config.text_slots
        if full:
            asked, words = [], []
        row.taught = not full and tick not in history.untaught
        quiet = config.near_weight if tick in near else config.listen_weight
        targets = [*words, int(Control.LISTEN)]
        due = words or unsaid.get(tick, [])
        first = due[0] if due else int(Control.LISTEN)
        _place_input(row, tick, asked, first, config.say_weight if due else quiet, model)
        for place, token in enumerate(words, start=1):
            spent = place == model.text_per_tick  # nothing is decided after the last word a tick may hold
            weight = config.say_weight if place < len(words) else config.near_weight
            row.place_token(token, NO_TARGET if spent else targets[place], weight)
    return row


def _place_input(
    row: _Row, tick: int, asked: Sequence[int], first: int, weight: float, model: InteractionConfig
) -> None:
    """Sound, then typed tokens of one tick; `first` is the target of the last of them."""
    for sound in range(model.sound_tokens):
        decides = sound == model.sound_tokens - 1 and not asked
        row.place_sound(tick * model.sound_tokens + sound, first if decides else NO_TARGET, weight)
    for place, token in enumerate(asked, start=1):
        row.place_token(token, first if place == len(asked) else NO_TARGET, weight)


def heard_targets(stream: Stream, tokenizer: TextTokenizer, n_sound: int, position_ms: int) -> dict[int, int]:
    """Transcript tokens by sound position: each where its word has just ended, the next free one if that is taken."""
    targets: dict[int, int] = {}
    free = 0
    for word in stream.heard:
        position = max(free, (word.end_ms + HEARD_DELAY_MS) // position_ms)
        for token in tokenizer.encode(word.word):
            if position < n_sound:
                targets[position] = token
            position += 1
        free = position
    return targets


def make_batch(
    streams: Sequence[Stream],
    tokenizer: TextTokenizer,
    model: InteractionConfig,
    config: BatchConfig,
    rng: np.random.Generator,
) -> Batch:
    """One batch of fixed shape. Streams shorter than `config.ticks` are an error; the session clock starts anywhere."""
    n_sound = config.ticks * model.sound_tokens
    total = n_sound + config.text_slots
    shape = (len(streams), total)
    order = np.zeros(shape, np.int64)
    tokens = np.zeros((len(streams), config.text_slots), np.int64)
    decide, heard = np.full(shape, NO_TARGET), np.full(shape, NO_TARGET)
    decide_weight, heard_weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    n_frames = config.ticks * model.frames_per_tick
    levels = np.stack([stream.levels[:n_frames] for stream in streams])
    for index, stream in enumerate(streams):
        row = _lay_out(stream, stream.history, tokenizer, model, config)
        used = len(row.order)
        order[index, :used], tokens[index, : len(row.tokens)] = row.order, row.tokens
        order[index, used:] = n_sound + config.text_slots - 1
        decide[index, :used], decide_weight[index, :used] = row.decide, row.decide_weight
        places = np.array(row.sound_place)
        heard[index, places], heard_weight[index, places] = int(Control.PAD), config.heard_blank_weight
        position_ms = 200 // model.sound_tokens
        for position, token in heard_targets(stream, tokenizer, n_sound, position_ms).items():
            heard[index, places[position]], heard_weight[index, places[position]] = token, 1.0
    starts_s = np.where(rng.random(len(streams)) < 0.5, 0.0, rng.uniform(0.0, config.tick_offset_s, len(streams)))
    seconds = starts_s[:, None] + 0.2 * np.arange(config.ticks)
    levels_BSPC = levels.reshape(len(streams), n_sound, model.frames_per_token, -1)
    arrays = (levels_BSPC, seconds, tokens, order, decide, decide_weight, heard, heard_weight)
    return Batch(*(torch.from_numpy(a) for a in arrays))

"""Streams to tensors: the order of positions, targets and their weights. Knows tokens; renders nothing.

A tick is: sound positions, then typed tokens; the last of these decides. Then come the words written in that tick.
For a model with a voice, what a tick sounds is one more position, an own one, before the sound of the next tick; for
one with sight, what a tick brings to see stands right before its sound.
Shapes: B streams, N ticks, S sound positions, P frames a position, C channels, X text tokens, O own blocks, V pairs of
pictures, T positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from microturn.data.history import HAND_OVER, History, Saying
from microturn.data.stream import Stream
from microturn.media.picture import Frame, Pair, pair_of
from microturn.media.text import Control, Runs, TextTokenizer, take_typed
from microturn.model.config import InteractionConfig

NO_TARGET = -100
VIEW_WORDS = 9
HEARD_DELAY_MS = 60


@dataclass(frozen=True)
class BatchConfig:
    """Fixed shapes, and how much each kind of moment weighs in the loss.

    `own_slots`: ticks of a stream that may sound, for a model with a voice. `tick_offset_s`: half of the streams begin
    somewhere in that much of a session, so that a long one is nothing new.
    """

    ticks: int = 320
    text_slots: int = 64
    own_slots: int = 128
    listen_weight: float = 0.3
    near_weight: float = 1.0
    near_ticks: int = 5
    say_weight: float = 3.0
    heard_blank_weight: float = 0.2
    tick_offset_s: float = 4_000.0


class Batch(NamedTuple):
    """What `InteractionModel.forward` takes, and targets: ids or NO_TARGET, weights fp32, both [B, T].

    O is 0 for a model without a voice, V where no stream of the batch has a camera. view_BTW: what the picture at a
    position shows, up to W words' first tokens, all alike; NO_TARGET elsewhere.
    """

    levels_BSPC: Tensor
    seconds_BN: Tensor
    tokens_BX: Tensor
    order_BT: Tensor
    own_BOPC: Tensor
    pairs_BVPHWC: Tensor
    decide_BT: Tensor
    decide_weight_BT: Tensor
    heard_BT: Tensor
    heard_weight_BT: Tensor
    view_BTW: Tensor

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The arguments of the forward, in order."""
        return self[:6]


def row_length(model: InteractionConfig, config: BatchConfig, seen: bool = False) -> int:
    """Positions of a stream in a batch; `seen`: of one in which any stream has a camera."""
    per_tick = model.sound_tokens + (model.sight_tokens if seen else 0)
    return config.ticks * per_tick + config.text_slots + _own_slots(model, config)


def _own_slots(model: InteractionConfig, config: BatchConfig) -> int:
    return 0 if model.voice is None else config.own_slots


def said_by_tick(said: Sequence[Saying], tokenizer: TextTokenizer, per_tick: int) -> dict[int, list[int]]:
    """Token ids to be said in each tick: a word is written in its tick, or as soon as there is room for its tokens."""
    by_tick: dict[int, list[int]] = {}
    for saying in said:
        tick = saying.tick
        for word, lead in zip(saying.words, saying.leads, strict=True):
            tick = max(tick, saying.tick + lead)
            for token in _ids(word, tokenizer):
                while len(by_tick.get(tick, [])) >= per_tick:
                    tick += 1
                if not saying.ticks or tick < saying.tick + saying.ticks:  # a cut ends the writing too
                    by_tick.setdefault(tick, []).append(token)
    return by_tick


def _ids(text: str, tokenizer: TextTokenizer) -> list[int]:
    """What is said, as tokens: HAND_OVER, which is no word, may stand first."""
    words = text.removeprefix(HAND_OVER)
    return [*([int(Control.DELEGATE)] if words != text else []), *tokenizer.encode(words)]


def _typed_by_tick(
    stream: Stream, tokenizer: TextTokenizer, config: InteractionConfig, ticks: int
) -> dict[int, Sequence[int]]:
    """Texts as the engine feeds them: what does not fit in a tick goes on in the next."""
    came: dict[int, Runs] = {}
    for entry in stream.typed:
        marker = Control.RESULT if entry.is_result else Control.USER
        came[entry.tick] = (*came.get(entry.tick, ()), (int(marker), *tokenizer.encode(entry.text)))
    typed: dict[int, Sequence[int]] = {}
    waiting: Runs = ()
    for tick in range(ticks if came else 0):
        shown, waiting = take_typed(waiting + came.get(tick, ()), config.typed_per_tick)
        if shown:
            typed[tick] = shown
    return typed


class _Moments(NamedTuple):
    """A history by ticks: `due` holds the first token of words that are due, or `<listen>` where silence is.

    `sounds`: ticks in which the agent is heard; `near`: ticks around those in which something begins or ends.
    """

    words: dict[int, list[int]]
    due: dict[int, int]
    sounds: frozenset[int]
    near: frozenset[int]


def _moments(history: History, tokenizer: TextTokenizer, model: InteractionConfig, config: BatchConfig) -> _Moments:
    words = said_by_tick(history.said, tokenizer, model.text_per_tick)
    due = {tick: _ids(text, tokenizer)[0] if text else int(Control.LISTEN) for tick, text in history.due.items()}
    sounds, turns = frozenset[int](), words | due
    if model.voice is not None:
        covered = {tick for saying in history.said for tick in range(saying.tick, saying.tick + saying.ticks)}
        sounds = frozenset(covered | words.keys())
        edges = [tick for tick in sounds if tick - 1 not in sounds] + [t + 1 for t in sounds if t + 1 not in sounds]
        turns = dict.fromkeys([*edges, *(saying.tick for saying in history.said), *due])
    near = {tick + d for tick in turns for d in range(-config.near_ticks, config.near_ticks + 1)}
    return _Moments(words, due, sounds, frozenset(near))


class _Row:
    """One stream being laid out: positions in order, each with its target; tokens and ticks heard of itself beside."""

    def __init__(self, n_sound: int, text_slots: int, own_slots: int) -> None:
        self.n_sound, self.text_slots, self.own_slots = n_sound, text_slots, own_slots
        self.tokens: list[int] = []
        self.own_ticks: list[int] = []
        self.pairs: list[Pair] = []
        self.views: list[tuple[int, Sequence[int]]] = []
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

    def place_own(self, tick: int) -> None:
        self._place(self.n_sound + self.text_slots + len(self.own_ticks), NO_TARGET, 0.0)
        self.own_ticks.append(tick)

    def place_seen(self, pair: Pair, positions: int, view: Sequence[int]) -> None:
        """`view`: tokens for what it shows; read off the last of its positions."""
        self.views.append((len(self.order) + positions - 1, view))
        first = self.n_sound + self.text_slots + self.own_slots + len(self.pairs) * positions
        for index in range(first, first + positions):
            self._place(index, NO_TARGET, 0.0)
        self.pairs.append(pair)


def _lay_out(stream: Stream, tokenizer: TextTokenizer, model: InteractionConfig, config: BatchConfig) -> _Row:
    """Order and decision targets of one stream. Text or own voice beyond the slots ends the targets there.

    The sound of the user never ends before the stream does.
    """
    history, typed = stream.history, _typed_by_tick(stream, tokenizer, model, config.ticks)
    moments = _moments(history, tokenizer, model, config)
    row = _Row(config.ticks * model.sound_tokens, config.text_slots, _own_slots(model, config))
    pairs = _pairs(stream, model, config)
    full = False
    for tick in range(config.ticks):
        asked, words, own = typed.get(tick, []), moments.words.get(tick, []), tick - 1 in moments.sounds
        full = full or len(row.tokens) + len(asked) + len(words) > config.text_slots
        full = full or len(row.own_ticks) + own > config.own_slots
        if full:
            asked, words, own = [], [], False
        row.taught = not full and tick not in history.untaught
        if own:
            row.place_own(tick - 1)
        if tick in pairs:
            row.place_seen(pairs[tick], model.sight_tokens, _view(stream, tick, tokenizer))
        first, weight = _first_target(tick, moments, config)
        _place_input(row, tick, asked, first, weight, model)
        row.taught = row.taught and tick not in moments.due  # words said where others, or none, were due
        _place_words(row, words, model, config)
    return row


def _pairs(stream: Stream, model: InteractionConfig, config: BatchConfig) -> dict[int, Pair]:
    """What is seen in each tick that brings a picture: it and the one before it."""
    if model.sight is None or stream.frames is None:
        return {}
    pairs: dict[int, Pair] = {}
    before: Frame | None = None
    for tick in range(config.ticks):
        frame = stream.frames(tick)
        pair = pair_of(before, frame)
        if pair is not None:
            pairs[tick], before = pair, frame
    return pairs


def _view(stream: Stream, tick: int, tokenizer: TextTokenizer) -> list[int]:
    """What is shown in a tick, a token a word: <pad> where that is nothing, none where nobody tells."""
    if stream.in_view is None:
        return []
    words = stream.in_view(tick)
    return [tokenizer.encode(word)[0] for word in words[:VIEW_WORDS]] or [int(Control.PAD)]


def _first_target(tick: int, moments: _Moments, config: BatchConfig) -> tuple[int, float]:
    """What the last position of a tick's input decides, and its weight: words weigh most, going on as it was least."""
    words, due = moments.words.get(tick), moments.due.get(tick)
    quiet = config.near_weight if tick in moments.near else config.listen_weight
    if due == Control.LISTEN:
        return due, quiet
    if due is not None:
        return due, config.say_weight
    if words:
        return words[0], config.say_weight
    return int(Control.SPEAK if tick in moments.sounds else Control.LISTEN), quiet


def _place_input(
    row: _Row, tick: int, asked: Sequence[int], first: int, weight: float, model: InteractionConfig
) -> None:
    """Sound, then typed tokens of one tick; `first` is the target of the last of them."""
    for sound in range(model.sound_tokens):
        decides = sound == model.sound_tokens - 1 and not asked
        row.place_sound(tick * model.sound_tokens + sound, first if decides else NO_TARGET, weight)
    for place, token in enumerate(asked, start=1):
        row.place_token(token, first if place == len(asked) else NO_TARGET, weight)


def _place_words(row: _Row, words: Sequence[int], model: InteractionConfig, config: BatchConfig) -> None:
    """The words written in a tick, each with the next as its target; the last one ends the tick's text."""
    end = int(Control.LISTEN if model.voice is None else Control.SPEAK)
    for place, token in enumerate(words, start=1):
        spent = place == model.text_per_tick  # nothing is decided after the last word a tick may hold
        target = words[place] if place < len(words) else end
        weight = config.say_weight if place < len(words) else config.near_weight
        row.place_token(token, NO_TARGET if spent else target, weight)


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
    cameras: bool | None = None,
) -> Batch:
    """One batch of fixed shape. Streams shorter than `config.ticks` are an error; the session clock starts anywhere.

    cameras: whether it has room for pictures; None: where a stream has any. Without room they are left out.
    """
    n_sound = config.ticks * model.sound_tokens
    wanted = any(stream.frames is not None for stream in streams) if cameras is None else cameras
    seen = model.sight is not None and wanted
    if not seen:
        streams = [replace(stream, frames=None) for stream in streams]
    shape = (len(streams), row_length(model, config, seen))
    order = np.zeros(shape, np.int64)
    tokens = np.zeros((len(streams), config.text_slots), np.int64)
    decide, heard = np.full(shape, NO_TARGET), np.full(shape, NO_TARGET)
    decide_weight, heard_weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    view = np.full((*shape, VIEW_WORDS), NO_TARGET)
    n_frames = config.ticks * model.frames_per_tick
    levels = np.stack([stream.levels[:n_frames] for stream in streams])
    block = (model.frames_per_tick, model.mel.n_mels)
    own = np.zeros((len(streams), _own_slots(model, config), *block), np.uint8)
    grid = (0, 0) if model.sight is None else (model.sight.height, model.sight.width)
    pairs = np.zeros((len(streams), config.ticks if seen else 0, 2, *grid, 3), np.uint8)
    for index, stream in enumerate(streams):
        row = _lay_out(stream, tokenizer, model, config)
        used = len(row.order)
        order[index, :used], tokens[index, : len(row.tokens)] = row.order, row.tokens
        order[index, used:] = n_sound + config.text_slots - 1
        if row.own_ticks:
            assert stream.own_levels is not None, "a stream that is written only, for a model with a voice"
            own[index, : len(row.own_ticks)] = stream.own_levels.reshape(-1, *block)[row.own_ticks]
        if row.pairs:
            pairs[index, : len(row.pairs)] = row.pairs
        decide[index, :used], decide_weight[index, :used] = row.decide, row.decide_weight
        for place, shown in row.views:
            view[index, place, : len(shown)] = shown
        places = np.array(row.sound_place)
        heard[index, places], heard_weight[index, places] = int(Control.PAD), config.heard_blank_weight
        position_ms = 200 // model.sound_tokens
        for position, token in heard_targets(stream, tokenizer, n_sound, position_ms).items():
            heard[index, places[position]], heard_weight[index, places[position]] = token, 1.0
    starts_s = np.where(rng.random(len(streams)) < 0.5, 0.0, rng.uniform(0.0, config.tick_offset_s, len(streams)))
    seconds = starts_s[:, None] + 0.2 * np.arange(config.ticks)
    levels_BSPC = levels.reshape(len(streams), n_sound, model.frames_per_token, -1)
    arrays = (levels_BSPC, seconds, tokens, order, own, pairs, decide, decide_weight, heard, heard_weight, view)
    return Batch(*(torch.from_numpy(a) for a in arrays))

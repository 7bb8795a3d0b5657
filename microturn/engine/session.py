"""One session between two ticks, as a plain value, and the order of its positions. No tensors, no model.

A tick in the sequence, as in training (`train/batch.py`): the token said last that was not yet fed, the block of its
own sound if the last tick sounded, what is seen, sound positions, typed runs; the last of these decides. Then the
tokens said, each fed back, but for the one that fills the tick's budget: that one is fed together with the next tick's
input, so going on speaking costs no forward more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from microturn.media.picture import Pair
from microturn.media.text import N_CONTROL, Control, Runs, take_typed

Block = npt.NDArray[np.uint8]
"""Levels of a tick of its own sound, [frames_per_tick, n_mels]."""


@dataclass(frozen=True)
class Utterance:
    """What is being said aloud: its word tokens, where they stand in the sequence, how many have begun to sound."""

    tokens: tuple[int, ...] = ()
    places: tuple[int, ...] = ()
    begun: int = 0


@dataclass(frozen=True)
class SessionState:
    """tick: the next one; carried: said, not yet fed; waiting: text that did not fit; heard_id: last CTC label.

    utterance: what it is saying aloud; None if the last tick was silent.
    """

    tick: int = 0
    carried: tuple[int, ...] = ()
    waiting: Runs = ()
    heard_id: int = int(Control.PAD)
    utterance: Utterance | None = None


class Fed(NamedTuple):
    """What a tick feeds besides sound, by where it stands: tokens, the own block, what is seen, before the sound; typed
    tokens after it; tokens said after the decision."""

    carried: tuple[int, ...]
    own: Block | None
    typed: tuple[int, ...]
    said: tuple[int, ...] = ()
    seen: Pair | None = None

    def positions(self, sounds: int, sights: int) -> int:
        """How many positions the tick is, with so many of sound, and of sight if it brings a picture."""
        seen = sights if self.seen is not None else 0
        return len(self.carried) + (self.own is not None) + seen + sounds + len(self.typed) + len(self.said)


class Positions(NamedTuple):
    """Ticks laid end to end. `order` indexes sound positions first, then `tokens`, and is 0 for what comes after those.

    `sound_places`, `own_places` and `seen_places` are indices of it, `ends` those of each tick's last position.
    """

    tokens: list[int]
    order: list[int]
    sound_places: list[int]
    own: list[Block]
    own_places: list[int]
    seen: list[Pair]
    seen_places: list[int]
    ends: list[int]


class Finished(NamedTuple):
    """A tick that is over: the session after it, what it heard, tokens that stay unsaid and where they stand."""

    state: SessionState
    heard: tuple[int, ...]
    unsaid: tuple[int, ...]
    unsaid_places: tuple[int, ...]


class Spoken(NamedTuple):
    """What a tick said: tokens, the place in the sequence of the first one, how many of its utterance's have begun.

    `begun` is None in a silent tick.
    """

    tokens: tuple[int, ...]
    place: int
    begun: int | None = None


def begin(
    state: SessionState, text: Runs, typed_per_tick: int, own: Block | None, seen: Pair | None = None
) -> tuple[Fed, SessionState]:
    """What a tick that brings `text` and `seen` feeds after one that sounded `own`, and the session without it."""
    typed, waiting = take_typed(state.waiting + text, typed_per_tick)
    return Fed(state.carried, own, typed, seen=seen), replace(state, carried=(), waiting=waiting)


def finish(state: SessionState, spoken: Spoken, labels: Iterable[int], text_per_tick: int) -> Finished:
    """The session after a tick that said `spoken` and read `labels` at its sound positions.

    In the first silent tick after an utterance, what of it has not begun to sound stays unsaid.
    """
    heard, heard_id = collapse(labels, state.heard_id)
    carried = spoken.tokens[text_per_tick - 1 :]
    before = state.utterance or Utterance()
    unsaid = unsaid_places = ()
    if spoken.begun is None:
        utterance, unsaid, unsaid_places = None, before.tokens[before.begun :], before.places[before.begun :]
    else:
        new = [(token, spoken.place + i) for i, token in enumerate(spoken.tokens) if token >= N_CONTROL]
        tokens, places = (tuple(pair[i] for pair in new) for i in (0, 1))
        utterance = Utterance(before.tokens + tokens, before.places + places, spoken.begun)
    after = SessionState(state.tick + 1, carried, state.waiting, heard_id, utterance)
    return Finished(after, heard, unsaid, unsaid_places)


def nothing() -> Positions:
    """No tick at all."""
    return Positions([], [], [], [], [], [], [], [])


def lay_out(ticks: Sequence[Fed], sounds_per_tick: int, sights_per_pair: int = 0) -> Positions:
    """Put ticks in order; the index of a token is its place among all tokens, after all sound positions."""
    n_sound = len(ticks) * sounds_per_tick
    laid = nothing()

    def place(tokens: Sequence[int]) -> None:
        first = n_sound + len(laid.tokens)
        laid.order.extend(range(first, first + len(tokens)))
        laid.tokens.extend(tokens)

    for index, tick in enumerate(ticks):
        place(tick.carried)
        if tick.own is not None:
            laid.own_places.append(len(laid.order))
            laid.own.append(tick.own)
            laid.order.append(0)
        if tick.seen is not None:
            laid.seen_places.extend(range(len(laid.order), len(laid.order) + sights_per_pair))
            laid.seen.append(tick.seen)
            laid.order.extend([0] * sights_per_pair)
        laid.sound_places.extend(range(len(laid.order), len(laid.order) + sounds_per_tick))
        laid.order.extend(range(index * sounds_per_tick, (index + 1) * sounds_per_tick))
        place(tick.typed)
        place(tick.said)
        laid.ends.append(len(laid.order) - 1)
    return laid


def collapse(labels: Iterable[int], before: int) -> tuple[tuple[int, ...], int]:
    """Greedy CTC (Graves et al. 2006): drop repeats and blanks. Also the label the next call starts from."""
    heard: list[int] = []
    for label in labels:
        if label not in (before, Control.PAD):
            heard.append(label)
        before = label
    return tuple(heard), before

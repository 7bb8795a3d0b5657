"""One session between two ticks, as a plain value, and the order of its positions. No tensors, no model.

A tick in the sequence, as in training (`train/batch.py`): the token said last that was not yet fed, sound positions,
typed runs; the last of these decides. Then the tokens said, each fed back, but for the one that fills the tick's
budget: that one is fed together with the next tick's input, so going on speaking costs no forward more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from microturn.media.text import Control

Runs = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class SessionState:
    """tick: the next one; carried: said, not yet fed; waiting: text that did not fit; heard_id: last CTC label."""

    tick: int = 0
    carried: tuple[int, ...] = ()
    waiting: Runs = ()
    heard_id: int = int(Control.PAD)


class TickTokens(NamedTuple):
    """The tokens of one tick by where they stand: before the sound, after it, and after the decision."""

    carried: tuple[int, ...]
    typed: tuple[int, ...]
    fed: tuple[int, ...] = ()


class Positions(NamedTuple):
    """Ticks laid end to end. `order` indexes sound positions first, then `tokens`; `sound_places` are indices of it."""

    tokens: list[int]
    order: list[int]
    sound_places: list[int]


def begin(state: SessionState, text: Runs, typed_per_tick: int) -> tuple[TickTokens, SessionState]:
    """What a tick that brings `text` feeds, and the session without it."""
    typed, waiting = take_typed(state.waiting + text, typed_per_tick)
    return TickTokens(state.carried, typed), replace(state, carried=(), waiting=waiting)


def finish(
    state: SessionState, said: Sequence[int], labels: Iterable[int], text_per_tick: int
) -> tuple[SessionState, tuple[int, ...]]:
    """The session after a tick in which it said `said` and read `labels` at its sound positions; and what it heard."""
    heard, heard_id = collapse(labels, state.heard_id)
    carried = tuple(said[text_per_tick - 1 :])
    return SessionState(state.tick + 1, carried, state.waiting, heard_id), heard


def take_typed(runs: Runs, budget: int) -> tuple[tuple[int, ...], Runs]:
    """The first `budget` tokens of the runs with their markers, and the rest; a run cut in two is marked again."""
    shown: list[int] = []
    for index, (marker, *tokens) in enumerate(runs):
        if budget <= 0:
            return tuple(shown), runs[index:]
        shown += [marker, *tokens[:budget]]
        if tokens[budget:]:
            return tuple(shown), ((marker, *tokens[budget:]), *runs[index + 1 :])
        budget -= max(1, len(tokens))
    return tuple(shown), ()


def lay_out(ticks: Sequence[TickTokens], sounds_per_tick: int) -> Positions:
    """Put ticks in order; the index of a token is its place among all tokens, after all sound positions."""
    n_sound = len(ticks) * sounds_per_tick
    laid = Positions([], [], [])

    def place(tokens: Sequence[int]) -> None:
        first = n_sound + len(laid.tokens)
        laid.order.extend(range(first, first + len(tokens)))
        laid.tokens.extend(tokens)

    for index, tick in enumerate(ticks):
        place(tick.carried)
        laid.sound_places.extend(range(len(laid.order), len(laid.order) + sounds_per_tick))
        laid.order.extend(range(index * sounds_per_tick, (index + 1) * sounds_per_tick))
        place(tick.typed)
        place(tick.fed)
    return laid


def collapse(labels: Iterable[int], before: int) -> tuple[tuple[int, ...], int]:
    """Greedy CTC (Graves et al. 2006): drop repeats and blanks. Also the label the next call starts from."""
    heard: list[int] = []
    for label in labels:
        if label not in (before, Control.PAD):
            heard.append(label)
        before = label
    return tuple(heard), before

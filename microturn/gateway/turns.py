"""What one micro-turn puts on the timeline. A pure function; who reads the items lives elsewhere."""

from collections.abc import Iterator
from typing import NamedTuple

from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.clock import TICK_MS
from microturn.core.events import Event
from microturn.gateway.timeline import (
    FRAME_MS,
    FRAME_SAMPLES,
    Began,
    Delegated,
    Heard,
    Item,
    Said,
    Sound,
    Stopped,
)
from microturn.media.pcm import Pcm


class Turned(NamedTuple):
    """The items of a tick in the order of time, and whether the model speaks at its end."""

    items: list[Item]
    speaking: bool


def opening() -> list[Item]:
    """The 200 ms before the first tick is over: nothing can sound there."""
    return list(_frames(0, None))


def timeline_of(turn: MicroTurn, speaking: bool) -> Turned:
    """Items of one micro-turn. speaking: whether the model spoke in the one before.

    A model speaks in a tick that sounds, has words or goes on with them. One that falls silent yields if it says so
    itself or leaves words of its own unsaid; a yield while it is silent is nobody's floor and makes no item.
    """
    start_ms, now_ms = turn.tick * TICK_MS, (turn.tick + 1) * TICK_MS
    model = turn.model
    said = _said(model)
    speaks = model.pcm is not None or bool(said) or any(event.kind == "speak" for event in model.events)
    kinds = {event.kind for event in model.events}
    items: list[Item] = [Heard(start_ms, now_ms, _spaced(e)) for e in model.events if e.kind == "heard"]
    if speaking and not speaks:
        unsaid = " ".join(event.text for event in model.events if event.kind == "unsaid")
        items.append(Stopped(now_ms, "yield" in kinds or bool(unsaid), unsaid))
    if speaks and not speaking:
        items.append(Began(now_ms))
    if "delegate" in kinds:
        items.append(Delegated(now_ms, " ".join(one.text for one in model.events if one.kind == "delegate").strip()))
    items += [Said(now_ms, now_ms + TICK_MS, text) for text in said]
    items += _frames(now_ms, model.pcm)
    return Turned(items, speaks)


def _said(model: Chunk) -> list[str]:
    """The words of a tick; a partner without events (an echo) has them as plain text."""
    said = [_spaced(event) for event in model.events if event.kind == "say"]
    return said or [f" {text}" for text in model.text]


def _spaced(event: Event) -> str:
    joins = event.data is not None and bool(event.data.get("joins"))
    return event.text if joins else f" {event.text}"


def _frames(start_ms: int, pcm: Pcm | None) -> Iterator[Sound]:
    """A tick in pieces of 20 ms; a piece of nothing but zeros is silence."""
    for index in range(TICK_MS // FRAME_MS):
        at = index * FRAME_SAMPLES
        piece = None if pcm is None else pcm[at : at + FRAME_SAMPLES]
        yield Sound(start_ms + index * FRAME_MS, piece if piece is not None and piece.any() else None)

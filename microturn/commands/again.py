"""A recorded session held once more: the same weights hear the same input; are the decisions the same? No printing."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import torch

from microturn.commands.weights import open_weights
from microturn.core.chunk import Chunk
from microturn.core.clock import FastClock
from microturn.core.errors import InputError
from microturn.core.fakes import Echo
from microturn.core.participant import converse
from microturn.core.recording import Recording
from microturn.core.wav import to_float, to_int16
from microturn.engine.log import TurnRecord, log_line
from microturn.engine.participant import EngineParticipant, participant
from microturn.gateway.kept import KeptSession
from microturn.model.checkpoint import weights_hash


class Difference(NamedTuple):
    """The first tick that came out otherwise."""

    tick: int
    recorded: str
    now: str


class Again(NamedTuple):
    """How many ticks were held once more, and the first that differs; `exact`: compared id by id, not only in words."""

    ticks: int
    exact: bool
    difference: Difference | None


def again(kept: KeptSession, weights: Path | None) -> Again:
    """Let the model hear the recorded user once more. InputError where it was another model, or none that is known."""
    recording = kept.recording()
    if kept.about.model == "echo":
        return _compared(recording, [], Echo())
    if kept.about.spec is None:
        right = "one by `microturn serve --record`, `run` or `talk`, which name their weights"
        raise InputError("a recording that does not say how its model was run", kept.folder, "no such note", right)
    checkpoint = open_weights(weights)
    own = weights_hash(checkpoint.model)
    if own != kept.about.weights:
        right = f"--weights FILE with the weights {kept.about.weights or 'it was recorded with'}"
        raise InputError("other weights than those that were recorded", kept.folder, own, right)
    torch.set_num_threads(1)
    log = kept.log(checkpoint.model.config)
    return _compared(recording, log, participant(checkpoint, replace(kept.about.spec, id="")))


def _compared(recording: Recording, log: list[TurnRecord], model: EngineParticipant | Echo) -> Again:
    """Tick by tick up to the first difference."""
    ticks = min(len(recording.turns), len(log)) if log else len(recording.turns)
    for turn in converse(recording.replay("user"), model, FastClock(), ticks):
        before, now = recording.turns[turn.tick].model, turn.model
        entry = model.logged if isinstance(model, EngineParticipant) else None
        if log and entry is not None and log_line(entry) != log_line(log[turn.tick]):
            return Again(turn.tick + 1, True, Difference(turn.tick, *_unlike(log[turn.tick], entry)))
        if not _same(before, now):
            return Again(turn.tick + 1, bool(log), Difference(turn.tick, _words(before), _words(now)))
    return Again(ticks, bool(log), None)


def _same(before: Chunk, now: Chunk) -> bool:
    """Words and events alike, and the sound to the sixteen bits that were kept."""
    sound = bool((to_float(to_int16(now.samples)) == before.samples).all())
    return sound and before.text == now.text and before.events == now.events


def _words(chunk: Chunk) -> str:
    events = [f"{event.kind} {event.text!r}" if event.text else event.kind for event in chunk.events]
    sound = [] if chunk.pcm is None else [f"sound, loudest {float(abs(chunk.pcm).max()):.3f}"]
    return ", ".join(events + sound) or "silence"


def _unlike(before: TurnRecord, now: TurnRecord) -> Iterator[str]:
    """Both lines of the log, of what differs in them."""
    for entry, other in ((before, now), (now, before)):
        yield ", ".join(f"{name} {_short(value)}" for name, value in _fields(entry, other)) or "the same"


def _fields(entry: TurnRecord, other: TurnRecord) -> Iterator[tuple[str, Any]]:
    for (name, value), (_, against) in zip_longest(vars(entry).items(), vars(other).items()):
        if repr(value) != repr(against):
            yield name, value


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."

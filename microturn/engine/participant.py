"""The model as a participant: sound to levels, pictures to its grid, ids to words and events. No decisions."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from microturn.core.chunk import Chunk
from microturn.core.clock import TICK_MS
from microturn.core.errors import InputError
from microturn.core.events import Event
from microturn.engine.api import Engine, InputChunk, SessionRef, SessionSpec, TurnResult
from microturn.engine.embedded import EmbeddedEngine
from microturn.engine.log import TurnRecord, record
from microturn.media.mel import MelConfig, MelStream, quantize
from microturn.media.pcm import Pcm
from microturn.media.picture import Frame, fitted
from microturn.media.text import N_CONTROL, Control, TextTokenizer
from microturn.model.checkpoint import Checkpoint
from microturn.model.config import SightConfig


class EngineParticipant:
    """Speaks for one session: hears sound (None is silence), typed text and results, says text and events.

    A result is an event "result" whose data bear its policy; what is "silent" is not read. At an event "hush" it is
    silent in this tick; where it would have spoken it says so with an event "held".

    sight: the grid that pictures are fitted into; None for a model without sight, which passes over them.

    Events carry the end of their tick: one "heard" and one "say" for the words of the tick, "unsaid" for words said
    before that never sounded, now that it is silent, then one for each control token said ("yield", "delegate"), and
    "speak" where it sounds without a new word. `data={"joins": True}`: the text goes on with the last word before it.
    logged: its last tick as a line of the append log, None before the first.
    """

    def __init__(
        self,
        engine: Engine,
        ref: SessionRef,
        tokenizer: TextTokenizer,
        mel: MelConfig,
        sight: SightConfig | None = None,
    ) -> None:
        self.engine, self.ref, self._sight = engine, ref, sight
        self._tokenizer, self._mel = tokenizer, MelStream(mel)
        self.logged: TurnRecord | None = None
        self._first_seq = 0

    def went_on(self, ref: SessionRef, first_seq: int = 0) -> "EngineParticipant":
        """A copy for another session that remembers the same; its tick 0 is the engine's `first_seq`."""
        other = copy.copy(self)
        other.ref, other.logged, other._first_seq = ref, None, first_seq
        return other

    def remember(self, pcm: Pcm) -> None:
        """Take the sound of the tick before, float32 [3200], in a session that goes on: the next frames begin in it."""
        self._mel.push(pcm)

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """Hear tick `tick` and give what the model says in it. After an error the session is as it was."""
        mel = copy.copy(self._mel)
        pcm = heard.samples
        if not np.isfinite(pcm).all():
            raise InputError("sound", f"tick {tick}", "NaN or infinite samples", "float32 samples in [-1, 1]")
        levels = quantize(mel.push(pcm), mel.config)
        results = [event.text for event in heard.events if event.kind == "result" and _is_to_be_said(event)]
        texts = [(Control.USER, text) for text in heard.text] + [(Control.RESULT, text) for text in results]
        runs = [(int(marker), *self._tokenizer.encode(text)) for marker, text in texts]
        typed = tuple(run for run in runs if len(run) > 1)
        hush = any(event.kind == "hush" for event in heard.events)
        chunk = InputChunk(tick + self._first_seq, levels, typed, self._grid_frame(heard), hush)
        result = self.engine.turn(self.ref, chunk)
        self._mel, self.logged = mel, record(chunk, result)
        return said_chunk(replace(result, seq=tick), self._tokenizer)

    def _grid_frame(self, heard: Chunk) -> Frame | None:
        if self._sight is None or heard.frame is None:
            return None
        return fitted(heard.frame, self._sight.height, self._sight.width)


def participant(checkpoint: Checkpoint, spec: SessionSpec) -> EngineParticipant:
    """A checkpoint as a participant, on an engine of its own."""
    engine = EmbeddedEngine(checkpoint.model, checkpoint.tokenizer.vocab_size, slots=1)
    config = checkpoint.model.config
    return EngineParticipant(engine, engine.open(spec), checkpoint.tokenizer, config.mel, config.sight)


def said_chunk(result: TurnResult, tokenizer: TextTokenizer) -> Chunk:
    """What a turn gave, as sound, words and events."""
    words = tokenizer.decode(result.said)
    return Chunk(pcm=result.pcm, text=(words,) if words else (), events=tuple(_events(result, tokenizer)))


def _is_to_be_said(result: Event) -> bool:
    return (result.data or {}).get("policy") != "silent"


def _events(result: TurnResult, tokenizer: TextTokenizer) -> Iterator[Event]:
    t_ms = (result.seq + 1) * TICK_MS
    for kind, ids in (("heard", result.heard), ("say", result.said), ("unsaid", result.unsaid)):
        text = tokenizer.decode(ids)
        if text:
            yield Event(t_ms, result.seq, kind, text, _joins(ids, tokenizer))
    for index in result.said:
        if index < N_CONTROL:
            yield Event(t_ms, result.seq, Control(index).name.lower())
    if result.held:
        yield Event(t_ms, result.seq, "held")
    if result.own is not None and not tokenizer.decode(result.said):
        yield Event(t_ms, result.seq, Control.SPEAK.name.lower())


def _joins(ids: Sequence[int], tokenizer: TextTokenizer) -> dict[str, bool] | None:
    first = next(index for index in ids if index >= N_CONTROL)
    return None if tokenizer.starts_word(first) else {"joins": True}

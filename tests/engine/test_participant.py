"""The model as a participant: sound and words in, words and events out."""

from dataclasses import replace

import numpy as np
import pytest

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, FastClock
from microturn.core.errors import InputError
from microturn.core.events import Event
from microturn.core.fakes import Scripted
from microturn.core.participant import converse
from microturn.engine.api import InputChunk, SessionSpec, TurnResult
from microturn.engine.participant import EngineParticipant, participant, said_chunk
from microturn.media.mel import log_mel_db, quantize
from microturn.media.picture import fitted
from microturn.media.text import Control, TextTokenizer
from microturn.model.checkpoint import Checkpoint
from microturn.model.config import SightConfig
from microturn.model.sampling import SamplingConfig
from tests.engine.toy import CONFIG, TALKATIVE, VOCAB, spec, toy_engine, toy_model

# Six times each, so that they are words and "seven" is cut into pieces.
TOKENIZER = TextTokenizer.train(["one two six"] * 6, vocab_size=VOCAB + 40)


class RecordingEngine:
    """An engine's session that keeps what it was given."""

    def __init__(self) -> None:
        self.engine, self.came = toy_engine(slots=1), list[InputChunk]()
        self.ref = self.engine.open(spec(1))

    def turn(self, ref: object, chunk: InputChunk) -> TurnResult:
        self.came.append(chunk)
        return TurnResult(chunk.seq, (), (), 0, 1)


def listening() -> tuple[EngineParticipant, RecordingEngine]:
    engine = RecordingEngine()
    return EngineParticipant(engine, engine.ref, TOKENIZER, CONFIG.mel), engine  # type: ignore[arg-type]


def result(*said: int, heard: tuple[int, ...] = ()) -> TurnResult:
    return TurnResult(6, said, heard, 0, 1)


def ids(text: str) -> tuple[int, ...]:
    return tuple(TOKENIZER.encode(text))


def noise(ticks: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, 0.1, ticks * CHUNK_SAMPLES).astype(np.float32)


def test_levels_of_a_stream_are_those_of_the_whole_recording() -> None:
    model, engine = listening()
    pcm = noise(5)
    for tick, piece in enumerate(pcm.reshape(5, -1)):
        model.turn(tick, Chunk(pcm=piece))
    came = np.concatenate([chunk.dmel for chunk in engine.came if chunk.dmel is not None])
    assert np.array_equal(came, quantize(log_mel_db(pcm, CONFIG.mel), CONFIG.mel))


def test_no_sound_is_silence() -> None:
    model, engine = listening()
    model.turn(0, Chunk(pcm=noise(1)))
    model.turn(1, Chunk())
    whole = np.concatenate([noise(1), np.zeros(CHUNK_SAMPLES, np.float32)])
    assert np.array_equal(engine.came[1].dmel, quantize(log_mel_db(whole, CONFIG.mel), CONFIG.mel)[10:])  # type: ignore[arg-type]


def test_a_picture_is_fitted_into_the_grid_of_a_model_with_sight_and_passed_over_by_others() -> None:
    blind, engine = listening()
    picture = np.full((48, 64, 3), 200, np.uint8)
    blind.turn(0, Chunk(frame=picture))
    seeing = EngineParticipant(engine, engine.ref, TOKENIZER, CONFIG.mel, SightConfig())  # type: ignore[arg-type]
    seeing.turn(1, Chunk(frame=picture))
    seeing.turn(2, Chunk())
    assert [chunk.frame is None for chunk in engine.came] == [True, False, True]
    assert np.array_equal(engine.came[1].frame, fitted(picture, 80, 80))  # type: ignore[arg-type]


def test_typed_text_is_a_run_behind_the_user_marker() -> None:
    model, engine = listening()
    model.turn(0, Chunk(text=("one two", "", "six")))
    assert engine.came[0].text == ((Control.USER, *ids("one two")), (Control.USER, *ids("six")))


def test_a_result_is_a_run_behind_its_own_marker_and_a_silent_one_is_not_read() -> None:
    model, engine = listening()
    came = [
        Event(200, 0, "result", text, {"policy": policy}) for text, policy in (("two", "silent"), ("six", "when_idle"))
    ]
    model.turn(0, Chunk(text=("one",), events=tuple(came)))
    assert engine.came[0].text == ((Control.USER, *ids("one")), (Control.RESULT, *ids("six")))


def test_it_is_hushed_by_an_event_and_says_where_it_would_have_spoken() -> None:
    model, engine = listening()
    model.turn(0, Chunk(events=(Event(200, 0, "hush"),)))
    model.turn(1, Chunk())
    assert [chunk.hush for chunk in engine.came] == [True, False]
    assert said_chunk(replace(result(), held=True), TOKENIZER).events == (Event(1400, 6, "held"),)


def test_one_say_event_a_tick_with_the_time_of_its_end() -> None:
    chunk = said_chunk(result(*ids("one two"), heard=ids("six")), TOKENIZER)
    assert chunk.text == ("one two",)
    assert chunk.events == (Event(1400, 6, "heard", "six"), Event(1400, 6, "say", "one two"))


def test_a_silent_tick_says_nothing() -> None:
    assert said_chunk(result(), TOKENIZER) == Chunk()


def test_control_tokens_become_events() -> None:
    chunk = said_chunk(result(int(Control.YIELD), int(Control.DELEGATE)), TOKENIZER)
    assert (chunk.text, [event.kind for event in chunk.events]) == ((), ["yield", "delegate"])


def test_a_tick_that_sounds_gives_its_sound_and_says_when_it_only_goes_on() -> None:
    pcm, own = noise(1), np.zeros((10, 80), np.uint8)
    writing = said_chunk(replace(result(*ids("one")), pcm=pcm, own=own), TOKENIZER)
    assert np.array_equal(writing.samples, pcm)
    assert [event.kind for event in writing.events] == ["say"]
    going_on = said_chunk(replace(result(), pcm=pcm, own=own), TOKENIZER)
    assert (going_on.text, going_on.events) == ((), (Event(1400, 6, "speak"),))


def test_words_that_stay_unsaid_are_an_event_of_the_tick_that_is_silent() -> None:
    chunk = said_chunk(replace(result(), unsaid=ids("two six")), TOKENIZER)
    assert (chunk.text, chunk.pcm, chunk.events) == ((), None, (Event(1400, 6, "unsaid", "two six"),))


def test_a_piece_that_goes_on_with_a_word_says_so() -> None:
    pieces = ids("seven")
    assert len(pieces) > 2
    first, second = (said_chunk(result(*part), TOKENIZER) for part in (pieces[:2], pieces[2:]))
    assert [event.data for event in (*first.events, *second.events)] == [None, {"joins": True}]
    assert first.text[0] + second.text[0] == "seven"


def test_a_sound_that_is_not_finite_is_named_and_changes_nothing() -> None:
    model, engine = listening()
    with pytest.raises(InputError, match="tick 0: sound: got NaN"):
        model.turn(0, Chunk(pcm=np.full(CHUNK_SAMPLES, np.nan, np.float32)))
    model.turn(0, Chunk(pcm=noise(1)))
    assert np.array_equal(engine.came[0].dmel, quantize(log_mel_db(noise(1), CONFIG.mel), CONFIG.mel))  # type: ignore[arg-type]


def conversation(sampling: SamplingConfig) -> list[Chunk]:
    model = participant(Checkpoint(toy_model(), TOKENIZER, {}), SessionSpec(seed=3, sampling=sampling))
    user = Scripted({tick: Chunk(pcm=piece) for tick, piece in enumerate(noise(12).reshape(12, -1))})
    return [turn.model for turn in converse(user, model, FastClock(), ticks=16)]


def test_a_conversation_of_a_seed_is_always_the_same() -> None:
    said = conversation(TALKATIVE)
    assert said == conversation(TALKATIVE)
    assert any(chunk.text for chunk in said)


def test_a_large_listen_bias_silences_it() -> None:
    assert all(chunk.text == () for chunk in conversation(SamplingConfig(listen_bias=1e9)))

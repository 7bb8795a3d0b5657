"""A session with a camera against its slow twins; frames that are missing; sessions without one beside it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from microturn.core.errors import InputError
from microturn.data.history import History, Saying
from microturn.data.stream import Stream
from microturn.engine.api import InputChunk, SessionSpec, TurnResult
from microturn.engine.embedded import EmbeddedEngine
from microturn.engine.log import read_log, record, write_log
from microturn.engine.snapshot import snapshot_from_bytes, snapshot_to_bytes
from microturn.model.config import SightConfig
from microturn.model.interaction import InteractionModel
from microturn.train.batch import NO_TARGET, BatchConfig, make_batch
from tests.engine.toy import (
    CONFIG,
    TALKATIVE,
    VOCAB,
    NumberTokenizer,
    alone,
    assert_same,
    chunks,
    run,
    spec,
    toy_engine,
    toy_model,
)

SIGHT = SightConfig(height=8, width=8, patch=4, folds=(2, 2), widths=(8, 12), patches_per_token=2)
SIGHTED = replace(CONFIG, sight=SIGHT)
TICKS = 24


def sighted_model() -> InteractionModel:
    return toy_model(config=SIGHTED)


def engine_of(model: InteractionModel, slots: int = 3) -> EmbeddedEngine:
    return EmbeddedEngine(model, VOCAB, slots=slots, keep_logits=True)


def frame(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)


def with_camera(seed: int, ticks: int = TICKS) -> list[InputChunk]:
    """A picture in most ticks, none at first and none every fifth."""
    made = chunks(seed, ticks)
    return [c if c.seq < 2 or c.seq % 5 == 3 else replace(c, frame=frame(100 * seed + c.seq)) for c in made]


def seen_alone(seed: int) -> list[TurnResult]:
    engine = engine_of(sighted_model(), slots=1)
    return run(engine, engine.open(spec(seed)), with_camera(seed))


def test_what_is_seen_changes_what_is_decided() -> None:
    engine = engine_of(sighted_model(), slots=1)
    blind = run(engine, engine.open(spec(1)), chunks(1, TICKS))
    seen = seen_alone(1)
    assert np.array_equal(blind[1].logits, seen[1].logits) and not np.allclose(blind[2].logits[0], seen[2].logits[0])
    heard = [run[2].committed - run[1].committed - len(run[2].said) for run in (seen, blind)]
    assert heard[0] == heard[1] + SIGHT.tokens_per_pair


def test_the_frame_before_counts_too() -> None:
    one, other = with_camera(1), with_camera(1)
    other[5] = replace(other[5], frame=frame(7))
    pairs = []
    for inputs in (one, other):
        engine = engine_of(sighted_model(), slots=1)
        pairs.append(run(engine, engine.open(spec(1)), [replace(c, seq=i) for i, c in enumerate(inputs[5:7])]))
    # Tick 5 differs by its own frame, tick 6 shows the same frame after another one.
    assert not np.allclose(pairs[0][1].logits[0], pairs[1][1].logits[0])


def test_tick_by_tick_is_one_forward_over_the_session_as_training_lays_it_out() -> None:
    model, inputs = sighted_model(), with_camera(1)
    engine = engine_of(model, slots=1)
    bare = [replace(chunk, text=()) for chunk in inputs]
    results = run(engine, engine.open(SessionSpec(1, TALKATIVE)), bare)
    said = tuple(Saying(r.seq, tuple(map(str, r.said)), (0,) * len(r.said), 0) for r in results if r.said)
    silence = np.zeros((10, 80), np.uint8)
    dmel = np.concatenate([silence if chunk.dmel is None else chunk.dmel for chunk in bare])
    history = History(said, {}, frozenset())
    stream = Stream(dmel, (), (), history=history, frames=lambda tick: bare[tick].frame)
    config = BatchConfig(ticks=TICKS, text_slots=64, tick_offset_s=0.0)
    batch = make_batch([stream], NumberTokenizer(), SIGHTED, config, np.random.default_rng(0))
    with torch.inference_mode():
        hidden_BTU, _ = model(*batch.inputs)
        logits_DV = model.decide(hidden_BTU[batch.decide_BT != NO_TARGET])
    live = np.concatenate([r.logits for r in results if r.logits is not None])
    np.testing.assert_allclose(live, logits_DV.numpy()[: len(live)], atol=1e-4)


def test_sessions_with_and_without_a_camera_share_a_batch() -> None:
    engine = engine_of(sighted_model())
    inputs = [with_camera(0), chunks(1, TICKS), with_camera(2)]
    refs = [engine.open(spec(seed)) for seed in range(3)]
    together = [
        engine.turns([(ref, own[tick]) for ref, own in zip(refs, inputs, strict=True)]) for tick in range(TICKS)
    ]
    for index, wanted in ((0, seen_alone(0)), (2, seen_alone(2))):
        assert_same([row[index] for row in together], wanted)


def test_a_suspended_session_remembers_the_last_frame() -> None:
    model, inputs = sighted_model(), with_camera(1)
    engine = engine_of(model, slots=1)
    ref = engine.open(spec(1))
    before = run(engine, ref, inputs[:9])
    kept = snapshot_from_bytes(snapshot_to_bytes(engine.suspend(ref)))
    other = engine_of(model)
    assert_same(before + run(other, other.resume(kept), inputs[9:]), seen_alone(1))


@pytest.mark.parametrize("cut", [3, 9, 14])
def test_a_log_brings_back_what_was_seen(tmp_path: Path, cut: int) -> None:
    inputs, results = with_camera(1), seen_alone(1)
    entries = [record(chunk, result) for chunk, result in zip(inputs, results, strict=True)]
    write_log(tmp_path / "log.jsonl", entries[:cut])
    engine = engine_of(sighted_model())
    ref = engine.replay(spec(1), read_log(tmp_path / "log.jsonl", SIGHTED))
    assert_same(run(engine, ref, inputs[cut:]), results[cut:])


def test_a_model_without_sight_is_what_it_was_and_takes_no_frame() -> None:
    engine = toy_engine(slots=1)
    ref = engine.open(spec(1))
    assert_same(run(engine, ref, chunks(1, 6)), alone(1, 6))
    with pytest.raises(InputError, match="no sight"):
        engine.turn(ref, replace(chunks(1, 7)[6], frame=frame(0)))


def test_a_frame_of_another_size_is_refused_and_the_session_goes_on() -> None:
    engine = engine_of(sighted_model(), slots=1)
    ref = engine.open(spec(1))
    with pytest.raises(InputError, match=r"uint8 \[8, 8, 3\]"):
        engine.turn(ref, InputChunk(0, frame=np.zeros((8, 9, 3), np.uint8)))
    assert_same(run(engine, ref, with_camera(1)), seen_alone(1))

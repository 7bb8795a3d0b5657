"""The engine against its slow twins: the whole sequence at once, each session alone, a session never interrupted."""

from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from microturn.core.errors import ConfigError, InputError
from microturn.data.history import right_history
from microturn.data.oracle import Expect
from microturn.data.stream import Stream, Typed
from microturn.engine.api import (
    AdmissionRefused,
    InputChunk,
    SessionRef,
    SessionSpec,
    StaleEpoch,
    UnknownSession,
    WrongSeq,
)
from microturn.engine.embedded import EmbeddedEngine
from microturn.engine.session import collapse
from microturn.media.text import Control, TextTokenizer
from microturn.model.config import InteractionConfig
from microturn.model.sampling import SamplingConfig
from microturn.train.batch import NO_TARGET, BatchConfig, make_batch
from tests.engine.toy import (
    CONFIG,
    VOCAB,
    NumberTokenizer,
    alone,
    assert_same,
    chunks,
    run,
    spec,
    toy_engine,
    toy_model,
    typed,
)

TICKS = 60  # more positions than either ring holds


class Whole(NamedTuple):
    """One forward over a session laid out as in training: logits of every decision, labels of every sound position."""

    decisions: Tensor
    targets: list[int]
    labels: list[int]


def whole(dmel: np.ndarray, said: list[tuple[int, ...]], text: tuple[Typed, ...], config: InteractionConfig) -> Whole:
    expects = tuple(Expect(t, " ".join(map(str, ids)), "") for t, ids in enumerate(said) if ids)
    stream = Stream(dmel.reshape(-1, CONFIG.mel.n_mels), (), expects, text, history=right_history(expects))
    settings = BatchConfig(ticks=len(said), text_slots=100)
    tokenizer = cast("TextTokenizer", NumberTokenizer())
    batch = make_batch([stream], tokenizer, config, settings, np.random.default_rng(0))
    seconds = torch.from_numpy(0.2 * np.arange(len(said)))[None]
    model = toy_model(config=config)
    with torch.inference_mode():
        hidden, tapped = model(batch.levels_BSPC, seconds, batch.tokens_BX, batch.order_BT)
        decides = batch.decide_BT[0] != NO_TARGET
        sounds = batch.order_BT[0] < len(said) * CONFIG.sound_tokens
        labels = model.transcribe(tapped[0, sounds])[:, :VOCAB].argmax(-1).tolist()
        return Whole(model.decide(hidden[0, decides]), batch.decide_BT[0, decides].tolist(), labels)


@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, reads_heard=True)], ids=["plain", "reads heard"])
def test_tick_by_tick_equals_one_forward_over_the_tokens_as_training_lays_them_out(config: InteractionConfig) -> None:
    inputs = [InputChunk(chunk.seq, chunk.dmel) for chunk in chunks(1, TICKS)]
    inputs[1] = replace(inputs[1], text=(typed(20, 21),))
    inputs[7] = replace(inputs[7], text=(typed(22, 23, 24),))
    engine = toy_engine(config=config)
    results = run(engine, engine.open(spec(1)), inputs)
    said = [result.said for result in results]
    dmel = np.stack([np.zeros((10, 80), np.uint8) if chunk.dmel is None else chunk.dmel for chunk in inputs])
    twin = whole(dmel, said, (Typed(1, "20 21"), Typed(7, "22 23 24")), config)
    assert {len(ids) for ids in said} == {0, 1, 2}
    logits = np.concatenate([result.logits for result in results if result.logits is not None])
    np.testing.assert_allclose(logits, twin.decisions.numpy(), atol=2e-4)
    drawn = [token for ids in said for token in (*ids, int(Control.LISTEN))[: CONFIG.text_per_tick]]
    assert drawn == twin.targets
    assert sum((result.heard for result in results), ()) == collapse(twin.labels, int(Control.PAD))[0]


def test_a_batch_gives_each_session_what_it_gets_alone() -> None:
    engine = toy_engine()
    refs = [engine.open(spec(seed)) for seed in range(3)]
    inputs = [chunks(seed, TICKS) for seed in range(3)]
    results = [engine.turns([(ref, row[tick]) for ref, row in zip(refs, inputs, strict=True)]) for tick in range(TICKS)]
    for seed in range(3):
        assert_same([row[seed] for row in results], alone(seed, TICKS))


def test_sessions_in_uneven_company_give_what_they_give_alone() -> None:
    """Session 1 sits between the two others in the slots and is at another tick, or absent, while they take turns."""
    engine = toy_engine()
    refs = [engine.open(spec(seed)) for seed in range(3)]
    inputs = [chunks(seed, 30) for seed in range(3)]
    got = [run(engine, refs[0], inputs[0][:5]), [], []]
    for tick in range(30):
        company = [i for i in range(3) if (i != 0 or tick >= 5) and (i != 1 or tick % 2)]
        requests = [(refs[i], inputs[i][len(got[i])]) for i in company]
        for i, result in zip(company, engine.turns(requests), strict=True):
            got[i].append(result)
    assert [len(row) for row in got] == [30, 15, 30]
    for seed in range(3):
        assert_same(got[seed], alone(seed, 30)[: len(got[seed])])


def test_a_silent_tick_costs_one_forward_and_a_word_that_another_may_follow_one_more() -> None:
    engine = toy_engine()
    calls: list[int] = []
    backbone = engine._model.backbone
    step = backbone.step
    backbone.step = lambda *a, **k: (calls.append(1), step(*a, **k))[1]  # type: ignore[method-assign]
    ref = engine.open(spec(1))
    for chunk in chunks(1, 20):
        before = len(calls)
        result = engine.turn(ref, chunk)
        assert len(calls) - before == result.forwards == (2 if result.said else 1)


def test_a_token_that_fills_the_tick_is_appended_with_the_next_input() -> None:
    results = alone(1, 20)
    fed = np.diff([0, *(r.committed for r in results)]) - CONFIG.sound_tokens
    carried = [len(r.said) == CONFIG.text_per_tick for r in results]
    quiet = [t for t in range(8, 20) if not results[t].said]
    assert quiet and [fed[t] for t in quiet] == [int(carried[t - 1]) for t in quiet]


def test_typed_text_that_does_not_fit_goes_on_in_the_next_tick_behind_its_marker() -> None:
    engine = toy_engine()
    mute = SessionSpec(sampling=SamplingConfig(listen_bias=1e9))
    ref = engine.open(mute)
    text = (typed(*range(20, 27)), typed(40))
    results = [engine.turn(ref, InputChunk(0, None, text)), *(engine.turn(ref, InputChunk(t)) for t in range(1, 4))]
    added = np.diff([0, *(result.committed for result in results)]) - CONFIG.sound_tokens
    assert added.tolist() == [4, 4, 4, 0]  # marker and three; marker and three; marker and one, marker and one


@pytest.mark.parametrize("failing_call", [1, 2])
def test_an_exception_inside_a_turn_leaves_no_trace(failing_call: int) -> None:
    engine = toy_engine()
    ref, other = engine.open(spec(1)), engine.open(spec(2))
    inputs = chunks(1, 30)
    results = run(engine, ref, inputs[:16])
    decide, calls = engine._model.decide, iter(range(1, 9))

    def broken(hidden: Tensor) -> Tensor:
        if next(calls) == failing_call:
            raise RuntimeError("out of memory")
        return decide(hidden)

    engine._model.decide = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="out of memory"):
        engine.turns([(ref, inputs[16]), (other, chunks(2, 6)[0])])
    engine._model.decide = decide  # type: ignore[method-assign]
    assert_same(results + run(engine, ref, inputs[16:]), alone(1, 30))
    assert_same(run(engine, other, chunks(2, 6)), alone(2, 6))


def test_a_repeated_seq_gives_the_stored_result_and_changes_nothing() -> None:
    engine = toy_engine()
    ref = engine.open(spec(1))
    inputs = chunks(1, 20)
    results = [engine.turn(ref, chunk) for chunk in inputs for _ in range(2)]
    assert all(again is once for once, again in zip(results[::2], results[1::2], strict=True))
    assert_same(results[::2], alone(1, 20))


def test_a_seq_left_out_or_long_past_is_refused() -> None:
    engine = toy_engine()
    ref = engine.open(spec(1))
    with pytest.raises(WrongSeq, match="got seq 1; right is 0"):
        engine.turn(ref, chunks(1, 9)[1])
    run(engine, ref, chunks(1, 6)[:3])
    for seq in (0, 4):
        with pytest.raises(WrongSeq, match="right is 3, the next tick, or 2 again"):
            engine.turn(ref, InputChunk(seq))


def test_close_is_idempotent_and_frees_the_place() -> None:
    engine = toy_engine(slots=1)
    ref = engine.open(spec(1))
    run(engine, ref, chunks(1, 6))
    with pytest.raises(AdmissionRefused, match="all 1 slots are taken"):
        engine.open(spec(2))
    engine.close(ref)
    engine.close(ref)
    assert engine.capacity().free == 1
    with pytest.raises(UnknownSession, match="not open here"):
        engine.turn(ref, InputChunk(6))
    assert_same(run(engine, engine.open(spec(2)), chunks(2, 30)), alone(2, 30))


def test_a_reference_of_another_epoch_is_refused() -> None:
    engine = toy_engine()
    ref = engine.open(spec(1))
    stale = SessionRef(ref.id, ref.epoch - 1)
    for call in (lambda: engine.turn(stale, InputChunk(0)), lambda: engine.suspend(stale), lambda: engine.close(stale)):
        with pytest.raises(StaleEpoch, match="epoch 0, the session has 1"):
            call()


def test_ids_are_unique() -> None:
    engine = toy_engine()
    assert engine.open(SessionSpec()).id != engine.open(SessionSpec()).id
    engine.open(SessionSpec(id="anna"))
    with pytest.raises(InputError, match="open here: got 'anna'"):
        engine.open(SessionSpec(id="anna"))


BAD_CHUNKS = {
    "shape": InputChunk(0, np.zeros((9, 80), np.uint8)),
    "type": InputChunk(0, np.zeros((10, 80), np.float32)),  # type: ignore[arg-type]
    "level": InputChunk(0, np.full((10, 80), 16, np.uint8)),
    "token": InputChunk(0, None, ((int(Control.USER), VOCAB),)),
    "empty run": InputChunk(0, None, ((),)),
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_a_bad_chunk_is_named_and_changes_nothing(name: str) -> None:
    engine = toy_engine()
    ref = engine.open(spec(1))
    with pytest.raises(InputError, match=r"session '.+', seq 0: "):
        engine.turn(ref, BAD_CHUNKS[name])
    assert_same(run(engine, ref, chunks(1, 6)), alone(1, 6))


def test_one_session_twice_in_a_batch_is_refused() -> None:
    engine = toy_engine()
    ref = engine.open(spec(1))
    with pytest.raises(InputError, match="one session twice"):
        engine.turns([(ref, InputChunk(0)), (ref, InputChunk(0))])


def test_unlimited_layers_are_refused() -> None:
    config = replace(CONFIG, backbone=replace(CONFIG.backbone, global_window=None))
    with pytest.raises(ConfigError, match="global_window"):
        toy_engine(config=config)


def test_half_precision_runs() -> None:
    engine = EmbeddedEngine(toy_model().to(torch.bfloat16), VOCAB, slots=1)
    assert len(run(engine, engine.open(spec(1)), chunks(1, 10))) == 10

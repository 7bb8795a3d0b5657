"""A session with a voice against its slow twins; what is sounded, heard of itself, left unsaid and forgotten."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from microturn.core.clock import CHUNK_SAMPLES
from microturn.core.errors import InputError
from microturn.data.history import History, Saying
from microturn.data.stream import Stream, Typed
from microturn.engine import kv
from microturn.engine.api import InputChunk, SessionSpec, TurnResult
from microturn.engine.embedded import EmbeddedEngine
from microturn.engine.log import read_log, record, write_log
from microturn.engine.snapshot import snapshot_from_bytes, snapshot_to_bytes
from microturn.media.text import Control, TextTokenizer
from microturn.model.interaction import InteractionModel
from microturn.model.sampling import SamplingConfig
from microturn.train.batch import NO_TARGET, BatchConfig, make_batch
from tests.engine.toy import (
    CONFIG,
    SPEAKING,
    SPOKEN,
    VOCAB,
    NumberTokenizer,
    assert_same,
    chunks,
    run,
    spoken_alone,
    spoken_engine,
    spoken_model,
    spoken_spec,
    toy_engine,
    typed,
)

TICKS = 60
CUTS = (3, 8, 11, 12, 20, 45)


def sounding(results: list[TurnResult]) -> list[bool]:
    return [result.own is not None for result in results]


def sayings(results: list[TurnResult]) -> tuple[Saying, ...]:
    """The utterances of a session as a history: words, and how many ticks after the first each was written."""
    made: list[Saying] = []
    for result in results:
        if result.own is None:
            continue
        if not made or made[-1].tick + made[-1].ticks != result.seq:
            made.append(Saying(result.seq, (), (), 0))
        now, new = made[-1], tuple(map(str, result.said))
        leads = (*now.leads, *[result.seq - now.tick] * len(new))
        made[-1] = now._replace(words=now.words + new, leads=leads, ticks=now.ticks + 1)
    return tuple(made)


def whole(
    model: InteractionModel, inputs: list[InputChunk], results: list[TurnResult], text: tuple[Typed, ...]
) -> np.ndarray:
    """Logits of every decision of a session, in one forward over it as training lays it out."""
    silence = np.zeros((10, 80), np.uint8)
    dmel = np.concatenate([silence if chunk.dmel is None else chunk.dmel for chunk in inputs])
    own = np.concatenate([silence if result.own is None else result.own for result in results])
    history = History(sayings(results), {}, frozenset())
    stream = Stream(dmel, (), (), text, history=history, own_levels=own)
    settings = BatchConfig(ticks=len(inputs), text_slots=150, own_slots=60)
    tokenizer = cast("TextTokenizer", NumberTokenizer())
    batch = make_batch([stream], tokenizer, SPOKEN, settings, np.random.default_rng(0))
    seconds = torch.from_numpy(0.2 * np.arange(len(inputs)))[None]
    with torch.inference_mode():
        hidden, _ = model(batch.levels_BSPC, seconds, batch.tokens_BX, batch.order_BT, batch.own_BOPC)
        return model.decide(hidden[0, batch.decide_BT[0] != NO_TARGET]).numpy()


def test_tick_by_tick_equals_one_forward_over_words_and_own_voice_as_training_lays_them_out() -> None:
    model = spoken_model()
    assert model.voice is not None
    model.voice.begins.bias.data.fill_(1e3)  # every word sounds, so that nothing is erased
    engine = EmbeddedEngine(model, VOCAB, slots=1, keep_logits=True)
    inputs = [InputChunk(chunk.seq, chunk.dmel) for chunk in chunks(1, TICKS)]
    inputs[7] = replace(inputs[7], text=(typed(22, 23, 24),))
    results = run(engine, engine.open(spoken_spec(1)), inputs)
    logits = np.concatenate([result.logits for result in results if result.logits is not None])
    twin = whole(model, inputs, results, (Typed(7, "22 23 24"),))
    assert not any(result.unsaid for result in results)
    assert {(s, len(r.said)) for s, r in zip(sounding(results), results, strict=True)} == {
        (False, 0), (True, 0), (True, 1), (True, 2),
    }  # fmt: skip
    np.testing.assert_allclose(logits, twin, atol=3e-4)


def test_a_batch_gives_each_speaking_session_what_it_gets_alone() -> None:
    engine = spoken_engine()
    refs = [engine.open(spoken_spec(seed)) for seed in range(3)]
    inputs = [chunks(seed, TICKS) for seed in range(3)]
    results = [engine.turns([(ref, row[tick]) for ref, row in zip(refs, inputs, strict=True)]) for tick in range(TICKS)]
    for seed in range(3):
        assert_same([row[seed] for row in results], spoken_alone(seed, TICKS))


def test_speaking_sessions_in_uneven_company_give_what_they_give_alone() -> None:
    engine = spoken_engine()
    refs = [engine.open(spoken_spec(seed)) for seed in range(3)]
    inputs = [chunks(seed, 30) for seed in range(3)]
    got = [run(engine, refs[0], inputs[0][:5]), [], []]
    for tick in range(30):
        company = [i for i in range(3) if (i != 0 or tick >= 5) and (i != 1 or tick % 2)]
        requests = [(refs[i], inputs[i][len(got[i])]) for i in company]
        for i, result in zip(company, engine.turns(requests), strict=True):
            got[i].append(result)
    for seed in range(3):
        assert_same(got[seed], spoken_alone(seed, 30)[: len(got[seed])])


@pytest.mark.parametrize("cut", CUTS)
def test_a_speaking_session_resumed_elsewhere_equals_one_never_interrupted(cut: int) -> None:
    first, inputs, wanted = spoken_engine(), chunks(1, TICKS), spoken_alone(1, TICKS)
    ref = first.open(spoken_spec(1))
    results = run(first, ref, inputs[:cut])
    second = spoken_engine()
    run(second, second.open(spoken_spec(7)), chunks(7, 9))
    back = second.resume(snapshot_from_bytes(snapshot_to_bytes(first.suspend(ref))))
    assert_same([second.turn(back, inputs[cut - 1])], wanted[cut - 1 : cut])
    assert_same(results + run(second, back, inputs[cut:]), wanted)


@pytest.mark.parametrize("cut", CUTS)
def test_a_speaking_session_rebuilt_from_its_log_equals_one_never_interrupted(cut: int, tmp_path: Path) -> None:
    inputs, wanted = chunks(1, TICKS), spoken_alone(1, TICKS)
    write_log(tmp_path / "log.jsonl", [record(c, r) for c, r in zip(inputs[:cut], wanted[:cut], strict=True)])
    engine = spoken_engine()
    ref = engine.replay(spoken_spec(1), read_log(tmp_path / "log.jsonl", SPOKEN))
    assert_same([engine.turn(ref, inputs[cut - 1])], wanted[cut - 1 : cut])
    assert_same(run(engine, ref, inputs[cut:]), wanted[cut:])


def test_the_cuts_of_these_tests_lie_in_utterances_at_their_ends_and_after_words_that_stay_unsaid() -> None:
    results = spoken_alone(1, TICKS)
    places = {cut: (sounding(results)[cut - 1], bool(results[cut - 1].unsaid)) for cut in CUTS}
    assert set(places.values()) == {(True, False), (False, True), (False, False)}


def test_a_tick_sounds_200_ms_or_nothing_at_all() -> None:
    results = spoken_alone(1, TICKS)
    for result in results:
        assert (result.pcm is None) == (result.own is None)
        assert not result.said or result.own is not None
        if result.pcm is not None and result.own is not None:
            assert (result.pcm.shape, result.pcm.dtype) == ((CHUNK_SAMPLES,), np.float32)
            assert (result.own.shape, result.own.dtype) == ((10, 80), np.uint8)
    assert any(result.own is not None and not result.said for result in results)


def test_a_silent_tick_costs_one_forward_and_no_voice() -> None:
    engine = spoken_engine()
    voice, backbone = engine._model.voice, engine._model.backbone
    assert voice is not None
    asked, calls, step, sound = list[int](), list[int](), backbone.step, voice.step
    backbone.step = lambda *a, **k: (calls.append(1), step(*a, **k))[1]  # type: ignore[method-assign]
    voice.step = lambda *a, **k: (asked.append(1), sound(*a, **k))[1]  # type: ignore[method-assign]
    ref = engine.open(spoken_spec(1))
    for chunk in chunks(1, 30):
        before = len(calls), len(asked)
        result = engine.turn(ref, chunk)
        assert len(calls) - before[0] == result.forwards == (2 if result.said else 1)
        assert len(asked) - before[1] == (result.own is not None)


def test_it_hears_itself_at_one_position_in_the_tick_after() -> None:
    results = spoken_alone(1, 30)
    added = np.diff([r.committed for r in results[7:]]) - SPOKEN.sound_tokens
    before, now = results[7:-1], results[8:]
    fed = [(b.own is not None) + (len(b.said) == 2) + (len(n.said) > 0) for b, n in zip(before, now, strict=True)]
    assert added.tolist() == fed


def test_what_it_hears_of_itself_matters() -> None:
    inputs, results = chunks(1, 30), spoken_alone(1, 30)
    at = next(t for t in range(8, 29) if results[t].own is not None)
    entries = [record(chunk, result) for chunk, result in zip(inputs, results, strict=True)]
    own = entries[at].own
    assert own is not None
    entries[at] = replace(entries[at], own=15 - own)
    engine = spoken_engine()
    after = engine.turn(engine.replay(spoken_spec(1), entries[: at + 1]), inputs[at + 1])
    assert after.logits is not None and results[at + 1].logits is not None
    assert np.abs(after.logits[0] - cast("np.ndarray", results[at + 1].logits)[0]).max() > 1e-3


def test_words_that_never_sounded_are_named_and_erased_when_it_falls_silent() -> None:
    engine = spoken_engine(slots=2)
    engine.open(spoken_spec(9))
    ref = engine.open(spoken_spec(1))
    erased = 0
    for chunk in chunks(1, TICKS):
        before = engine._sessions[ref.id].state.utterance
        result = engine.turn(ref, chunk)
        if not result.unsaid:
            continue
        assert before is not None and result.own is None
        assert result.unsaid == before.tokens[before.begun :]
        gone, kept = set(before.places[before.begun :]), set(before.places[: before.begun])
        for layer, ring in enumerate(engine._kv.k_BGRD):
            reach = ring.shape[2] - kv.SLACK
            keys = kv.pack(engine._kv, 1)[f"{layer}.k"]
            first = result.committed - len(keys)
            zero = {first + i for i, key in enumerate(keys) if not key.any()}
            assert zero & set(range(result.committed - reach, result.committed)) >= {p for p in gone if p >= first}
            assert not zero & kept
        erased += 1
    assert erased > 3


def test_erasing_leaves_neither_key_nor_value_and_the_length_as_it_was() -> None:
    engine = spoken_engine(slots=1)
    ref = engine.open(spoken_spec(1))
    run(engine, ref, chunks(1, 20))
    length = int(engine._kv.length_B[0])
    kv.erase(engine._kv, 0, range(length))
    assert all(not t.any() for name, t in kv.pack(engine._kv, 0).items() if ".conv." not in name)
    assert int(engine._kv.length_B[0]) == length


def test_positions_that_have_slid_out_of_a_ring_are_left_alone() -> None:
    engine = spoken_engine(slots=1)
    ref = engine.open(spoken_spec(1))
    run(engine, ref, chunks(1, TICKS))
    length = int(engine._kv.length_B[0])
    before = kv.pack(engine._kv, 0)
    widest = max(ring.shape[2] - kv.SLACK for ring in engine._kv.k_BGRD)
    kv.erase(engine._kv, 0, range(length - widest))
    assert all(torch.equal(tensor, before[name]) for name, tensor in kv.pack(engine._kv, 0).items())


def test_an_utterance_begins_afresh_after_a_silent_tick() -> None:
    results = spoken_alone(1, TICKS)
    begins = [t for t in range(1, TICKS) if sounding(results)[t] and not sounding(results)[t - 1]]
    assert len(begins) > 3
    for tick in begins:
        assert results[tick].begun <= len(results[tick].said)


def test_a_voice_that_fails_leaves_no_trace() -> None:
    engine = spoken_engine()
    ref, inputs = engine.open(spoken_spec(1)), chunks(1, 30)
    wanted = spoken_alone(1, 30)
    at = next(t for t in range(10, 30) if wanted[t].own is not None)
    results = run(engine, ref, inputs[:at])
    voice = engine._model.voice
    assert voice is not None
    step = voice.step

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("out of memory")

    voice.step = broken  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="out of memory"):
        engine.turn(ref, inputs[at])
    voice.step = step  # type: ignore[method-assign]
    assert_same(results + run(engine, ref, inputs[at:]), wanted)


def test_a_log_with_sound_is_refused_by_a_model_without_a_voice() -> None:
    entries = [record(c, r) for c, r in zip(chunks(1, 6), spoken_alone(1, 6), strict=True)]
    engine = toy_engine()
    with pytest.raises(InputError, match="a model with a voice"):
        engine.replay(spoken_spec(1), entries)
    assert engine.capacity().free == 4


@pytest.mark.parametrize(("stop_bias", "stops"), [(1e9, True), (-1e9, False)])
def test_while_it_sounds_the_stop_bias_acts_and_not_the_listen_bias(stop_bias: float, stops: bool) -> None:
    engine = spoken_engine()
    sampling = SamplingConfig(SPEAKING.temperature, SPEAKING.listen_bias, stop_bias)
    results = run(engine, engine.open(SessionSpec(1, sampling)), chunks(1, 30))
    begun = sounding(results).index(True)
    wanted = [False] if stops else [True] * (29 - begun)
    assert sounding(results)[begun + 1 :][: len(wanted)] == wanted


def hushed(inputs: list[InputChunk], results: list[TurnResult]) -> list[InputChunk]:
    """The same ticks, hushed in some in which `results` would go on sounding."""
    ticks = [t for t in range(1, TICKS) if results[t].own is not None and results[t - 1].own is not None]
    return [replace(chunk, hush=chunk.seq in ticks[3::4]) for chunk in inputs]


def hushed_alone(seed: int) -> tuple[list[InputChunk], list[TurnResult]]:
    inputs = hushed(chunks(seed, TICKS), spoken_alone(seed, TICKS))
    engine = spoken_engine(slots=1)
    return inputs, run(engine, engine.open(spoken_spec(seed)), inputs)


def test_a_session_that_is_hushed_is_silent_at_once_and_what_has_not_begun_to_sound_is_unsaid() -> None:
    inputs, free = chunks(1, TICKS), spoken_alone(1, TICKS)
    engine = spoken_engine(slots=1)
    ref, unsaid = engine.open(spoken_spec(1)), 0
    for chunk in hushed(inputs, free):
        before = engine._sessions[ref.id].state.utterance
        result = engine.turn(ref, chunk)
        if chunk.hush:
            assert (result.own, result.pcm, result.said) == (None, None, ())
            assert result.unsaid == (before.tokens[before.begun :] if before else ())
            unsaid += len(result.unsaid)
        else:
            assert not result.held
    assert unsaid > 0


def test_a_hushed_session_tells_whether_it_would_have_spoken() -> None:
    engine = toy_engine()
    told: list[bool] = []
    for likeliest in (int(Control.LISTEN), int(Control.SPEAK), 20):
        logits = torch.zeros(CONFIG.vocab_size).index_fill(0, torch.tensor([likeliest]), 9.0)
        engine._model.decide = lambda hidden, logits=logits: logits.expand(len(hidden), -1)  # type: ignore[method-assign]
        told.append(engine.turn(engine.open(SessionSpec()), InputChunk(0, hush=True)).held)
    assert told == [False, True, True]


def test_a_session_that_was_hushed_is_rebuilt_from_its_log_and_leaves_others_alone(tmp_path: Path) -> None:
    inputs, wanted = hushed_alone(1)
    last = max(chunk.seq for chunk in inputs if chunk.hush)
    write_log(tmp_path / "log.jsonl", [record(c, r) for c, r in zip(inputs[:last], wanted[:last], strict=True)])
    engine = spoken_engine()
    other, others = engine.open(spoken_spec(2)), chunks(2, TICKS)
    beside = run(engine, other, others[:last])
    ref = engine.replay(spoken_spec(1), read_log(tmp_path / "log.jsonl", SPOKEN))
    pairs = [engine.turns([(ref, inputs[t]), (other, others[t])]) for t in range(last, TICKS)]
    assert_same([pair[0] for pair in pairs], wanted[last:])
    assert_same([*beside, *(pair[1] for pair in pairs)], spoken_alone(2, TICKS))

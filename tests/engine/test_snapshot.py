"""A session that was put away, moved or rebuilt from its log goes on as if nothing had happened."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from microturn.core.errors import InputError
from microturn.engine.api import AdmissionRefused, StaleEpoch, UnknownSession
from microturn.engine.embedded import EmbeddedEngine
from microturn.engine.log import read_log, record, write_log
from microturn.engine.snapshot import load_snapshot, save_snapshot, snapshot_from_bytes, snapshot_to_bytes
from tests.engine.toy import CONFIG, VOCAB, alone, assert_same, chunks, run, spec, toy_engine, toy_model

TICKS = 60


@pytest.mark.parametrize("cut", [0, 1, 5, 25, 45])
def test_a_session_resumed_elsewhere_from_bytes_equals_one_never_interrupted(cut: int) -> None:
    """Cut 5 has text waiting, cut 1 of seed 1 has said one token, the later cuts have wrapped the rings."""
    first, inputs = toy_engine(), chunks(1, TICKS)
    ref = first.open(spec(1))
    results = run(first, ref, inputs[:cut])
    data = snapshot_to_bytes(first.suspend(ref))
    second = toy_engine()
    run(second, second.open(spec(7)), chunks(7, 9))
    results += run(second, second.resume(snapshot_from_bytes(data)), inputs[cut:])
    assert_same(results, alone(1, TICKS))


def test_a_snapshot_file_gives_the_snapshot(tmp_path: Path) -> None:
    engine = toy_engine()
    ref = engine.open(spec(1))
    run(engine, ref, chunks(1, 20))
    snapshot = engine.suspend(ref)
    save_snapshot(tmp_path / "s", snapshot)
    again = load_snapshot(tmp_path / "s")
    assert (again.spec, again.state, again.committed) == (snapshot.spec, snapshot.state, snapshot.committed)
    assert all(torch.equal(again.kv[name], tensor) for name, tensor in snapshot.kv.items())


def test_suspend_frees_the_place_and_resume_fences_the_old_reference() -> None:
    engine = toy_engine(slots=1)
    ref = engine.open(spec(1))
    last = run(engine, ref, chunks(1, 6))[-1]
    snapshot = engine.suspend(ref)
    with pytest.raises(UnknownSession):
        engine.turn(ref, chunks(1, 7)[6])
    back = engine.resume(snapshot)
    with pytest.raises(StaleEpoch, match="epoch 1, the session has 2"):
        engine.turn(ref, chunks(1, 7)[6])
    assert_same([engine.turn(back, chunks(1, 7)[5])], [last])


def test_a_fork_is_a_snapshot_with_another_id() -> None:
    engine = toy_engine()
    ref = engine.open(spec(1))
    run(engine, ref, chunks(1, 10))
    snapshot = engine.suspend(ref)
    twins = [engine.resume(replace(snapshot, spec=replace(snapshot.spec, id=name))) for name in ("a", "b")]
    for twin in twins:
        assert_same(run(engine, twin, chunks(1, 30)[10:]), alone(1, 30)[10:])


@pytest.mark.parametrize("cut", [1, 6, 45])
def test_a_session_rebuilt_from_its_log_equals_one_never_interrupted(cut: int, tmp_path: Path) -> None:
    inputs, wanted = chunks(1, TICKS), alone(1, TICKS)
    entries = [record(chunk, result) for chunk, result in zip(inputs, wanted, strict=True)]
    write_log(tmp_path / "log.jsonl", entries[: cut // 2])
    write_log(tmp_path / "log.jsonl", entries[cut // 2 : cut])
    engine = toy_engine()
    ref = engine.replay(spec(1), read_log(tmp_path / "log.jsonl", CONFIG))
    assert_same([engine.turn(ref, inputs[cut - 1])], wanted[cut - 1 : cut])
    assert_same(run(engine, ref, inputs[cut:]), wanted[cut:])


def test_a_log_with_a_tick_missing_is_refused_and_opens_nothing() -> None:
    wanted = alone(1, 6)
    entries = [record(chunk, result) for chunk, result in zip(chunks(1, 6), wanted, strict=True)]
    engine = toy_engine()
    with pytest.raises(InputError, match="seq 3; right is seq 2"):
        engine.replay(spec(1), entries[:2] + entries[3:])
    assert engine.capacity().free == 4


def test_a_broken_log_entry_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"seq": 0, "dmel": "AAAA", "text": [], "said": []}\n')
    with pytest.raises(InputError, match=r"log\.jsonl:1: not a log entry"):
        read_log(path, CONFIG)


def test_a_snapshot_of_other_weights_is_refused() -> None:
    engine = toy_engine()
    snapshot = engine.suspend(engine.open(spec(1)))
    other = EmbeddedEngine(toy_model(seed=5), VOCAB)
    with pytest.raises(InputError, match="another model"):
        other.resume(snapshot)
    with pytest.raises(InputError, match="does not fit"):
        engine.resume(replace(snapshot, committed=3))


def test_resume_without_room_is_refused() -> None:
    engine = toy_engine(slots=1)
    snapshot = engine.suspend(engine.open(spec(1)))
    engine.open(spec(2))
    with pytest.raises(AdmissionRefused):
        engine.resume(snapshot)


@pytest.mark.parametrize("data", [b"", b"not a snapshot at all", b"\xff" * 100])
def test_bytes_that_are_no_snapshot_are_named(data: bytes) -> None:
    with pytest.raises(InputError, match=r"mail: not a readable snapshot: got \d+ bytes"):
        snapshot_from_bytes(data, "mail")


def test_a_half_snapshot_is_named() -> None:
    engine = toy_engine()
    data = snapshot_to_bytes(engine.suspend(engine.open(spec(1))))
    with pytest.raises(InputError, match="not a readable snapshot"):
        snapshot_from_bytes(data[:-5])

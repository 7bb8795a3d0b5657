import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from microturn.core.chunk import Chunk
from microturn.core.fakes import Silence
from microturn.engine.api import (
    AdmissionRefused,
    EngineError,
    InputChunk,
    SessionRef,
    SessionSpec,
    TurnResult,
    UnknownSession,
)
from microturn.engine.embedded import EmbeddedEngine
from microturn.engine.participant import EngineParticipant
from microturn.gateway.host import EchoHost, ModelHost, SharedEngine
from microturn.model.config import SightConfig
from tests.engine.toy import CONFIG, TALKATIVE, VOCAB, NumberTokenizer, alone, assert_same, chunks, spec, toy_model
from tests.gateway.live_client import WAIT_S, until


class Slow(EmbeddedEngine):
    """Its first turn waits until it is let go; it keeps the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__(toy_model(), VOCAB, slots=4, keep_logits=True)
        self.entered, self.go, self.batches = threading.Event(), threading.Event(), list[int]()

    def turns(self, requests: Sequence[tuple[SessionRef, InputChunk]]) -> list[TurnResult]:
        self.batches.append(len(requests))
        self.entered.set()
        assert self.go.wait(WAIT_S)
        return super().turns(requests)


def test_turns_that_wait_are_one_batch_and_give_what_each_gives_alone() -> None:
    slow = Slow()
    shared = SharedEngine(slow)
    refs = [shared.open(spec(seed)) for seed in range(3)]
    results: dict[int, list[TurnResult]] = {seed: [] for seed in range(3)}

    def talk(seed: int) -> None:
        results[seed] = [shared.turn(refs[seed], chunk) for chunk in chunks(seed, 8)]

    threads = [threading.Thread(target=talk, args=(seed,)) for seed in range(3)]
    threads[0].start()
    assert slow.entered.wait(WAIT_S)
    for thread in threads[1:]:
        thread.start()
    until(lambda: shared.waiting == 2)
    slow.go.set()
    for thread in threads:
        thread.join(WAIT_S)
    shared.stop()
    assert slow.batches[:2] == [1, 2]
    for seed in range(3):
        assert_same(results[seed], alone(seed, 8))


def test_a_request_that_is_refused_fails_alone() -> None:
    shared = SharedEngine(EmbeddedEngine(toy_model(), VOCAB, slots=2))
    good, gone = shared.open(spec(0)), SessionRef("gone", 1)
    first = chunks(0, 8)[0]
    wanted = [shared.put_turn(gone, first), shared.put_turn(good, first)]
    with pytest.raises(UnknownSession):
        wanted[0].result(WAIT_S)
    assert wanted[1].result(WAIT_S).seq == 0
    shared.stop()


def test_an_engine_that_was_stopped_says_so() -> None:
    shared = SharedEngine(EmbeddedEngine(toy_model(), VOCAB, slots=1))
    shared.stop()
    with pytest.raises(EngineError, match="stopped"):
        shared.open(SessionSpec())


def test_an_echo_too_many_is_refused_and_a_place_is_free_again() -> None:
    host = EchoHost(1)
    partner = host.join("a", 0)
    with pytest.raises(AdmissionRefused):
        host.join("b", 0)
    host.leave(partner)
    host.join("c", 0)
    assert host.capacity().free == 0
    with pytest.raises(ValueError):
        host.leave(Silence())


def test_a_copy_goes_on_as_the_original_would_and_the_original_notices_nothing() -> None:
    shared = SharedEngine(EmbeddedEngine(toy_model(), VOCAB, slots=2, keep_logits=True))
    heard = chunks(0, 8)
    ref = shared.open(spec(0))
    first = [shared.turn(ref, chunk) for chunk in heard[:5]]
    copied = shared.fork(ref, replace(spec(0), id="copy"))
    assert copied.ticks == 5
    assert_same([*first, *(shared.turn(copied.ref, chunk) for chunk in heard[5:])], alone(0, 8))
    assert_same([*first, *(shared.turn(ref, chunk) for chunk in heard[5:])], alone(0, 8))
    shared.stop()


def test_a_copy_without_room_is_refused_and_the_original_goes_on() -> None:
    shared = SharedEngine(EmbeddedEngine(toy_model(), VOCAB, slots=1, keep_logits=True))
    heard = chunks(0, 8)
    ref = shared.open(spec(0))
    first = [shared.turn(ref, chunk) for chunk in heard[:2]]
    with pytest.raises(AdmissionRefused):
        shared.fork(ref, replace(spec(0), id="copy"))
    assert_same([*first, *(shared.turn(ref, chunk) for chunk in heard[2:])], alone(0, 8))
    shared.stop()


def test_pictures_reach_a_model_with_sight_and_bother_no_other() -> None:
    sight = SightConfig(height=8, width=8, patch=4, folds=(2, 2), widths=(8, 12))
    picture = np.full((48, 64, 3), 90, np.uint8)
    for config, grid in ((replace(CONFIG, sight=sight), (8, 8, 3)), (CONFIG, None)):
        engine = EmbeddedEngine(toy_model(config=config), VOCAB, slots=2)
        host = ModelHost("toy", engine, NumberTokenizer(), CONFIG.mel, TALKATIVE)  # type: ignore[arg-type]
        partner = host.join("one", 1)
        assert isinstance(partner, EngineParticipant)
        partner.turn(0, Chunk(frame=picture))
        kept = None if partner.logged is None or partner.logged.frame is None else partner.logged.frame.shape
        assert kept == grid
        host.close()

from collections.abc import Sequence

from microturn.engine.api import InputChunk, SessionRef, TurnResult
from microturn.engine.embedded import EmbeddedEngine
from microturn.gateway.warm import warm
from tests.engine.toy import VOCAB, alone, assert_same, chunks, spec, toy_model


class Counting(EmbeddedEngine):
    def __init__(self, slots: int) -> None:
        super().__init__(toy_model(), VOCAB, slots=slots, keep_logits=True)
        self.sizes: list[int] = []
        self.said: list[bool] = []

    def turns(self, requests: Sequence[tuple[SessionRef, InputChunk]]) -> list[TurnResult]:
        results = super().turns(requests)
        self.sizes.append(len(requests))
        self.said.append(any(result.said for result in results))
        return results


def test_every_size_of_batch_has_run_silent_and_speaking_and_all_places_are_free() -> None:
    engine = Counting(3)
    warm(engine, 3)
    half = len(engine.sizes) // 2
    assert set(engine.sizes[:half]) == set(engine.sizes[half:]) == {1, 2, 3}
    assert not any(engine.said[:half]) and all(engine.said[half:])
    assert engine.capacity().free == 3


def test_a_session_after_the_warm_up_gives_what_it_gives_on_a_fresh_engine() -> None:
    engine = Counting(2)
    warm(engine, 2)
    ref = engine.open(spec(1))
    assert_same([engine.turn(ref, chunk) for chunk in chunks(1, 6)], alone(1, 6))

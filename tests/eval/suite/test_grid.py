"""The virtual clock on another grid."""

import asyncio

import numpy as np
import pytest

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ
from microturn.core.errors import InputError
from microturn.core.fakes import Echo, Scripted
from microturn.eval.suite.analyze import segments
from microturn.eval.suite.endpoint import Ours, Session, Sounds, Wanted, tone
from microturn.eval.suite.endpoints import endpoint
from microturn.eval.suite.grid import EarlyTicks
from microturn.eval.suite.trace import playout


@pytest.mark.parametrize("early", [1, 1600, CHUNK_SAMPLES - 1])
def test_on_another_grid_the_same_sound_is_heard_cut_elsewhere(early: int) -> None:
    pcm = np.random.default_rng(0).normal(0.0, 0.1, 4 * CHUNK_SAMPLES).astype(np.float32)
    user, model = Sounds(pcm), Scripted({})
    ticks = EarlyTicks(model, early)
    for tick in range(4):
        ticks.turn(tick, user.turn(tick, Chunk()))
    heard = np.concatenate([chunk.samples for chunk in model.heard])
    np.testing.assert_array_equal(heard, np.concatenate([np.zeros(early, np.float32), pcm[:-early]]))


def test_an_echo_sounds_at_the_same_time_on_every_grid() -> None:
    pcm = np.zeros(8 * CHUNK_SAMPLES, np.float32)
    pcm[4000 : 4000 + SAMPLE_RATE_HZ // 4] = tone(0.25)
    found = list[float]()
    for address in ("", "grid=0.05", "grid=0.15"):
        made = endpoint(Wanted("microturn", lambda: Ours(lambda _: Echo(), {}), address))
        trace = asyncio.run(made.hold(Session("beep", Sounds(pcm), 8)))
        found.append(segments(playout(trace).pcm)[0].start_s)
    assert found == pytest.approx([found[0]] * 3, abs=0.011)


@pytest.mark.parametrize("address", ["grid", "grid=0.2", "grid=-0.1", "grid=a", "slow"])
def test_a_grid_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="grid=SECONDS"):
        endpoint(Wanted("microturn", lambda: Ours(lambda _: Echo(), {}), address))

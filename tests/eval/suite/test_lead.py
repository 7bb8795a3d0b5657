"""The virtual clock in a session that began before the user."""

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
from microturn.eval.suite.lead import LeadIn
from microturn.eval.suite.trace import playout


@pytest.mark.parametrize("lead", [1, 1600, CHUNK_SAMPLES, 2 * CHUNK_SAMPLES + 100])
def test_with_a_lead_the_same_sound_is_heard_after_so_much_silence(lead: int) -> None:
    pcm = np.random.default_rng(0).normal(0.0, 0.1, 4 * CHUNK_SAMPLES).astype(np.float32)
    user, model = Sounds(pcm), Scripted({})
    ticks = LeadIn(model, lead)
    for tick in range(4):
        ticks.turn(tick, user.turn(tick, Chunk()))
    heard = np.concatenate([chunk.samples for chunk in model.heard])
    whole = np.concatenate([np.zeros(lead, np.float32), pcm])
    np.testing.assert_array_equal(heard, whole[: len(heard)])
    assert len(whole) - len(heard) < CHUNK_SAMPLES


def test_an_echo_sounds_at_the_same_time_with_every_lead() -> None:
    pcm = np.zeros(8 * CHUNK_SAMPLES, np.float32)
    pcm[4000 : 4000 + SAMPLE_RATE_HZ // 4] = tone(0.25)
    found = list[float]()
    for address in ("", "lead=0.05", "lead=0.2", "lead=0.36"):
        made = endpoint(Wanted("microturn", lambda: Ours(lambda _: Echo(), {}), address))
        trace = asyncio.run(made.hold(Session("beep", Sounds(pcm), 8)))
        found.append(segments(playout(trace).pcm)[0].start_s)
    assert found == pytest.approx([found[0]] * 4, abs=0.011)


@pytest.mark.parametrize("address", ["lead", "lead=61", "lead=-0.1", "lead=a", "slow"])
def test_a_lead_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="lead=SECONDS"):
        endpoint(Wanted("microturn", lambda: Ours(lambda _: Echo(), {}), address))

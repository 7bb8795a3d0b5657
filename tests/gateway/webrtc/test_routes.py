"""Calls over real UDP: an aiortc client in this process, a server in a thread, both on the wall's clock."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest

from microturn.gateway.host import EchoHost
from microturn.gateway.sessions import Limits
from tests.gateway.live_client import Running, serving
from tests.gateway.webrtc.caller import LIVE, REALTIME, Caller, calling

TONE = (0.25 * np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000)).astype(np.float32)


@pytest.fixture
def echo() -> Iterator[Running]:
    with serving(EchoHost(2), Limits(sessions=2, start_s=3.0), real_time=True) as running:
        yield running


def frequency_of(pcm: np.ndarray) -> float:
    loud = pcm[np.abs(pcm).argmax() :][:4_000]
    return float(np.abs(np.fft.rfft(loud * np.hanning(len(loud)))).argmax() * 16_000 / len(loud))


def with_caller(running: Running, act: Callable[[Caller], Awaitable[None]]) -> None:
    """A client that acts and hangs up; afterwards the server holds nothing of it."""

    async def run() -> None:
        async with calling(running.port) as caller:
            await act(caller)
        while running.sessions.count:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), 30))
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("session", "audio-decoder"))]


def test_what_is_spoken_into_a_live_call_comes_back_on_its_track(echo: Running) -> None:
    async def act(caller: Caller) -> None:
        await caller.call_live()
        session = json.loads(caller.body)["session"]["id"]
        assert caller.headers["Location"] == f"{LIVE}/{session}"
        started = (await caller.until("session.started"))[0]
        assert (started["type"], started["session"]["id"]) == ("session.started", session)
        caller.microphone.pcm = TONE
        assert frequency_of(await caller.heard_loud(0.5)) == pytest.approx(440, abs=8)
        assert not {"session.output_audio.delta"} & {event["type"] for event in caller.events}
        caller.send("session.close")
        closed = (await caller.until("session.closed"))[-1]
        assert closed["reason"] == "close_requested"
        await caller.over()

    with_caller(echo, act)

"""A call on bad lines, and its camera. The server's part runs in this process' own loop."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import aioice.ice
import numpy as np
import pytest
from aiortc import VideoStreamTrack

from microturn.gateway.host import EchoHost
from microturn.gateway.session import LiveSession
from microturn.gateway.sessions import Ask, Limits, Sessions
from microturn.gateway.webrtc.call import OnFrame
from microturn.gateway.webrtc.calls import Calls
from microturn.gateway.webrtc.speaker import Speaker
from microturn.gateway.wire import Channel, Gone
from tests.gateway.webrtc.caller import Caller

TONE = (0.25 * np.sin(np.arange(48_000) * 2 * np.pi * 440 / 16_000)).astype(np.float32)


async def converse(session: LiveSession, channel: Channel, speaker: Speaker) -> None:
    """The least a codec does: it begins the session and reads until the client is gone."""
    session.start()
    try:
        while True:
            await channel.send({"type": "heard", "message": await channel.receive()})
    except Gone:
        session.close("connection_lost")


@asynccontextmanager
async def called(caller: Caller, calls: Calls) -> AsyncIterator[None]:
    """This caller in a call; afterwards nothing of it is left."""
    try:
        answered = await calls.open(await caller.offer(), Ask("live"), converse)
        await caller.take(answered.sdp)
        yield
    finally:
        await caller.close()
        await calls.close()
        await calls.sessions.drain(0.0)


def test_a_call_outlives_a_line_that_loses_reorders_and_delays_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(0)

    def deliver(protocol: aioice.ice.StunProtocol, data: bytes, addr: tuple[str, int]) -> None:
        if not protocol.transport.is_closing():
            protocol.transport.sendto(data, addr)

    async def unreliable(protocol: aioice.ice.StunProtocol, data: bytes, addr: tuple[str, int]) -> None:
        if chance.random() >= 0.1:  # the others come up to 300 ms late, and so in another order
            asyncio.get_running_loop().call_later(chance.random() * 0.3, deliver, protocol, data, addr)

    async def run() -> None:
        caller = Caller(0)
        async with called(caller, Calls(Sessions(EchoHost(1), Limits()))):
            channel = caller.channel
            assert channel is not None
            await caller.when(lambda: None, lambda: channel.readyState == "open")
            with monkeypatch.context() as bad:
                bad.setattr(aioice.ice.StunProtocol, "send_data", unreliable)
                caller.microphone.pcm = TONE[:16_000]
                for number in range(5):
                    caller.send("ping", number=number)
                await caller.when(lambda: None, lambda: len(caller.events) == 5)
            assert [json.loads(event["message"])["number"] for event in caller.events] == list(range(5))
            caller.microphone.pcm = TONE
            await caller.heard_loud(0.5)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_pictures_of_a_camera_are_handed_over_with_their_time() -> None:
    async def run() -> list[tuple[tuple[int, ...], float]]:
        seen: list[tuple[tuple[int, ...], float]] = []
        enough = asyncio.Event()

        def taker(session: LiveSession) -> OnFrame:
            def take(rgb: np.ndarray, t_ms: float) -> None:
                seen.append((rgb.shape, t_ms))
                if len(seen) == 3:
                    enough.set()

            return take

        caller = Caller(0)
        caller.rtc.addTrack(VideoStreamTrack())
        async with called(caller, Calls(Sessions(EchoHost(1), Limits()), on_frame=taker)):
            await asyncio.wait_for(enough.wait(), 30)
        return seen

    seen = asyncio.run(asyncio.wait_for(run(), 60))
    assert {shape for shape, _ in seen} == {(480, 640, 3)}
    times = [t_ms for _, t_ms in seen]
    assert all(later - earlier > 150 for earlier, later in pairwise(times))


def test_without_a_taker_a_camera_is_asked_to_send_nothing() -> None:
    async def run() -> str:
        caller = Caller(0)
        caller.rtc.addTrack(VideoStreamTrack())
        async with called(caller, Calls(Sessions(EchoHost(1), Limits()))):
            return caller.rtc.remoteDescription.sdp.split("m=video")[1]

    assert "a=inactive" in asyncio.run(asyncio.wait_for(run(), 60))

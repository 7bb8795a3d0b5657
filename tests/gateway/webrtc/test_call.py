"""A call on bad lines, and its camera. The server's part runs in this process' own loop."""

import asyncio
import json
import random
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction

import aioice.ice
import av
import numpy as np
import pytest
from aiortc import VideoStreamTrack

from microturn.core.chunk import Chunk
from microturn.core.participant import Participant
from microturn.gateway.host import EchoHost
from microturn.gateway.session import LiveSession
from microturn.gateway.sessions import Ask, Limits, Sessions
from microturn.gateway.webrtc.calls import Calls
from microturn.gateway.webrtc.speaker import Speaker
from microturn.gateway.wire import Channel, Gone
from microturn.media.picture import fitted
from tests.gateway.live_client import WAIT_S
from tests.gateway.webrtc.caller import Caller

PATIENT = Limits(start_s=WAIT_S, unread_s=WAIT_S)
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
        async with called(caller, Calls(Sessions(EchoHost(1), PATIENT))):
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

    asyncio.run(asyncio.wait_for(run(), 2 * WAIT_S))


class Onlooker:
    """Says nothing; `enough` is set once it has been shown so many pictures."""

    def __init__(self, pictures: int) -> None:
        self.heard: list[Chunk] = []
        self.enough = threading.Event()
        self._left = pictures

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        self.heard.append(heard)
        self._left -= heard.frame is not None
        if self._left == 0:
            self.enough.set()
        return Chunk()


class WatchedHost(EchoHost):
    """Everyone talks to the same onlooker."""

    def __init__(self, pictures: int = 0, sees: bool = True) -> None:
        super().__init__(1)
        self.sees = sees
        self.onlooker = Onlooker(pictures)

    def join(self, session_id: str, seed: int) -> Participant:
        super().join(session_id, seed)
        self._partners[-1] = self.onlooker
        return self.onlooker


class Shown(VideoStreamTrack):
    """A camera that shows these pictures in turn, as large as they are, one every 40 ms."""

    def __init__(self, pictures: list[np.ndarray]) -> None:
        super().__init__()
        self._pictures, self.sent = pictures, 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(0.04)
        frame = av.VideoFrame.from_ndarray(self._pictures[self.sent % len(self._pictures)], format="rgb24")
        frame.pts, frame.time_base = 3_600 * self.sent, Fraction(1, 90_000)
        self.sent += 1
        return frame


def seen_of(pictures: list[np.ndarray], enough: int) -> list[Chunk]:
    """What the model's side heard and saw until so many pictures had come."""

    async def run() -> list[Chunk]:
        caller, host = Caller(0), WatchedHost(enough)
        caller.rtc.addTrack(Shown(pictures))
        async with called(caller, Calls(Sessions(host, PATIENT))):
            assert await asyncio.to_thread(host.onlooker.enough.wait, WAIT_S)
        return host.onlooker.heard

    return asyncio.run(asyncio.wait_for(run(), 2 * WAIT_S))


def test_a_camera_is_seen_once_a_tick_with_its_colours_and_its_shape() -> None:
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[:, :80, 0], picture[:, 80:, 2] = 220, 220
    heard = seen_of([picture], 3)
    frames = [chunk.frame for chunk in heard if chunk.frame is not None]
    assert {frame.shape for frame in frames} == {(120, 160, 3)}
    left, right = frames[-1][60, 20].astype(int), frames[-1][60, 140].astype(int)
    assert left[0] > 150 > 60 > left[2] and right[2] > 150 > 60 > right[0]


def test_black_huge_and_tiny_pictures_and_those_that_change_their_size_stop_no_tick() -> None:
    rng = np.random.default_rng(0)
    sizes = ((48, 64), (1080, 1920), (2, 2), (16, 600))
    pictures = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes] + [np.zeros((48, 64, 3), np.uint8)]
    heard = seen_of(pictures, 4)
    assert max(max(chunk.frame.shape) for chunk in heard if chunk.frame is not None) <= 640
    for chunk in heard:
        assert chunk.frame is None or fitted(chunk.frame, 80, 80).shape == (80, 80, 3)


def test_where_nobody_sees_a_camera_is_asked_to_send_nothing() -> None:
    async def run() -> str:
        caller = Caller(0)
        caller.rtc.addTrack(VideoStreamTrack())
        async with called(caller, Calls(Sessions(WatchedHost(sees=False), PATIENT))):
            return caller.rtc.remoteDescription.sdp.split("m=video")[1]

    assert "a=inactive" in asyncio.run(asyncio.wait_for(run(), 2 * WAIT_S))

"""A WebRTC client as a browser is one: aiortc, a microphone that plays samples, over real UDP of this machine."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from microturn.media.frames import Frame, FrameReader, FrameWriter
from tests.gateway.live_client import WAIT_S

LIVE, REALTIME = "/v1/live/sessions", "/v1/realtime/calls"
SILENCE = np.zeros(320, np.float32)


class Microphone(MediaStreamTrack):
    """Plays samples of 16 kHz in real time once it is asked to, and silence before and after."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames, self._began_s, self._number = FrameWriter(), 0.0, 0
        self.pcm = SILENCE[:0]

    def say(self, pcm: np.ndarray, ahead_s: float) -> None:
        """Play this, so much ahead of real time that a busy machine tears no holes into it."""
        self.pcm = pcm
        self._began_s -= ahead_s

    async def recv(self) -> Frame:
        self._began_s = self._began_s or time.monotonic()
        await asyncio.sleep(max(0.0, self._began_s + self._number * 0.02 - time.monotonic()))
        self._number += 1
        piece, self.pcm = self.pcm[:320], self.pcm[320:]
        return self._frames.push(np.pad(piece, (0, 320 - len(piece))).astype(np.float32))


class Caller:
    """One client. `events` in the order they came; `sound` is what its loudspeaker has played, 16 kHz."""

    def __init__(self, port: int, offers_channel: bool = True) -> None:
        self._port = port
        self.rtc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone, self.sound = Microphone(), [SILENCE]
        self.events: list[dict[str, Any]] = []
        self.status, self.headers, self.body = 0, {}, ""
        self._news = asyncio.Event()
        self._listening: list[asyncio.Task[None]] = []
        self.rtc.addTrack(self.microphone)
        self.channel = self.rtc.createDataChannel("oai-events") if offers_channel else None
        self.rtc.on("track", self._listen)
        self.rtc.on("connectionstatechange", self._news.set)
        if self.channel is not None:
            self.channel.on("message", self._take)

    async def offer(self) -> str:
        await self.rtc.setLocalDescription(await self.rtc.createOffer())
        return self.rtc.localDescription.sdp

    async def call_realtime(self, path: str = REALTIME) -> None:
        """Post the offer as it is and take the answer."""
        await self.post(path, (await self.offer()).encode(), "application/sdp")
        assert self.status == 201, self.body
        await self.take(self.body)

    async def take(self, answer: str) -> None:
        """Take an SDP answer."""
        await self.rtc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def call_live(self, **session: Any) -> None:
        """Post a session and the offer and take the answer."""
        transport = {"type": "webrtc", "sdp": await self.offer()}
        body = {"session": {"model": "any", **session}, "transport": transport}
        await self.post(LIVE, json.dumps(body).encode(), "application/json")
        assert self.status == 201, self.body
        await self.take(json.loads(self.body)["transport"]["sdp"])

    async def post(self, path: str, body: bytes = b"", kind: str = "application/json", method: str = "POST") -> None:
        """One request; its answer is `status`, `headers` and `body`."""
        url = f"http://127.0.0.1:{self._port}{path}"

        def send() -> tuple[int, Any, str]:
            request = Request(url, body, {"Content-Type": kind}, method=method)
            try:
                with urlopen(request, timeout=WAIT_S) as answer:
                    return answer.status, answer.headers, answer.read().decode()
            except HTTPError as error:
                with error:
                    return error.code, error.headers, error.read().decode()

        self.status, self.headers, self.body = await asyncio.to_thread(send)

    def send(self, kind: str, **fields: Any) -> None:
        assert self.channel is not None
        self.channel.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind: str) -> list[dict[str, Any]]:
        """All events so far, once there is one of this kind."""
        return await self.when(lambda: self.events, lambda: any(event["type"] == kind for event in self.events))

    async def when(self, give: Any, true: Any) -> Any:
        """What `give` gives once this is true."""
        async with asyncio.timeout(WAIT_S):
            while not true():
                self._news.clear()
                await self._news.wait()
        return give()

    async def over(self) -> None:
        """Wait until the connection has ended."""
        await self.when(lambda: None, lambda: self.rtc.connectionState in ("closed", "failed"))

    def heard(self) -> np.ndarray:
        """Float32 [N] at 16 kHz."""
        return np.concatenate(self.sound)

    async def heard_loud(self, seconds: float) -> np.ndarray:
        """All that was heard once so much of it is louder than noise."""
        return await self.when(self.heard, lambda: (np.abs(self.heard()) > 0.02).sum() > seconds * 16_000)

    async def close(self) -> None:
        await self.rtc.close()
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)

    def _take(self, message: str) -> None:
        self.events.append(json.loads(message))
        self._news.set()

    def _listen(self, track: MediaStreamTrack) -> None:
        async def listen() -> None:
            reader = FrameReader()
            try:
                while True:
                    self.sound.append(reader.push(await track.recv()))
                    self._news.set()
            except MediaStreamError:
                return

        self._listening.append(asyncio.ensure_future(listen()))


@asynccontextmanager
async def calling(port: int, **options: Any) -> AsyncIterator[Caller]:
    caller = Caller(port, **options)
    try:
        yield caller
    finally:
        await caller.close()

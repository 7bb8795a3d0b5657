"""One session over WebRTC: its sound between tracks and session, its pictures, its codec. HTTP lives in the routes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import numpy as np
import numpy.typing as npt
import structlog

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.gateway.session import LiveSession
from microturn.gateway.timeline import Item, Sound, TooMuch
from microturn.gateway.webrtc.peer import Peer
from microturn.gateway.webrtc.speaker import Speaker
from microturn.gateway.wire import Gone
from microturn.media.frames import FrameReader, VideoFrame, rgb_of

OnFrame = Callable[[npt.NDArray[np.uint8], float], None]  # uint8 [H, W, 3], ms of the session's clock
AHEAD_MS = 1_500  # of the session's clock; what comes on top of it has been held up on the way
MARGIN_MS = 20  # packets of a track come as evenly as their line lets them, and nothing here gathers samples
PICTURE_S = 0.2  # a micro-turn takes one picture
log = structlog.get_logger("microturn.gateway")


class Call:
    """A session that has not started, and the peer that will hold it. on_frame: gets the camera's pictures."""

    def __init__(self, peer: Peer, speaker: Speaker, session: LiveSession, on_frame: OnFrame | None = None) -> None:
        self._peer, self._speaker, self.session, self._on_frame = peer, speaker, session, on_frame
        self._picture: VideoFrame | None = None
        self._new_picture = asyncio.Event()

    async def hold(self, converse: Callable[[], Awaitable[None]], connect_s: float) -> None:
        """From the client's connection, within `connect_s`, to the end. converse: starts the session, serves events."""
        items = self.session.items()
        try:
            await self._connected(connect_s)
            await self._serve(items, converse)
        except Gone:
            log.info("client never connected", session_id=self.session.id)
        except Exception:  # the outermost line of a call: it ends this session and no other
            log.exception("call failed", session_id=self.session.id)
        finally:
            self.session.close("connection_lost")
            await self._peer.close()

    async def _connected(self, within_s: float) -> None:
        """Gone where the client does not come in time, or the session has ended before."""
        connecting, ended = (
            asyncio.ensure_future(self._peer.connect()),
            asyncio.ensure_future(self.session.ended.wait()),
        )
        try:
            await asyncio.wait({connecting, ended}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                raise Gone
            connecting.result()
        finally:
            connecting.cancel()
            ended.cancel()
            await asyncio.gather(connecting, ended, return_exceptions=True)

    async def _serve(self, items: AsyncIterator[Item], converse: Callable[[], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as tasks:
            flows = [self._play(items), self._hear(), self._look(), self._show()]
            running = [tasks.create_task(flow) for flow in flows]
            await converse()
            for task in running:
                task.cancel()

    async def _play(self, items: AsyncIterator[Item]) -> None:
        async for item in items:
            if isinstance(item, Sound):
                self._speaker.put(item)

    async def _hear(self) -> None:
        """The microphone. Nothing before the session begins, and not the heap after a stall: it would stay late."""
        reader, end_ms = FrameReader(), 0.0
        async for frame in self._peer.microphone():
            pcm, now_ms = reader.push(frame), self.session.clock_ms
            if self._speaker.began_s is None or end_ms - now_ms > AHEAD_MS:
                continue
            end_ms = max(end_ms, now_ms) + len(pcm) * 1000 / SAMPLE_RATE_HZ
            try:
                self.session.push_audio(pcm, MARGIN_MS)
            except TooMuch as error:
                log.warning("sound not taken", session_id=self.session.id, reason=str(error))

    async def _look(self) -> None:
        """Keep the newest picture: whoever looks sees no older one."""
        async for frame in self._peer.camera():
            self._picture = frame
            self._new_picture.set()

    async def _show(self) -> None:
        while self._on_frame is not None:
            await self._new_picture.wait()
            self._new_picture.clear()
            picture, t_ms = self._picture, self.session.clock_ms
            assert picture is not None
            self._on_frame(await asyncio.to_thread(rgb_of, picture), t_ms)
            await asyncio.sleep(PICTURE_S)

"""The model's sound as an audio track: 20 ms frames at the pace of the clock. What sounds is decided elsewhere."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from microturn.core.clock import TICK_MS
from microturn.gateway.timeline import FRAME_MS, FRAME_SAMPLES, Sound
from microturn.media.frames import Frame, FrameWriter

SPARE_MS = 60  # sound may wait so much longer than a tick before silence is left out at once
WATCHED_TICKS = 25  # what waited at least, whenever one of the last five seconds' ticks came, never needed to wait
KEPT_FRAMES = 500
SILENCE = np.zeros(FRAME_SAMPLES, np.float32)


class Speaker(MediaStreamTrack):
    """A track that plays what it is given, never a frame before its time.

    Every frame is due 20 ms after the one before it. Sound that comes late moves the grid, so it stays whole. The lost
    time is caught up in silence, whose frames are left out: at once while more than a tick and `SPARE_MS` wait, else
    when no tick of the last seconds was that late. A tick comes as one lot of 200 ms, so never is more than that ahead
    of its time. What nobody plays is kept for 10 s.

    audible: asked for each frame when it is played; zeros are played where it says no.
    """

    kind = "audio"

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__()
        self._now, self._sleep = now, sleep
        self._sounds: asyncio.Queue[Sound | None] = asyncio.Queue()
        self._spare: deque[int] = deque(maxlen=WATCHED_TICKS)  # frames that waited when each of the last ticks came
        self.audible: Callable[[], bool] = lambda: True
        self._due_s = now()
        self._frames = FrameWriter()
        self.began_s: float | None = None

    def put(self, sound: Sound) -> None:
        """The next 20 ms. The first one is the beginning of the session: `began_s`, by the given clock."""
        if self.began_s is None:
            self.began_s = self._due_s = self._now()
        if sound.start_ms % TICK_MS == 0:
            self._spare.append(self._sounds.qsize())
        if self._sounds.qsize() >= KEPT_FRAMES:
            self._sounds.get_nowait()
        self._sounds.put_nowait(sound)

    async def recv(self) -> Frame:
        """The next frame when it is due; MediaStreamError once the track has been stopped."""
        if self.readyState != "live":
            raise MediaStreamError
        late = self._sounds.empty()
        sound = await self._sounds.get()
        while sound is not None and self._left_out(sound):
            sound = self._sounds.get_nowait()
        if sound is None:
            raise MediaStreamError
        self._due_s = max(self._due_s, self._now()) if late else self._due_s
        ahead_s = self._due_s - self._now()
        if ahead_s > 0:
            await self._sleep(ahead_s)
        self._due_s += FRAME_MS / 1000
        return self._frames.push(sound.pcm if sound.pcm is not None and self.audible() else SILENCE)

    def stop(self) -> None:
        """End the track; whoever waits for a frame gets MediaStreamError."""
        super().stop()
        self._sounds.put_nowait(None)

    def _left_out(self, sound: Sound) -> bool:
        """Whether this frame is silence, and time to be caught up."""
        if sound.pcm is not None or self._sounds.empty():
            return False
        watched = len(self._spare) == WATCHED_TICKS and min(self._spare) > 0
        if not watched and self._sounds.qsize() * FRAME_MS <= TICK_MS + SPARE_MS:
            return False
        self._spare = deque((frames - 1 for frames in self._spare), WATCHED_TICKS)
        return True

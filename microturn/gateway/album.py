"""The last pictures that a session was shown, kept small for whoever works beside it. For the model: frames.py."""

import threading
from collections import deque
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from microturn.agent.context import PICTURES, Picture
from microturn.media.jpeg import encode_jpeg

APART_MS = 1_000
LONGEST_SIDE = 640


class _Kept(NamedTuple):
    t_ms: int
    rgb: npt.NDArray[np.uint8]


class Album:
    """The newest picture, and up to three before it at least a second apart. Kept on one thread, read on another."""

    def __init__(self) -> None:
        self._kept: deque[_Kept] = deque(maxlen=PICTURES)
        self._lock = threading.Lock()

    def keep(self, rgb: npt.NDArray[np.uint8], t_ms: int) -> None:
        """A picture, uint8 [H, W, 3], shown at `t_ms`; of a large one every second or third pixel is kept."""
        step = -(-max(rgb.shape[:2]) // LONGEST_SIDE)
        small = _Kept(t_ms, np.ascontiguousarray(rgb[::step, ::step]))
        with self._lock:
            if len(self._kept) > 1 and self._kept[-1].t_ms - self._kept[-2].t_ms < APART_MS:
                self._kept.pop()  # the newest is always there; it gives way until it is far enough from the one before
            self._kept.append(small)

    def pictures(self) -> tuple[Picture, ...]:
        """As JPEG, oldest first. Takes milliseconds each: for a thread that may wait."""
        with self._lock:
            kept = tuple(self._kept)
        return tuple(Picture(one.t_ms, encode_jpeg(one.rgb)) for one in kept)

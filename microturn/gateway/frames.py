"""The user's pictures on the session's clock: they come when they come, one a tick is shown. No meaning."""

import threading

import numpy as np
import numpy.typing as npt

WAITING = 8
Rgb = npt.NDArray[np.uint8]


class Frames:
    """At most WAITING pictures; of too many the oldest is dropped. Pushed on one thread, taken on another."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, Rgb]] = []
        self._lock = threading.Lock()

    def push(self, rgb: Rgb, t_ms: float) -> None:
        """A picture, uint8 [H, W, 3], seen at `t_ms`. A late one counts for the tick that runs."""
        with self._lock:
            self._waiting = [*self._waiting, (t_ms, rgb)][-WAITING:]

    def take(self, now_ms: float) -> Rgb | None:
        """The newest picture seen by `now_ms`, None where there is none; later ones wait for their tick."""
        with self._lock:
            seen = [one for one in self._waiting if one[0] <= now_ms]
            self._waiting = [one for one in self._waiting if one[0] > now_ms]
        return max(reversed(seen), key=lambda one: one[0])[1] if seen else None  # of two at once the one that came last

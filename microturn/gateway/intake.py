"""The user's sound on the session's clock: packets of any size in, one chunk a tick out. No meaning."""

import threading
from collections import deque

import numpy as np

from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS
from microturn.core.wav import to_float, to_int16
from microturn.gateway.timeline import TooMuch
from microturn.media.pcm import Pcm

MARGIN_MS = 40  # a packet may come so much later than the one before it promised; resampling alone takes 30 ms of it
BACKLOG_S = 60.0
HOLD_S = 0.06  # a tick waits so long for packets of a sound that goes on; it has 200 ms for its answer

# A stream that comes in real time and yet stays this much behind, for two seconds, was held up by its network.
LAG_MS, STEADY_MS, STEADY_TICKS = 20, 100, 10
QUIET = 10 ** (-50 / 20)  # of a piece of 20 ms, root mean square
PIECE = SAMPLE_RATE_HZ // 50
PAUSE, LEFT = 10, 5  # pieces of a pause that may be shortened, and what is left of it


class Intake:
    """Gathers what is pushed and gives 200 ms whenever a tick is over, silence where nothing came.

    Sound that comes after a silence is laid where it came on the clock, `margin_ms` later; what follows it goes on
    without a gap, so packets may be late by that much, and by `hold_s` more, for which the tick waits: a slip within a
    word costs more than a late tick. Only what comes later still leaves a gap, and all that follows it is later by it,
    until pauses of 200 ms and more are shortened to make up for it.
    Sound that comes faster than time waits, `backlog_s` at most. Pushed on one thread, taken on another.
    """

    def __init__(
        self,
        margin_ms: int = MARGIN_MS,
        backlog_s: float = BACKLOG_S,
        taken: int = 0,
        hold_s: float = HOLD_S,
    ) -> None:
        """taken: ticks that are over when it begins. hold_s: seconds of the wall's clock."""
        self._margin_ms, self._backlog_s, self._hold_s = margin_ms, backlog_s, hold_s
        self._waiting: list[Pcm] = []
        self._n_waiting = 0
        self._taken = taken
        self._flows = False  # sound has come since a tick was short of it
        self._spare: deque[int] = deque(maxlen=STEADY_TICKS)  # samples that waited after each of the last ticks
        self._came = threading.Condition()

    def push(self, pcm: Pcm, now_ms: float, margin_ms: int | None = None) -> None:
        """Append float32 [N] that came `now_ms` after the session began; TooMuch when too much would wait.

        margin_ms: of this sound and what follows it, as before if left out.
        """
        if not len(pcm):
            return
        with self._came:
            self._margin_ms = self._margin_ms if margin_ms is None else margin_ms
            if self._n_waiting + len(pcm) > self._backlog_s * SAMPLE_RATE_HZ:
                raise TooMuch(f"{self._backlog_s:g} s of sound wait already; send it no faster than real time")
            if not self._n_waiting:
                late_ms = now_ms - self._taken * TICK_MS + self._margin_ms
                self._append(np.zeros(max(0, round(late_ms * SAMPLE_RATE_HZ / 1000)), np.float32))
            self._append(pcm)
            self._flows = True
            self._came.notify()

    def take(self) -> Pcm | None:
        """The next 200 ms, float32 [3200]; None where all of it is silence."""
        with self._came:
            if self._flows:
                self._flows = self._came.wait_for(lambda: self._n_waiting >= CHUNK_SAMPLES, self._hold_s)
            self._taken += 1
            joined = np.concatenate([*self._waiting, np.zeros(0, np.float32)])
            joined = without_pauses(joined, self._lag(len(joined)))
            rest = joined[CHUNK_SAMPLES:]
            self._waiting, self._n_waiting = [rest], len(rest)
        chunk = np.zeros(CHUNK_SAMPLES, np.float32)
        chunk[: len(joined)] = joined[:CHUNK_SAMPLES]
        # Sixteen bits are what a recording keeps: what is heard live is then what is heard again, to the sample.
        chunk = to_float(to_int16(chunk))
        return chunk if chunk.any() else None

    def _lag(self, waiting: int) -> int:
        """Samples by which a steady stream is later than it has to be; sound faster than time is none."""
        self._spare.append(waiting - CHUNK_SAMPLES)
        least, most = min(self._spare), max(self._spare)
        steady = len(self._spare) == STEADY_TICKS and most - least <= STEADY_MS * SAMPLE_RATE_HZ // 1000
        lag = least - (self._margin_ms + LAG_MS) * SAMPLE_RATE_HZ // 1000
        return lag if steady and lag > 0 else 0

    def _append(self, pcm: Pcm) -> None:
        self._waiting.append(pcm)
        self._n_waiting += len(pcm)


def without_pauses(pcm: Pcm, most: int) -> Pcm:
    """Sound, float32 [N], with up to `most` samples cut out of the middle of its pauses, nothing above QUIET."""
    if most < PIECE:
        return pcm
    whole = len(pcm) // PIECE
    quiet = np.sqrt(np.mean(np.square(pcm[: whole * PIECE].reshape(whole, PIECE)), axis=1)) < QUIET
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]])))
    cut = np.zeros(len(pcm), bool)
    for first, end in edges.reshape(-1, 2):
        pieces = min(end - first - LEFT, most // PIECE)
        if end - first >= PAUSE and pieces > 0:
            middle = (first + LEFT // 2) * PIECE
            cut[middle : middle + pieces * PIECE] = True
            most -= pieces * PIECE
    return pcm[~cut]

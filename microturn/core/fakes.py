"""Participants and a clock for tests and demos. They ship with the package; none of them learns or listens well."""

import threading
from collections.abc import Mapping

from microturn.core.chunk import Chunk
from microturn.core.errors import WaitTooLong


class Silence:
    """Never says anything."""

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """Give an empty chunk."""
        return Chunk()


class Echo:
    """Says what it heard `delay_ticks` ago: sound, picture and text, not the events."""

    def __init__(self, delay_ticks: int = 0) -> None:
        self._waiting = [Chunk() for _ in range(delay_ticks)]

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """Give back the oldest chunk that waits."""
        self._waiting.append(Chunk(heard.pcm, heard.frame, heard.text))
        return self._waiting.pop(0)


class Scripted:
    """Says given chunks at given ticks, nothing otherwise; keeps all it heard."""

    def __init__(self, chunks: Mapping[int, Chunk]) -> None:
        self._chunks = dict(chunks)
        self.heard: list[Chunk] = []

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """Give the chunk of this tick."""
        self.heard.append(heard)
        return self._chunks.get(tick, Chunk())


class ManualClock:
    """A clock turned by hand, possibly from another thread.

    `wait_until` blocks until `advance` has come far enough; after `limit_s` seconds it raises WaitTooLong.
    """

    def __init__(self, limit_s: float = 1.0) -> None:
        self.tick = 0
        self._limit_s = limit_s
        self._turned = threading.Condition()

    def advance(self, ticks: int = 1) -> None:
        """Turn the clock forward and wake whoever waits."""
        with self._turned:
            self.tick += ticks
            self._turned.notify_all()

    def wait_until(self, tick: int) -> None:
        """Return when the clock has been turned to `tick`."""
        with self._turned:
            if not self._turned.wait_for(lambda: self.tick >= tick, self._limit_s):
                raise WaitTooLong(f"tick {tick} was awaited {self._limit_s} s, but the clock stands at {self.tick}")

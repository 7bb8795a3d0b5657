"""How fast a client may send: a bucket of messages and one of bytes. The limits themselves live in sessions."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from microturn.core.errors import ConfigError
from microturn.gateway.metrics import Metrics
from microturn.gateway.wire import REFUSED, Channel, Gone

TELL_S = 1.0  # one `error` in such a time: an answer for each message would double the flood


@dataclass(frozen=True)
class Rate:
    """messages_per_s and bytes_per_s may be held for ever; `burst_s` times as much may come at once.

    over_s: a client that is over its rate for so long without a second of peace is put out.
    """

    messages_per_s: float = 500.0
    bytes_per_s: float = 2_000_000.0
    burst_s: float = 10.0
    over_s: float = 5.0

    def __post_init__(self) -> None:
        for name in ("messages_per_s", "bytes_per_s", "burst_s", "over_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(name, "Rate", getattr(self, name), "a number above 0")


class Bucket:
    """Fills with time up to `most`; what is taken must be there. now_s: any clock that does not go back."""

    def __init__(self, per_s: float, most: float, now_s: float) -> None:
        self._per_s, self._most, self._left, self._at_s = per_s, most, most, now_s

    def take(self, count: float, now_s: float) -> bool:
        """Whether there was so much; if not, nothing is taken."""
        self._left = min(self._most, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if count > self._left:
            return False
        self._left -= count
        return True


class LimitedChannel:
    """A channel that lets messages through at its rate and refuses the others: an `error`, and the end if it goes on.

    largest: a message of so many bytes may always come alone. What is refused is lost, the session goes on.
    """

    def __init__(
        self,
        inner: Channel,
        rate: Rate,
        largest: int,
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner, self._rate, self._metrics, self._now = inner, rate, metrics, now
        self._messages = Bucket(rate.messages_per_s, rate.messages_per_s * rate.burst_s, now())
        self._bytes = Bucket(rate.bytes_per_s, max(largest, rate.bytes_per_s * rate.burst_s), now())
        self._over_since_s = self._refused_s = self._told_s = -1e9

    async def receive(self) -> str | bytes:
        """The next message that came in time; Gone where the client had to be put out."""
        while True:
            message = await self._inner.receive()
            if self._taken(len(message)):
                return message
            await self._refuse()

    async def send(self, event: Mapping[str, Any]) -> None:
        """One event."""
        await self._inner.send(event)

    async def close(self, code: int, reason: str) -> None:
        """Close it."""
        await self._inner.close(code, reason)

    def _taken(self, size: int) -> bool:
        now_s = self._now()
        # Both are asked, so that a flood of large messages does not save up small ones.
        return self._messages.take(1, now_s) & self._bytes.take(size, now_s)

    async def _refuse(self) -> None:
        self._metrics.over()
        now_s = self._now()
        if now_s - self._refused_s > 1.0:
            self._over_since_s = now_s
        self._refused_s = now_s
        if now_s - self._over_since_s > self._rate.over_s:
            await self._inner.close(REFUSED, "rate_limit_exceeded")
            raise Gone
        if now_s - self._told_s > TELL_S:
            self._told_s = now_s
            await self._inner.send(_error(self._rate))
        # It is read on, for a client that waits until its messages are taken may not read what it is told meanwhile;
        # others get their turn between any two messages.
        await asyncio.sleep(0)


def _error(rate: Rate) -> dict[str, Any]:
    message = (
        f"Messages come faster than {rate.messages_per_s:g} a second or {rate.bytes_per_s:g} bytes a second; "
        "they are not taken. Send sound no faster than real time."
    )
    error = {"type": "invalid_request_error", "code": "rate_limit_exceeded", "message": message, "param": None}
    return {"type": "error", "event_id": f"event_{uuid4().hex[:20]}", "error": error}

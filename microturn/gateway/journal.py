"""What a client was told, kept for a while, so that it can come back and miss nothing. No socket, no clock.

Every event gets the next `server_event_seq`, from 1 on without gaps. Names as in vLLM-Omni's duplex dialect.
"""

import hmac
import json
import secrets
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from microturn.core.errors import ConfigError, MicroturnError

MAX_BYTES = 8 * 1024 * 1024
MAX_MS = 60_000


class JournalGap(MicroturnError):
    """Events that were asked for are no longer kept; `first` to `last` are lost to whoever asked."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        super().__init__(f"events {first} to {last} are no longer kept")


@dataclass(frozen=True)
class Entry:
    """One event. at_ms: when it was appended; event: its JSON object, the number inside."""

    seq: int
    at_ms: float
    event: Mapping[str, Any]
    size: int


class Journal:
    """The newest events, as many as `max_bytes` of JSON and `max_ms` of time hold. numbered: events show their seq."""

    def __init__(
        self, max_bytes: int = MAX_BYTES, max_ms: float = MAX_MS, numbered: bool = True, last: int = 0
    ) -> None:
        for name, value in (("max_bytes", max_bytes), ("max_ms", max_ms)):
            if value <= 0:
                raise ConfigError(name, "Journal", value, "a number above 0")
        self._max_bytes, self._max_ms, self._numbered = max_bytes, max_ms, numbered
        self._kept: deque[Entry] = deque()
        self._bytes = 0
        self.last = last

    @property
    def kept(self) -> tuple[Entry, ...]:
        """The events that are still there, oldest first."""
        return tuple(self._kept)

    def append(self, event: Mapping[str, Any], at_ms: float) -> Entry:
        """Number the next event and keep it; what is too old or too much is forgotten."""
        self.last += 1
        shown = {**event, "server_event_seq": self.last} if self._numbered else dict(event)
        entry = Entry(self.last, at_ms, shown, len(json.dumps(shown)))
        self._kept.append(entry)
        self._bytes += entry.size
        while self._kept and (self._bytes > self._max_bytes or self._kept[0].at_ms < at_ms - self._max_ms):
            self._bytes -= self._kept.popleft().size
        return entry

    def skip_to(self, seq: int) -> None:
        """Forget everything and go on after event `seq`: whoever comes back has it, though it was lost here."""
        self._kept.clear()
        self._bytes, self.last = 0, max(self.last, seq)

    def since(self, seq: int) -> Iterator[Entry]:
        """What came after event `seq`, in order; JournalGap where some of it is no longer kept.

        Nothing may be appended while it is read. A `seq` that was never given gives nothing: see `last`.
        """
        oldest = self.last - len(self._kept) + 1
        if seq + 1 < oldest:
            raise JournalGap(seq + 1, oldest - 1)
        return (self._kept[index] for index in range(seq + 1 - oldest, len(self._kept)))


class ResumeTokens:
    """Tokens that let a client come back, kept as hashes, two at most: the newest and the one before it.

    The one before stays good until the newest is shown to have arrived, for the answer that brought it may be lost.
    """

    def __init__(self, hashes: tuple[str, ...] = ()) -> None:
        self.hashes = hashes

    def issue(self) -> str:
        """A new token; the newest so far becomes the one before it."""
        token = f"rt_{secrets.token_urlsafe(32)}"
        self.hashes = (*self.hashes, _hash(token))[-2:]
        return token

    def redeem(self, token: str) -> bool:
        """Whether this token is good. Showing the newest ends the one before. Constant in time."""
        hashed = _hash(token)
        same = [hmac.compare_digest(hashed, good) for good in self.hashes]
        if same and same[-1]:
            self.arrived()
        return any(same)

    def arrived(self) -> None:
        """The client has the newest token: the one before is good no longer."""
        self.hashes = self.hashes[-1:]


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()

"""What a GPT-Live client receives: the timeline's items and answers as event objects. No socket, no clock.

Wire format: the event types of openai-python 3.52, `openai.types.live`. Its types only; further keys, no further types.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from microturn.gateway.formats import SoundFormat, SoundWriter
from microturn.gateway.live.client import Settings
from microturn.gateway.live.delegating import Delegating
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.named_servers import without_secrets
from microturn.gateway.timeline import Called, Delegated, Ended, EndReason, Heard, Item, Progress, Said, Sound, Taken

USAGE_EVERY_MS = 10_000
# The protocol knows few reasons; the log has ours.
REASONS: dict[EndReason, str] = {
    "close_requested": "close_requested",
    "expired": "expired",
    "idle": "expired",
    "draining": "expired",
    "too_slow": "connection_lost",
    "connection_lost": "connection_lost",
    "failed": "connection_lost",
}

Wire = dict[str, Any]
NewId = Callable[[str], str]  # "event" to "event_7f3a"


@dataclass(frozen=True)
class Opened:
    """A session as it began: its id, when it ends at the latest (seconds since 1970), what was asked."""

    id: str
    expires_at: int
    settings: Settings


class Projection:
    """The timeline of one session as events of the protocol; it keeps the resampler's state and what was muted."""

    def __init__(self, opened: Opened, new_id: NewId) -> None:
        self._opened, self._new_id = opened, new_id
        self._sound = SoundWriter(opened.settings.format)
        settings = opened.settings
        target = str(settings.delegation.get("type", "client"))
        self._delegating = Delegating(target, settings.model, self._event, new_id)
        self._kinds: dict[str, tuple[str, str | None]] = {}

    def started(self) -> Wire:
        """`session.started`."""
        return self._event("session.started", session=self.session())

    def session(self) -> Wire:
        """The session as it is shown; the protocol knows one status, at the end too."""
        return _session(self._opened)

    def updated(self, delegation: Mapping[str, Any]) -> Wire:
        """`session.updated` after a change of the delegation."""
        session = self.session() | {"delegation": without_secrets(delegation)}
        return self._event("session.updated", session=session)

    def muted(self, muted: bool, client_id: str | None) -> Wire:
        """`session.input_audio.muted` or `.unmuted`."""
        return self._event(f"session.input_audio.{'muted' if muted else 'unmuted'}", client_event_id=client_id)

    def awaits(self, id: str, kind: str, client_id: str | None) -> None:
        """Text `id` was pushed for a client's append of this kind: `Taken` will be answered as that."""
        self._kinds[id] = (kind, client_id)

    def events(self, item: Item) -> list[Wire]:
        """The events of one item; some items are none here."""
        match item:
            case Sound():
                return [*self._sounds(item), *self._delegating.events(item)]
            case Heard():
                return [self._words("session.input_transcript.delta", item)]
            case Said():
                return [self._words("session.output_transcript.delta", item)]
            case Delegated() | Progress() | Called():
                return self._delegating.events(item)
            case Taken() if item.id in self._kinds:
                kind, client_id = self._kinds.pop(item.id)
                times = {"start_ms": item.at_ms, "end_ms": item.at_ms}
                return [self._event(f"session.{kind}.appended", **times, client_event_id=client_id)]
            case Ended():
                return [self._closed(item)]
            case _:
                return []

    def _sounds(self, sound: Sound) -> list[Wire]:
        data = self._sound.push(sound)
        events: list[Wire] = []
        if data:
            delta = base64.b64encode(data).decode()
            times = {"start_ms": sound.start_ms, "end_ms": sound.end_ms}
            events.append(self._event("session.output_audio.delta", delta=delta, **times))
        if sound.end_ms % USAGE_EVERY_MS == 0:
            events.append(self._event("session.usage.updated", usage={"seconds": sound.end_ms / 1000}))
        return events

    def _words(self, kind: str, words: Heard | Said) -> Wire:
        return self._event(kind, delta=words.text, start_ms=words.start_ms, end_ms=words.end_ms)

    def _closed(self, ended: Ended) -> Wire:
        usage = {"seconds": ended.at_ms / 1000}
        return self._event("session.closed", reason=REASONS[ended.reason], session=self.session(), usage=usage)

    def _event(self, kind: str, **fields: Any) -> Wire:
        return {"type": kind, "event_id": self._new_id("event"), **fields}


def error_event(refusal: Refusal, new_id: NewId, client_id: str | None, kind: str = "invalid_request_error") -> Wire:
    """The `error` event of a refusal. kind: "server_error" where it is not the client's fault."""
    error = {"type": kind, "code": refusal.code, "message": refusal.message, "param": refusal.param}
    # `event_id` beside `client_event_id`: clients of the older protocol look for it there.
    named = {"client_event_id": client_id, "event_id": client_id}
    return {"type": "error", "event_id": new_id("event"), "error": error | named}


def shown(settings: Settings) -> Wire:
    """A session's configuration as clients see it; `session.start` takes it again."""
    return {
        "model": settings.model,
        "audio": {"format": _format(settings.format), "output": {"voice": settings.voice}},
        "instructions": settings.instructions,
        "delegation": dict(settings.delegation),
        "store": settings.store,
    }


def _session(opened: Opened) -> Wire:
    named = {"id": opened.id, "expires_at": opened.expires_at, "status": "active"}
    return named | without_secrets(shown(opened.settings))


def _format(format: SoundFormat) -> Wire:
    return {"type": format.coding, "rate": format.rate_hz}

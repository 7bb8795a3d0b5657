"""What a client of the native extensions receives beyond GPT-Live, from the same timeline. No socket, no clock."""

from collections.abc import Callable, Mapping
from typing import Any

from microturn.core.clock import TICK_MS
from microturn.gateway.live.delegating import WORK_TYPES, work_events
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.live.server import NewId, Wire
from microturn.gateway.overlap import Overlaps
from microturn.gateway.playback import Playback, Played, UnknownItem
from microturn.gateway.timeline import Began, Item, Said, Sound, Stopped

SECOND_MS = 1_000
# Types that no client of GPT-Live knows; it is never sent one.
EXTENSION_TYPES = frozenset(
    ("overlap.decision", "playback.acknowledged", "session.output.stopped", "session.heartbeat_ack", *WORK_TYPES)
)
Pulse = Callable[[], Mapping[str, Any]]  # how the session's clock does now: server_ms, compute_ms


class Extras:
    """One session's further events. `before` each item for what is shown of it, `after` for what is added."""

    def __init__(self, new_id: NewId, pulse: Pulse) -> None:
        self._new_id, self._pulse = new_id, pulse
        self._overlaps, self._playback = Overlaps(), Playback()
        self._item_id = ""  # of the utterance that sounds now
        self._hushed = False

    def before(self, item: Item) -> Item | None:
        """The item as the client gets it: after `session.output.stop` the model is silent until it begins anew."""
        if isinstance(item, Began):
            self._hushed = False
        if self._hushed and isinstance(item, Said):
            return None
        return Sound(item.start_ms) if self._hushed and isinstance(item, Sound) else item

    def after(self, item: Item, events: list[Wire]) -> list[Wire]:
        """The item's events with what they say more, and those that follow them."""
        match item:
            case Began(at_ms):
                self._item_id = self._new_id("item")
                self._playback.began(self._item_id, at_ms)
            case Said() if self._item_id and not self._hushed:
                self._playback.said(item.text, item.start_ms)
                events = [{**event, "item_id": self._item_id} for event in events]
            case Stopped() if self._item_id:
                self._playback.stopped(item.unsaid)
                self._item_id = ""
            case Sound() if self._item_id and not self._hushed:
                self._playback.sounded(item.end_ms)
                events = [{**event, "item_id": self._item_id} for event in events]
            case _:
                pass
        events += [self._event("overlap.decision", **vars(over)) for over in self._overlaps.next(item)]
        events += work_events(item, self._event)
        if isinstance(item, Sound) and item.start_ms % SECOND_MS == 0 and item.start_ms:
            events.append(self._tick(item.start_ms // TICK_MS))
        return events

    def played(self, item_id: str, played_ms: int) -> Wire:
        """`playback.acknowledged`, with the words that were heard."""
        try:
            played: Played = self._playback.acknowledge(item_id, played_ms)
        except UnknownItem as error:
            raise Refusal("invalid_value", f"{error}.", "item_id") from None
        fields = {"item_id": item_id, "played_ms": played.played_ms, "text": played.text}
        return self._event("playback.acknowledged", **fields)

    @property
    def speaks(self) -> bool:
        """Whether an utterance sounds that its clients may hear."""
        return bool(self._item_id) and not self._hushed

    def stop(self, at_ms: int) -> Wire:
        """Silence until the model begins anew: `session.output.stopped`."""
        self._hushed = bool(self._item_id)
        return self._event("session.output.stopped", at_ms=at_ms, item_id=self._item_id or None)

    def alive(self, at_ms: int, client_id: str | None) -> Wire:
        """`session.heartbeat_ack`."""
        return self._event("session.heartbeat_ack", at_ms=at_ms, client_event_id=client_id)

    def _tick(self, tick: int) -> Wire:
        return self._event("info", code="tick", message="The session's clock.", tick=tick, **self._pulse())

    def _event(self, kind: str, **fields: Any) -> Wire:
        return {"type": kind, "event_id": self._new_id("event"), **fields}


def connection_event(kind: str, new_id: NewId, **fields: Any) -> Wire:
    """An event of one connection, not of the session: it has no `server_event_seq` and is never sent again."""
    return {"type": kind, "event_id": new_id("event"), **fields}

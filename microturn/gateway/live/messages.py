"""Messages of one client as events, and what it is told of those that are none. No session."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from microturn.gateway.live.client import ClientEvent, event_id, object_of, parse
from microturn.gateway.live.extensions import Extended, parse_extended
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.live.server import Wire, error_event
from microturn.gateway.wire import Channel


def new_id(kind: str) -> str:
    """A name that nothing else has."""
    return f"{kind}_{uuid4().hex[:20]}"


Parse = Callable[[Mapping[str, Any]], ClientEvent | Extended]


class Refused(NamedTuple):
    """A message that is no event: why, and the client's name for it."""

    refusal: Refusal
    id: str | None

    @property
    def event(self) -> Wire:
        """The `error` event."""
        return error_event(self.refusal, new_id, self.id)


class Messages:
    """One client's channel. extended: it may use the native extensions, and is told things only they know."""

    def __init__(self, channel: Channel, extended: bool = False) -> None:
        self.channel, self.extended = channel, extended

    async def next(self, parsed: Parse | None = None) -> ClientEvent | Extended | Refused:
        """The next message, read by `parsed` where it is not as ever. Gone and TimeoutError as the channel's."""
        message = await self.channel.receive()
        client_id: str | None = None
        try:
            row = object_of(message)
            client_id = event_id(row)
            return (parsed or (parse_extended if self.extended else parse))(row)
        except Refusal as refusal:
            return Refused(refusal, client_id)

    async def refuse(self, refusal: Refusal, client_id: str | None = None) -> None:
        """Tell the client what was wrong."""
        await self.channel.send(error_event(refusal, new_id, client_id))

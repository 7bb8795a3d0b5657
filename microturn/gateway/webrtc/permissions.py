"""Which events a browser may send and see on its data channel. What the events mean lives in the codecs.

Fields and words are GPT-Live's `client.data_channel` (openai-python 3.52, `openai.types.live`); its default is not: who
says nothing gets `CLOSED`, since an open channel shows prompts and tools to whoever has the page.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import uuid4

from microturn.gateway.live.refusal import Refusal
from microturn.gateway.wire import Channel

SECRET = ("instructions", "tools", "responses", "decisions", "input", "safety_identifier")


@dataclass(frozen=True)
class Selected:
    """A server event that may be seen; response_event: only that event inside a `response.event`, "" is any."""

    type: str
    response_event: str = ""


@dataclass(frozen=True)
class Permissions:
    """None is all. sound: types that never pass, either way, because sound flows on the tracks."""

    client: frozenset[str] | None = None
    server: frozenset[Selected] | None = None
    sound: frozenset[str] = frozenset()

    def may_send(self, kind: str) -> bool:
        """Whether the client may send this type of event."""
        return kind not in self.sound and (self.client is None or kind in self.client)

    def may_see(self, event: Mapping[str, Any]) -> bool:
        """Whether the client may see this event."""
        kind = event["type"]
        inner = event.get("event")
        within = cast("Mapping[str, Any]", inner).get("type", "") if isinstance(inner, Mapping) else ""
        if kind in self.sound or self.server is None:
            return kind not in self.sound
        return Selected(kind) in self.server or Selected(kind, str(within)) in self.server


LIVE_SOUND = frozenset({"session.input_audio.append", "session.output_audio.delta"})
REALTIME_SOUND = frozenset({"input_audio_buffer.append", "response.output_audio.delta"})
CLOSED = Permissions(
    frozenset({"session.input_audio.mute", "session.input_audio.unmute", "session.close"}),
    frozenset(
        Selected(kind)
        for kind in (
            "session.started",
            "session.closed",
            "session.input_transcript.delta",
            "session.output_transcript.delta",
            "session.input_audio.muted",
            "session.input_audio.unmuted",
            "session.usage.updated",
            "error",
            "info",
        )
    ),
    LIVE_SOUND,
)


def permissions_of(client: object) -> Permissions:
    """The permissions of a session's `client` object; Refusal names what is wrong in it."""
    if client is None:
        return CLOSED
    channel = _object(_object(client, "session.client", ("data_channel",)).get("data_channel"), CHANNEL, LISTS)
    sent, seen = _listed(channel, LISTS[0]), _listed(channel, LISTS[1])
    permissions = replace(CLOSED, client=None, server=None)
    if sent is not None:
        where = f"{CHANNEL}.{LISTS[0]}"
        permissions = replace(permissions, client=frozenset(_text(one, where) for one in sent))
    if seen is not None:
        permissions = replace(permissions, server=frozenset(_selected(one) for one in seen))
    return permissions


class PermittedChannel:
    """A channel that lets through what is permitted; the client is told of what it sent and may not."""

    def __init__(self, inner: Channel, permissions: Permissions) -> None:
        self._inner, self._permissions = inner, permissions

    async def receive(self) -> str | bytes:
        """The next message that may pass; what is no event is passed on, to be refused by who knows events."""
        while True:
            message = await self._inner.receive()
            row = _row(message)
            if row is None or self._permissions.may_send(str(row.get("type"))):
                return message
            await self.send(_refusal(row, str(row.get("type")) in self._permissions.sound))

    async def send(self, event: Mapping[str, Any]) -> None:
        """One event, if it may be seen; prompts and tools are seen only by who may see all."""
        if self._permissions.may_see(event):
            await self._inner.send(event if self._permissions.server is None else _without_secrets(event))
        if event["type"] == "session.started" and self._permissions.may_see(info := self._told()):
            await self._inner.send(info)

    async def close(self, code: int, reason: str) -> None:
        """Close it."""
        await self._inner.close(code, reason)

    def _told(self) -> Mapping[str, Any]:
        may = self._permissions
        seen = None if may.server is None else {one.type for one in may.server}
        words = f"This data channel may send {_named(may.client)} and sees {_named(seen)}: '{CHANNEL}'."
        event_id = f"event_{uuid4().hex[:20]}"
        return {"type": "info", "event_id": event_id, "code": "data_channel_permissions", "message": words}


CHANNEL, LISTS = "session.client.data_channel", ("allowed_client_events", "allowed_server_events")


def _named(kinds: Collection[str] | None) -> str:
    return "all events" if kinds is None else ", ".join(sorted(kinds)) or "no events"


def _row(message: str | bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", row) if isinstance(row, dict) and "type" in row else None


def _refusal(row: Mapping[str, Any], sound: bool) -> dict[str, Any]:
    id = row.get("event_id")
    why = "sound flows on the tracks of a WebRTC session" if sound else "this data channel may not send it"
    error = {
        "type": "invalid_request_error",
        "code": "event_not_allowed",
        "message": f"'{str(row['type'])[:80]}' is not taken here: {why}.",
        "param": "type",
        "client_event_id": id if isinstance(id, str) else None,
        "event_id": id if isinstance(id, str) else None,
    }
    return {"type": "error", "event_id": f"event_{uuid4().hex[:20]}", "error": error}


def _without_secrets(event: Mapping[str, Any]) -> Mapping[str, Any]:
    session = event.get("session")
    if not isinstance(session, Mapping):
        return event
    shown = {key: value for key, value in cast("Mapping[str, Any]", session).items() if key not in SECRET}
    delegation = shown.get("delegation")
    if isinstance(delegation, Mapping):
        kept = cast("Mapping[str, Any]", delegation).items()
        shown["delegation"] = {key: value for key, value in kept if key not in SECRET}
    return {**event, "session": shown}


def _listed(channel: Mapping[str, Any], name: str) -> list[object] | None:
    """The list of this name; None for all."""
    value = channel.get(name)
    if value is None or value == "all":
        return None
    if not isinstance(value, list):
        raise Refusal("invalid_value", f"'{name}' is \"all\" or a list of event types.", f"{CHANNEL}.{name}")
    return cast("list[object]", value)


def _selected(value: object) -> Selected:
    where = f"{CHANNEL}.{LISTS[1]}"
    if isinstance(value, str):
        return Selected(value)
    row = _object(value, where, ("type", "response_event"))
    return Selected(_text(row.get("type"), where), _text(row.get("response_event") or "", where))


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise Refusal("invalid_value", f"Invalid value for '{where}': right are names of events.", where)
    return value


def _object(value: object, where: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Refusal("invalid_value", f"Invalid value for '{where}': right is an object.", where)
    row = cast("dict[str, Any]", value)
    unknown = next((key for key in row if key not in known), None)
    if unknown is not None:
        raise Refusal("unknown_parameter", f"Unknown parameter '{where}.{unknown}'.", f"{where}.{unknown}")
    return row

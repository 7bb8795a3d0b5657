"""Realtime over WebRTC: `output_audio_buffer` events, which tell what the track plays. The sound itself: speaker."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from microturn.gateway.wire import Channel

CLEAR = "output_audio_buffer.clear"


class PlayingChannel:
    """A channel of the Realtime codec whose sound is played on a track.

    The first delta of a response is `started`. When its response is done it has been played too, for this server sends
    no sound ahead of its time and a response closes after its silence: `stopped`, or `cleared` where it was cut off. A
    client's `output_audio_buffer.clear` cuts off the response that plays, and asks for nothing where none does.
    """

    def __init__(self, inner: Channel) -> None:
        self._inner = inner
        self._playing: str | None = None

    async def receive(self) -> str | bytes:
        """The next message."""
        while True:
            message = await self._inner.receive()
            if CLEAR not in (message if isinstance(message, str) else ""):
                return message
            cancel = self._cancel(str(message))
            if cancel is not None:
                return cancel

    async def send(self, event: Mapping[str, Any]) -> None:
        """One event, and what the track does at it."""
        kind = event["type"]
        if kind == "response.output_audio.delta" and self._playing != event["response_id"]:
            self._playing = str(event["response_id"])
            await self._tell("started", self._playing)
        await self._inner.send(event)
        if kind == "response.done" and self._playing == event["response"]["id"]:
            self._playing = None
            completed = event["response"]["status"] == "completed"
            await self._tell("stopped" if completed else "cleared", str(event["response"]["id"]))

    async def close(self, code: int, reason: str) -> None:
        """Close it."""
        await self._inner.close(code, reason)

    def _cancel(self, message: str) -> str | None:
        """The message itself if it is not about this, or what the codec understands; None where nothing plays."""
        try:
            row = json.loads(message)
        except (ValueError, RecursionError):
            return message
        if not isinstance(row, dict) or row != {**row, "type": CLEAR}:
            return message
        return json.dumps({**row, "type": "response.cancel"}) if self._playing else None

    async def _tell(self, what: str, response_id: str) -> None:
        event = {"type": f"output_audio_buffer.{what}", "event_id": f"event_{uuid4().hex[:20]}"}
        await self._inner.send({**event, "response_id": response_id})

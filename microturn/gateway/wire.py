"""A client's channel: messages in, events out, every wait with its limit. What messages mean lives in the codecs."""

import asyncio
import json
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

CLOSED, REFUSED, FAILED, RESTART, OVERLOAD = 1000, 1008, 1011, 1012, 1013  # RFC 6455 7.4.1 and the IANA registry


class Gone(Exception):
    """The client is not there any more."""


class Channel(Protocol):
    """Where one client's messages come from and its events go, whatever carries them. One reader, many senders."""

    async def receive(self) -> str | bytes:
        """The next message. Gone when the client has closed, TimeoutError when it has been idle for too long."""
        ...

    async def send(self, event: Mapping[str, Any]) -> None:
        """One event, as JSON; Gone where the client is not there or takes too long to read it."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close it with one of the codes above; nothing happens where the client did."""
        ...


class SocketChannel:
    """The `Channel` of an accepted WebSocket. idle_s: without a message; send_s: until an event has been taken."""

    def __init__(self, socket: WebSocket, idle_s: float, send_s: float) -> None:
        self._socket, self._idle_s, self._send_s = socket, idle_s, send_s

    async def receive(self) -> str | bytes:
        """The next message."""
        async with asyncio.timeout(self._idle_s):
            message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise Gone
        text: str | None = message.get("text")
        return message["bytes"] if text is None else text

    async def send(self, event: Mapping[str, Any]) -> None:
        """One event."""
        await self._within(self._socket.send_text(json.dumps(event)))

    async def close(self, code: int, reason: str) -> None:
        """Close the socket."""
        if self._socket.application_state is WebSocketState.CONNECTED:
            try:
                await self._within(self._socket.close(code, reason))
            except Gone:
                return

    async def _within(self, sending: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._send_s):
                await sending
        except (TimeoutError, RuntimeError, OSError, WebSocketDisconnect) as error:  # RuntimeError: it was closed
            raise Gone from error

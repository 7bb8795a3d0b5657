"""One Realtime WebSocket from its handshake to its close. What messages mean lives in codec.py."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from uuid import uuid4

import structlog
from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from microturn.engine.api import AdmissionRefused
from microturn.gateway.realtime.codec import PushAudio, RealtimeCodec
from microturn.gateway.realtime.refusal import Refusal
from microturn.gateway.realtime.settings import default_settings
from microturn.gateway.realtime.wire import ServerEvent
from microturn.gateway.session import LiveSession
from microturn.gateway.sessions import Ask, Sessions
from microturn.gateway.timeline import EndReason, Item, TooMuch

SUBPROTOCOL = "realtime"  # browsers offer it beside their key and need to see it chosen
CLOSED, REFUSED, FAILED, RESTART, OVERLOAD = 1000, 1008, 1011, 1012, 1013
CLOSE_CODES: dict[EndReason, int] = {"failed": FAILED, "draining": RESTART, "too_slow": OVERLOAD}
MAX_MODEL_CHARS = 256
log = structlog.get_logger("microturn.gateway")


def register(app: FastAPI, sessions: Sessions) -> None:
    """Add the route of this dialect."""

    async def realtime(socket: WebSocket) -> None:
        offered: Sequence[str] = socket.scope.get("subprotocols", ())
        await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        await serve_realtime(socket, sessions)

    app.add_api_websocket_route("/v1/realtime", realtime)


async def serve_realtime(socket: WebSocket, sessions: Sessions) -> None:
    """Hold one session over an accepted WebSocket. The model's name in the URL is shown, this server has one model."""
    connection = _Connection(socket, sessions.limits.send_s)
    try:
        if socket.query_params.get("intent", "conversation") != "conversation":
            await connection.refuse(REFUSED, "unsupported_value", "This server holds conversations only.", "intent")
            return
        model = socket.query_params.get("model", "")[:MAX_MODEL_CHARS] or sessions.host.name
        settings = default_settings(model)
        session = await sessions.open(Ask("realtime", settings.model_dump(exclude_none=True)))
    except AdmissionRefused as error:
        log.info("session refused", reason=error.reason)
        code = "server_draining" if sessions.draining else "server_at_capacity"
        message = f"No session can be opened: {error.reason}. Try again in {error.retry_after_s:g} s."
        await connection.refuse(OVERLOAD, code, message)
        return
    except _Gone:
        return
    expires_at = int(time.time() + sessions.limits.longest_s)
    codec = RealtimeCodec(session.id, settings, expires_at)
    await _Conversation(connection, session, codec, sessions.limits.idle_s).hold()


class _Gone(Exception):
    """The client is not there any more."""


class _Connection:
    """One socket; every send has its limit."""

    def __init__(self, socket: WebSocket, send_s: float) -> None:
        self._socket, self._send_s = socket, send_s

    async def received(self) -> str | bytes:
        """The next message. _Gone when the client has closed."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise _Gone
        text: str | None = message.get("text")
        return message["bytes"] if text is None else text

    async def send(self, events: Sequence[ServerEvent]) -> None:
        """Events in order; _Gone where the client is not there or takes too long to read one."""
        for event in events:
            await self._within(self._socket.send_text(json.dumps(event)))

    async def refuse(self, close_code: int, code: str, message: str, param: str | None = None) -> None:
        """Say why there is no session, and close."""
        body = Refusal(code, message, param).body() | ({} if param else {"type": "server_error"})
        try:
            await self.send([{"type": "error", "event_id": f"event_{uuid4().hex[:20]}", "error": body}])
        except _Gone:
            return
        await self.close(close_code, code)

    async def close(self, code: int, reason: str) -> None:
        """Close the socket; nothing happens where the client did."""
        if self._socket.application_state is WebSocketState.CONNECTED:
            try:
                await self._within(self._socket.close(code, reason))
            except _Gone:
                return

    async def _within(self, sending: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._send_s):
                await sending
        except (TimeoutError, RuntimeError, OSError, WebSocketDisconnect) as error:  # RuntimeError: it was closed
            raise _Gone from error


class _Conversation:
    """A session and its socket. The lock keeps the order of the codec's answers on the wire."""

    def __init__(self, connection: _Connection, session: LiveSession, codec: RealtimeCodec, idle_s: float) -> None:
        self._connection, self._session, self._codec, self._idle_s = connection, session, codec, idle_s
        self._order = asyncio.Lock()

    async def hold(self) -> None:
        """Both directions until one of them ends; then the session ends too."""
        items = self._session.items()
        self._session.start()
        writing = asyncio.create_task(self._write(items))
        reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                self._session.close(reading.result())
                await asyncio.wait({writing}, timeout=1.0)
        finally:
            self._session.close("connection_lost")
            for task in (writing, reading):
                task.cancel()
            await asyncio.gather(writing, reading, return_exceptions=True)
        end = self._session.end
        await self._connection.close(CLOSED if end is None else CLOSE_CODES.get(end.reason, CLOSED), "session closed")

    async def _write(self, items: AsyncIterator[Item]) -> None:
        """The timeline, event by event, up to its end."""
        try:
            async with self._order:
                await self._connection.send(self._codec.opening())
            async for item in items:
                async with self._order:
                    await self._connection.send(self._codec.from_timeline(item))
        except _Gone:
            return

    async def _read(self) -> EndReason:
        """The client's messages; why they ended."""
        try:
            while True:
                async with asyncio.timeout(self._idle_s):
                    raw = await self._connection.received()
                async with self._order:
                    await self._connection.send(self._answered(raw))
        except TimeoutError:
            return "idle"
        except _Gone:
            return "connection_lost"

    def _answered(self, raw: str | bytes) -> Sequence[ServerEvent]:
        """Let the session have what a message brings; what is answered at once."""
        events, actions = self._codec.from_client(raw)
        for action in actions:
            try:
                if isinstance(action, PushAudio):
                    self._session.push_audio(action.pcm)
                else:
                    self._session.push_text(action.text, action.id)
            except TooMuch as error:
                return [*events, self._codec.error(Refusal("rate_limit_exceeded", str(error)))]
        return events

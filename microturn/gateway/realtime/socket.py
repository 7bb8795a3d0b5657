"""One Realtime client from its handshake to its close. What messages mean lives in codec.py."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import structlog
from fastapi import FastAPI, WebSocket

from microturn.engine.api import AdmissionRefused
from microturn.gateway.doors import grant_of
from microturn.gateway.named_servers import NoApproval
from microturn.gateway.realtime.codec import (
    Action,
    Approve,
    GiveOutput,
    Hush,
    Instruct,
    Offer,
    PushAudio,
    PushText,
    RealtimeCodec,
    ShowPicture,
)
from microturn.gateway.realtime.pictures import pixels
from microturn.gateway.realtime.refusal import Refusal
from microturn.gateway.realtime.settings import Settings, default_settings
from microturn.gateway.realtime.wire import ServerEvent
from microturn.gateway.session import LiveSession
from microturn.gateway.sessions import Ask, Sessions
from microturn.gateway.timeline import EndReason, Item, TooMuch
from microturn.gateway.wire import CLOSED, FAILED, OVERLOAD, REFUSED, RESTART, Channel, Gone, SocketChannel

SUBPROTOCOL = "realtime"  # browsers offer it beside their key and need to see it chosen
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
    channel = sessions.limited(SocketChannel(socket, sessions.limits.idle_s, sessions.limits.send_s))
    try:
        if socket.query_params.get("intent", "conversation") != "conversation":
            await refuse(channel, REFUSED, "unsupported_value", "This server holds conversations only.", "intent")
            return
        grant = grant_of(socket)
        bound = Settings.model_validate(grant.session or {})
        model = socket.query_params.get("model", "")[:MAX_MODEL_CHARS] or bound.model or sessions.host.name
        settings = default_settings(model).with_update(bound).with_update(Settings(model=model))
        session = await sessions.open(Ask("realtime", settings.model_dump(exclude_none=True), grant.owner))
    except AdmissionRefused as error:
        log.info("session refused", reason=error.reason)
        code = "server_draining" if sessions.draining else "server_at_capacity"
        message = f"No session can be opened: {error.reason}. Try again in {error.retry_after_s:g} s."
        await refuse(channel, OVERLOAD, code, message)
        return
    expires_at = int(time.time() + sessions.limits.longest_s)
    codec = RealtimeCodec(session.id, settings, expires_at, sessions.host.reads)
    await hold_realtime(channel, session, codec)


async def hold_realtime(channel: Channel, session: LiveSession, codec: RealtimeCodec) -> None:
    """Start a session and serve its client, whatever its channel is, until either ends."""
    await _Conversation(channel, session, codec).hold()


async def refuse(channel: Channel, close_code: int, code: str, message: str, param: str | None = None) -> None:
    """Say why there is no session, and close."""
    body = Refusal(code, message, param).body() | ({} if param else {"type": "server_error"})
    try:
        await channel.send({"type": "error", "event_id": f"event_{uuid4().hex[:20]}", "error": body})
    except Gone:
        return
    await channel.close(close_code, code)


class _Conversation:
    """A session and its client. The lock keeps the order of the codec's answers on the wire."""

    def __init__(self, channel: Channel, session: LiveSession, codec: RealtimeCodec) -> None:
        self._channel, self._session, self._codec = channel, session, codec
        self._order = asyncio.Lock()

    async def hold(self) -> None:
        """Both directions until one of them ends; then the session ends too."""
        items = self._session.items()
        tasks: list[asyncio.Task[Any]] = []
        try:
            # A client that leaves before its session has begun must not leave it behind.
            await self._carry_out(self._codec.instructed())
            self._session.start()
            writing, reading = asyncio.create_task(self._write(items)), asyncio.create_task(self._read())
            tasks += [writing, reading]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                self._session.close(reading.result())
                await asyncio.wait({writing}, timeout=1.0)
        except Gone:
            pass
        finally:
            self._session.close("connection_lost")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        end = self._session.end
        await self._channel.close(CLOSED if end is None else CLOSE_CODES.get(end.reason, CLOSED), "session closed")

    async def _write(self, items: AsyncIterator[Item]) -> None:
        """The timeline, event by event, up to its end."""
        try:
            async with self._order:
                await self._send(self._codec.opening())
            async for item in items:
                async with self._order:
                    await self._send(self._codec.from_timeline(item))
        except Gone:
            return

    async def _read(self) -> EndReason:
        """The client's messages; why they ended."""
        try:
            while True:
                raw = await self._channel.receive()
                async with self._order:
                    answer = self._codec.from_client(raw)
                    await self._send(answer.events)
                await self._carry_out(answer.actions, answer.id)
        except TimeoutError:
            return "idle"
        except Gone:
            return "connection_lost"

    async def _send(self, events: Sequence[ServerEvent]) -> None:
        for event in events:
            await self._channel.send(event)

    async def _carry_out(self, actions: Sequence[Action], client_id: str | None = None) -> None:
        """Let the session have what a message brings, up to the first thing that it cannot take."""
        try:
            for action in actions:
                await self._act(action)
        except TooMuch as error:
            await self._refuse(Refusal("rate_limit_exceeded", str(error)), client_id)
        except Refusal as refusal:
            await self._refuse(refusal, client_id)

    async def _act(self, action: Action) -> None:
        match action:
            case PushAudio(pcm):
                self._session.push_audio(pcm)
            case Hush():
                self._session.hush()
            case PushText(text, id):
                self._session.push_text(text, id)
            case ShowPicture(picture):
                self._session.push_frame(await asyncio.to_thread(pixels, picture))
            case GiveOutput(call_id, output):
                if self._session.delegations is not None:
                    self._session.delegations.calls.give(call_id, output)
            case Approve(approval_id, approved):
                self._approve(approval_id, approved)
            case Offer(tools):
                if self._session.delegations is not None:
                    self._session.delegations.offer(tools)
            case Instruct(text):
                if self._session.delegations is not None:
                    self._session.delegations.instruct(text)

    def _approve(self, approval_id: str, approved: bool) -> None:
        """Refusal where nothing waits for it; an old conversation that is put back may hold such answers too."""
        try:
            if self._session.delegations is not None:
                self._session.delegations.servers.approve(approval_id, approved)
        except NoApproval as error:
            raise Refusal("invalid_value", str(error), "item.approval_request_id") from None

    async def _refuse(self, refusal: Refusal, client_id: str | None) -> None:
        async with self._order:
            await self._send([self._codec.error(refusal, client_id)])

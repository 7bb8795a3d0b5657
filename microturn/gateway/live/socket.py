"""One GPT-Live client from its first message to its close. What the messages mean lives in client and server."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import uuid4

import structlog
from fastapi import WebSocket

from microturn.engine.api import AdmissionRefused
from microturn.gateway.doors import grant_of
from microturn.gateway.formats import SoundReader
from microturn.gateway.live.client import (
    Append,
    Audio,
    ClientEvent,
    Close,
    Mute,
    Settings,
    Start,
    Update,
    event_id,
    object_of,
    parse,
)
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.live.server import Opened, Projection, Wire, error_event, shown
from microturn.gateway.session import LiveSession
from microturn.gateway.sessions import Ask, Sessions
from microturn.gateway.timeline import EndReason, Item, TooMuch
from microturn.gateway.wire import CLOSED, OVERLOAD, REFUSED, RESTART, Channel, Gone, SocketChannel

log = structlog.get_logger("microturn.gateway")


async def serve_live(socket: WebSocket, sessions: Sessions) -> None:
    """Hold one session over an accepted WebSocket. Bad messages get an `error`; the session goes on."""
    channel = SocketChannel(socket, sessions.limits.idle_s, sessions.limits.send_s)
    connection = _Connection(channel, sessions)
    try:
        asked = await connection.start_asked()
        if asked is None:
            return
        session = await sessions.open(Ask("live", shown(asked.settings), grant_of(socket).owner, asked.settings.store))
    except AdmissionRefused as error:
        await connection.refuse_admission(error)
        return
    except Gone:
        return
    await _Conversation(connection, session, asked).hold()


def new_id(kind: str) -> str:
    """A name that nothing else has."""
    return f"{kind}_{uuid4().hex[:20]}"


class _Asked(NamedTuple):
    settings: Settings
    event: ClientEvent


class _Connection:
    """Messages of one client as events, and what it is told of those that are none."""

    def __init__(self, channel: Channel, sessions: Sessions) -> None:
        self.channel, self.sessions, self.limits = channel, sessions, sessions.limits

    async def start_asked(self) -> _Asked | None:
        """What `session.start` asks for; None where it did not come and the channel is closed."""
        try:
            async with asyncio.timeout(self.limits.start_s):
                while True:
                    event = await self.received()
                    if event is not None and isinstance(event.body, Start):
                        return _Asked(event.body.settings, event)
                    if event is not None:
                        await self.refuse(Refusal("session_not_started", "Send session.start first."), event.id)
        except TimeoutError:
            await self.refuse(Refusal("session_not_started", "session.start did not come in time."), None)
            await self.channel.close(REFUSED, "no session.start")
            return None

    async def received(self) -> ClientEvent | None:
        """The event of the next message; None where it is refused. Gone and TimeoutError as the channel's."""
        message = await self.channel.receive()
        client_id: str | None = None
        try:
            row = object_of(message)
            client_id = event_id(row)
            return parse(row)
        except Refusal as refusal:
            await self.refuse(refusal, client_id)
            return None

    async def refuse(self, refusal: Refusal, client_id: str | None) -> None:
        """Tell the client what was wrong."""
        await self.channel.send(error_event(refusal, new_id, client_id))

    async def refuse_admission(self, error: AdmissionRefused) -> None:
        """Tell the client that there is no room, in a code that no client takes for a lasting failure."""
        log.info("session refused", reason=error.reason)
        code = "server_draining" if self.sessions.draining else "server_at_capacity"
        refusal = Refusal(code, f"No session can be opened: {error.reason}. Try again in {error.retry_after_s:g} s.")
        await self.channel.send(error_event(refusal, new_id, None, "server_error"))
        await self.channel.close(OVERLOAD, code)


class _Conversation:
    """A started session and its client."""

    def __init__(self, connection: _Connection, session: LiveSession, asked: _Asked) -> None:
        self._connection, self._session = connection, session
        settings = asked.settings
        expires_at = int(time.time() + connection.limits.longest_s)
        self._delegation = settings.delegation
        self._projection = Projection(Opened(session.id, expires_at, settings), new_id)
        self._sound = SoundReader(settings.format)

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
                await asyncio.wait({writing}, timeout=self._connection.limits.send_s)
        finally:
            self._session.close("connection_lost")
            for task in (writing, reading):
                task.cancel()
            await asyncio.gather(writing, reading, return_exceptions=True)
        restart = self._session.end is not None and self._session.end.reason == "draining"
        await self._connection.channel.close(RESTART if restart else CLOSED, "session closed")

    async def _write(self, items: AsyncIterator[Item]) -> None:
        """The timeline, event by event, up to `session.closed`."""
        try:
            await self._connection.channel.send(self._projection.started())
            async for item in items:
                for event in self._projection.events(item):
                    await self._connection.channel.send(event)
        except Gone:
            return

    async def _read(self) -> EndReason:
        """The client's messages; why they ended."""
        while True:
            try:
                event = await self._connection.received()
                if event is not None:
                    await self._take(event)
            except TimeoutError:
                return "idle"
            except Gone:
                return "connection_lost"

    async def _take(self, event: ClientEvent) -> None:
        try:
            answer = self._answer(event)
        except TooMuch as error:
            await self._connection.refuse(Refusal("rate_limit_exceeded", str(error)), event.id)
        except Refusal as refusal:
            await self._connection.refuse(refusal, event.id)
        else:
            if answer is not None:
                await self._connection.channel.send(answer)

    def _answer(self, event: ClientEvent) -> Wire | None:
        """Let the session have it; what is answered at once."""
        match event.body:
            case Audio(data):
                self._session.push_audio(self._sound.push(data))
            case Append(kind, content):
                self._append(kind, content, event.id)
            case Mute(muted):
                self._session.mute(muted)
                return self._projection.muted(muted, event.id)
            case Update(delegation):
                return self._updated(dict(delegation))
            case Close():
                self._session.close("close_requested")
            case Start():
                raise Refusal("session_already_started", "This session has started; open another connection.")
        return None

    def _append(self, kind: str, content: str, client_id: str | None) -> None:
        if kind == "thinking":
            raise Refusal("unsupported", "This model takes no silent context; append instructions instead.", "type")
        name = new_id("text")
        self._session.push_text(content, name)
        self._projection.awaits(name, kind, client_id)

    def _updated(self, delegation: dict[str, object]) -> Wire:
        now = self._delegation.get("type")
        if delegation.get("type", now) != now:
            raise Refusal("invalid_value", f"The delegation stays '{now}'.", "session.delegation.type")
        self._delegation = {**self._delegation, **delegation}
        return self._projection.updated(self._delegation)

"""The routes of GPT-Live over WebSocket beside the first: a sideband of a session that runs, a fork of one."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import structlog
from fastapi import FastAPI, WebSocket

from microturn.core.errors import InputError
from microturn.engine.api import AdmissionRefused
from microturn.gateway.doors import grant_of
from microturn.gateway.kept import KeptSession
from microturn.gateway.live.client import ClientEvent, Start, parse_fork
from microturn.gateway.live.messages import Messages
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.live.server import shown
from microturn.gateway.live.socket import LiveDesk
from microturn.gateway.session import LiveSession
from microturn.gateway.sessions import Ask, Sessions
from microturn.gateway.store import NotKept
from microturn.gateway.wire import REFUSED, Gone

log = structlog.get_logger("microturn.gateway")


class Parent(NamedTuple):
    """A session that may be forked, and its configuration as it was shown."""

    session: LiveSession | KeptSession
    config: Mapping[str, Any]


def register(app: FastAPI, desk: LiveDesk) -> None:
    """Add the routes."""

    async def attach(socket: WebSocket, session_id: str) -> None:
        await socket.accept()
        await serve_sideband(desk, desk.messages(socket), session_id, grant_of(socket).owner)

    async def fork(socket: WebSocket, session_id: str) -> None:
        await socket.accept()
        await serve_fork(desk, desk.messages(socket), session_id, grant_of(socket).owner)

    app.add_api_websocket_route("/v1/live/sessions/{session_id}/attach", attach)
    app.add_api_websocket_route("/v1/live/sessions/{session_id}/fork", fork)


async def serve_sideband(desk: LiveDesk, messages: Messages, session_id: str, owner: str) -> None:
    """A trusted backend at a session of its own key. `graceful_close` asks for what this server always does."""
    conversation, ask = desk.find(session_id), desk.sessions.ask_of(session_id)
    try:
        if conversation is None or ask is None or ask.owner != owner:
            await refuse(messages, unknown(session_id))
            return
        await conversation.attach(messages)
    except Gone:
        return


async def serve_fork(desk: LiveDesk, messages: Messages, session_id: str, owner: str) -> None:
    """A new session that remembers another, which runs or is recorded, held until this connection ends."""
    try:
        parent = await asyncio.to_thread(parent_of, desk.sessions, session_id, owner)
        if parent is None:
            await refuse(messages, unknown(session_id))
            return

        def parsed(row: Mapping[str, Any]) -> ClientEvent:
            return parse_fork(row, parent.config)

        first = await desk.first(messages, parsed)
        if not isinstance(first, Start):
            return
        settings, grace_s = first.settings, desk.sessions.limits.grace_s if messages.extended else 0.0
        session = await desk.sessions.fork(parent.session, Ask("live", shown(settings), owner, settings.store, grace_s))
        log.info("session forked", session_id=session.id, parent=session_id)
        await desk.hold(messages, session, settings, grace_s, remembers=True)
    except AdmissionRefused as error:
        await desk.refuse_admission(messages, error)
    except InputError as error:
        log.warning("session cannot be forked", session_id=session_id, reason=str(error))
        await refuse(messages, Refusal("unsupported", "What this session remembered is not kept here."))
    except Gone:
        return


def parent_of(sessions: Sessions, session_id: str, owner: str) -> Parent | None:
    """The session to fork, if it is whoever asks' own. It reads files: call it from a thread."""
    session, ask = sessions.find(session_id), sessions.ask_of(session_id)
    if session is not None and ask is not None:
        return Parent(session, ask.config) if ask.owner == owner and ask.protocol == "live" else None
    if sessions.store is None:
        return None
    try:
        kept = sessions.store.read(session_id)
    except NotKept:
        return None
    about = kept.about
    return Parent(kept, about.config) if about.owner == owner and about.protocol == "live" else None


async def refuse(messages: Messages, refusal: Refusal) -> None:
    """Say why there is nothing here, and close."""
    await messages.refuse(refusal)
    await messages.channel.close(REFUSED, refusal.code)


def unknown(session_id: str) -> Refusal:
    """No such session, or another key's: which of both is not told."""
    return Refusal("session_not_found", f"There is no session '{session_id[:80]}'.", "session_id")

"""The HTTP side of WebRTC: offers in, answers out, for both protocols. What a call is lives in calls.

Wire formats: openai-python 3.52, `resources.realtime.calls` (SDP alone, or a form of `sdp` and `session`) and
`types.live` (JSON of `session` and `transport`); further candidates as WHIP has them (RFC 9725 4.3). A call's id is its
session's. Controls of telephone calls answer 501.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from microturn.core.errors import InputError
from microturn.engine.api import AdmissionRefused
from microturn.gateway.doors import grant_of
from microturn.gateway.kept import KeptSession
from microturn.gateway.live.client import ClientEvent, Start, parse, parse_fork
from microturn.gateway.live.client import Settings as LiveSettings
from microturn.gateway.live.messages import Messages
from microturn.gateway.live.refusal import Refusal as LiveRefusal
from microturn.gateway.live.routes import parent_of, unknown
from microturn.gateway.live.server import shown
from microturn.gateway.live.socket import LiveDesk
from microturn.gateway.parsing import parsed
from microturn.gateway.realtime.client import parse_settings
from microturn.gateway.realtime.codec import RealtimeCodec
from microturn.gateway.realtime.refusal import Refusal
from microturn.gateway.realtime.settings import Settings, default_settings
from microturn.gateway.realtime.socket import MAX_MODEL_CHARS, hold_realtime
from microturn.gateway.session import LiveSession
from microturn.gateway.sessions import Ask
from microturn.gateway.webrtc.calls import Answered, Calls
from microturn.gateway.webrtc.candidates import candidates_of
from microturn.gateway.webrtc.peer import OfferRefused
from microturn.gateway.webrtc.permissions import REALTIME_SOUND, Permissions, PermittedChannel, permissions_of
from microturn.gateway.webrtc.playing import PlayingChannel
from microturn.gateway.webrtc.speaker import Speaker
from microturn.gateway.wire import Channel

LIVE, REALTIME, ICE = "/v1/live/sessions", "/v1/realtime/calls", "/v1/ice_servers"
FRAGMENT = "application/trickle-ice-sdpfrag"
log = structlog.get_logger("microturn.gateway")


def register(app: FastAPI, calls: Calls, desk: LiveDesk) -> None:
    """Add the routes."""

    async def live(request: Request) -> Response:
        return await _answer(lambda: _live_call(request, calls, desk), _live_answer)

    async def realtime(request: Request) -> Response:
        return await _answer(lambda: _realtime_call(request, calls), _realtime_answer)

    async def fork(id: str, request: Request) -> Response:
        return await _answer(lambda: _live_fork(id, request, calls, desk), _live_answer)

    async def hang_up(id: str, request: Request) -> Response:
        found = _owns(calls, id, request) and calls.hang_up(id)
        return Response(status_code=200) if found else _no_call(id)

    async def trickle(id: str, request: Request) -> Response:
        if _kind(request) != FRAGMENT:
            return _error(415, "unsupported_media_type", f"Send candidates as {FRAGMENT}.")
        try:
            candidates = candidates_of((await request.body()).decode("utf-8", "replace"))
            found = _owns(calls, id, request) and await calls.add(id, candidates)
        except (InputError, OfferRefused) as error:
            return _error(422, "invalid_candidates", str(error))
        return Response(status_code=204) if found else _no_call(id)

    async def servers() -> Response:
        return JSONResponse({"ice_servers": [one.shown for one in calls.ice.servers()]})

    async def telephone(id: str) -> Response:
        message = "This server takes no telephone calls; put a SIP gateway such as LiveKit's in front of it."
        return _error(501, "unsupported", message)

    app.add_api_route(LIVE, live, methods=["POST"])
    app.add_api_route(REALTIME, realtime, methods=["POST"])
    app.add_api_route(LIVE + "/{id}/fork", fork, methods=["POST"])
    app.add_api_route(REALTIME + "/{id}/hangup", hang_up, methods=["POST"])
    for route in (LIVE, REALTIME):
        app.add_api_route(route + "/{id}", trickle, methods=["PATCH"])
    app.add_api_route(ICE, servers)
    for route, actions in ((REALTIME, ("accept", "reject", "refer")), (LIVE, ("accept", "reject", "refer", "hangup"))):
        for action in actions:
            app.add_api_route(f"{route}/{{id}}/{action}", telephone, methods=["POST"])


async def _answer(call: Callable[[], Awaitable[Answered]], written: Callable[[Answered], Response]) -> Response:
    """The answer to an offer, or why there is none."""
    try:
        return written(await call())
    except OfferRefused as error:
        return _error(400, "invalid_offer", str(error), "sdp")
    except (Refusal, LiveRefusal) as refusal:
        status = 404 if refusal.code == "session_not_found" else 400
        return _error(status, refusal.code, refusal.message, refusal.param)
    except AdmissionRefused as error:
        log.info("session refused", reason=error.reason)
        message = f"No session can be opened: {error.reason}."
        headers = {"Retry-After": str(max(1, round(error.retry_after_s)))}
        return _error(503, "server_at_capacity", message, headers=headers)


async def _live_call(request: Request, calls: Calls, desk: LiveDesk) -> Answered:
    session, offer = _live_body(await request.body())
    event = parse({"type": "session.start", "session": dict(session)})
    return await _open_live(request, calls, desk, offer, event)


async def _live_fork(id: str, request: Request, calls: Calls, desk: LiveDesk) -> Answered:
    parent = await asyncio.to_thread(parent_of, calls.sessions, id, grant_of(request).owner)
    if parent is None:
        raise unknown(id)
    session, offer = _live_body(await request.body(), inherits=True)
    # What a page may do is inherited as it was said, also where it was said over a WebSocket with more beside it.
    said = dict(parent.config.get("client") or {}).get("data_channel")
    config = {**parent.config, "client": None if said is None else {"data_channel": said}}
    event = parse_fork({"type": "session.start", "session": dict(session)}, config)
    try:
        return await _open_live(request, calls, desk, offer, event, parent.session)
    except InputError as error:
        log.warning("session cannot be forked", session_id=id[:80], reason=str(error))
        raise LiveRefusal("unsupported", "What this session remembered is not kept here.") from None


async def _open_live(
    request: Request,
    calls: Calls,
    desk: LiveDesk,
    offer: str,
    event: ClientEvent,
    parent: LiveSession | KeptSession | None = None,
) -> Answered:
    assert isinstance(event.body, Start)
    settings: LiveSettings = event.body.settings
    permissions = permissions_of(settings.client or None)
    config = shown(settings) | ({"client": dict(settings.client)} if settings.client else {})

    async def converse(session: LiveSession, channel: Channel, speaker: Speaker) -> None:
        messages = Messages(calls.sessions.limited(PermittedChannel(channel, permissions)))
        await desk.hold(messages, session, settings, remembers=parent is not None)

    return await calls.open(offer, Ask("live", config, grant_of(request).owner, settings.store), converse, parent)


async def _realtime_call(request: Request, calls: Calls) -> Answered:
    offer, asked = await _realtime_body(request)
    grant = grant_of(request)
    bound = parse_settings(dict(grant.session or {}))
    named = request.query_params.get("model", "")[:MAX_MODEL_CHARS]
    model = asked.model or named or bound.model or calls.sessions.host.name
    settings = default_settings(model).with_update(bound).with_update(asked).with_update(Settings(model=model))

    async def converse(session: LiveSession, channel: Channel, speaker: Speaker) -> None:
        expires_at = int(time.time() + calls.sessions.limits.longest_s)
        codec = RealtimeCodec(session.id, settings, expires_at, calls.sessions.host.reads)
        speaker.audible = lambda: codec.audible
        permitted = PermittedChannel(channel, Permissions(sound=REALTIME_SOUND))
        await hold_realtime(calls.sessions.limited(PlayingChannel(permitted)), session, codec)

    return await calls.open(offer, Ask("realtime", settings.model_dump(exclude_none=True), grant.owner), converse)


def _live_body(raw: bytes, inherits: bool = False) -> tuple[Mapping[str, Any], str]:
    """The session and the offer of a request. inherits: it may leave the session out."""
    body = _object(_json(raw), "body", ("session", "transport"))
    session = _object({} if inherits and body.get("session") is None else body.get("session"), "session")
    if _object(session.get("audio") or {}, "session.audio").get("format") is not None:
        message = "WebRTC negotiates its own format; leave 'session.audio.format' out."
        raise LiveRefusal("unsupported", message, "session.audio.format")
    transport = _object(body.get("transport"), "transport", ("type", "sdp"))
    if transport.get("type") != "webrtc":
        raise LiveRefusal("invalid_value", "A transport is 'webrtc' here.", "transport.type")
    offer = transport.get("sdp")
    if not isinstance(offer, str):
        raise LiveRefusal("missing_required_parameter", "Missing required parameter 'transport.sdp'.", "transport.sdp")
    return session, offer


async def _realtime_body(request: Request) -> tuple[str, Settings]:
    """The offer and the settings of a request: an SDP alone, or a form."""
    kind = _kind(request)
    if kind == "application/sdp":
        return (await request.body()).decode("utf-8", "replace"), Settings()
    if kind != "multipart/form-data":
        raise Refusal("unsupported_media_type", "Send the SDP offer as application/sdp, or a form of sdp and session.")
    try:
        form = await request.form(max_files=2, max_fields=2)
        parts = {name: await _part(form[name]) for name in form}
    except (HTTPException, UnicodeDecodeError) as error:
        raise Refusal("invalid_form", "The form cannot be read.") from error
    if "sdp" not in parts:
        raise Refusal("missing_required_parameter", "Missing required parameter: 'sdp'.", "sdp")
    return parts["sdp"], parse_settings(_json(parts.get("session", "{}").encode()))


def _kind(request: Request) -> str:
    """The media type of a request."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _owns(calls: Calls, session_id: str, request: Request) -> bool:
    """Whether whoever asks has opened this session."""
    ask = calls.sessions.ask_of(session_id)
    return ask is not None and ask.owner == grant_of(request).owner


async def _part(part: Any) -> str:
    """One part of a form, sent as a field or as a file."""
    return part if isinstance(part, str) else (await part.read()).decode("utf-8")


def _json(raw: bytes) -> object:
    try:
        return parsed(raw)
    except ValueError:
        raise LiveRefusal("invalid_json", "The body is not JSON.") from None


def _object(value: object, where: str, known: tuple[str, ...] | None = None) -> Mapping[str, Any]:
    if value is None:
        raise LiveRefusal("missing_required_parameter", f"Missing required parameter '{where}'.", where)
    if not isinstance(value, dict):
        raise LiveRefusal("invalid_value", f"Invalid value for '{where}': right is an object.", where)
    row = cast("dict[str, Any]", value)
    unknown = next((key for key in row if known is not None and key not in known), None)
    if unknown is not None:
        path = f"{where}.{unknown[:80]}"
        raise LiveRefusal("unknown_parameter", f"Unknown parameter '{path}'.", path)
    return row


def _live_answer(answered: Answered) -> Response:
    body = {"session": {"id": answered.session_id}, "transport": {"type": "webrtc", "sdp": answered.sdp}}
    return JSONResponse(body, 201, {"Location": f"{LIVE}/{answered.session_id}"})


def _realtime_answer(answered: Answered) -> Response:
    headers = {"Location": f"{REALTIME}/{answered.session_id}"}
    return Response(answered.sdp, 201, headers, media_type="application/sdp")


def _no_call(session_id: str) -> Response:
    return _error(404, "call_not_found", f"There is no call '{session_id[:80]}'.")


def _error(
    status: int, code: str, message: str, param: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": message, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": error}, status, headers)

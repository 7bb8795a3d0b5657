"""The HTTP side of WebRTC: offers in, answers out, for both protocols. What a call is lives in calls.

Wire formats: openai-python 3.52, `resources.realtime.calls` (SDP alone, or a form of `sdp` and `session`) and
`types.live` (JSON of `session` and `transport`). A call's id is its session's. Controls of telephone calls answer 501.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from microturn.engine.api import AdmissionRefused
from microturn.gateway.doors import grant_of
from microturn.gateway.live.client import Start, parse
from microturn.gateway.live.messages import Messages
from microturn.gateway.live.refusal import Refusal as LiveRefusal
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
from microturn.gateway.webrtc.peer import OfferRefused
from microturn.gateway.webrtc.permissions import REALTIME_SOUND, Permissions, PermittedChannel, permissions_of
from microturn.gateway.webrtc.playing import PlayingChannel
from microturn.gateway.webrtc.speaker import Speaker
from microturn.gateway.wire import Channel

LIVE, REALTIME = "/v1/live/sessions", "/v1/realtime/calls"
log = structlog.get_logger("microturn.gateway")


def register(app: FastAPI, calls: Calls, desk: LiveDesk) -> None:
    """Add the routes."""

    async def live(request: Request) -> Response:
        return await _answer(lambda: _live_call(request, calls, desk), _live_answer)

    async def realtime(request: Request) -> Response:
        return await _answer(lambda: _realtime_call(request, calls), _realtime_answer)

    async def hang_up(id: str, request: Request) -> Response:
        ask = calls.sessions.ask_of(id)
        if ask is None or ask.owner != grant_of(request).owner or not calls.hang_up(id):
            return _error(404, "call_not_found", f"There is no call '{id[:80]}'.")
        return Response(status_code=200)

    async def telephone(id: str) -> Response:
        message = "This server takes no telephone calls; put a SIP gateway such as LiveKit's in front of it."
        return _error(501, "unsupported", message)

    app.add_api_route(LIVE, live, methods=["POST"])
    app.add_api_route(REALTIME, realtime, methods=["POST"])
    app.add_api_route(REALTIME + "/{id}/hangup", hang_up, methods=["POST"])
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
        return _error(400, refusal.code, refusal.message, refusal.param)
    except AdmissionRefused as error:
        log.info("session refused", reason=error.reason)
        message = f"No session can be opened: {error.reason}."
        headers = {"Retry-After": str(max(1, round(error.retry_after_s)))}
        return _error(503, "server_at_capacity", message, headers=headers)


async def _live_call(request: Request, calls: Calls, desk: LiveDesk) -> Answered:
    session, offer = _live_body(await request.body())
    permissions = permissions_of(session.get("client"))
    event = parse({"type": "session.start", "session": dict(session)})
    assert isinstance(event.body, Start)
    settings = event.body.settings

    async def converse(session: LiveSession, channel: Channel, speaker: Speaker) -> None:
        permitted = PermittedChannel(channel, permissions)
        await desk.hold(Messages(calls.sessions.limited(permitted)), session, settings)

    return await calls.open(offer, Ask("live", shown(settings), grant_of(request).owner, settings.store), converse)


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


def _live_body(raw: bytes) -> tuple[Mapping[str, Any], str]:
    """The session and the offer of a request."""
    body = _object(_json(raw), "body", ("session", "transport"))
    session = _object(body.get("session"), "session")
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
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
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


def _error(
    status: int, code: str, message: str, param: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": message, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": error}, status, headers)

"""The doors of the server: who comes in, from which page, with how much in hand. An ASGI layer around all routes.

What a credential is lives in keys; what happens behind a door lives in the routes, which read `grant_of`.
"""

import asyncio
import ipaddress
import json
import math
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from microturn.core.errors import ConfigError
from microturn.gateway.keys import SECRET_PREFIX, ClientSecrets, Grant, Keys
from microturn.gateway.metrics import Metrics
from microturn.gateway.wire import OVERLOAD, REFUSED

SUBPROTOCOL, KEY_PROTOCOL = "realtime", "openai-insecure-api-key."
FOR_SECRETS = ("/v1/realtime", "/v1/realtime/calls", "/v1/ice_servers")  # all that a client secret opens, beside
OWN_CALL = "/v1/realtime/calls/"  # PATCH: further candidates of a call
RETRY_AFTER_S = 5
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
log = structlog.get_logger("microturn.gateway")


@dataclass(frozen=True)
class DoorLimits:
    """connections: WebSockets at once, also those without a session yet; body_bytes: of one request.

    body_s: the body of a request may take so long to come.
    """

    connections: int = 64
    body_bytes: int = 1024 * 1024
    body_s: float = 10.0

    def __post_init__(self) -> None:
        for name in ("connections", "body_bytes", "body_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(name, "DoorLimits", getattr(self, name), "a number above 0")


@dataclass(frozen=True)
class DoorRules:
    """origins: pages of other hosts that may talk to this server, such as https://talk.example.org; "*" is every page.

    open_metrics: /metrics needs no key; local: the server listens on this machine alone and needs no key, so only
    requests to a name of this machine are taken (a page that has its own name lead here is refused).
    """

    origins: tuple[str, ...] = ()
    open_metrics: bool = False
    local: bool = False


class Closed(Exception):
    """Why somebody stays outside. Becomes OpenAI's error body with `status`, or an `error` event and a close code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)

    @property
    def body(self) -> dict[str, Any]:
        """The `error` object."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return {"message": self.message, "type": kind, "param": None, "code": self.code}


class Doors:
    """Who may come in."""

    def __init__(
        self,
        keys: Keys | None = None,
        rules: DoorRules | None = None,
        limits: DoorLimits | None = None,
        secrets: ClientSecrets | None = None,
    ) -> None:
        self.keys, self.rules, self.limits = keys or Keys(), rules or DoorRules(), limits or DoorLimits()
        self.secrets = secrets or ClientSecrets()
        self.connections = 0

    def grant(self, headers: Headers, path: str, websocket: bool, method: str) -> Grant:
        """What whoever asks may do; Closed says why nothing."""
        self._check_page(headers, websocket or method not in ("GET", "HEAD"))
        needed = path.startswith("/v1/") or (path == "/metrics" and not self.rules.open_metrics)
        key = key_in(headers)
        secret = self.secrets.grant(key) if key else None
        if secret is not None and (path in FOR_SECRETS or (method == "PATCH" and path.startswith(OWN_CALL))):
            return secret
        if not (needed and self.keys.needed):
            return Grant()
        if not key:
            raise Closed(401, "missing_api_key", "This server needs an API key: send 'Authorization: Bearer KEY'.")
        if secret is not None:
            raise Closed(403, "not_for_client_secrets", "A client secret opens realtime sessions only; use an API key.")
        owner = self.keys.owner(key)
        if owner is None:
            what = "client secret, or it has expired" if key.startswith(SECRET_PREFIX) else "API key"
            raise Closed(401, "invalid_api_key", f"This server knows no such {what}.")
        return Grant(owner)

    def enter(self) -> None:
        """One more WebSocket; Closed where there are too many. Whoever has entered leaves."""
        if self.connections >= self.limits.connections:
            raise Closed(503, "server_at_capacity", f"{self.limits.connections} connections are open; try again.")
        self.connections += 1

    def leave(self) -> None:
        """One less."""
        self.connections -= 1

    def _check_page(self, headers: Headers, matters: bool) -> None:
        """A browser says on which page a script runs; a page that is not ours and not allowed gets nothing."""
        host = headers.get("host", "")
        if self.rules.local and not is_local(_host_of(f"//{host}")):
            raise Closed(403, "host_not_allowed", "This server answers to names of its own machine only.")
        origin = headers.get("origin")
        if origin is None or not matters or "*" in self.rules.origins or origin in self.rules.origins:
            return
        if origin.partition("//")[2].lower() != host.lower():
            raise Closed(403, "origin_not_allowed", "Pages of this origin may not use this server.")


class Doorway:
    """Everything that reaches the routes has passed here. Lives as long as the application."""

    def __init__(self, app: App, doors: Doors, metrics: Metrics) -> None:
        self._app, self._doors, self._metrics = app, doors, metrics

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let a request in, with its grant in the scope, or say why not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            _put(scope, self._doors.grant(Headers(scope=scope), scope["path"], False, scope["method"]))
            body = await _body(Headers(scope=scope), receive, self._doors.limits)
        except Closed as closed:
            self._tell(closed, scope)
            await _answer(send, "http.response", closed)
            return
        self._metrics.received(len(body))
        await self._app(scope, _whole(body, receive), send)

    async def _websocket(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        offered: list[str] = scope.get("subprotocols", [])

        async def choosing(message: Message) -> None:
            # A browser that offers subprotocols hangs up unless one of them is chosen, on whatever route.
            if message["type"] == "websocket.accept" and not message.get("subprotocol") and SUBPROTOCOL in offered:
                message["subprotocol"] = SUBPROTOCOL
            self._metrics.sent(_size(message))
            await send(message)

        async def counted() -> Message:
            message = await receive()
            self._metrics.received(_size(message))
            return message

        try:
            _put(scope, self._doors.grant(Headers(scope=scope), scope["path"], True, "GET"))
            self._doors.enter()
        except Closed as closed:
            self._tell(closed, scope)
            await _refused(closed, "origin" in Headers(scope=scope) or bool(offered), choosing, receive, send)
            return
        try:
            await self._app(scope, counted, choosing)
        finally:
            self._doors.leave()

    def _tell(self, closed: Closed, scope: MutableMapping[str, Any]) -> None:
        self._metrics.turned_away(closed.code)
        client = scope.get("client") or ("",)
        log.info("turned away", code=closed.code, status=closed.status, path=scope["path"][:200], client=client[0])


def grant_of(connection: HTTPConnection) -> Grant:
    """What whoever sent this request or opened this WebSocket may do."""
    return connection.scope.get("state", {}).get("grant", Grant())


def key_in(headers: Headers) -> str:
    """The credential of a request: `Authorization: Bearer`, or a browser's subprotocol; "" where there is none."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and value.strip():
        return value.strip()
    offered = [name.strip() for line in headers.getlist("sec-websocket-protocol") for name in line.split(",")]
    return next((name.removeprefix(KEY_PROTOCOL) for name in offered if name.startswith(KEY_PROTOCOL)), "")


def is_local(host: str) -> bool:
    """Whether this name or address can only be this machine."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host_of(url: str) -> str:
    """The name or address in a URL; "" where it is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _put(scope: MutableMapping[str, Any], grant: Grant) -> None:
    scope["state"] = {**scope.get("state", {}), "grant": grant}


def _size(message: Message) -> int:
    return len(message.get("text") or message.get("bytes") or "")


async def _body(headers: Headers, receive: Receive, limits: DoorLimits) -> bytes:
    """The whole body of a request, so that no route meets one that is too long or never ends."""
    promised = headers.get("content-length", "0")
    if promised.isdecimal() and int(promised) > limits.body_bytes:
        raise Closed(413, "request_too_large", f"A request may have {limits.body_bytes} bytes at most.")
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_s):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > limits.body_bytes:
                    raise Closed(413, "request_too_large", f"A request may have {limits.body_bytes} bytes at most.")
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise Closed(408, "request_timeout", f"The request did not come within {limits.body_s:g} s.") from None


def _whole(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read, then what comes after it."""
    given = False

    async def whole() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return whole


async def _refused(closed: Closed, browser: bool, accept: Send, receive: Receive, send: Send) -> None:
    """A browser's script sees no answer of a handshake, so it is let as far as the sill and told there."""
    await receive()
    if not browser or closed.code in ("origin_not_allowed", "host_not_allowed"):
        await _answer(send, "websocket.http.response", closed)
        return
    error = {**closed.body, "event_id": None}
    await accept({"type": "websocket.accept"})
    event = {"type": "error", "event_id": f"event_{uuid4().hex[:20]}", "error": error}
    await send({"type": "websocket.send", "text": json.dumps(event)})
    code = OVERLOAD if closed.status >= 500 else REFUSED
    await send({"type": "websocket.close", "code": code, "reason": closed.code})


async def _answer(send: Send, kind: str, closed: Closed) -> None:
    body = json.dumps({"error": closed.body}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if closed.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if closed.status == 503:
        headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
    if closed.status in (408, 413):
        headers.append((b"connection", b"close"))  # the rest of its body is not read
    await send({"type": f"{kind}.start", "status": closed.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})

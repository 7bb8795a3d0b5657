"""The server's routes. What happens behind a route lives in its protocol; how a process starts in a command."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, Response

from microturn import __version__
from microturn.gateway import recordings, speak_for_me
from microturn.gateway.doors import Doors, Doorway
from microturn.gateway.live import routes as live_routes
from microturn.gateway.live.socket import LiveDesk
from microturn.gateway.metrics import CONTENT_TYPE
from microturn.gateway.page import routes as page
from microturn.gateway.realtime import client_secrets
from microturn.gateway.realtime import socket as realtime
from microturn.gateway.sessions import Sessions
from microturn.gateway.webrtc import routes as webrtc
from microturn.gateway.webrtc.calls import Calls
from microturn.gateway.webrtc.ice import Ice


def create_app(sessions: Sessions, doors: Doors | None = None, ice: Ice | None = None) -> FastAPI:
    """The application over these sessions; when it ends, they end and their host is closed.

    doors: who may come in; everyone if left out. ice: STUN and TURN servers of WebRTC; none if left out.
    """
    doors = doors or Doors()
    desk = LiveDesk(sessions)
    calls = Calls(sessions, ice)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncGenerator[None]:
        sessions.begin()
        yield
        await sessions.drain(0.0)
        await calls.close()
        await sessions.close()
        await asyncio.to_thread(sessions.host.close)

    app = FastAPI(
        title="microturn", version=__version__, lifespan=life, docs_url=None, redoc_url=None, openapi_url=None
    )
    sessions.metrics.watch(lambda: sessions.count, lambda: sessions.host.capacity().free, lambda: doors.connections)
    app.add_middleware(Doorway, doors=doors, metrics=sessions.metrics)
    if doors.rules.origins:  # outermost: a browser asks about other pages before it sends its key
        app.add_middleware(CORSMiddleware, allow_origins=doors.rules.origins, allow_methods=["*"], allow_headers=["*"])

    async def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    async def ready() -> JSONResponse:
        free, well = sessions.host.capacity().free, sessions.host.well()
        status = "failed" if not well else "draining" if sessions.draining else "ready" if free else "full"
        body = {"status": status, "model": sessions.host.name, "sessions": sessions.count, "free": free}
        return JSONResponse(body, 200 if status in ("ready", "full") else 503)

    async def metrics() -> Response:
        return Response(sessions.metrics.text(), media_type=CONTENT_TYPE)

    async def models() -> dict[str, Any]:
        model = {"id": sessions.host.name, "object": "model", "created": 0, "owned_by": "microturn"}
        return {"object": "list", "data": [model]}

    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await desk.serve(socket)

    app.add_api_route("/healthz", health)
    app.add_api_route("/readyz", ready)
    app.add_api_route("/metrics", metrics)
    app.add_api_route("/v1/models", models)
    app.add_api_websocket_route("/v1/live/sessions", live)
    live_routes.register(app, desk)
    realtime.register(app, sessions)
    webrtc.register(app, calls, desk)
    speak_for_me.register(app)
    page.register(app)
    client_secrets.register(app, doors, sessions.host.name)
    recordings.register(app, sessions.store, doors, lambda session_id: sessions.find(session_id) is not None)
    return app

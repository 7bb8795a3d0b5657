"""The routes of recorded sessions: list, timeline, sound, pictures. What a recording holds lives in kept and view.

Who may read one: whoever opened its session, or the key named `admin`. Where the server has no keys, whoever asks from
this machine.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from microturn.core.errors import MicroturnError
from microturn.gateway.doors import Closed, Doors, grant_of, is_local
from microturn.gateway.exports import KINDS, MEDIA_TYPES, Kind, media, thumbnail
from microturn.gateway.kept import KeptSession
from microturn.gateway.store import NotKept, Store
from microturn.gateway.view import drawn, summary

ADMIN = "admin"
LISTED = 100
log = structlog.get_logger("microturn.gateway")
PRIVATE = {"cache-control": "private, no-cache", "x-content-type-options": "nosniff"}


def register(app: FastAPI, store: Store | None, doors: Doors, lives: Callable[[str], bool]) -> None:
    """Add the routes. store: None where the server keeps nothing; lives: whether a session of this id runs now."""
    routes = _Routes(store, doors, lives)
    app.add_api_route("/v1/recordings", _told(routes.listed))
    app.add_api_route("/v1/recordings/{session_id}", _told(routes.timeline))
    app.add_api_route("/v1/recordings/{session_id}", _told(routes.remove), methods=["DELETE"])
    app.add_api_route("/v1/recordings/{session_id}/audio", _told(routes.wav), methods=["GET", "HEAD"])
    app.add_api_route("/v1/recordings/{session_id}/media.{kind}", _told(routes.media), methods=["GET", "HEAD"])
    app.add_api_route("/v1/recordings/{session_id}/frames/{tick}.jpg", _told(routes.frame))
    app.add_api_route("/v1/live/sessions/{session_id}/content", _told(routes.wav), methods=["GET", "HEAD"])


Route = Callable[[Request], Awaitable[Response]]


class _Routes:
    """Every route takes the request alone and raises Closed."""

    def __init__(self, store: Store | None, doors: Doors, lives: Callable[[str], bool]) -> None:
        self._store, self._doors, self._lives = store, doors, lives

    async def listed(self, request: Request) -> Response:
        """Recordings that whoever asks may read, newest first; `limit` and `after` (an id) page through them."""
        may = self._reader(request)
        limit = request.query_params.get("limit", str(LISTED))
        if not limit.isdecimal() or not 1 <= int(limit) <= LISTED:
            raise Closed(400, "invalid_value", f"'limit' is a number from 1 to {LISTED}.")
        kept = [one for one in await asyncio.to_thread(self._shelf.all) if may(one)]
        after = request.query_params.get("after")
        ids = [one.about.id for one in kept]
        if after is not None and after not in ids:
            raise _missing(after)
        start = 0 if after is None else ids.index(after) + 1
        page = kept[start : start + int(limit)]
        rows = await asyncio.to_thread(self._summaries, page)
        return JSONResponse(
            {"object": "list", "data": rows, "has_more": len(kept) > start + len(page)}, headers=PRIVATE
        )

    async def timeline(self, request: Request) -> Response:
        """One recording as JSON to draw, also while its session lives."""
        kept = await self._readable(request)
        shown = await asyncio.to_thread(drawn, kept, self._grows(kept.about.id))
        base = f"/v1/recordings/{kept.about.id}"
        urls = {"media": {kind: f"{base}/media.{kind}" for kind in KINDS}}
        frames = [frame | {"url": f"{base}/frames/{frame['tick']}.jpg"} for frame in shown["frames"]]
        return JSONResponse(shown | urls | {"frames": frames}, headers=PRIVATE)

    async def wav(self, request: Request) -> Response:
        """Stereo wav, the user left, the assistant right; parts of it by range."""
        return await self._file(request, "wav")

    async def media(self, request: Request) -> Response:
        """wav or mkv."""
        kind = str(request.path_params["kind"])
        if kind not in KINDS:
            raise Closed(
                404, "media_not_found", f"There is no '{kind}' of a recording; there is {' and '.join(KINDS)}."
            )
        return await self._file(request, kind)

    async def frame(self, request: Request) -> Response:
        """The user's picture of a tick, small."""
        kept, tick = await self._readable(request), str(request.path_params["tick"])
        data = await asyncio.to_thread(thumbnail, kept, int(tick)) if tick.isdecimal() and len(tick) < 10 else None
        if data is None:
            raise Closed(404, "frame_not_found", "There is no picture at this tick.")
        return Response(data, media_type="image/jpeg", headers=PRIVATE)

    async def remove(self, request: Request) -> Response:
        """Throw one away."""
        kept = await self._ended(request)
        await asyncio.to_thread(self._shelf.remove, kept.about.id)
        return JSONResponse({"id": kept.about.id, "object": "recording.deleted", "deleted": True})

    async def _file(self, request: Request, kind: Kind) -> Response:
        kept = await self._ended(request)
        path = await asyncio.to_thread(media, kept, kind)
        await asyncio.to_thread(self._shelf.measure, kept.about.id)
        name = f"{kept.about.id}.{kind}"
        return FileResponse(
            path, media_type=MEDIA_TYPES[kind], headers=PRIVATE, filename=name, content_disposition_type="inline"
        )

    async def _ended(self, request: Request) -> KeptSession:
        kept = await self._readable(request)
        if self._grows(kept.about.id):
            raise Closed(409, "session_still_active", "The session lives; its recording is given when it has ended.")
        return kept

    async def _readable(self, request: Request) -> KeptSession:
        session_id, may = str(request.path_params["session_id"]), self._reader(request)
        try:
            kept = await asyncio.to_thread(self._shelf.read, session_id)
        except NotKept:
            raise self._unkept(session_id) from None
        if not may(kept):
            raise Closed(403, "forbidden", "This recording belongs to another key.")
        return kept

    def _reader(self, request: Request) -> Callable[[KeptSession], bool]:
        """What whoever asks may read."""
        owner, keys = grant_of(request).owner, self._doors.keys
        if not keys.needed:
            if request.client is None or not is_local(request.client.host):
                message = "Without API keys, recordings are shown to this server's own machine only."
                raise Closed(403, "forbidden", message)
            return lambda kept: True
        admin = any(key.name == ADMIN and key.owner == owner for key in keys.known)
        return lambda kept: admin or (owner != "" and kept.about.owner == owner)

    def _unkept(self, session_id: str) -> Closed:
        if self._lives(session_id):
            message = "This session is not recorded; open it with 'store': true on a server that keeps recordings."
            return Closed(404, "recording_not_found", message)
        return _missing(session_id)

    def _summaries(self, page: Sequence[KeptSession]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for one in page:
            try:
                rows.append(summary(one, self._grows(one.about.id)))
            except (MicroturnError, OSError) as error:
                log.warning("recording unreadable", session_id=one.about.id, reason=str(error))
        return rows

    def _grows(self, session_id: str) -> bool:
        return self._lives(session_id) or self._shelf.grows(session_id)

    @property
    def _shelf(self) -> Store:
        if self._store is None:
            raise Closed(404, "recordings_off", "This server keeps no recordings; start it with --record DIR.")
        return self._store


def _missing(session_id: str) -> Closed:
    return Closed(404, "recording_not_found", f"No recording of session '{session_id[:80]}' is kept here.")


def _told(route: Route) -> Route:
    """The route, its refusals as OpenAI's error body."""

    async def told(request: Request) -> Response:
        try:
            return await route(request)
        except Closed as closed:
            return JSONResponse({"error": closed.body}, closed.status)
        except (MicroturnError, OSError) as error:
            broken = Closed(500, "recording_unreadable", f"The recording cannot be read: {error}")
            return JSONResponse({"error": broken.body}, broken.status)

    return told

"""Serves the page at `/` and its files under `/page`, with headers that let nothing else run. Looks: static/."""

import os
from collections.abc import Mapping
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
# Own files only, no inline script or style, no other host; beside them pictures and sounds that the page made itself.
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "permissions-policy": "microphone=(self), camera=(self), geolocation=(), display-capture=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",  # asked for each time, answered "unchanged": page and server stay one version
}


class Assets(StaticFiles):
    """The page's files, each with the headers above."""

    def file_response(
        self, full_path: "os.PathLike[str] | str", stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """A file, or the word that the client has it already."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(HEADERS)
        return response


def register(app: FastAPI) -> None:
    """Add `/` and `/page/...`."""
    assets = Assets(directory=STATIC)

    async def page(request: Request) -> Response:
        return await assets.get_response("index.html", request.scope)

    app.add_api_route("/", page, methods=["GET", "HEAD"])
    app.mount("/page", assets)

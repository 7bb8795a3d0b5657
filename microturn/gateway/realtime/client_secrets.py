"""`POST /v1/realtime/client_secrets`: a short-lived secret for a browser, bound to a session's configuration.

Wire format: openai-python 3.52, `types.realtime.client_secret_create_params` and `_response`. As there, one secret may
open several sessions until it expires.
"""

from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from microturn.gateway.doors import Doors, grant_of
from microturn.gateway.named_servers import without_secrets
from microturn.gateway.parsing import parsed
from microturn.gateway.realtime.client import parse_settings, refusal_of
from microturn.gateway.realtime.refusal import Refusal
from microturn.gateway.realtime.settings import Settings, Strict, default_settings

ROUTE = "/v1/realtime/client_secrets"


class ExpiresAfter(Strict):
    """When a secret expires: so many seconds after it was made."""

    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Field(ge=10, le=7_200)] = 600


class Body(Strict):
    """What a client posts."""

    expires_after: ExpiresAfter = ExpiresAfter()
    session: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


_BODY = TypeAdapter(Body)


def register(app: FastAPI, doors: Doors, model: str) -> None:
    """Add the route. model: what a session without a model's name is shown with."""

    async def create(request: Request) -> JSONResponse:
        try:
            body = body_of(await request.body())
            asked = parse_settings(body.session)
        except Refusal as refusal:
            return JSONResponse({"error": _error(refusal)}, 400)
        secret = doors.secrets.make(
            grant_of(request).owner, asked.model_dump(exclude_unset=True), body.expires_after.seconds
        )
        if secret is None:
            refusal = Refusal("rate_limit_exceeded", "Too many client secrets have not expired; try again later.")
            return JSONResponse({"error": _error(refusal)}, 429)
        session = {"id": f"sess_{uuid4().hex}", "object": "realtime.session", **_shown(asked, model)}
        return JSONResponse({"value": secret.value, "expires_at": secret.expires_at, "session": session})

    app.add_api_route(ROUTE, create, methods=["POST"])


def body_of(raw: bytes) -> Body:
    """The body of the request; an empty one asks for the defaults. Raises Refusal."""
    try:
        row: object = parsed(raw) if raw.strip() else {}
    except ValueError:
        raise Refusal("invalid_json", "The body is not JSON.") from None
    try:
        body = _BODY.validate_python(row)
    except ValidationError as error:
        raise refusal_of(error, row, None) from None
    if body.session.get("type") == "transcription":
        raise Refusal("unsupported_value", "This server holds conversations only.", "session.type")
    return body


def _shown(asked: Settings, model: str) -> dict[str, Any]:
    return without_secrets(default_settings(asked.model or model).with_update(asked).model_dump(exclude_none=True))


def _error(refusal: Refusal) -> dict[str, Any]:
    return {key: value for key, value in refusal.body().items() if key != "event_id"}

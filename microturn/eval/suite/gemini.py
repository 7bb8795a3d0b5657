"""Gemini Live as an endpoint, through google-genai, unmodified. It has met a fake of the service, never the service.

Sound comes faster than it plays; a client throws away what waits when the server says that it was interrupted.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from microturn.core.errors import InputError, MissingDependency
from microturn.eval.suite.endpoint import Endpoint, Past, Wanted, no_past
from microturn.eval.suite.offered import Call, Offered
from microturn.eval.suite.wire import (
    AT_ONCE,
    CONNECT_S,
    Answered,
    Asked,
    Calls,
    Came,
    Flush,
    Other,
    Sound,
    WireEndpoint,
    Words,
    reaching,
)

IN_HZ, OUT_HZ = 16_000, 24_000
HEARS: dict[str, Any] = {}
CONFIG = {"response_modalities": ["AUDIO"], "input_audio_transcription": HEARS, "output_audio_transcription": HEARS}
LEFT = (1000, 1001)  # close codes of a server that takes leave


def gemini(wanted: Wanted) -> Endpoint:
    """Gemini Live: gemini:MODEL, or gemini:wss://HOST?model=MODEL elsewhere, on the wall clock."""
    try:
        from google import genai  # type: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise MissingDependency("google-genai", "--endpoint gemini", "pip install 'microturn[eval]'") from error
    host, model = place_of(wanted.address)
    options = {"http_options": {"base_url": f"https://{host}"}} if host else {}
    if not wanted.key:
        raise InputError("no key", "--endpoint gemini", "none", "GEMINI_API_KEY or MICROTURN_ENDPOINT_KEY")
    client: Any = genai.Client(api_key=wanted.key, **options)  # type: ignore[arg-type]
    settings = {"address": wanted.address}
    return WireEndpoint(wanted.name, lambda tools: _session(client, model, tools), settings, wanted.at_once or AT_ONCE)


def place_of(address: str) -> tuple[str, str]:
    """Host, "" for the vendor's own, and model of what stands behind `gemini:`."""
    if "://" not in address:
        host, model = "", address
    else:
        parts = urlsplit(address)
        host, model = parts.netloc, dict(parse_qsl(parts.query)).get("model", "")
    if not model or (host and not address.startswith("wss://")):
        raise InputError("no model", "--endpoint", f"gemini:{address}", "gemini:MODEL or gemini:wss://HOST?model=MODEL")
    return host, model


class GeminiWire:
    """Implements `Wire`."""

    in_hz, out_hz = IN_HZ, OUT_HZ
    fills = False

    def __init__(self, session: Any) -> None:
        self._session = session

    async def came(self) -> AsyncIterator[Came]:
        """Messages of the server until it hangs up; the client's own iterator ends with every turn."""
        from google.genai import errors

        try:
            while True:
                async for message in self._session.receive():
                    for came in _parts(message):
                        yield came
        except errors.APIError as error:
            if error.code not in LEFT:
                raise

    async def send_sound(self, data: bytes) -> None:
        """A packet of the microphone."""
        await self._session.send_realtime_input(audio={"data": data, "mime_type": f"audio/pcm;rate={IN_HZ}"})

    async def remember(self, past: Sequence[Past]) -> None:
        """Turns from before are text in this protocol, and those of a user are not."""
        raise no_past("Gemini Live")

    async def send_picture(self, jpeg: bytes) -> None:
        """A frame of the camera."""
        await self._session.send_realtime_input(video={"data": jpeg, "mime_type": "image/jpeg"})

    async def send_text(self, text: str) -> None:
        """Typed words."""
        await self._session.send_realtime_input(text=text)

    async def cut(self, item: str, heard_s: float) -> None:
        """The protocol does not ask how much was heard."""

    async def answer(self, given: Sequence[Answered]) -> None:
        """All outputs in one message."""
        outputs = [{"id": asked.id, "name": asked.call.name, "response": {"output": output}} for asked, output in given]
        await self._session.send_tool_response(function_responses=outputs)


@asynccontextmanager
async def _session(client: Any, model: str, tools: Offered | None) -> AsyncGenerator[GeminiWire]:
    config = CONFIG | _declared(tools) if tools is not None else CONFIG
    async with AsyncExitStack() as stack:
        with reaching(f"Gemini Live ({model})"):
            async with asyncio.timeout(CONNECT_S):
                session = await stack.enter_async_context(client.aio.live.connect(model=model, config=config))
        yield GeminiWire(session)


def _declared(tools: Offered) -> dict[str, Any]:
    functions = [
        {"name": one.name, "description": one.description, "parameters_json_schema": dict(one.parameters)}
        for one in tools.functions
    ]
    return {"system_instruction": tools.standing, "tools": [{"function_declarations": functions}]}


def _parts(message: Any) -> Iterator[Came]:
    content = message.server_content
    if content is not None:
        if content.interrupted:
            yield Flush()
        parts: list[Any] = (content.model_turn.parts or []) if content.model_turn else []
        for part in parts:
            if part.inline_data is not None and part.inline_data.data:
                yield Sound(part.inline_data.data)
        if content.output_transcription is not None and content.output_transcription.text:
            yield Words(content.output_transcription.text)
        if content.input_transcription is not None and content.input_transcription.text:
            yield Words(content.input_transcription.text, "heard")
        if content.turn_complete:
            yield Other("turn_complete")
    if message.tool_call is not None:
        calls: list[Any] = message.tool_call.function_calls or []
        yield Calls(tuple(Asked(str(c.id or ""), Call(str(c.name), dict(c.args or {}))) for c in calls))
    if message.go_away is not None:
        yield Other("go_away", {"time_left": str(message.go_away.time_left)})

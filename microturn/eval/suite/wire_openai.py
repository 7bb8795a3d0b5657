"""Endpoints that speak OpenAI Realtime or GPT-Live, through the vendor's own client, unmodified.

Realtime: sound comes faster than it plays, so a client throws away what waits when the server says that the user began
to speak, and tells it how much was heard. GPT-Live: sound comes in real time, silence included; all of it is played.
Functions of a suite are declared in the session. Outputs go back when the response that called them is complete.
"""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from microturn.core.errors import InputError, MissingDependency
from microturn.eval.suite.endpoint import Endpoint, Past, Unreachable, Wanted, no_past
from microturn.eval.suite.offered import Call, Offered, arguments_of
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
    no_pictures,
    reaching,
)
from microturn.media.av import read_audio
from microturn.media.pcm import to_int16

REALTIME, LIVE = "/realtime", "/live/sessions"
PCM_24 = {"type": "audio/pcm", "rate": 24_000}
LIVE_HZ = 16_000
CLOSE_S = 5.0
SCHEMES = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


class Address(NamedTuple):
    """base: what the vendor's client takes; model: of the query; query: the rest of it."""

    base: str
    model: str
    query: dict[str, str]

    @property
    def extended(self) -> bool:
        """Whether pictures may be sent over GPT-Live."""
        return self.query.get("ext") == "1"


def realtime(wanted: Wanted) -> Endpoint:
    """Any OpenAI Realtime server: realtime:ws://HOST/v1/realtime?model=NAME, on the wall clock."""
    address = address_of(wanted.address, REALTIME)
    client = _client(address, wanted)
    settings = {"address": wanted.address}
    at_once = wanted.at_once or AT_ONCE
    return WireEndpoint(wanted.name, lambda tools: _realtime(client, address, tools), settings, at_once)


def live(wanted: Wanted) -> Endpoint:
    """Any GPT-Live server: live:ws://HOST/v1/live/sessions?model=NAME, on the wall clock; with ext=1 ours sees."""
    address = address_of(wanted.address, LIVE)
    client = _client(address, wanted)
    settings = {"address": wanted.address}
    at_once = wanted.at_once or AT_ONCE
    return WireEndpoint(wanted.name, lambda tools: _live(client, address, tools), settings, at_once)


def address_of(address: str, path: str) -> Address:
    """Parse an address that ends with a protocol's path; InputError for another."""
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES or not parts.netloc or not parts.path.endswith(path):
        raise InputError("no address of this protocol", "--endpoint", repr(address), f"ws://HOST/v1{path}?model=NAME")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    base = f"{SCHEMES[parts.scheme]}://{parts.netloc}{parts.path.removesuffix(path)}"
    return Address(base, query.pop("model", ""), query)


class RealtimeWire:
    """Implements `Wire`."""

    in_hz = out_hz = 24_000
    fills = False

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def came(self) -> AsyncIterator[Came]:
        """Events of the server until it hangs up."""
        begun = set[str]()
        async for event in self._connection:
            came = _realtime_event(event)
            if isinstance(came, Words) and event.item_id not in begun:
                # Nothing parts the words of an item from those of the one before.
                begun.add(event.item_id)
                came = came._replace(text=f" {came.text}")
            yield came

    async def send_sound(self, data: bytes) -> None:
        """Append it to the input buffer."""
        await self._connection.input_audio_buffer.append(audio=base64.b64encode(data).decode())

    async def remember(self, past: Sequence[Past]) -> None:
        """Items of the conversation: what the user said as sound, the replies as text; each is waited for."""
        for turn in past:
            pcm = await asyncio.to_thread(read_audio, turn.sound, self.in_hz)
            sound = base64.b64encode(to_int16(pcm).astype("<i2").tobytes()).decode()
            await self._given("user", {"type": "input_audio", "audio": sound})
            if turn.reply:
                await self._given("assistant", {"type": "output_text", "text": turn.reply})

    async def _given(self, role: str, part: Mapping[str, Any]) -> None:
        item = {"type": "message", "role": role, "content": [part]}
        await self._connection.conversation.item.create(item=item)
        async with asyncio.timeout(CONNECT_S):
            async for event in self._connection:
                if event.type in ("conversation.item.added", "conversation.item.created"):
                    return
                if event.type == "error":
                    told = event.error.message
                    raise InputError("an earlier turn is refused", "Realtime", told, "a server that takes it")
        raise Unreachable("hung up before it took an earlier turn")

    async def send_picture(self, jpeg: bytes) -> None:
        """A message of the user that holds nothing but the picture."""
        url = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
        await self._message({"type": "input_image", "image_url": url})

    async def send_text(self, text: str) -> None:
        """A message of the user, to be answered."""
        await self._message({"type": "input_text", "text": text})
        await self._connection.response.create()

    async def cut(self, item: str, heard_s: float) -> None:
        """Truncate the item to what was heard."""
        if item:
            heard_ms = round(1000 * heard_s)
            await self._connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=heard_ms)

    async def answer(self, given: Sequence[Answered]) -> None:
        """An item for each call, then one response."""
        for asked, output in given:
            await self._connection.conversation.item.create(item=_output(asked, output))
        await self._connection.response.create()

    async def _message(self, part: Mapping[str, Any]) -> None:
        item = {"type": "message", "role": "user", "content": [part]}
        await self._connection.conversation.item.create(item=item)


class LiveWire:
    """Implements `Wire`. Pictures and nothing else of our extensions, where the address asks for them."""

    in_hz = out_hz = LIVE_HZ
    fills = True

    def __init__(self, connection: Any, extended: bool) -> None:
        self._connection, self._extended = connection, extended
        self._wanted: dict[str, list[Asked]] = {}  # by delegation, until its response is complete

    async def came(self) -> AsyncIterator[Came]:
        """Events of the server until it hangs up."""
        async for event in self._connection:
            yield self._nested(event) if event.type == "response.event" else _live_event(event)

    def _nested(self, event: Any) -> Came:
        """An event of the work that was handed over; calls are told when all of them are known."""
        outer = event.to_dict()
        inner, work = outer["event"], str(outer.get("delegation_id", ""))
        if inner["type"] == "response.output_item.done" and inner["item"].get("type") == "function_call":
            self._wanted.setdefault(work, []).append(_asked(inner["item"]))
        if inner["type"] == "response.completed" and work in self._wanted:
            return Calls(tuple(self._wanted.pop(work)))
        return Other(f"response.event {inner['type']}")

    async def send_sound(self, data: bytes) -> None:
        """Append it."""
        await self._connection.session.input_audio.append(audio=base64.b64encode(data).decode())

    async def remember(self, past: Sequence[Past]) -> None:
        """GPT-Live has no conversation but the one that is held."""
        raise no_past("GPT-Live")

    async def send_picture(self, jpeg: bytes) -> None:
        """A picture without sound beside it."""
        if not self._extended:
            raise no_pictures("GPT-Live without ext=1 in the address")
        frames = [{"jpeg": base64.b64encode(jpeg).decode()}]
        await self._connection.send({"type": "session.input_audio.append", "audio": "", "video_frames": frames})

    async def send_text(self, text: str) -> None:
        """GPT-Live has no typed words of a user."""
        raise InputError("this endpoint reads nothing that is typed", "GPT-Live", repr(text), "a suite that speaks")

    async def cut(self, item: str, heard_s: float) -> None:
        """Nothing is ever thrown away."""

    async def answer(self, given: Sequence[Answered]) -> None:
        """All outputs, then one `response.create`."""
        for asked, output in given:
            await self._connection.send({"type": "response.item.create", "item": _output(asked, output)})
        await self._connection.send({"type": "response.create"})


def _client(address: Address, wanted: Wanted) -> Any:
    try:
        from openai import AsyncOpenAI
    except ImportError as error:
        raise MissingDependency("openai", f"--endpoint {wanted.name}", "pip install 'microturn[eval]'") from error
    return lambda: AsyncOpenAI(base_url=address.base, api_key=wanted.key or "none", max_retries=0)


@asynccontextmanager
async def _realtime(client: Any, address: Address, tools: Offered | None) -> AsyncGenerator[RealtimeWire]:
    session: dict[str, Any] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {"input": {"format": PCM_24}, "output": {"format": PCM_24}},
    }
    if tools is not None:
        session |= {"instructions": tools.standing, "tools": _declared(tools)}
    model = {"model": address.model} if address.model else {}
    async with AsyncExitStack() as stack:
        with reaching(address.base):
            async with asyncio.timeout(CONNECT_S):
                opened = await stack.enter_async_context(client())
                connection = await stack.enter_async_context(
                    opened.realtime.connect(**model, extra_query=address.query)
                )
                _prepare(connection, "response.output_audio.delta")
                await connection.session.update(session=session)
                await _until(connection, "session.updated", address)
        yield RealtimeWire(connection)


@asynccontextmanager
async def _live(client: Any, address: Address, tools: Offered | None) -> AsyncGenerator[LiveWire]:
    model = address.model or "default"
    session: dict[str, Any] = {"model": model, "audio": {"format": {"type": "audio/pcm", "rate": LIVE_HZ}}}
    if tools is not None:
        responses = {"model": model, "tools": _declared(tools)}
        session |= {
            "instructions": tools.standing,
            "delegation": {"type": "responses", "responses": responses},
        }
    async with AsyncExitStack() as stack:
        with reaching(address.base):
            async with asyncio.timeout(CONNECT_S):
                opened = await stack.enter_async_context(client())
                connection = await stack.enter_async_context(opened.live.connect(extra_query=address.query))
                _prepare(connection, "session.output_audio.delta")
                await connection.session.start(session=session)
                await _until(connection, "session.started", address)
        yield LiveWire(connection, address.extended)
        with suppress(Exception):  # it is over: how the other side takes leave says nothing
            await connection.session.close()
            async with asyncio.timeout(CLOSE_S):
                await _until(connection, "session.closed", address)


def _prepare(connection: Any, kind: str) -> None:
    """Have the client build its types now: with the first event it takes most of a second, and that would be heard."""
    connection.parse_event(json.dumps({"type": kind, "delta": ""}))


async def _until(connection: Any, kind: str, address: Address) -> None:
    """Wait for one kind of event; Unreachable when an error or the end comes first."""
    async for event in connection:
        if event.type == "error":
            raise Unreachable(f"{address.base} refuses the session: {event.error.message}")
        if event.type == kind:
            return
    raise Unreachable(f"{address.base} hung up before {kind}")


def _declared(tools: Offered) -> list[dict[str, Any]]:
    return [
        {"type": "function", "name": one.name, "description": one.description, "parameters": dict(one.parameters)}
        for one in tools.functions
    ]


def _asked(item: Mapping[str, Any]) -> Asked:
    return Asked(str(item["call_id"]), Call(str(item["name"]), arguments_of(str(item.get("arguments") or ""))))


def _output(asked: Asked, output: str) -> dict[str, str]:
    return {"type": "function_call_output", "call_id": asked.id, "output": output}


def _realtime_event(event: Any) -> Came:
    match event.type:
        case "response.done":
            output: list[dict[str, Any]] = event.to_dict()["response"].get("output") or []
            asked = tuple(_asked(item) for item in output if item["type"] == "function_call")
            return Calls(asked) if asked else _other(event)
        case "response.output_audio.delta":
            return Sound(base64.b64decode(event.delta), event.item_id)
        case "response.output_audio_transcript.delta" | "response.output_text.delta":
            return Words(event.delta)
        case "conversation.item.input_audio_transcription.completed":
            return Words(event.transcript, "heard")
        case "input_audio_buffer.speech_started":
            return Flush()
        case _:
            return _other(event)


def _live_event(event: Any) -> Came:
    match event.type:
        case "session.output_audio.delta":
            return Sound(base64.b64decode(event.delta))
        case "session.output_transcript.delta":
            return Words(event.delta)
        case "session.input_transcript.delta":
            return Words(event.delta, "heard")
        case _:
            return _other(event)


def _other(event: Any) -> Other:
    """An event with those of its fields that are plain, and what failed; configurations and items are left out."""
    fields = event.to_dict()
    plain = {key: value for key, value in fields.items() if isinstance(value, str | int | float) and key != "type"}
    if isinstance(fields.get("error"), dict):
        plain["error"] = fields["error"]
    return Other(event.type, plain)

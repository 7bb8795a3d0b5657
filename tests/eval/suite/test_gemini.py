"""Gemini Live as an endpoint, against a small fake of its WebSocket protocol behind TLS, as the client insists."""

import asyncio
import base64
import json
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from microturn.core.chunk import Chunk
from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.core.errors import InputError
from microturn.eval.suite.endpoint import Ours, Session, Unreachable, Wanted
from microturn.eval.suite.endpoints import endpoint
from microturn.eval.suite.gemini import place_of
from microturn.eval.suite.offered import Call, Declared, Offered, calls_of, parameters
from microturn.eval.suite.trace import Text, Trace, playout

pytest.importorskip("google.genai")
METHOD = "GenerativeService.BidiGenerateContent"
LAMP = Declared("lamp", "A lamp.", parameters({"room": "string"}))
TOOLS = Offered("be brief", (LAMP,), lambda call: f"the lamp in the {call.args['room']} is on")
Serving = Callable[[ServerConnection], Awaitable[None]]


class User:
    """Shows a picture and types in its first tick."""

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        return Chunk(frame=np.full((32, 48, 3), 99, np.uint8), text=("hello",)) if tick == 0 else Chunk()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    try:
        subprocess.run([*made, *named, "-keyout", key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl makes the certificate")
    return cert, key


def held(
    certificate: tuple[Path, Path], serving: Serving, monkeypatch: pytest.MonkeyPatch, tools: Offered | None = None
) -> Trace:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    async def hold() -> Trace:
        async with serve(serving, "localhost", 0, ssl=context, max_queue=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            wanted = Wanted("gemini", no_weights, f"wss://localhost:{port}?model=some-live", "a key")
            return await endpoint(wanted).hold(Session("a", User(), 12, tools))

    return asyncio.run(hold())


def no_weights() -> Ours:
    raise AssertionError("weights are not needed here")


def test_a_session_over_the_protocol_of_gemini(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[dict[str, Any]] = []

    async def serving(socket: ServerConnection) -> None:
        assert socket.request is not None and socket.request.path.split("?")[0].endswith(METHOD)
        got.append(json.loads(await socket.recv()))
        await socket.send(json.dumps({"setupComplete": {}}))
        await said(socket, 25, {"outputTranscription": {"text": " hi"}, **sound(3.0)})
        await said(socket, 15, {"interrupted": True})
        await said(socket, 5, {"turnComplete": True, "inputTranscription": {"text": "stop"}})
        await socket.wait_closed()

    async def said(socket: ServerConnection, packets: int, content: dict[str, Any]) -> None:
        """After so many packets of the microphone."""
        while packets:
            got.append(json.loads(await socket.recv()))
            packets -= "audio" in got[-1]["realtime_input"]
        await socket.send(json.dumps({"serverContent": content}))

    trace = held(certificate, serving, monkeypatch)
    assert trace.void == ""
    assert got[0]["setup"]["model"] == "models/some-live"
    assert {kind for message in got[1:] for kind in message["realtime_input"]} == {"audio", "video", "text"}
    assert [Text(0.0, text.text, text.kind) for text in trace.texts] == [Text(0.0, " hi"), Text(0.0, "stop", "heard")]
    assert sum(len(piece.pcm) for piece in trace.received) == 3 * SAMPLE_RATE_HZ
    assert len(trace.flushes) == 1 and playout(trace).unheard_s > 1.5


def test_functions_are_declared_and_answered(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[dict[str, Any]] = []

    async def serving(socket: ServerConnection) -> None:
        got.append(json.loads(await socket.recv()))
        await socket.send(json.dumps({"setupComplete": {}}))
        call = {"id": "c1", "name": "lamp", "args": {"room": "hall"}}
        await socket.send(json.dumps({"toolCall": {"functionCalls": [call]}}))
        while "tool_response" not in got[-1]:
            got.append(json.loads(await socket.recv()))
        await socket.wait_closed()

    trace = held(certificate, serving, monkeypatch, TOOLS)
    setup, answer = got[0]["setup"], got[-1]["tool_response"]["functionResponses"][0]
    assert setup["tools"][0]["functionDeclarations"][0]["name"] == "lamp"
    assert setup["systemInstruction"]["parts"][0]["text"] == "be brief"
    assert (answer["id"], answer["response"]["output"]) == ("c1", "the lamp in the hall is on")
    assert calls_of(trace) == [Call("lamp", {"room": "hall"})] and trace.void == ""


def sound(seconds: float) -> dict[str, Any]:
    data = base64.b64encode(np.full(round(24_000 * seconds), 8_000, "<i2").tobytes()).decode()
    return {"modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}]}}


def test_a_service_that_refuses_is_unreachable(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    async def serving(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(1008, "no such model")

    with pytest.raises(Unreachable, match="no such model"):
        held(certificate, serving, monkeypatch)


def test_a_model_may_stand_alone_and_a_key_must_be_there() -> None:
    assert place_of("gemini-live") == ("", "gemini-live")
    assert place_of("wss://host:9?model=m") == ("host:9", "m")
    for address in ("", "wss://host", "ws://host?model=m"):
        with pytest.raises(InputError, match="no model"):
            place_of(address)
    with pytest.raises(InputError, match="GEMINI_API_KEY"):
        endpoint(Wanted("gemini", no_weights, "gemini-live"))

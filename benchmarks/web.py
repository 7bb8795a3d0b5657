"""Hostile HTTP requests to the routes beside the WebSockets: wrong paths, bodies, forms, offers, ranges, headers."""

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

import hostile

WAIT_S = 30.0
SDP = (
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
    "c=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\na=mid:0\r\na=ice-ufrag:abcd\r\n"
    "a=ice-pwd:abcdefabcdefabcdefabcdef\r\na=fingerprint:sha-256 AA:BB\r\n"
    "a=setup:actpass\r\na=rtcp-mux\r\na=sendrecv\r\n"
)
IDS = (
    "sess_0",
    "..",
    "../..",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "a" * 5_000,
    "%ff%fe",
    ".",
    "~",
    "sess_0%0d%0aX:1",
    "*",
    "",
)
PARTS = ("audio", "media.wav", "media.x", "frames/²/.jpg", "frames/-1.jpg")
TEXTS = (
    "hello",
    "",
    " ",
    "1" * 5,
    "x" * 10_000,
    "\x00",
    "é",
    "'",
    "a'b",
    "9" * 190,
    ",,,",
    "<speak>",
    "-q",
    "a\nb",
    "%s",
)


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


def _sdp(rng: random.Random) -> bytes:
    """An offer with lines left out, doubled, exchanged or made long; hardly ever one that can be answered."""
    lines: list[str] = [*SDP.split("\r\n")]
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(lines))
        match rng.randrange(5):
            case 0:
                del lines[at]
            case 1:
                lines[at:at] = [lines[at]] * rng.choice([1, 100])
            case 2:
                lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
            case 3:
                lines[at] = "".join(rng.choice([char, char, "9", ":", "\x00", " "]) for char in lines[at])
            case _:
                lines[at] += rng.choice(
                    ["x" * 3_000, " 99999999999", "\u2028", "a=candidate:1 1 udp 1 1.1.1.1 1 typ host"]
                )
        lines = lines or ["v=0"]
    return rng.choice(["\r\n", "\n"]).join(lines).encode("utf-8", "replace")


def _form(rng: random.Random) -> Asked:
    edge = rng.choice(["edge", "e" * 300, ""])
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{body}\r\n'
        for name, more, body in (
            ("sdp", rng.choice(["", '; filename="x"']), _sdp(rng).decode("utf-8", "replace")),
            ("session", "", rng.choice(['{"type":"realtime"}', "{", "[]", "null", '{"type":"x"}', "NaN"])),
            ("\x00", "", "x"),
        )[: rng.randrange(4)]
    ]
    body = "".join(parts) + rng.choice([f"--{edge}--\r\n", "", "--"])
    kind = rng.choice(
        [f"multipart/form-data; boundary={edge}", "multipart/form-data", "multipart/form-data; boundary=other"]
    )
    return Asked("POST", "/v1/realtime/calls", [("content-type", kind)], body.encode())


def _json(rng: random.Random, row: object) -> bytes:
    return hostile.written(hostile.mutated(row, rng), rng).encode("utf-8", "surrogatepass")


def _live_call(rng: random.Random) -> Asked:
    row = {
        "session": {"model": "m", "client": {"data_channel": {}}},
        "transport": {"type": "webrtc", "sdp": _sdp(rng).decode()},
    }
    return Asked("POST", "/v1/live/sessions", [("content-type", "application/json")], _json(rng, row))


REQUESTS: Sequence[Callable[[random.Random], Asked]] = (
    lambda rng: Asked("POST", "/v1/realtime/calls", [("content-type", "application/sdp")], _sdp(rng)),
    lambda rng: Asked(
        "POST", "/v1/realtime/calls", [("content-type", rng.choice(["", "text/plain", "x;;=", "é"]))], b"x"
    ),
    _form,
    _live_call,
    lambda rng: Asked("POST", f"/v1/realtime/calls/{rng.choice(IDS)}/{rng.choice(['hangup', 'accept', 'refer', 'x'])}"),
    lambda rng: Asked(
        "POST",
        "/v1/realtime/client_secrets",
        (),
        _json(
            rng,
            {"expires_after": {"anchor": "created_at", "seconds": 10}, "session": {"type": "realtime", "prompt": {}}},
        ),
    ),
    lambda rng: Asked(rng.choice(["GET", "DELETE"]), f"/v1/recordings/{rng.choice(IDS)}"),
    lambda rng: Asked(
        "GET",
        f"/v1/recordings?limit={rng.choice(['0', '-1', '99999999999999999999', '²', '1'])}&after={rng.choice(IDS)}",
    ),
    lambda rng: Asked(
        "GET",
        f"/v1/recordings/{rng.choice(IDS)}/{rng.choice(PARTS)}",
        [("range", rng.choice(["bytes=0-", "bytes=-1", "bytes=9-1", "x", "bytes=" + "0-1," * 2_000]))],
    ),
    lambda rng: Asked("GET", f"/v1/live/sessions/{rng.choice(IDS)}/content"),
    lambda rng: Asked("GET", f"/page/{rng.choice(IDS)}"),
    lambda rng: Asked(
        "POST", "/v1/speak", (), _json(rng, {"text": rng.choice(TEXTS), "voice": rng.choice(["", "flite:../x", "x"])})
    ),
    lambda rng: Asked("POST", "/v1/speak", (), json.dumps({"text": rng.choice(TEXTS[1:])}).encode()),
    lambda rng: Asked(
        rng.choice(["GET", "PUT", "PATCH", "OPTIONS", "TRACE", "X"]),
        rng.choice(["/", "/healthz", "/metrics", "//", "/%"]),
    ),
    lambda rng: Asked(
        "GET", "/v1/models", [("authorization", rng.choice(["Bearer", "Bearer \xff", "x" * 3_000, "Basic eDp4"]))]
    ),
    lambda rng: Asked(
        "GET", "/v1/models", [("host", rng.choice(["", "evil.example", "[::1", "127.0.0.1:99999", "localhost:x"]))]
    ),
    lambda rng: Asked(
        "GET", "/v1/realtime", [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-key", "x")]
    ),
    lambda rng: Asked("POST", "/v1/speak", [("content-length", rng.choice(["99999999999", "-1", "x", "1_0"]))], b"x"),
    lambda rng: Asked(
        "POST",
        "/v1/speak",
        [("transfer-encoding", "chunked")],
        rng.choice([b"zz\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"]),
    ),
)


def written(asked: Asked) -> bytes:
    """The request as it goes over the wire."""
    names = {name for name, _ in asked.headers}
    headers = [] if "host" in names else [("host", "127.0.0.1")]
    headers += [*asked.headers, ("connection", "close")]
    if not names & {"content-length", "transfer-encoding"}:
        headers.append(("content-length", str(len(asked.body))))
    lines = [f"{asked.method} {asked.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + asked.body


async def asked(address: str, rng: random.Random) -> str:
    """Ask one; the status of its answer, or how there was none."""
    host, _, port = address.rpartition(":")
    request = rng.choice(REQUESTS)(rng)
    try:
        async with asyncio.timeout(WAIT_S):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(written(request))
                if "content-length" in {name for name, _ in request.headers}:
                    writer.write_eof()
                line = await reader.readline()
                await reader.read()
            finally:
                writer.close()
    except TimeoutError:
        return "timeout"
    except OSError:
        return "reset"
    return line.split(b" ")[1].decode() if line.count(b" ") >= 2 else "none"

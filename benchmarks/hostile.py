"""Malformed and hostile messages for both protocols, drawn from a grammar: what is right, then what is done to it.

No connection and no clock: the same seed draws the same messages. How they are sent, and what for, is in fuzz.py.
"""

import base64
import json
import random
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from microturn.media.jpeg import encode_jpeg

Protocol = Literal["live", "extended", "realtime"]
Message = dict[str, Any]
START: Message = {"type": "session.start", "session": {"model": "any"}}
CLOSE = {"session.close"}


@dataclass(frozen=True)
class Text:
    """A text frame, also one that is not UTF-8."""

    data: str | bytes


@dataclass(frozen=True)
class Binary:
    """A binary frame."""

    data: bytes


@dataclass(frozen=True)
class Raw:
    """Bytes on the connection that are no frame, or none that is allowed. Nothing can follow."""

    data: bytes


Attack = Text | Binary | Raw


def start(rng: random.Random, store: bool) -> Message:
    """A `session.start` that is right."""
    formats = [
        {"type": "audio/pcm", "rate": 16_000},
        {"type": "audio/pcmu"},
        {"type": "audio/pcma", "rate": 8_000},
        None,
    ]
    return {
        "type": "session.start",
        "session": {"model": "any", "store": store, "audio": {"format": rng.choice(formats)}},
    }


def attack(rng: random.Random, protocol: Protocol) -> Attack:
    """One message: a right one now and then, most of them mutated, some no JSON and some no text."""
    chance = rng.random()
    if chance < 0.03:
        return Binary(rng.randbytes(rng.randrange(2_000)))
    if chance < 0.08:
        return Text(rng.choice(NO_JSON)(rng))
    if chance < 0.0805:
        return Text(b'{"type": "\xff\xfe\xed\xa0\x80"}')
    if chance < 0.082:
        return Raw(rng.choice(NO_FRAMES))
    row: Any = rng.choice(_events(protocol))(rng)
    if chance > 0.15:
        row = mutated(row, rng)
    text = written(row, rng)
    if chance > 0.95:
        text = text[: rng.randrange(len(text) + 1)]
    return Text(text)


def mutated(value: Any, rng: random.Random, depth: int = 0) -> Any:
    """The value with one or more of its places replaced, removed, doubled or added to."""
    if rng.random() < (0.03 if depth == 0 else 0.2):
        return _odd(rng)
    if isinstance(value, dict):
        row = {key: mutated(inner, rng, depth + 1) if rng.random() < 0.4 else inner for key, inner in value.items()}
        if row and rng.random() < 0.15:
            del row[rng.choice(sorted(row))]
        if rng.random() < 0.15:
            row[rng.choice(KEYS)] = _odd(rng)
        return row
    if isinstance(value, list):
        return [mutated(inner, rng, depth + 1) for inner in value] * rng.choice([0, 1, 1, 3, 130])
    return value


def written(row: Any, rng: random.Random) -> str:
    """JSON of a value, with what `json` would not write put in for its marks."""
    text = json.dumps(row, ensure_ascii=rng.random() < 0.9 or not _sendable(row))
    for mark, written in MARKS.items():
        if mark in text:
            text = text.replace(f'"{mark}"', written(rng))
    return text


def _sendable(row: Any) -> bool:
    return not any(0xD800 <= ord(char) < 0xE000 for char in json.dumps(row, ensure_ascii=False))


def _odd(rng: random.Random) -> Any:
    if rng.random() < 0.004:
        return "x" * rng.choice([300_000, 1_000_000, 4_500_000])
    if rng.random() < 0.01:
        return "é" * 20_000
    return rng.choice(ODD)


def _nested(rng: random.Random) -> str:
    depth, (opened, closed) = rng.choice([30, 500, 960, 5_000, 100_000]), rng.choice([("[", "]"), ('{"a":', "}")])
    return opened * depth + "1" + closed * depth if rng.random() < 0.8 else opened * depth


MARKS: Mapping[str, Callable[[random.Random], str]] = {
    "@deep": _nested,
    "@digits": lambda rng: "9" * rng.choice([20, 400, 5_000]),
    "@float": lambda rng: rng.choice(["1e999", "-1e999", "1e-999", "1E+400", "0.1e1", "-0", "NaN", "Infinity"]),
    "@twice": lambda rng: '{"type": "session.start", "type": "session.close"}',
}
ODD: Sequence[Any] = (
    None,
    True,
    False,
    -1,
    0,
    1.5,
    2**31,
    2**63,
    10**30,
    "",
    " ",
    "\x00",
    "\ud800",
    "\udfff\ud800",
    "\u202e",
    "x" * 5_000,
    [],
    {},
    [[[[]]]],
    [None],
    {"type": {}},
    {"": ""},
    "null",
    "inf",
    "all",
    float("nan"),
    float("inf"),
    -float("inf"),
    "@deep",
    "@digits",
    "@float",
    "@twice",
    "../../etc/passwd",
    "%s%n",
    "<script>",
    "rt_guess",
    "sess_0",
    "ek_guess",
)
KEYS = ("extra", "id", "event_id", "type", "item", "\x00", "__proto__", "session", "delegation_id", "é", "k" * 3_000)
NO_JSON: Sequence[Callable[[random.Random], str]] = (
    lambda rng: rng.choice(
        ["", " ", "null", "[]", "{", '"', "NaN", "1e999", "\ufeff{}", '{"type": NaN}', "{}{}", "true"]
    ),
    lambda rng: _nested(rng),
    lambda rng: rng.randbytes(rng.randrange(200)).decode("latin-1"),
    lambda rng: '{"type":"\\ud800"}',
    lambda rng: '{"a":' * 400 + "1",
    lambda rng: '{"' + "k" * rng.choice([100, 100_000]) + '": 1}',
)
MASK = b"\x00\x00\x00\x00"
NO_FRAMES = (
    b"\x81\xff" + struct.pack(">Q", 2**63 - 1) + MASK,  # a text of 2^63 bytes
    b"\x82\xff" + struct.pack(">Q", 2**32) + MASK + b"x" * 100,
    b"\x81\x05hello",  # a client's frame without a mask
    b"\xf1\x80" + MASK,  # reserved bits
    b"\x83\x80" + MASK,  # a reserved opcode
    b"\x89\xfe\x00\x7e" + MASK + b"x" * 126,  # a ping that is too long
    b"\x80\x80" + MASK,  # the end of a message that did not begin
    b"\x88\x81" + MASK + b"x",  # a close of one byte
    b"\x88\x82" + MASK + b"\x00\x01",  # a close code that there is not
    b"GET / HTTP/1.1\r\n\r\n",
)


def _sound(rng: random.Random) -> str:
    chance = rng.random()
    if chance < 0.002:
        return base64.b64encode(bytes(2_900_000)).decode()
    if chance < 0.02:
        return base64.b64encode(bytes(48_000)).decode()
    if chance < 0.3:
        return rng.choice(["A", "AAA", "AAAA=", "====", "AA AA", "äöü", "AAAA\n", "-_-_", "QUJ"])
    return base64.b64encode(rng.randbytes(rng.choice([0, 1, 2, 3, 161, 320, 641, 960]))).decode()


def _jpeg_of(height: int, width: int, rng: random.Random) -> bytes:
    return encode_jpeg(np.frombuffer(rng.randbytes(height * width * 3), np.uint8).reshape(height, width, 3))


SMALL = _jpeg_of(16, 16, random.Random(0))


def _frame_header(height: int, width: int) -> bytes:
    return b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"


def jpeg(rng: random.Random) -> bytes:
    """A picture that is whole, cut, altered, of another size than it says, or a bomb."""
    place = SMALL.index(b"\xff\xc0")
    match rng.randrange(9):
        case 0:
            return SMALL
        case 1:
            return SMALL[: rng.randrange(len(SMALL))]
        case 2:
            data = bytearray(SMALL)
            for _ in range(rng.randrange(1, 20)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            return bytes(data)
        case 3:  # a bomb that says so
            return SMALL[: place + 5] + struct.pack(">HH", 65_535, 65_535) + SMALL[place + 9 :]
        case 4:  # a bomb that says so in its second header
            return SMALL[: place + 19] + _frame_header(65_500, 65_500) + SMALL[place + 19 :]
        case 5:  # as large as may be, without a picture
            return SMALL[: place + 5] + struct.pack(">HH", 1_920, 1_920) + SMALL[place + 9 :]
        case 6:  # two pictures, the second a bomb
            return SMALL + SMALL[: place + 5] + struct.pack(">HH", 60_000, 60_000) + SMALL[place + 9 :]
        case 7:
            return SMALL * 20
        case _:
            return rng.randbytes(rng.randrange(3_000))


def png(rng: random.Random) -> bytes:
    """A picture as above; the bombs are zeros, a thousand times smaller when packed."""
    height, width = rng.choice([(4, 4), (65_535, 65_535), (1_900, 1_900), (0, 1), (2**31, 2**31 - 1), (1, 100_000)])
    header = struct.pack(">IIBBBBB", height, width, rng.choice([8, 16, 1]), rng.choice([0, 2, 3, 6, 9]), 0, 0, 0)
    rows = zlib.compress(bytes(rng.choice([60, 1_000, 3_000_000])))
    chunks = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    if rng.random() < 0.2:
        chunks.insert(1, (b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _words(rng: random.Random) -> str:
    return rng.choice(["hello", "word " * rng.choice([10, 700, 16_384]), "\U0001f600" * 900, "é.\n" * 2_000, " "])


LIVE: Sequence[Callable[[random.Random], Message]] = (
    lambda rng: start(rng, False),
    lambda rng: {
        "type": "session.start",
        "session": {
            "model": "any",
            "instructions": _words(rng),
            "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
            "delegation": {"type": "responses", "responses": {"model": "m", "tools": []}},
            "audio": {"format": {"type": "audio/pcm", "rate": 24_000}, "output": {"voice": "marin"}},
            "client": {"data_channel": {"allowed_client_events": "all"}},
            "triggers": [],
            "safety_identifier": "someone",
        },
    },
    lambda rng: {
        "type": "session.update",
        "session": {"delegation": {"type": "client", "acknowledgement_delay_ms": 5}},
    },
    lambda rng: {"type": "session.input_audio.append", "audio": _sound(rng)},
    lambda rng: {"type": "session.input_audio.append", "audio": _sound(rng), "event_id": "e"},
    lambda rng: {"type": "session.input_audio.mute", "event_id": "m"},
    lambda rng: {"type": "session.input_audio.unmute"},
    lambda rng: {
        "type": f"session.{rng.choice(['instructions', 'thinking', 'commentary'])}.append",
        "content": _words(rng),
    },
    lambda rng: {"type": "session.instructions.append", "content": "be brief", "delegation_id": "dlg_1"},
    lambda rng: {"type": rng.choice(UNSUPPORTED), "item": {"type": "function_call_output", "call_id": "c"}},
    lambda rng: {"type": rng.choice(SERVER_EVENTS), "delta": "AAAA"},
)
UNSUPPORTED = (
    "response.item.create",
    "response.create",
    "decision.create",
    "transport.dtmf.send",
    "session.output_audio.fixture.play",
)
SERVER_EVENTS = ("session.started", "session.closed", "error", "session.output_audio.delta", "response.done", "nothing")
EXTENSIONS: Sequence[Callable[[random.Random], Message]] = (
    lambda rng: {
        "type": "session.resume",
        "session_id": "sess_0",
        "resume_token": "rt_guess",
        "last_received_server_event_seq": 1,
    },
    lambda rng: {"type": "session.heartbeat", "last_received_server_event_seq": rng.choice([0, 5, 10**9])},
    lambda rng: {"type": "playback.ack", "item_id": "item_1", "played_ms": rng.choice([0, 100, 10**12])},
    lambda rng: {"type": "session.output.stop"},
    lambda rng: {
        "type": "session.input_audio.append",
        "audio": _sound(rng),
        "video_frames": [
            {"jpeg": _base64(jpeg(rng)), "t_ms": rng.choice([0, 10**9, -5])} for _ in range(rng.choice([1, 1, 2, 9]))
        ],
    },
    lambda rng: {"type": "session.input_audio.append", "video_frames": [{"jpeg": _base64(jpeg(rng))}]},
)


def _message(role: str, *content: Message) -> Message:
    return {"type": "message", "role": role, "content": list(content)}


REALTIME: Sequence[Callable[[random.Random], Message]] = (
    lambda rng: {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": _words(rng),
            "audio": {
                "input": {"format": {"type": rng.choice(["audio/pcmu", "audio/pcm"])}, "turn_detection": None},
                "output": {"voice": "marin", "speed": 1.0, "format": {"type": "audio/pcma"}},
            },
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "prompt": {"id": "p", "variables": {}},
            "output_modalities": [rng.choice(["audio", "text"])],
        },
    },
    lambda rng: {"type": "input_audio_buffer.append", "audio": _sound(rng), "event_id": "a"},
    lambda rng: {"type": "input_audio_buffer.append", "audio": _sound(rng)},
    lambda rng: {"type": "input_audio_buffer.commit"},
    lambda rng: {"type": "input_audio_buffer.clear"},
    lambda rng: {"type": "output_audio_buffer.clear"},
    lambda rng: {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": {"id": f"item_{rng.randrange(9)}", **_message("user", {"type": "input_text", "text": _words(rng)})},
    },
    lambda rng: {
        "type": "conversation.item.create",
        "item": _message("user", {"type": "input_image", "image_url": "data:image/jpeg;base64," + _base64(jpeg(rng))}),
    },
    lambda rng: {
        "type": "conversation.item.create",
        "item": _message("user", {"type": "input_image", "image_url": "data:image/png;base64," + _base64(png(rng))}),
    },
    lambda rng: {
        "type": "conversation.item.create",
        "item": _message("assistant", {"type": "output_text", "text": "so"}),
    },
    lambda rng: {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "c", "output": "1"},
    },
    lambda rng: {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": 2**53},
    lambda rng: {"type": "conversation.item.delete", "item_id": f"item_{rng.randrange(9)}"},
    lambda rng: {"type": "conversation.item.retrieve", "item_id": f"item_{rng.randrange(9)}"},
    lambda rng: {
        "type": "response.create",
        "event_id": "r",
        "response": {
            "metadata": {"a": "b"},
            "input": [{"type": "item_reference", "id": "x"}],
            "instructions": _words(rng),
        },
    },
    lambda rng: {"type": "response.create"},
    lambda rng: {"type": "response.cancel", "response_id": "resp_1"},
    lambda rng: {"type": rng.choice(SERVER_EVENTS), "delta": "AAAA"},
)


def _events(protocol: Protocol) -> Sequence[Callable[[random.Random], Message]]:
    if protocol == "realtime":
        return REALTIME
    return LIVE if protocol == "live" else (*LIVE, *EXTENSIONS)

"""What a client of the native extensions sends beyond GPT-Live, parsed into types. Opened by `?ext=1` alone. No state.

Names are those of vLLM-Omni's duplex dialect where the meaning is the same.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from microturn.gateway.live.client import Audio, ClientEvent, event_id, parse, read_fields
from microturn.gateway.live.refusal import Refusal

FRAMES_AT_ONCE = 8
JPEG_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Resume:
    """`session.resume`, the first message of a new connection: the session and the last event the client got of it."""

    session_id: str
    resume_token: str
    last_received_server_event_seq: int


@dataclass(frozen=True)
class Heartbeat:
    """`session.heartbeat`. last_received_server_event_seq: where the client cares to say it."""

    last_received_server_event_seq: int | None = None


@dataclass(frozen=True)
class PlaybackAck:
    """`playback.ack`: so much of an utterance has been played. played_ms: from its first sound on, never less."""

    item_id: str
    played_ms: int


@dataclass(frozen=True)
class StopOutput:
    """`session.output.stop`: the client wants silence until the model begins anew."""


@dataclass(frozen=True)
class Cancel:
    """`delegation.cancel`: stop this work and say nothing of it."""

    id: str


@dataclass(frozen=True)
class Correct:
    """`delegation.update`: the work goes on with this beside what was asked."""

    id: str
    content: str


@dataclass(frozen=True)
class Picture:
    """One video frame as it came. t_ms: when it was seen, on the session's clock; None is now."""

    jpeg: bytes
    t_ms: int | None = None


@dataclass(frozen=True)
class Seen:
    """`session.input_audio.append` with `video_frames`."""

    audio: Audio
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Extended:
    """One message of the extensions. id: the client's `event_id`."""

    body: Resume | Heartbeat | PlaybackAck | StopOutput | Cancel | Correct | Seen
    id: str | None = None


def parse_extended(row: Mapping[str, Any]) -> ClientEvent | Extended:
    """The event of a message of either kind; Refusal says what is wrong with it."""
    kind = row.get("type")
    rest = {key: value for key, value in row.items() if key not in ("type", "event_id")}
    name = event_id(row)
    match kind:
        case "session.resume":
            return Extended(_checked(read_fields(Resume, rest, "")), name)
        case "session.heartbeat":
            return Extended(read_fields(Heartbeat, rest, ""), name)
        case "playback.ack":
            return Extended(_played(read_fields(PlaybackAck, rest, "")), name)
        case "session.output.stop":
            return Extended(read_fields(StopOutput, rest, ""), name)
        case "delegation.cancel":
            return Extended(read_fields(Cancel, rest, ""), name)
        case "delegation.update":
            return Extended(read_fields(Correct, rest, ""), name)
        case "session.input_audio.append" if "video_frames" in rest:
            return _seen(row, name)
        case _:
            return parse(row)


@dataclass(frozen=True)
class _FrameFields:
    jpeg: str
    t_ms: int | None = None


@dataclass(frozen=True)
class _FramesMessage:
    video_frames: list[_FrameFields]


def _checked(asked: Resume) -> Resume:
    if asked.last_received_server_event_seq < 0:
        raise Refusal("invalid_value", "Sequence numbers count from 1.", "last_received_server_event_seq")
    return asked


def _played(ack: PlaybackAck) -> PlaybackAck:
    if ack.played_ms < 0:
        raise Refusal("invalid_value", "Playback cannot be negative.", "played_ms")
    return ack


def _seen(row: Mapping[str, Any], name: str | None) -> Extended:
    frames = row["video_frames"]
    if not isinstance(frames, list) or len(frames) > FRAMES_AT_ONCE:  # pyright: ignore[reportUnknownArgumentType]
        raise Refusal("invalid_value", f"A list of at most {FRAMES_AT_ONCE} frames.", "video_frames")
    pictures = tuple(_picture(index, read) for index, read in enumerate(_frames(row)))
    sound = parse({"audio": "", **{key: value for key, value in row.items() if key != "video_frames"}})
    assert isinstance(sound.body, Audio)
    return Extended(Seen(sound.body, pictures), name)


def _frames(row: Mapping[str, Any]) -> list[_FrameFields]:
    return read_fields(_FramesMessage, {"video_frames": row["video_frames"]}, "").video_frames


def _picture(index: int, frame: _FrameFields) -> Picture:
    where = f"video_frames[{index}].jpeg"
    if len(frame.jpeg) > JPEG_BYTES * 4 // 3 + 4:
        raise Refusal("invalid_value", f"A picture of more than {JPEG_BYTES} bytes.", where)
    try:
        return Picture(base64.b64decode(frame.jpeg, validate=True), frame.t_ms)
    except (binascii.Error, ValueError):
        raise Refusal("invalid_value", "The picture is not valid base64.", where) from None

"""What a GPT-Live client sends, parsed into types; `Refusal` for anything else. No state.

Wire format: the event types of openai-python 3.52, `openai.types.live`. Unknown fields are refused, so typos surface.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from microturn.core.config import from_dict
from microturn.core.errors import ConfigError, InputError
from microturn.gateway.formats import Coding, SoundFormat
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.parsing import parsed

APPENDS = {
    "session.instructions.append": "instructions",
    "session.thinking.append": "thinking",
    "session.commentary.append": "commentary",
}
UNSUPPORTED = (
    "session.output_audio.fixture.play",
    "decision.create",
    "decision.item.create",
    "decision.item.delete",
    "transport.dtmf.send",
)
DEFAULT_VOICE = "marin"
DEFAULT_RATE_HZ: dict[Coding, int] = {"audio/pcm": 24_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}
INPUT_ITEMS = 128
SESSION_CHARACTERS = 256 * 1024  # of a session's configuration as JSON, which each answer about it repeats
EVENT_ID_CHARACTERS = 512  # a longer one is not echoed

Fields = TypeVar("Fields")
Appended = Literal["instructions", "thinking", "commentary"]


@dataclass(frozen=True)
class Settings:
    """A session as it was asked for, defaults filled in; what the model makes no use of is kept and echoed.

    client: what the client tells of itself, such as whether it cancels echo; a recording keeps it.
    """

    model: str
    format: SoundFormat = field(default_factory=SoundFormat)
    voice: Any = DEFAULT_VOICE
    instructions: str | None = None
    input: tuple[Mapping[str, Any], ...] = ()
    delegation: Mapping[str, Any] = field(default_factory=lambda: {"type": "client"})
    store: bool = False
    client: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Start:
    """`session.start`."""

    settings: Settings


@dataclass(frozen=True)
class Update:
    """`session.update`: the delegation alone, of the same type as before."""

    delegation: Mapping[str, Any]


@dataclass(frozen=True)
class Audio:
    """`session.input_audio.append`, as bytes of the session's format."""

    data: bytes


@dataclass(frozen=True)
class Mute:
    """`session.input_audio.mute` or `.unmute`."""

    muted: bool


@dataclass(frozen=True)
class Append:
    """Text for the model: `session.instructions.append`, `.thinking.append` or `.commentary.append`."""

    kind: Appended
    content: str
    delegation_id: str = ""


@dataclass(frozen=True)
class Output:
    """`response.item.create` with the output of a function call."""

    call_id: str
    output: str


@dataclass(frozen=True)
class GoOn:
    """`response.create`: all calls have their outputs."""


@dataclass(frozen=True)
class Close:
    """`session.close`."""


Body = Start | Update | Audio | Mute | Append | Output | GoOn | Close


@dataclass(frozen=True)
class ClientEvent:
    """One message. id: the client's `event_id`, echoed where something answers it."""

    body: Body
    id: str | None = None


def object_of(message: str | bytes) -> dict[str, Any]:
    """The JSON object of a message."""
    if isinstance(message, bytes):
        raise Refusal("invalid_event", "Messages are JSON text, not bytes.")
    try:
        row = parsed(message)
    except ValueError:
        raise Refusal("invalid_json", "The message is not valid JSON.") from None
    if not isinstance(row, dict):
        raise Refusal("invalid_event", "The message is not a JSON object.")
    return cast("dict[str, Any]", row)


def event_id(row: Mapping[str, Any]) -> str | None:
    """The client's name for its message, also of one that is refused."""
    named = row.get("event_id")
    return named if isinstance(named, str) and len(named) <= EVENT_ID_CHARACTERS else None


def parse(row: Mapping[str, Any]) -> ClientEvent:
    """The event of a message; Refusal says what is wrong with it."""
    kind = row.get("type")
    rest = {key: value for key, value in row.items() if key not in ("type", "event_id")}
    if not isinstance(kind, str):
        raise Refusal("missing_required_parameter", "The message has no 'type'.", "type")
    if kind in UNSUPPORTED:
        raise Refusal("unsupported", f"This server does not support '{kind}'.", "type")
    return ClientEvent(_body(kind, rest), event_id(row))


def parse_fork(row: Mapping[str, Any], parent: Mapping[str, Any]) -> ClientEvent:
    """The first message of a fork: `session.start` with what it may change; all else is as `parent` was shown."""
    if row.get("type") != "session.start":
        return parse(row)
    rest = {key: value for key, value in row.items() if key not in ("type", "event_id")}
    asked = read_fields(_StartMessage, rest, "").session
    changed = {
        key: value for key, value in vars(read_fields(_ForkAsked, asked, "session")).items() if value is not None
    }
    audio = {**parent.get("audio", {}), **{key: value for key, value in asked.get("audio", {}).items() if value}}
    return ClientEvent(Start(settings_of({**parent, **changed, "audio": audio})), event_id(row))


def _body(kind: str, rest: Mapping[str, Any]) -> Body:
    if kind == "session.start":
        return Start(settings_of(read_fields(_StartMessage, rest, "").session))
    if kind == "session.update":
        asked = read_fields(_UpdateMessage, rest, "")
        return Update(read_fields(_UpdateAsked, asked.session, "session").delegation)
    if kind == "session.input_audio.append":
        return Audio(_bytes(read_fields(_AudioMessage, rest, "").audio))
    if kind in APPENDS:
        return _append(APPENDS[kind], read_fields(_AppendMessage, rest, ""))
    if kind == "response.item.create":
        return _output(read_fields(_ItemMessage, rest, "").item)
    plain: dict[str, Body] = {
        "response.create": GoOn(),
        "session.input_audio.mute": Mute(True),
        "session.input_audio.unmute": Mute(False),
        "session.close": Close(),
    }
    if kind not in plain:
        raise Refusal("unknown_event", f"Unknown event type '{kind[:80]}'.", "type")
    read_fields(_NoFields, rest, "")
    return plain[kind]


@dataclass(frozen=True)
class _NoFields:
    pass


@dataclass(frozen=True)
class _StartMessage:
    session: dict[str, Any]


@dataclass(frozen=True)
class _UpdateMessage:
    session: dict[str, Any]


@dataclass(frozen=True)
class _UpdateAsked:
    delegation: dict[str, Any]


@dataclass(frozen=True)
class _AudioMessage:
    audio: str


@dataclass(frozen=True)
class _AppendMessage:
    content: str
    delegation_id: str | None = None


@dataclass(frozen=True)
class _ItemMessage:
    item: dict[str, Any]


@dataclass(frozen=True)
class _FormatAsked:
    type: Coding
    rate: int | None = None


@dataclass(frozen=True)
class _OutputAsked:
    voice: str | dict[str, Any] | None = None


@dataclass(frozen=True)
class _AudioAsked:
    format: _FormatAsked | None = None
    output: _OutputAsked | None = None


@dataclass(frozen=True)
class _SessionAsked:
    model: str
    audio: _AudioAsked | None = None
    instructions: str | None = None
    input: list[dict[str, Any]] | None = None
    delegation: dict[str, Any] | None = None
    client: dict[str, Any] | None = None
    triggers: list[Any] | dict[str, Any] | None = None
    store: bool | None = None
    safety_identifier: str | None = None


@dataclass(frozen=True)
class _ForkFormat:
    format: dict[str, Any] | None = None


@dataclass(frozen=True)
class _ForkAsked:
    audio: _ForkFormat | None = None
    client: dict[str, Any] | None = None
    delegation: dict[str, Any] | None = None
    store: bool | None = None


def settings_of(session: Mapping[str, Any]) -> Settings:
    """The settings of a `session` object as `session.start` has it, and as it is shown again. Refusal for another."""
    check_size(session, "session")
    asked = read_fields(_SessionAsked, session, "session")
    audio = asked.audio or _AudioAsked()
    output = audio.output or _OutputAsked()
    history = asked.input or []
    if len(history) > INPUT_ITEMS:
        raise Refusal("invalid_value", f"{len(history)} items; at most {INPUT_ITEMS} are taken.", "session.input")
    delegation = asked.delegation or {"type": "client"}
    if delegation.get("type") not in ("client", "responses"):
        raise Refusal("unsupported", "Delegation is 'client' or 'responses' here.", "session.delegation.type")
    return Settings(
        asked.model,
        SoundFormat() if audio.format is None else _format(audio.format),
        output.voice or DEFAULT_VOICE,
        asked.instructions,
        tuple(history),
        delegation,
        bool(asked.store),
        asked.client or {},
    )


def check_size(configuration: Mapping[str, Any], where: str) -> None:
    """Refusal for more than a session may be configured with."""
    if len(json.dumps(configuration)) > SESSION_CHARACTERS:
        raise Refusal("invalid_value", f"More than {SESSION_CHARACTERS} characters of JSON.", where)


def _format(asked: _FormatAsked) -> SoundFormat:
    rate_hz = DEFAULT_RATE_HZ[asked.type] if asked.rate is None else asked.rate
    try:
        return SoundFormat(asked.type, rate_hz)
    except InputError as error:
        message = f"{asked.type} has {error.right} Hz, not {rate_hz}."
        raise Refusal("invalid_value", message, "session.audio.format.rate") from None


def _append(kind: str, asked: _AppendMessage) -> Append:
    if not asked.content.strip():
        raise Refusal("invalid_value", "The content is empty.", "content")
    return Append(cast("Appended", kind), asked.content, asked.delegation_id or "")


def _output(item: Mapping[str, Any]) -> Output:
    if item.get("type") != "function_call_output":
        raise Refusal("unsupported", "Only items of type 'function_call_output' are taken.", "item.type")
    call_id, output = item.get("call_id"), item.get("output")
    if not isinstance(call_id, str) or not call_id:
        raise Refusal("missing_required_parameter", "Missing required parameter 'item.call_id'.", "item.call_id")
    if isinstance(output, list):  # parts of text, as the Responses API has them
        parts = [
            cast("dict[str, Any]", part).get("text") for part in cast("list[Any]", output) if isinstance(part, dict)
        ]
        output = "\n".join(part for part in parts if isinstance(part, str))
    if not isinstance(output, str):
        raise Refusal("invalid_value", "The output is text.", "item.output")
    return Output(call_id, output)


def _bytes(audio: str) -> bytes:
    try:
        return base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("invalid_value", "The audio is not valid base64.", "audio") from None


def read_fields(cls: type[Fields], mapping: Mapping[str, Any], where: str) -> Fields:
    """Fields of a message, strictly; the error's param is the path of the field as the client wrote it."""
    try:
        return from_dict(cls, mapping, where or "event")
    except ConfigError as error:
        path = error.where.removeprefix("event").removeprefix(".")
        if error.what == "unknown key":
            name = error.came.strip("'")
            raise Refusal("unknown_parameter", f"Unknown parameter '{_path(path, name)}'.", _path(path, name)) from None
        if error.what.startswith("missing key "):
            name = error.what.removeprefix("missing key ").split(",")[0]
            message = f"Missing required parameter '{_path(path, name)}'."
            raise Refusal("missing_required_parameter", message, _path(path, name)) from None
        raise Refusal("invalid_value", f"Invalid value for '{path}': right is {error.right}.", path) from None


def _path(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name

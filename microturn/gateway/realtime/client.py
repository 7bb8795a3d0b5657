"""Client events of the Realtime dialect, parsed strictly into types. What they cause lives in codec.py."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import Field, JsonValue, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from microturn.gateway.parsing import parsed
from microturn.gateway.realtime.refusal import Refusal
from microturn.gateway.realtime.settings import AudioFormat, MaxTokens, Modalities, Name, Settings, Strict, VoiceId

MAX_EVENT_BYTES = 20 * 1024 * 1024  # 15 MiB of sound in base64
MAX_AUDIO_CHARS = MAX_EVENT_BYTES
MAX_TEXT_CHARS = 65_536
ROOT = "root"  # previous_item_id of the first place

ItemId = Annotated[str, Field(min_length=1, max_length=64)]
Status = Literal["completed", "incomplete", "in_progress"]
Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS)]


class UserContent(Strict):
    """One part of what a user said, typed or showed."""

    type: Literal["input_text", "input_audio", "input_image"]
    text: Text | None = None
    audio: Annotated[str, Field(max_length=MAX_AUDIO_CHARS)] | None = None
    transcript: Text | None = None
    image_url: Annotated[str, Field(max_length=MAX_AUDIO_CHARS)] | None = None
    detail: Literal["auto", "low", "high"] | None = None


class AssistantContent(Strict):
    """One part of what the model said before."""

    type: Literal["output_text", "output_audio"]
    text: Text | None = None
    audio: Annotated[str, Field(max_length=MAX_AUDIO_CHARS)] | None = None
    transcript: Text | None = None


class SystemContent(Strict):
    """One part of what the application says."""

    type: Literal["input_text"]
    text: Text


class NewItem(Strict):
    """What all items have."""

    id: ItemId | None = None
    object: Literal["realtime.item"] | None = None
    status: Status | None = None


class UserMessage(NewItem):
    """Words of the user."""

    type: Literal["message"]
    role: Literal["user"]
    content: Annotated[list[UserContent], Field(max_length=64)]  # none where a client leaves out what it cannot send


class AssistantMessage(NewItem):
    """Words of the model, from an earlier session."""

    type: Literal["message"]
    role: Literal["assistant"]
    content: Annotated[list[AssistantContent], Field(max_length=64)]
    phase: Literal["commentary", "final_answer"] | None = None


class SystemMessage(NewItem):
    """Words of the application."""

    type: Literal["message"]
    role: Literal["system"]
    content: Annotated[list[SystemContent], Field(max_length=64)]


class FunctionCall(NewItem):
    """A call of a tool, from an earlier session."""

    type: Literal["function_call"]
    name: Name
    arguments: Text
    call_id: Name | None = None


class FunctionCallOutput(NewItem):
    """What a tool gave."""

    type: Literal["function_call_output"]
    call_id: Name
    output: Text


class McpApprovalResponse(NewItem):
    """Whether a call of an MCP server's tool may be made."""

    type: Literal["mcp_approval_response"]
    approval_request_id: ItemId
    approve: bool
    reason: Text | None = None


class ItemReference(Strict):
    """An item of the conversation by its id."""

    type: Literal["item_reference"]
    id: ItemId


Message = Annotated[UserMessage | AssistantMessage | SystemMessage, Field(discriminator="role")]
Item = Annotated[Message | FunctionCall | FunctionCallOutput | McpApprovalResponse, Field(discriminator="type")]
InputItem = Annotated[Message | FunctionCall | FunctionCallOutput | ItemReference, Field(discriminator="type")]


class ResponseOutput(Strict):
    """How one response sounds."""

    format: AudioFormat | None = None
    voice: Name | VoiceId | None = None


class ResponseAudio(Strict):
    """Sound of one response."""

    output: ResponseOutput | None = None


class ResponseWish(Strict):
    """What a client asks of one response."""

    audio: ResponseAudio | None = None
    conversation: Literal["auto", "none"] | None = None
    input: Annotated[list[InputItem], Field(max_length=128)] | None = None
    instructions: Text | None = None
    max_output_tokens: MaxTokens | None = None
    metadata: Annotated[dict[Name, str], Field(max_length=16)] | None = None
    output_modalities: Modalities | None = None
    parallel_tool_calls: bool | None = None
    prompt: dict[str, JsonValue] | None = None
    reasoning: dict[str, JsonValue] | None = None
    tool_choice: str | dict[str, JsonValue] | None = None
    tools: list[dict[str, JsonValue]] | None = None


class Named(Strict):
    """What all client events have."""

    event_id: Annotated[str, Field(max_length=512)] | None = None


class SessionUpdate(Named):
    """Change settings; only what is sent changes."""

    type: Literal["session.update"]
    session: Settings


class AudioAppend(Named):
    """The user's next sound, base64."""

    type: Literal["input_audio_buffer.append"]
    audio: Annotated[str, Field(max_length=MAX_AUDIO_CHARS)]


class AudioCommit(Named):
    """The user's sound so far is one item."""

    type: Literal["input_audio_buffer.commit"]


class AudioClear(Named):
    """Forget what was appended; a live model has heard it already."""

    type: Literal["input_audio_buffer.clear"]


class OutputClear(Named):
    """Stop playing; for WebRTC."""

    type: Literal["output_audio_buffer.clear"]


class ItemCreate(Named):
    """Add an item."""

    type: Literal["conversation.item.create"]
    item: Item
    previous_item_id: ItemId | None = None


class ItemDelete(Named):
    """Remove an item."""

    type: Literal["conversation.item.delete"]
    item_id: ItemId


class ItemRetrieve(Named):
    """Show an item."""

    type: Literal["conversation.item.retrieve"]
    item_id: ItemId


class ItemTruncate(Named):
    """The user heard this much of an item."""

    type: Literal["conversation.item.truncate"]
    item_id: ItemId
    content_index: Annotated[int, Field(ge=0, le=0)]
    audio_end_ms: Annotated[int, Field(ge=0, le=1 << 53)]


class ResponseCreate(Named):
    """Speak now."""

    type: Literal["response.create"]
    response: ResponseWish | None = None


class ResponseCancel(Named):
    """Stop speaking."""

    type: Literal["response.cancel"]
    response_id: ItemId | None = None


ClientEvent = (
    SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | OutputClear
    | ItemCreate
    | ItemDelete
    | ItemRetrieve
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)
TYPES = tuple(get_args(event.model_fields["type"].annotation)[0] for event in get_args(ClientEvent))
_EVENT = TypeAdapter[ClientEvent](Annotated[ClientEvent, Field(discriminator="type")])
_SETTINGS = TypeAdapter(Settings)


def parse_client_event(raw: str | bytes) -> ClientEvent:
    """One client event from one message. Raises Refusal, whatever the message is."""
    if len(raw) > MAX_EVENT_BYTES:
        raise Refusal("message_too_large", f"A message of {len(raw)} bytes; at most {MAX_EVENT_BYTES} are taken.")
    try:
        row = parsed(raw)
    except ValueError as error:
        raise Refusal("invalid_json", f"The message is not JSON: {_short(str(error))}.") from None
    if not isinstance(row, dict):
        raise Refusal("invalid_json", f"The message is {_kind(row)}; an event is a JSON object with a `type`.")
    row = cast("dict[str, Any]", row)
    event_id = row.get("event_id")
    event_id = event_id if isinstance(event_id, str) and len(event_id) <= 512 else None
    if "type" not in row:
        raise Refusal("missing_required_parameter", "Missing required parameter: 'type'.", "type", event_id)
    if row["type"] not in TYPES:
        known = ", ".join(TYPES)
        message = f"Unknown event type {_short(repr(row['type']))}; it must be one of: {known}."
        raise Refusal("invalid_event_type", message, "type", event_id)
    try:
        return _EVENT.validate_python(row)
    except ValidationError as error:
        raise refusal_of(error, row, event_id) from None


def parse_settings(row: object) -> Settings:
    """The `session` object of a request that is no event (a client secret, a call). Raises Refusal."""
    try:
        return _SETTINGS.validate_python(row)
    except ValidationError as error:
        raise refusal_of(error, row, None) from None


CODES = {
    "missing": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
    "union_tag_not_found": "missing_required_parameter",
}


def refusal_of(error: ValidationError, row: object, event_id: str | None) -> Refusal:
    """The first fault of a validation as a refusal that names the field."""
    fault = error.errors(include_url=False, include_context=False)[0]
    param = _path(fault["loc"], row, missing=fault["type"] == "missing")
    code = CODES.get(fault["type"], "invalid_type" if fault["type"].endswith("_type") else "invalid_value")
    return Refusal(code, _message(code, param, fault), param or None, event_id)


def _message(code: str, param: str, fault: ErrorDetails) -> str:
    if code == "unknown_parameter":
        return f"Unknown parameter: '{param}'."
    if fault["type"] == "missing":
        return f"Missing required parameter: '{param}'."
    came = _kind(fault["input"])
    return f"Invalid value for '{param}': {_short(fault['msg'], 300)} (got {came})."


def _path(loc: Sequence[int | str], row: object, missing: bool) -> str:
    """The fault's place as the client wrote it: pydantic's names of union members are left out."""
    path = ""
    for number, step in enumerate(loc):
        if isinstance(row, dict) and step in row:
            row = cast("dict[Any, Any]", row)[step]
        elif isinstance(row, list) and isinstance(step, int) and step < len(cast("list[Any]", row)):
            row = cast("list[Any]", row)[step]
        elif not (missing and number == len(loc) - 1):
            continue
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return _short(path, 200)


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _short(repr(value))


def _short(text: str, limit: int = 80) -> str:
    text = text.encode("ascii", "backslashreplace").decode("ascii")
    return text if len(text) <= limit else text[:limit] + "..."

"""The Realtime dialect as one pure state machine: timeline in, server events out; client events in, actions out.

No socket, no clock, no thread: time is what the timeline says. The rules of the projection are in hearing.py (the
user's turns) and speaking.py (the model's responses). Whatever a client sends, the codec never raises: it answers with
an `error` event, and the session goes on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from microturn.core.clock import TICK_MS
from microturn.gateway.instructions import Reads, readable, reads_nothing
from microturn.gateway.named_servers import without_secrets
from microturn.gateway.realtime.audio import WireDecoder
from microturn.gateway.realtime.calling import Calling
from microturn.gateway.realtime.client import (
    AudioAppend,
    AudioClear,
    AudioCommit,
    ClientEvent,
    FunctionCallOutput,
    ItemCreate,
    ItemDelete,
    ItemReference,
    ItemRetrieve,
    ItemTruncate,
    McpApprovalResponse,
    OutputClear,
    ResponseCancel,
    ResponseCreate,
    ResponseWish,
    SessionUpdate,
    SystemMessage,
    UserMessage,
    parse_client_event,
)
from microturn.gateway.realtime.conversation import Conversation
from microturn.gateway.realtime.hearing import Hearing
from microturn.gateway.realtime.pictures import Picture, pictures_of
from microturn.gateway.realtime.refusal import Refusal
from microturn.gateway.realtime.settings import Settings
from microturn.gateway.realtime.speaking import Speaking
from microturn.gateway.realtime.wire import Names, ServerEvent
from microturn.gateway.timeline import (
    Began,
    Called,
    Delegated,
    Displayed,
    Ended,
    Heard,
    Item,
    Progress,
    RemoteCall,
    Said,
    Sound,
    Stopped,
    Taken,
    ToolsListed,
)
from microturn.media.pcm import Pcm

COMMIT_MS = 100  # less sound than this is no item
TEXTS_WAITING = 32
SETTINGS_CHARACTERS = ITEM_CHARACTERS = 256 * 1024  # as JSON: answers repeat them


@dataclass(frozen=True, eq=False)
class PushAudio:
    """Give the session the user's sound, float32 [N] at 16 kHz."""

    pcm: Pcm


@dataclass(frozen=True)
class PushText:
    """Give the session typed text; id names the client's event."""

    text: str
    id: str


@dataclass(frozen=True)
class ShowPicture:
    """Show the session a picture, seen now; it has to be decoded first."""

    picture: Picture


@dataclass(frozen=True)
class GiveOutput:
    """Let a delegation have the output of its call."""

    call_id: str
    output: str


@dataclass(frozen=True)
class Approve:
    """Let a call of an MCP server's tool be made, or not."""

    approval_id: str
    approved: bool


@dataclass(frozen=True)
class Offer:
    """Functions and MCP servers that delegations may call from now on."""

    tools: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Instruct:
    """What the application wants from now on, for whoever does the model's work."""

    text: str


@dataclass(frozen=True)
class Hush:
    """Let the model fall silent."""


Action = Hush | PushAudio | PushText | ShowPicture | GiveOutput | Approve | Offer | Instruct


class Answer(NamedTuple):
    """What a client event causes: events to send, then actions on the session. id: the client's name of its event."""

    events: list[ServerEvent]
    actions: list[Action]
    id: str | None = None


class RealtimeCodec:
    """One connection. expires_at: seconds since 1970, as the client is told. reads: what the model can read."""

    def __init__(self, session_id: str, settings: Settings, expires_at: int, reads: Reads = reads_nothing) -> None:
        self._id, self._expires_at = session_id, expires_at
        self.settings, self._reads = settings, reads
        self._names, self._conversation = Names(session_id), Conversation()
        self._hearing = Hearing(self._names, self._conversation)
        self._speaking = Speaking(self._names, self._conversation)
        self._decoder = WireDecoder(settings.input_format)
        self._now_ms = 0
        self._shown_ms = -TICK_MS  # when a picture was last shown
        self._appended_ms = 0.0
        self._calling = Calling(self._names, self._conversation)
        self._texts: list[PushText] = []  # wait for response.create: text alone asks for no answer

    def opening(self) -> list[ServerEvent]:
        """What a client gets first."""
        return [self._session_event("session.created")]

    def instructed(self) -> list[Action]:
        """What the session shall be told before anything else: the instructions it begins with."""
        return self._told(self.settings.instructions or "", "")

    def from_timeline(self, item: Item) -> list[ServerEvent]:
        """What one item of the timeline is on this wire."""
        settings, now_ms = self.settings, self._now_ms
        match item:
            case Sound():
                self._now_ms = item.end_ms
                events = self._speaking.sounded(item.pcm, self._now_ms, settings)
                events += self._speaking.advance(self._now_ms, settings)
                calls = self._calling.due(self._speaking.busy, settings.modality)
                return events + calls + self._hearing.advance(self._now_ms, settings)
            case Heard():
                return self._heard(item)
            case Said():
                return self._speaking.said(item.text, now_ms, settings)
            case Began():
                ended = self._hearing.answered(item.at_ms, settings)
                return ended + self._speaking.began(now_ms, settings)
            case Stopped():
                return self._stopped(item)
            case Ended():
                status = "failed" if item.reason == "failed" else "cancelled"
                events = self._speaking.close(now_ms, status, "session_failed" if status == "failed" else None)
                return events + self._hearing.finish(settings)
            case Called() | RemoteCall():
                self._calling.take(item)
                return []
            case ToolsListed():
                return self._calling.listed(item)
            case Taken() | Delegated() | Progress() | Displayed():
                return []  # hidden: this dialect acknowledges no text and shows no work but the calls it needs

    @property
    def audible(self) -> bool:
        """Whether sound that flows beside the events, on a track, may be heard now."""
        return self._speaking.audible(self.settings)

    def from_client(self, raw: str | bytes) -> Answer:
        """What a message of the client causes; a message that is wrong causes one `error` event."""
        event_id = None
        try:
            event = parse_client_event(raw)
            event_id = event.event_id
            return self._answer(event)._replace(id=event_id)
        except Refusal as refusal:
            return Answer([self.error(refusal, event_id)], [], event_id)

    def error(self, refusal: Refusal, event_id: str | None = None) -> ServerEvent:
        """A refusal as an `error` event."""
        return self._names.event("error", error=refusal.body(event_id))

    def _heard(self, item: Heard) -> list[ServerEvent]:
        overlapped = self._speaking.has_floor
        # A user who talks in the model's breath ends what it was saying.
        ended = [] if overlapped else self._speaking.close(self._now_ms, "completed")
        return ended + self._hearing.heard(item, self._now_ms, overlapped, self.settings)

    def _stopped(self, item: Stopped) -> list[ServerEvent]:
        had_floor = self._speaking.has_floor
        self._speaking.stopped(item.at_ms, item.unsaid)
        if not (item.yielded and had_floor):
            return []
        started = self._hearing.yielded(item.at_ms, self.settings)
        return started + self._speaking.close(self._now_ms, "cancelled", "turn_detected")

    def _answer(self, event: ClientEvent) -> Answer:
        match event:
            case AudioAppend():
                return self._append(event)
            case SessionUpdate():
                return self._update(event)
            case AudioCommit():
                return self._commit()
            case AudioClear():
                self._appended_ms = 0.0
                return Answer([self._names.event("input_audio_buffer.cleared")], [])
            case OutputClear():
                raise Refusal("invalid_event_type", "'output_audio_buffer.clear' is for WebRTC connections.", "type")
            case ItemCreate():
                return self._create_item(event)
            case ItemDelete():
                self._conversation.delete(event.item_id)
                return Answer([self._names.event("conversation.item.deleted", item_id=event.item_id)], [])
            case ItemRetrieve():
                item = self._conversation.get(event.item_id, "item_retrieve_invalid_item_id")
                return Answer([self._names.event("conversation.item.retrieved", item=item)], [])
            case ItemTruncate():
                return self._truncate(event)
            case ResponseCreate():
                return self._create_response(event.response or ResponseWish(), event.event_id or "")
            case ResponseCancel():
                speaks = self._speaking.has_floor
                events = self._speaking.cancel(event.response_id, self._now_ms, self.settings)
                return Answer(events, [Hush()] if speaks else [])

    def _append(self, event: AudioAppend) -> Answer:
        pcm = self._decoder.push(event.audio)
        self._appended_ms += len(pcm) / 16.0
        return Answer([], [PushAudio(pcm)] if len(pcm) else [])

    def _update(self, event: SessionUpdate) -> Answer:
        # A name of another model is no error: clients put their default there, also when the URL names one.
        before, settings = self.settings, self.settings.with_update(event.session)
        if len(settings.model_dump_json()) > SETTINGS_CHARACTERS:
            raise Refusal("invalid_value", f"More than {SETTINGS_CHARACTERS} characters of settings.", "session")
        self.settings = settings
        if self.settings.input_format != before.input_format:
            self._decoder = WireDecoder(self.settings.input_format)
        told = self.settings.instructions or ""
        actions: list[Action] = []
        if told != (before.instructions or ""):
            actions += [*self._told(told, event.event_id or ""), Instruct(told)]
        if self.settings.tools != before.tools:
            actions.append(Offer(self.settings.tools or []))
        return Answer([self._session_event("session.updated")], actions)

    def _commit(self) -> Answer:
        if self._appended_ms < COMMIT_MS:
            code = "input_audio_buffer_commit_empty"
            message = f"Error committing input audio buffer: {self._appended_ms:.0f} ms of sound; at least {COMMIT_MS}."
            raise Refusal(code, message)
        self._appended_ms = 0.0
        return Answer(self._hearing.commit(self._now_ms, self.settings), [])

    def _create_item(self, event: ItemCreate) -> Answer:
        user = event.item if isinstance(event.item, UserMessage) else None
        text, pictures = (_typed(user), pictures_of(user)) if user else ("", [])
        if text and len(self._texts) >= TEXTS_WAITING:
            message = f"{TEXTS_WAITING} texts wait for `response.create` already."
            raise Refusal("too_many_items", message, "item")
        item = event.item.model_dump(exclude_none=True, exclude={"content": {"__all__": {"audio", "image_url"}}})
        item = {"id": self._names.fresh("item"), "object": "realtime.item", "status": "completed"} | item
        if len(json.dumps(item)) > ITEM_CHARACTERS:
            raise Refusal("invalid_value", f"An item of more than {ITEM_CHARACTERS} characters.", "item")
        before, forgotten = self._conversation.add(item, event.previous_item_id)
        actions = self._shown(pictures)
        if isinstance(event.item, FunctionCallOutput):
            actions.append(GiveOutput(event.item.call_id, event.item.output))
        if isinstance(event.item, McpApprovalResponse):
            actions.append(Approve(event.item.approval_request_id, event.item.approve))
        if isinstance(event.item, SystemMessage):
            actions += self._told("\n".join(part.text for part in event.item.content), event.event_id or "")
        if text:
            self._texts.append(PushText(text, event.event_id or item["id"]))
        elif getattr(event.item, "role", "") == "assistant":
            self._texts.clear()  # an old conversation is put back: what was answered is not asked again
        done = self._names.event("conversation.item.done", previous_item_id=before, item=item)
        return Answer([*self._names.added(item, before, forgotten), done], actions)

    def _shown(self, pictures: Sequence[Picture]) -> list[Action]:
        """The last of the pictures, unless its micro-turn has one already: more would be decoded for nothing."""
        if not pictures or self._now_ms - self._shown_ms < TICK_MS:
            return []
        self._shown_ms = self._now_ms
        return [ShowPicture(pictures[-1])]

    def _told(self, instructions: str, id: str) -> list[Action]:
        """What an application says, as typed text: the sentences that the model can read."""
        return [PushText(sentence, id) for sentence in readable(instructions, self._reads)]

    def _truncate(self, event: ItemTruncate) -> Answer:
        cut_ms = self._conversation.truncate(event.item_id, event.audio_end_ms)
        fields = {"item_id": event.item_id, "content_index": event.content_index, "audio_end_ms": cut_ms}
        return Answer([self._names.event("conversation.item.truncated", **fields)], [])

    def _create_response(self, wish: ResponseWish, id: str) -> Answer:
        if wish.conversation == "none":
            message = "A live session has one conversation; responses outside of it are not made."
            raise Refusal("unsupported_value", message, "response.conversation")
        asked: list[str] = []
        for item in wish.input or ():
            if isinstance(item, ItemReference):
                self._conversation.get(item.id, "invalid_item_reference")
            elif isinstance(item, UserMessage):
                asked.append(_typed(item))
        asked += readable(wish.instructions or "", self._reads)
        events = self._speaking.wish(wish, self._now_ms, self.settings)
        texts, self._texts = self._texts, []
        return Answer(events, [*texts, *(PushText(text, id) for text in asked if text.strip())])

    def _session_event(self, type: str) -> ServerEvent:
        return self._names.event(type, session=self._session())

    def _session(self) -> dict[str, Any]:
        shown: dict[str, Any] = without_secrets(self.settings.model_dump(exclude_none=True))
        shown["audio"].setdefault("input", {}).setdefault("turn_detection", None)
        ids = {"object": "realtime.session", "id": self._id, "expires_at": self._expires_at}
        return {"type": "realtime", **ids, **shown}


def _typed(message: UserMessage) -> str:
    """The text of a message. Raises Refusal for sound without its words, which this route hears as a stream only."""
    texts: list[str] = []
    for number, part in enumerate(message.content):
        param = f"item.content[{number}]"
        if part.audio is not None and part.transcript is None:
            message_text = "Sound inside an item is not heard; append it with 'input_audio_buffer.append'."
            raise Refusal("unsupported_content", message_text, param + ".audio")
        text = part.text if part.type == "input_text" else part.transcript
        if part.type == "input_text" and text is None:
            raise Refusal("missing_required_parameter", f"Missing required parameter: '{param}.text'.", param + ".text")
        texts.append(text or "")
    return "\n".join(text for text in texts if text.strip())

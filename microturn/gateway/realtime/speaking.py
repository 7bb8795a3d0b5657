"""The model's side of the projection: what it says by itself becomes responses. No decision of the model.

A response opens when the model begins to speak and closes when it yields, or has been silent for 600 ms: a breath
between two sentences is no end. Sound leaves as it comes; the pause itself is not sent, the client's clock makes it.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from microturn.core.clock import TICK_MS
from microturn.gateway.realtime.audio import WireEncoder
from microturn.gateway.realtime.client import ResponseWish
from microturn.gateway.realtime.conversation import Conversation, Fragment, Spoken
from microturn.gateway.realtime.refusal import Refusal
from microturn.gateway.realtime.settings import Settings
from microturn.gateway.realtime.wire import Names, ServerEvent, message, usage
from microturn.gateway.timeline import FRAME_SAMPLES
from microturn.media.pcm import Pcm

HOLD_MS = 600
WISH_MS = 5_000  # a model that was asked to speak and stays silent so long has answered with silence

Status = Literal["completed", "cancelled", "failed"]


@dataclass
class _Wish:
    wish: ResponseWish
    until_ms: int


@dataclass
class _Response:
    id: str
    item_id: str
    modality: Literal["text", "audio"]
    metadata: dict[str, str] | None
    spoken: Spoken
    encoder: WireEncoder
    before: str | None
    heard_ticks: int
    wished: bool  # it answers a `response.create`
    quiet_since_ms: int | None = None


class Speaking:
    """The responses of one connection, one at a time."""

    def __init__(self, names: Names, conversation: Conversation) -> None:
        self._names, self._conversation = names, conversation
        self._response: _Response | None = None
        self._wish: _Wish | None = None
        self._talks = False  # between Began and Stopped
        self._hushed = False  # cancelled by the client: nothing leaves before the model begins anew
        self._cancelled: _Response | None = None  # what was written of it and never sounded is not known yet
        self._written = ""  # after that
        self._answered_ms = 0

    @property
    def has_floor(self) -> bool:
        """Whether the model speaks and the client hears it."""
        return self._talks and not self._hushed

    def audible(self, settings: Settings) -> bool:
        """Whether sound of the model may be heard now: not after a cancellation, nor where it answers in text."""
        modality = settings.modality if self._response is None else self._response.modality
        return modality == "audio" and not self._hushed

    def began(self, now_ms: int, settings: Settings) -> list[ServerEvent]:
        """The model begins to speak, or goes on after a breath."""
        self._talks, self._hushed = True, False
        if self._response is not None:
            self._response.quiet_since_ms = None
            return []
        return self._open(now_ms, settings)

    def said(self, text: str, now_ms: int, settings: Settings) -> list[ServerEvent]:
        """Words of the model."""
        if self._hushed:
            self._written += text
            return []
        events = self._opened(now_ms, settings)
        response = self._current()
        delta = text if response.spoken.fragments else text.lstrip()
        response.spoken.fragments.append(Fragment(delta, response.spoken.sent_ms))
        type = "response.output_text.delta" if response.modality == "text" else "response.output_audio_transcript.delta"
        return [*events, self._part_event(type, delta=delta)]

    def sounded(self, pcm: Pcm | None, now_ms: int, settings: Settings) -> list[ServerEvent]:
        """20 ms of the model. Silence within what it says is sound too; silence outside is nothing."""
        if self._hushed or (pcm is None and not self._talks):
            return []
        events = self._opened(now_ms, settings)
        response = self._current()
        if response.modality == "text":
            return events
        samples = np.zeros(FRAME_SAMPLES, np.float32) if pcm is None else pcm
        return events + self._audio(response, response.encoder.push(samples))

    def stopped(self, now_ms: int, unsaid: str = "") -> None:
        """The model has fallen silent; whether this is the end, time will tell. unsaid: words that never sounded."""
        self._talks = self._hushed = False
        if self._response is not None:
            self._response.spoken.unsay(unsaid)
            self._response.quiet_since_ms = now_ms
        if self._cancelled is not None:
            self._cancelled.spoken.unsay(unsaid.strip().removesuffix(self._written.strip()))
            self._conversation.finish(self._item(self._cancelled, "incomplete"))
        self._cancelled, self._written = None, ""

    def close(self, now_ms: int, status: Status, reason: str | None = None) -> list[ServerEvent]:
        """End the response that is open, if there is one. reason: of a cancellation, or the code of a failure."""
        response = self._response
        if response is None:
            return []
        self._response, self._answered_ms = None, now_ms
        events = self._ending(response, "completed" if status == "completed" else "incomplete")
        done = self._body(response, status) | {
            "status_details": _details(status, reason),
            "output": [self._item(response, "completed" if status == "completed" else "incomplete")],
            "usage": usage(response.heard_ticks, 0, -(-response.spoken.sent_ms // TICK_MS), _words(response)),
        }
        events.append(self._names.event("response.done", response=done))
        events.append(self._names.event("rate_limits.updated", rate_limits=[]))
        return events

    def advance(self, now_ms: int, settings: Settings) -> list[ServerEvent]:
        """Time has passed."""
        events: list[ServerEvent] = []
        response = self._response
        if response is not None and response.quiet_since_ms is not None:
            if now_ms - response.quiet_since_ms >= HOLD_MS:
                events += self.close(now_ms, "completed")
        elif self._wish is not None and response is None and now_ms >= self._wish.until_ms:
            events += self._silent_answer(now_ms, settings)
        return events

    @property
    def busy(self) -> bool:
        """Whether a response is open; a protocol of turns has one at a time."""
        return self._response is not None

    def wish(self, wish: ResponseWish, now_ms: int, settings: Settings) -> list[ServerEvent]:
        """The client asks for a response: the next one is its answer. Raises Refusal while one is open.

        A live model may have begun to answer before a client that marks its turns by itself asks: then this was it.
        """
        response = self._response
        if self._wish is not None or (response is not None and response.quiet_since_ms is None):
            if response is not None and settings.push_to_talk and not response.wished and wish.metadata is None:
                response.wished = True
                return []
            code = "conversation_already_has_active_response"
            raise Refusal(code, "Conversation already has an active response; wait for `response.done`.")
        self._wish = _Wish(wish, now_ms + WISH_MS)
        return self.close(now_ms, "completed")

    def cancel(self, response_id: str | None, now_ms: int, settings: Settings) -> list[ServerEvent]:
        """The client wants silence: what the model still says is not sent. Raises Refusal with nothing to cancel."""
        response = self._response
        if response is None and self._wish is not None and response_id is None:
            events = self._open(now_ms, settings)
            return events + self.close(now_ms, "cancelled", "client_cancelled")
        if response is None or response_id not in (None, response.id):
            message = "Cancellation failed: no active response found"
            raise Refusal("response_cancel_not_active", message, None if response_id is None else "response_id")
        self._hushed = self._talks
        self._cancelled = response if self._talks else None
        return self.close(now_ms, "cancelled", "client_cancelled")

    def _opened(self, now_ms: int, settings: Settings) -> list[ServerEvent]:
        """Open a response for something that came outside of one; it closes by silence."""
        events = [] if self._response is not None else self._open(now_ms, settings)
        if not self._talks:
            self._current().quiet_since_ms = now_ms
        return events

    def _open(self, now_ms: int, settings: Settings) -> list[ServerEvent]:
        response = self._begin(now_ms, settings)
        item = message(response.item_id, "assistant", "in_progress", [])
        response.before, forgotten = self._conversation.add(item)
        event = self._names.event
        where = {"response_id": response.id, "output_index": 0}
        return [
            event("response.created", response=self._body(response, "in_progress")),
            event("response.output_item.added", **where, item=item),
            *self._names.added(item, response.before, forgotten),
            self._part_event("response.content_part.added", part=_part(response, with_text=False)),
        ]

    def _begin(self, now_ms: int, settings: Settings) -> _Response:
        wished, self._wish = self._wish, None
        wish = ResponseWish() if wished is None else wished.wish
        modality = wish.output_modalities[0] if wish.output_modalities else settings.modality
        output = wish.audio and wish.audio.output
        item_id = self._names.fresh("item")
        response = _Response(
            id=self._names.fresh("resp"),
            item_id=item_id,
            modality=modality,
            metadata=wish.metadata,
            spoken=self._conversation.speaks(item_id),
            encoder=WireEncoder((output and output.format) or settings.output_format),
            before=None,
            heard_ticks=max(0, now_ms - self._answered_ms) // TICK_MS,
            wished=wished is not None,
        )
        self._response = response
        return response

    def _silent_answer(self, now_ms: int, settings: Settings) -> list[ServerEvent]:
        """The model was asked and prefers to listen: a response without output."""
        response = self._begin(now_ms, settings)
        self._response, self._answered_ms = None, now_ms
        done = self._body(response, "completed") | {
            "status_details": _details("completed", None),
            "usage": usage(response.heard_ticks, 0, 0, 0),
        }
        created = self._names.event("response.created", response=self._body(response, "in_progress"))
        return [created, self._names.event("response.done", response=done)]

    def _ending(self, response: _Response, item_status: str) -> list[ServerEvent]:
        where, event = {"response_id": response.id, "output_index": 0}, self._names.event
        events: list[ServerEvent] = []
        part = {"response_id": response.id, "item_id": response.item_id, "output_index": 0, "content_index": 0}
        if response.modality == "audio":
            tail = response.encoder.flush()
            if tail:
                events.append(event("response.output_audio.delta", **part, delta=tail))
            response.spoken.sent_ms = response.encoder.sent_ms
            events.append(event("response.output_audio.done", **part))
            type = "response.output_audio_transcript.done"
            events.append(event(type, **part, transcript=response.spoken.text))
        else:
            events.append(event("response.output_text.done", **part, text=response.spoken.text))
        item = self._item(response, item_status)
        self._conversation.finish(item)
        events.append(event("response.content_part.done", **part, part=_part(response, with_text=True)))
        events.append(event("conversation.item.done", previous_item_id=response.before, item=item))
        events.append(event("response.output_item.done", **where, item=item))
        return events

    def _audio(self, response: _Response, delta: str) -> list[ServerEvent]:
        response.spoken.sent_ms = response.encoder.sent_ms
        return [self._part_event("response.output_audio.delta", delta=delta)] if delta else []

    def _part_event(self, type: str, **fields: Any) -> ServerEvent:
        response = self._current()
        ids = {"response_id": response.id, "item_id": response.item_id, "output_index": 0, "content_index": 0}
        return self._names.event(type, **ids, **fields)

    def _current(self) -> _Response:
        assert self._response is not None
        return self._response

    def _item(self, response: _Response, status: str) -> dict[str, Any]:
        if response.modality == "text":
            content = {"type": "output_text", "text": response.spoken.text}
        else:
            content = {"type": "output_audio", "transcript": response.spoken.text}
        return message(response.item_id, "assistant", status, [content])

    def _body(self, response: _Response, status: str) -> dict[str, Any]:
        return {
            "object": "realtime.response",
            "id": response.id,
            "status": status,
            "status_details": None,
            "output": [],
            "output_modalities": [response.modality],
            "audio": {"output": {"format": _format(response.encoder)}},
            "max_output_tokens": "inf",
            "metadata": response.metadata,
            "usage": None,
        }


def _part(response: _Response, with_text: bool) -> dict[str, Any]:
    text = response.spoken.text if with_text else ""
    return {"type": "text", "text": text} if response.modality == "text" else {"type": "audio", "transcript": text}


def _details(status: Status, reason: str | None) -> dict[str, Any] | None:
    if status == "completed":
        return None
    if status == "cancelled":
        return {"type": status, "reason": reason}
    error = {"type": "server_error", "code": reason, "message": "The session ended while the model was speaking."}
    return {"type": status, "error": error}


def _format(encoder: WireEncoder) -> dict[str, Any]:
    pcm = encoder.format.type == "audio/pcm"
    return {"type": encoder.format.type} | ({"rate": encoder.format.rate_hz} if pcm else {})


def _words(response: _Response) -> int:
    return len(response.spoken.text.split())

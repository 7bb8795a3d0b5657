"""A codec of the Realtime dialect driven without a server, and one whole conversation through it."""

import base64
import json
from typing import Any

import numpy as np

from microturn.gateway.instructions import Reads, reads_nothing
from microturn.gateway.realtime.codec import Answer, RealtimeCodec
from microturn.gateway.realtime.settings import default_settings
from microturn.gateway.timeline import FRAME_SAMPLES, Began, Ended, Heard, Item, Said, Sound, Stopped

SPEECH = np.sin(np.arange(FRAME_SAMPLES) * 2 * np.pi * 400 / 16_000).astype(np.float32) * 0.5
FIELDS = {"event_id": "c1"}


class Wire:
    """A codec, everything it sent, and its clock."""

    def __init__(self, reads: Reads = reads_nothing, **session: Any) -> None:
        self.codec = RealtimeCodec("live_test", default_settings("tiny"), 0, reads)
        self.sent = self.codec.opening()
        self.now_ms = 0
        if session:
            self.client("session.update", session=session)

    def give(self, *items: Item) -> None:
        for item in items:
            self.sent += self.codec.from_timeline(item)

    def pass_ms(self, ms: int, pcm: np.ndarray | None = None) -> None:
        for _ in range(ms // 20):
            self.give(Sound(self.now_ms, pcm))
            self.now_ms += 20

    def speak(self, text: str, ms: int = 200) -> None:
        self.give(Began(self.now_ms), Said(self.now_ms, self.now_ms + 200, text))
        self.pass_ms(ms, SPEECH)

    def hear(self, text: str) -> None:
        self.give(Heard(self.now_ms - 200, self.now_ms, text))

    def client(self, type: str, **fields: Any) -> Answer:
        answer = self.codec.from_client(json.dumps({"type": type, **FIELDS, **fields}))
        self.sent += answer.events
        return answer

    def types(self) -> list[str]:
        return [event["type"] for event in self.sent]

    def last(self, type: str) -> dict[str, Any]:
        return next(event for event in reversed(self.sent) if event["type"] == type)

    def error(self) -> dict[str, Any]:
        return self.last("error")["error"]

    def item(self) -> str:
        """The id of what the model says or said last."""
        return self.last("response.output_item.added")["item"]["id"]


PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


def typed(text: str, role: str = "user", **fields: Any) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}], **fields}


def shown(url: str = PNG) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": url}]}


def whole_conversation() -> list[dict[str, Any]]:
    """Every event of a long talk: answers, a backchannel, a yield, errors, typed text, pictures, sound taken back."""
    wire = Wire(instructions="Be brief.", output_modalities=["audio"])
    _history(wire)
    _spoken(wire)
    _refused(wire)
    _typed(wire)
    wire.give(Ended(wire.now_ms, "failed"))
    return wire.sent


def _history(wire: Wire) -> None:
    wire.client("conversation.item.create", item=typed("hello", id="old_1"), previous_item_id="root")
    wire.client("conversation.item.create", item=typed("hi", "assistant", id="old_2"), previous_item_id="old_1")
    wire.client("conversation.item.create", item=typed("a rule", "system", id="old_3"), previous_item_id="old_2")
    call = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"}
    wire.client("conversation.item.create", item=call)
    wire.client(
        "conversation.item.create", item={"type": "function_call_output", "call_id": "call_1", "output": "done"}
    )
    for _ in range(9):
        wire.client("conversation.item.create", item=shown())


def _spoken(wire: Wire) -> None:
    wire.pass_ms(400)
    wire.hear(" what is")
    wire.hear(" it")
    wire.speak(" It is", ms=400)
    wire.hear(" mhm")
    wire.speak(" noon", ms=400)
    wire.hear(" wait")
    wire.give(Stopped(wire.now_ms, yielded=True, unsaid="noon"))
    wire.client("conversation.item.truncate", item_id=wire.item(), content_index=0, audio_end_ms=99_999)
    wire.client("conversation.item.retrieve", item_id=wire.item())
    wire.pass_ms(1_000)
    wire.speak(" Two")
    wire.client("response.cancel")
    wire.pass_ms(400, SPEECH)
    wire.give(Stopped(wire.now_ms))
    wire.pass_ms(1_000)
    wire.client("conversation.item.delete", item_id=wire.item())


def _refused(wire: Wire) -> None:
    wire.client("no.such.event")
    wire.client("response.cancel")
    wire.client("input_audio_buffer.commit")
    wire.client("conversation.item.retrieve", item_id="nowhere")
    wire.client("conversation.item.create", item=typed("again", id="old_1"))
    wire.client("session.update", session={"tempature": 1})
    wire.client("response.create", response={"conversation": "none"})


def _typed(wire: Wire) -> None:
    wire.client("conversation.item.create", item=typed("count"))
    wire.client("response.create", response={"metadata": {"a": "b"}})
    wire.client("response.create")
    wire.speak(" One")
    wire.give(Stopped(wire.now_ms))
    wire.pass_ms(800)
    wire.client("session.update", session={"output_modalities": ["text"], "audio": {"input": {"turn_detection": None}}})
    wire.client("input_audio_buffer.append", audio=base64.b64encode(bytes(9_600)).decode())
    wire.client("input_audio_buffer.commit")
    wire.client("response.create")
    wire.speak(" Two")
    wire.give(Stopped(wire.now_ms))
    wire.pass_ms(800)
    wire.client("input_audio_buffer.clear")
    wire.client("response.create")
    wire.pass_ms(5_400)
    wire.speak(" Three")
    wire.hear(" hm")

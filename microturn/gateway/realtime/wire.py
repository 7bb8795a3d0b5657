"""Names and shapes of Realtime server events that more than one part makes. No state but the counter of names."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

ServerEvent = dict[str, Any]


class Names:
    """Fresh ids of one connection: short, in order, and the same for the same conversation."""

    def __init__(self, session_id: str) -> None:
        self._stem = "".join(char for char in session_id if char.isalnum())[-12:]
        self._counts = {kind: count(1) for kind in ("event", "item", "resp")}

    def fresh(self, kind: str) -> str:
        """The next id of "event", "item" or "resp"."""
        return f"{kind}_{self._stem}_{next(self._counts[kind]):x}"

    def event(self, type: str, **fields: Any) -> ServerEvent:
        """A server event with an id of its own."""
        return {"type": type, "event_id": self.fresh("event"), **fields}

    def added(self, item: dict[str, Any], before: str | None, forgotten: Sequence[str]) -> list[ServerEvent]:
        """`conversation.item.added`, and that others had to go for it: clients keep the same list."""
        gone = [self.event("conversation.item.deleted", item_id=id) for id in forgotten]
        return [self.event("conversation.item.added", previous_item_id=before, item=item), *gone]


def message(id: str, role: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    """An item that is a message."""
    return {
        "id": id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": role,
        "content": content,
    }


def usage(heard_ticks: int, text_in: int, sound_ticks: int, text_out: int) -> Mapping[str, Any]:
    """Tokens of a response. A micro-turn of sound counts as one audio token, a word as one text token."""
    cached = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
    return {
        "total_tokens": heard_ticks + text_in + sound_ticks + text_out,
        "input_tokens": heard_ticks + text_in,
        "output_tokens": sound_ticks + text_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": heard_ticks,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": cached,
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": sound_ticks},
    }

"""The items of a Realtime conversation in their order, and how much of the model's words was heard. No events."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from microturn.gateway.realtime.client import ROOT
from microturn.gateway.realtime.refusal import Refusal

MAX_ITEMS = 1_024  # the oldest are forgotten, so that a long session does not grow
MAX_CHARACTERS = 4_000_000  # of all items together
MAX_PICTURES = 8  # items of nothing but pictures; clients that show a camera make one each time


class Added(NamedTuple):
    """The id of the item before the new one, None where it is the first; the items forgotten for it."""

    before: str | None
    forgotten: list[str]


class Fragment(NamedTuple):
    """Words of the model, and where in its sound they begin."""

    text: str
    at_ms: int


@dataclass
class Spoken:
    """What one item of the model has said. heard_ms: no more of it was heard, as its client says; None: all."""

    fragments: list[Fragment]
    sent_ms: int = 0
    heard_ms: int | None = None

    @property
    def text(self) -> str:
        """All its words."""
        return "".join(fragment.text for fragment in self.fragments)

    @property
    def heard(self) -> str:
        """The words whose sound began before the client stopped playing."""
        limit_ms = self.heard_ms
        return "".join(one.text for one in self.fragments if limit_ms is None or one.at_ms < limit_ms)

    def unsay(self, text: str) -> None:
        """Take back words at the end that were written but never sounded; other words are left as they are."""
        whole, left = self.text.rstrip(), text.strip()
        if not left or not whole.endswith(left):
            return
        keep = len(whole) - len(left)
        kept: list[Fragment] = []
        for fragment in self.fragments:
            kept.append(Fragment(fragment.text[: max(0, keep)], fragment.at_ms))
            keep -= len(fragment.text)
        self.fragments = [fragment for fragment in kept if fragment.text]


class Conversation:
    """Items by id, in order."""

    def __init__(self) -> None:
        self._items: dict[str, dict[str, Any]] = {}
        self._sizes: dict[str, int] = {}
        self._order: list[str] = []
        self._spoken: dict[str, Spoken] = {}

    def add(self, item: dict[str, Any], previous_id: str | None = None) -> Added:
        """Put an item after another one (None: at the end; "root": first).

        Raises Refusal for an id that exists or a previous one that does not.
        """
        id = str(item["id"])
        if id in self._items:
            raise Refusal("item_create_duplicate_item_id", f"Item '{id}' already exists.", "item.id")
        if previous_id not in (None, ROOT) and previous_id not in self._items:
            message = f"There is no item '{previous_id}' to put this one after."
            raise Refusal("item_create_invalid_previous_item_id", message, "previous_item_id")
        if previous_id is None:
            place = len(self._order)
        else:
            place = 0 if previous_id == ROOT else self._order.index(previous_id) + 1
        self._items[id], self._sizes[id] = item, len(str(item))
        self._order.insert(place, id)
        before = self._order[place - 1] if place else None
        pictures = [id for id in self._order if only_pictures(self._items[id])]
        forgotten = pictures[: max(0, len(pictures) - MAX_PICTURES)]
        for old in forgotten:
            self._forget(old)
        while len(self._order) > MAX_ITEMS or sum(self._sizes.values()) > MAX_CHARACTERS:
            forgotten.append(self._order[0])
            self._forget(self._order[0])
        return Added(before, forgotten)

    def speaks(self, id: str) -> Spoken:
        """Begin to count what an item of the model says."""
        self._spoken[id] = Spoken([])
        return self._spoken[id]

    def get(self, id: str, code: str) -> dict[str, Any]:
        """An item; Refusal with this code where there is none."""
        if id not in self._items:
            raise Refusal(code, f"There is no item '{id}' in this conversation.", "item_id")
        return self._items[id]

    def finish(self, item: dict[str, Any]) -> None:
        """Put the last state of an item in place of its first; nothing when the client has deleted it."""
        id = str(item["id"])
        if id in self._items:
            spoken = self._spoken.get(id)
            self._items[id] = item if spoken is None else _as_heard(item, spoken)

    def delete(self, id: str) -> None:
        """Take an item out."""
        self.get(id, "item_delete_invalid_item_id")
        self._forget(id)

    def truncate(self, id: str, heard_ms: int) -> int:
        """Keep of an item of the model what was heard; the place of the cut, never beyond what was sent.

        Clients say what their loudspeaker has played, which may run ahead of what was sent; this is no error here.
        """
        code = "item_truncate_invalid_item_id"
        item, spoken = self.get(id, code), self._spoken.get(id)
        if spoken is None:
            raise Refusal(code, f"Item '{id}' is not something the model said in this session.", "item_id")
        spoken.heard_ms = min(heard_ms, spoken.sent_ms)
        self._items[id] = _as_heard(item, spoken)
        return spoken.heard_ms

    def _forget(self, id: str) -> None:
        self._order.remove(id)
        del self._items[id], self._sizes[id]
        self._spoken.pop(id, None)


def only_pictures(item: dict[str, Any]) -> bool:
    """Whether a message shows something and says nothing."""
    content: list[dict[str, Any]] = item.get("content") or []
    return bool(content) and all(part["type"] == "input_image" for part in content)


def _as_heard(item: dict[str, Any], spoken: Spoken) -> dict[str, Any]:
    """An item of the model with no word that was not heard."""
    content = [
        part | ({"text": spoken.heard} if part["type"] == "output_text" else {"transcript": spoken.heard})
        for part in item["content"]
    ]
    return item | {"content": content}

"""Which of the model's words were heard: the ledger of what a client has played. No wire.

Without acknowledgements playback is taken to run in real time, `LAG_MS` behind what was sent.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from microturn.core.errors import MicroturnError

LAG_MS = 200
ITEMS = 64  # older utterances are as they are


class UnknownItem(MicroturnError):
    """An acknowledgement of an utterance that is not in the ledger, or no longer."""


@dataclass
class _Utterance:
    began_ms: int
    sent_ms: int = 0
    played_ms: int | None = None
    words: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    unsaid: str = ""


@dataclass(frozen=True)
class Played:
    """What is known of one utterance: how much of it was played, and the words whose sound had begun by then."""

    item_id: str
    played_ms: int
    text: str


class Playback:
    """Utterances by id, newest last, each from `began` on. All times but `played_ms` are the session's."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, _Utterance] = OrderedDict()

    def began(self, item_id: str, at_ms: int) -> None:
        """A new utterance; the oldest of too many is forgotten."""
        self._items[item_id] = _Utterance(at_ms)
        while len(self._items) > ITEMS:
            self._items.popitem(last=False)

    def said(self, text: str, start_ms: int) -> None:
        """Words of the newest utterance, at the time of their sound."""
        newest = self._newest
        newest.words.append((start_ms - newest.began_ms, text))

    def sounded(self, end_ms: int) -> None:
        """The newest utterance was sent up to here."""
        newest = self._newest
        newest.sent_ms = max(newest.sent_ms, end_ms - newest.began_ms)

    def stopped(self, unsaid: str) -> None:
        """The newest utterance is over; `unsaid` words of it never sounded."""
        self._newest.unsaid = unsaid

    def acknowledge(self, item_id: str, played_ms: int) -> Played:
        """The client has played so much; less than before changes nothing, more than was sent counts as all of it."""
        item = self._items.get(item_id)
        if item is None:
            raise UnknownItem(f"no utterance of id {item_id[:80]!r} is known here")
        item.played_ms = max(item.played_ms or 0, min(played_ms, item.sent_ms))
        return self.played(item_id, 0)

    def played(self, item_id: str, now_ms: int) -> Played:
        """What was heard of an utterance by `now_ms`."""
        item = self._items[item_id]
        assumed = min(max(0, now_ms - item.began_ms - LAG_MS), item.sent_ms)
        played_ms = assumed if item.played_ms is None else item.played_ms
        text = "".join(text for start_ms, text in item.words if start_ms < played_ms)
        return Played(item_id, played_ms, _without(text, item.unsaid))

    @property
    def _newest(self) -> _Utterance:
        return next(reversed(self._items.values()))


def _without(text: str, unsaid: str) -> str:
    """The text without its end that never sounded, or as much of that end as is in it."""
    words, never = text.split(), unsaid.split()
    for count in range(min(len(words), len(never)), 0, -1):
        if words[-count:] == never[:count]:
            return " ".join(words[:-count])
    return " ".join(words)

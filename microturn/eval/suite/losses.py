"""Why scenarios were lost, in a few kinds that are read off what each row says. For tables; the row tells the story."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

# The first kind whose words are found in the row's reason; written by the suites, kept apart from what was said.
KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("void: says nothing about the model", ("void",)),
    ("spoke too early or where nothing should be said", ("where nothing", "before the end", "was speaking when")),
    ("took the turn while listening", ("took the turn",)),
    ("spoke on over the user", ("never stopped", "spoke on for", "talked_through")),
    ("fell silent, or did not speak, where it should go on", ("said nothing of either",)),
    ("answered somebody else's words, or the listener's", ("answered what was said over it",)),
    ("went on over an interruption", ("went on with",)),
    ("right words at the wrong time", ("outside of", "too late")),
    ("too many utterances", ("at most",)),
    ("other words", ("other words", "was right", "is right")),
    ("nothing said", ("no answer", "nothing said", "no start", "silent", "last number none")),
    ("late", ("answered after",)),
)
OTHER = "in part"


def reason(row: Mapping[str, Any]) -> str:
    """The kind of a lost scenario."""
    why = str(row.get("why", "")).split(": '")[0].split(': "')[0]
    if row.get("status") == "silent" or "last number none" in why:
        return "nothing said"
    return next((kind for kind, marks in KINDS if any(mark in why for mark in marks)), OTHER)


def losses(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many scenarios were lost for which reason, most first; what was right is not in it."""
    lost = Counter(reason(row) for row in rows if not row.get("right"))
    return dict(lost.most_common())


def part_of(row_id: str) -> str:
    """The suite of a row, by the first part of its id."""
    return row_id.split("/", 1)[0]


def by_part(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Rows by suite."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(part_of(str(row["id"])), []).append(row)
    return found

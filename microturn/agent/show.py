"""What an agent shows on the page beside the conversation: cards, tables, small charts. Data only: never HTML.

Everything is parsed strictly and made plain before it leaves, so that whoever draws it has nothing to trust.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from microturn.core.config import from_dict, to_dict
from microturn.core.errors import InputError

TITLE_CHARACTERS = 80
TEXT_CHARACTERS = 280
CARD_LINES = 12
TABLE_COLUMNS = 8
TABLE_ROWS = 50
CHART_POINTS = 60
CHART_LARGEST = 1e15

_TAG = re.compile(r"<[^<>]{0,2000}>?")
_RAW_HEAD = 20_000  # what is longer is cut before anything is searched in it


@dataclass(frozen=True)
class Card:
    """A title and a few lines."""

    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows under named columns; every row has as many cells as there are columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.columns) <= TABLE_COLUMNS:
            raise InputError("columns of a table", "show", len(self.columns), f"1 to {TABLE_COLUMNS}")
        wrong = next((row for row in self.rows if len(row) != len(self.columns)), None)
        if wrong is not None:
            raise InputError("a row of a table", "show", f"{len(wrong)} cells", f"{len(self.columns)}, as columns")


@dataclass(frozen=True)
class Chart:
    """A few values with their labels, as bars or a line. unit: what the values are, such as "km"."""

    title: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    form: Literal["bars", "line"] = "bars"
    unit: str = ""

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.values) or not 1 <= len(self.values) <= CHART_POINTS:
            came = f"{len(self.labels)} labels, {len(self.values)} values"
            raise InputError("a chart", "show", came, f"as many labels as values, 1 to {CHART_POINTS}")
        if not all(math.isfinite(value) and abs(value) <= CHART_LARGEST for value in self.values):
            raise InputError("values of a chart", "show", "one that is too large or no number", "finite numbers")


Shown = Card | Table | Chart
_KINDS: dict[str, type[Card] | type[Table] | type[Chart]] = {"card": Card, "table": Table, "chart": Chart}


@dataclass(frozen=True)
class _Envelope:
    kind: Literal["card", "table", "chart"]
    value: dict[str, Any] = field(default_factory=dict[str, Any])


def shown_from(row: Mapping[str, Any]) -> Shown:
    """Parse {"kind": "card" | "table" | "chart", ...its fields} strictly and make it plain.

    Raises InputError (ConfigError where a key or a type is wrong) with what would be right.
    """
    fields = dict(row)
    kind = from_dict(_Envelope, {"kind": fields.pop("kind", None)}, "show").kind
    return plain_shown(from_dict(_KINDS[kind], fields, f"show.{kind}"))


def shown_to_dict(shown: Shown) -> dict[str, Any]:
    """The JSON form that `shown_from` reads back."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(shown, cls))
    return {"kind": kind, **to_dict(shown)}


def plain_shown(shown: Shown) -> Shown:
    """The same with plain texts of bounded length and number."""
    title = plain_text(shown.title, TITLE_CHARACTERS)
    match shown:
        case Card(lines=lines):
            return Card(title, tuple(plain_text(line) for line in lines[:CARD_LINES]))
        case Table(columns=columns, rows=rows):
            cells = tuple(tuple(plain_text(cell) for cell in row) for row in rows[:TABLE_ROWS])
            return Table(title, tuple(plain_text(name, TITLE_CHARACTERS) for name in columns), cells)
        case Chart(labels=labels, unit=unit):
            names = tuple(plain_text(label, TITLE_CHARACTERS) for label in labels)
            return replace(shown, title=title, labels=names, unit=plain_text(unit, 16))


def plain_text(text: str, most: int = TEXT_CHARACTERS) -> str:
    """One line of plain text, at most `most` characters: no tags, no control or direction characters."""
    seen = "".join(_seen(char) for char in text[:_RAW_HEAD])  # first, or a sign that is left out would make a tag
    text = " ".join(without_tags(" ".join(seen.split())).split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def without_tags(text: str) -> str:
    """The text without anything that a browser could take for a tag; "2 < 3" stays."""
    return _TAG.sub(lambda found: " " if re.match(r"<[a-zA-Z!/?]", found[0]) else found[0], text)


def _seen(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Zs", "Zl", "Zp") or char in "\t\n\r":
        return " "
    return "" if category.startswith("C") else char

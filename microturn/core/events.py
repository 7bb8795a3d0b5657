"""Timed events and their form at rest: one JSON object a line. What an event means to a listener lives elsewhere."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from microturn.core.errors import InputError

KEYS = ("t_ms", "tick", "kind", "text", "data")


@dataclass(frozen=True)
class Event:
    """One thing that happened at one moment.

    t_ms: milliseconds since the session began (for a decision: the end of its tick); tick: its micro-turn;
    kind: "say", "heard", "delegate", "yield" or another single word; text: the words, may be empty;
    data: further values that JSON can hold.
    """

    t_ms: int
    tick: int
    kind: str
    text: str = ""
    data: Mapping[str, Any] | None = None


def event_to_dict(event: Event) -> dict[str, Any]:
    """The event as a JSON object; `data` only when there is some."""
    row: dict[str, Any] = {"t_ms": event.t_ms, "tick": event.tick, "kind": event.kind, "text": event.text}
    return row if event.data is None else row | {"data": dict(event.data)}


def event_from_dict(row: Mapping[str, Any], where: str) -> Event:
    """Parse one object strictly; `where` (file and line) is named in the InputError."""
    for key in row:
        if key not in KEYS:
            raise InputError("unknown key in an event", where, repr(key), "one of " + ", ".join(KEYS))
    data = row.get("data")
    if data is not None and not isinstance(data, Mapping):
        raise InputError("data of an event", where, type(data).__name__, "an object")
    return Event(
        _whole_number(row, "t_ms", where),
        _whole_number(row, "tick", where),
        _string(row, "kind", where),
        _string(row, "text", where, default=""),
        cast("Mapping[str, Any] | None", data),
    )


def _whole_number(row: Mapping[str, Any], key: str, where: str) -> int:
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise InputError(f"{key} of an event", where, "nothing" if key not in row else repr(value), "a whole number from 0")


def _string(row: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
    value = row.get(key, default)
    if isinstance(value, str) and (value or default is not None):
        return value
    raise InputError(f"{key} of an event", where, "nothing" if key not in row else repr(value), "a text in quotes")


def json_line(row: Mapping[str, Any]) -> str:
    """One object as one line, newline included; NaN and infinity are refused as JSON has none."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def read_rows(path: Path, skip_broken_end: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ("file:line", object) of a JSON-lines file; empty lines are passed over.

    skip_broken_end: a last line without its newline that does not parse is left out (its writer was killed).
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise InputError("cannot read", path, error.strerror or "an error", "a readable file") from error
    for number, line in enumerate(lines, start=1):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            yield where, parse_object(line, where)
        except InputError:
            if skip_broken_end and number == len(lines) and not line.endswith(b"\n"):
                return
            raise


def parse_object(line: bytes | str, where: str) -> dict[str, Any]:
    """One JSON object from one line."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError("not JSON", where, str(error), 'one object a line, like {"t_ms": 0, "tick": 0}') from error
    if not isinstance(row, dict):
        raise InputError("not a JSON object", where, type(row).__name__, "an object in curly brackets")
    return cast("dict[str, Any]", row)


def read_events(path: Path, skip_broken_end: bool = False) -> list[Event]:
    """All events of a JSON-lines file, in the order of the file."""
    return [event_from_dict(row, where) for where, row in read_rows(path, skip_broken_end)]


def write_events(path: Path, events: Iterable[Event]) -> None:
    """Write events as JSON lines, replacing the file."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json_line(event_to_dict(event)) for event in events)

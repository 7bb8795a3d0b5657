"""Events as JSON lines."""

from pathlib import Path

import pytest

from microturn.core.errors import InputError
from microturn.core.events import Event, read_events, write_events

EVENTS = [Event(200, 0, "say", "twenty three"), Event(400, 1, "delegate", "größe", {"job": 7})]


def test_events_come_back_from_their_file(tmp_path: Path) -> None:
    write_events(tmp_path / "e.jsonl", EVENTS)
    assert read_events(tmp_path / "e.jsonl") == EVENTS


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object: got list"),
        ('{"tick": 0, "kind": "say"}', "t_ms of an event: got nothing"),
        ('{"t_ms": -1, "tick": 0, "kind": "say"}', "t_ms of an event: got -1"),
        ('{"t_ms": true, "tick": 0, "kind": "say"}', "t_ms of an event: got True"),
        ('{"t_ms": 0, "tick": 0.5, "kind": "say"}', "tick of an event: got 0.5"),
        ('{"t_ms": 0, "tick": 0, "kind": ""}', "kind of an event"),
        ('{"t_ms": 0, "tick": 0, "kind": "say", "text": 3}', "text of an event: got 3"),
        ('{"t_ms": 0, "tick": 0, "kind": "say", "txt": "a"}', "unknown key in an event: got 'txt'"),
        ('{"t_ms": 0, "tick": 0, "kind": "say", "data": 1}', "data of an event: got int"),
    ],
)
def test_a_wrong_line_is_refused_with_file_and_number(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text('{"t_ms": 0, "tick": 0, "kind": "say"}\n\n' + line + "\n")
    with pytest.raises(InputError, match=r"e\.jsonl:3: " + message):
        read_events(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl: cannot read: got No such file"):
        read_events(tmp_path / "none.jsonl")


def test_a_broken_last_line_is_left_out_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text('{"t_ms": 0, "tick": 0, "kind": "say"}\n{"t_ms": 2')
    assert read_events(path, skip_broken_end=True) == [Event(0, 0, "say")]
    with pytest.raises(InputError, match=":2: not JSON"):
        read_events(path)


def test_bytes_that_are_no_text_are_not_json(tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_bytes(b"\xff\xfe\x00\n")
    with pytest.raises(InputError, match="not JSON"):
        read_events(tmp_path / "e.jsonl")

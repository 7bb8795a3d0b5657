"""What is shown and what is said: typed, bounded and plain."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microturn.agent.show import Card, Chart, Table, plain_text, shown_from, shown_to_dict
from microturn.agent.speakable import MORE, parts, speakable
from microturn.core.errors import InputError

GOOD = [
    Card("title", ("one", "two")),
    Table("title", ("x", "y"), (("1", "2"),)),
    Chart("title", ("a", "b"), (1.0, 2.5), "line", "km"),
]


@pytest.mark.parametrize("shown", GOOD)
def test_what_is_shown_survives_json(shown: Any) -> None:
    assert shown_from(shown_to_dict(shown)) == shown


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"kind": "html", "title": "x"},
        {"kind": "card", "title": "x", "html": "<b>"},
        {"kind": "card", "title": 3},
        {"kind": "table", "title": "x", "columns": []},
        {"kind": "table", "title": "x", "columns": ["a"], "rows": [["1", "2"]]},
        {"kind": "chart", "title": "x", "labels": ["a"], "values": [float("nan")]},
        {"kind": "chart", "title": "x", "labels": ["a"], "values": [1, 2]},
        {"kind": "chart", "title": "x", "labels": ["a"], "values": [1], "form": "pie"},
    ],
)
def test_what_cannot_be_shown_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        shown_from(row)


def test_far_too_much_is_cut() -> None:
    table = shown_from({"kind": "table", "title": "t" * 999, "columns": ["a"], "rows": [["x" * 9_999]] * 999})
    assert isinstance(table, Table) and len(table.rows) == 50
    assert len(table.title) == 80 and len(table.rows[0][0]) == 280


@given(st.text(alphabet=st.sampled_from(list("<>/!?ab \"'=&\n\u202e\x00")), max_size=80))
def test_no_tag_is_left_whatever_the_text(text: str) -> None:
    plain = plain_text(text)
    assert not any(f"<{sign}" in plain for sign in "ab/!?") and "\u202e" not in plain and "\x00" not in plain


def test_signs_of_mathematics_stay() -> None:
    assert plain_text("2 < 3 and 5 > 4") == "2 < 3 and 5 > 4"


def test_markdown_is_said_as_sentences() -> None:
    text = "# Trains\n\n* the **first** leaves at 9\n* see [the plan](http://x/y) or https://z/?key=1\n```\ncode\n```"
    assert speakable(text) == "Trains. the first leaves at nine. see the plan or a link"


@given(st.text(max_size=400), st.integers(41, 90), st.integers(1, 4))
def test_parts_are_bounded_and_keep_their_words(text: str, most: int, count: int) -> None:
    pieces = parts(text, most, count)
    assert len(pieces) <= count and all(0 < len(piece) <= most for piece in pieces)
    if not (pieces and pieces[-1].endswith(MORE)):
        assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_megabyte_is_bounded_quickly() -> None:
    assert len(speakable("[" * 1_000_000)) < 10 and len(speakable("word " * 200_000)) <= 8_000

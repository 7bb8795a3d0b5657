"""Full-Duplex-Bench v3: calls that are missing, too many, changed on the way, and answers that were never given."""

import json
from pathlib import Path

import pytest

from microturn.core.errors import InputError
from microturn.eval.suite.fdb3 import TOOLS, Call, arguments_match, load_v3, pass_at_1, quality, scored

EXPECTED = (
    Call("search_flights", {"from": "New York", "date": "2026-05-01"}),
    Call("book_flight", {"flight_id": "$RESULT_0.flights[0].flight_id", "seats": 2}),
)
RIGHT = [
    Call("search_flights", {"from": "new york", "date": "2026-05-01"}),
    Call("book_flight", {"flight_id": "F1", "seats": "2"}),
]


def test_all_tools_with_right_arguments_pass_in_any_order() -> None:
    assert scored(EXPECTED, RIGHT) == (1.0, 1.0, True, True)
    assert scored(EXPECTED, RIGHT[::-1]).passed
    assert len(TOOLS) == 12


def test_a_missing_call_or_a_wrong_argument_fails() -> None:
    missing = scored(EXPECTED, RIGHT[:1])
    assert (missing.f1, missing.passed) == (pytest.approx(2 / 3), False)
    wrong = scored(EXPECTED, [RIGHT[0], Call("book_flight", {"flight_id": "F1", "seats": 3})])
    assert (wrong.f1, wrong.arguments, wrong.passed) == (1.0, 0.5, False)


def test_a_further_call_fails_as_published_and_does_no_harm_where_it_only_reads() -> None:
    more = scored(EXPECTED, [*RIGHT, Call("track_order", {})])
    assert (more.passed, more.passed_reading) == (False, True)
    assert not scored(EXPECTED, [*RIGHT, Call("add_to_cart", {})]).passed_reading


def test_a_call_that_was_taken_back_and_made_again_counts_once() -> None:
    first = Call("search_flights", {"from": "Boston", "date": "2026-05-01"})
    again = scored(EXPECTED, [first, *RIGHT])
    assert (again.arguments, again.passed, again.passed_reading) == (1.0, False, True)


def test_numbers_may_be_off_by_five_per_cent_and_words_by_case_and_signs() -> None:
    assert arguments_match({"price": 100, "city": "St. Louis"}, {"price": "$104", "city": "st louis", "more": 1})
    assert not arguments_match({"price": 100}, {"price": 106})
    assert not arguments_match({"on": True}, {"on": 1})
    assert not arguments_match({"id": "$RESULT_0.id"}, {"id": ""})
    assert arguments_match({"legs": [{"to": "Rome"}]}, {"legs": [{"to": "rome"}]})


def test_a_day_is_the_same_however_it_is_written() -> None:
    for written in ("August 20", "2026-08-20", "20th of August 2026", "the 20 aug"):
        assert arguments_match({"date": "2026-08-20"}, {"date": written})
    for written in ("August 21", "2025-08-20", "20 days", "in May"):
        assert not arguments_match({"date": "2026-08-20"}, {"date": written})


def test_quality_is_told_of_those_who_spoke_and_of_all() -> None:
    found = quality([True, False, None, None])
    assert (found.conditional.rate, found.unconditional.rate, found.spoke.rate) == (0.5, 0.25, 0.5)
    assert pass_at_1([scored(EXPECTED, RIGHT), scored(EXPECTED, [])]).rate == 0.5


def test_samples_are_read_in_the_published_layout(tmp_path: Path) -> None:
    row = {
        "domain": "travel_identity",
        "difficulty": "medium",
        "dialogue": [{"user": "Book it", "ai": "Booked."}],
        "expected_tool_calls": [{"function": "book_flight", "args": {"seats": 2}}],
    }
    (tmp_path / "ex1_speaker").mkdir()
    (tmp_path / "ex1_speaker/metadata.json").write_text(json.dumps(row))
    found = load_v3(tmp_path)
    assert (found[0].id, found[0].expected, found[0].meaning) == (
        "ex1_speaker",
        (Call("book_flight", {"seats": 2}),),
        "Booked.",
    )
    (tmp_path / "ex1_speaker/metadata.json").write_text("{}")
    with pytest.raises(InputError, match="not a scenario"):
        load_v3(tmp_path)

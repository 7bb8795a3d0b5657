"""Arithmetic, units, money, times, notes and documents, each by itself; numbers as words."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microturn.agent.numbers import leading_number, number_words, without_digits
from microturn.agent.tools.arithmetic import NoExpression, NoValue, calculate
from microturn.agent.tools.currency import NAMES, RATES, NoCurrency, Rates, code_of
from microturn.agent.tools.documents import Documents
from microturn.agent.tools.notes import NOTES, Notes, TooManyNotes
from microturn.agent.tools.times import NoTime, date_words, day_of, moment_of, time_words, zone_of
from microturn.agent.tools.units import NoUnit, convert, is_unit
from microturn.core.errors import InputError
from microturn.data import lexicon

NOW = datetime(2026, 11, 21, 16, 23, tzinfo=UTC)


def test_numbers_are_said_as_the_closed_world_says_them() -> None:
    assert all(number_words(n) == lexicon.number_words(n) for n in range(10_000))


@given(st.integers(0, 10**15 - 1))
def test_a_number_that_is_said_is_read_back(n: int) -> None:
    words = number_words(n).split()
    assert leading_number(words) == (n, len(words))


@given(st.decimals(0, 10**6, places=3))
def test_a_number_with_a_point_is_read_back(n: Fraction) -> None:
    words = number_words(Fraction(n)).split()
    assert leading_number(words) == (Fraction(n), len(words))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("391 km", "three hundred ninety one km"),
        ("-4 or 3.5.", "minus four or three point five."),
        ("1,200", "one thousand two hundred"),
        ("2026-11-21 at 16:30, v2.1, a-3", "2026-11-21 at 16:30, v2.1, a-3"),
    ],
)
def test_only_numbers_that_stand_alone_become_words(text: str, said: str) -> None:
    assert without_digits(text) == said


@given(st.integers(-999, 999), st.sampled_from(["plus", "minus", "times"]), st.integers(0, 999))
def test_arithmetic_is_exact(left: int, sign: str, right: int) -> None:
    expected = {"plus": left + right, "minus": left - right, "times": left * right}[sign]
    assert calculate(f"{number_words(left)} {sign} {number_words(right)}").value == expected
    assert calculate(f"{left} {sign} {right}").value == expected


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("(2 + 3) * 4", 20),
        ("2 + 3 * 4", 14),
        ("two to the power of ten", 1024),
        ("the sum of two and nine and four", 15),
        ("the difference between ten and three", 7),
        ("half of nine", Fraction(9, 2)),
        ("nine squared plus three cubed", 108),
        ("twenty-three times two", 46),
        ("a dozen times twelve", 144),
        ("one point five divided by three", Fraction(1, 2)),
        ("-2 - -3", 1),
        ("7 ÷ 2", Fraction(7, 2)),
    ],
)
def test_expressions_mean_what_they_say(expression: str, value: Fraction) -> None:
    assert calculate(expression).value == value


@given(st.text(max_size=60))
def test_no_text_breaks_the_calculator(text: str) -> None:
    with suppress(NoExpression, NoValue):
        calculate(text)


@pytest.mark.parametrize("text", ["9 ^ 9 ^ 9", "10 ^ 64", "1 / 0", "0 ^ -1", "square root of -1", "(1 / 7) ^ 64 ^ 64"])
def test_what_has_no_value_is_told_in_words(text: str) -> None:
    with pytest.raises((NoValue, NoExpression)):
        calculate(text)


@pytest.mark.parametrize("text", ["", "seventeen", "+", "(" * 100 + "1 + 1", "1 + 1 " * 100, "hello plus one"])
def test_what_is_no_arithmetic_is_none(text: str) -> None:
    with pytest.raises(NoExpression):
        calculate(text)


def test_roots_are_exact_where_they_can_be() -> None:
    assert calculate("square root of 144").exact and not calculate("square root of 2").exact
    assert calculate("square root of 2").text == "about one point four one four"


@pytest.mark.parametrize(
    ("amount", "source", "target", "value"),
    [
        (3, "miles", "feet", 15_840),
        (1, "inch", "centimeters", Fraction(254, 100)),
        (20, "degrees celsius", "degrees fahrenheit", 68),
        (1, "stone", "pounds", 14),
        (60, "miles per hour", "kilometers per hour", Fraction(301_752, 3_125)),
        (1, "square kilometer", "square meters", 1_000_000),
        (5, "kilometres", "metres", 5_000),
    ],
)
def test_units_are_converted_exactly(amount: int, source: str, target: str, value: Fraction) -> None:
    assert convert(Fraction(amount), source, target) == value


def test_what_does_not_measure_the_same_is_not_converted() -> None:
    with pytest.raises(NoUnit):
        convert(Fraction(1), "miles", "hours")


@pytest.mark.parametrize("name", ["", "foo", "__import__('os')", "meter" * 20, "meters; drop", "**"])
def test_what_is_no_unit_is_none(name: str) -> None:
    assert not is_unit(name)


def test_every_rate_has_a_name_and_every_name_a_rate() -> None:
    assert NAMES.keys() == RATES.keys()
    assert {code_of(name) for names in NAMES.values() for name in names} == RATES.keys()


def test_money_there_and_back_is_the_same() -> None:
    rates = Rates()
    there = rates.exchange(Fraction(20), "euros", "yen")
    assert rates.exchange(there, "JPY", "euro") == 20 and there == Fraction("3139.2")


def test_unknown_money_is_told() -> None:
    with pytest.raises(NoCurrency):
        Rates().exchange(Fraction(1), "euros", "seashells")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", "2026-11-21"),
        ("tomorrow", "2026-11-22"),
        ("saturday", "2026-11-28"),
        ("next monday", "2026-11-23"),
        ("in three days", "2026-11-24"),
        ("in two weeks", "2026-12-05"),
        ("the third of march", "2027-03-03"),
        ("march 3rd 2028", "2028-03-03"),
        ("december twenty first", "2026-12-21"),
        ("february twenty nine", "2028-02-29"),
        ("2030-01-02", "2030-01-02"),
        ("new year's eve", "2026-12-31"),
    ],
)
def test_days_are_the_ones_that_are_meant(text: str, day: str) -> None:
    assert day_of(text, NOW.date()).isoformat() == day


@pytest.mark.parametrize(
    "text", ["", "someday", "march", "february thirty", "2026-13-01", "march zero", "in many days"]
)
def test_days_that_do_not_exist_are_told(text: str) -> None:
    with pytest.raises(NoTime):
        day_of(text, NOW.date())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("in ten minutes", "2026-11-21 16:33"),
        ("in an hour and a half", None),
        ("in two hours and five minutes", "2026-11-21 18:28"),
        ("at five", "2026-11-21 17:00"),
        ("at four", "2026-11-22 04:00"),
        ("at 16:30", "2026-11-21 16:30"),
        ("at a quarter to six", "2026-11-21 17:45"),
        ("tomorrow at nine in the morning", "2026-11-22 09:00"),
        ("at midnight", "2026-11-22 00:00"),
        ("on monday at eight thirty in the evening", "2026-11-23 20:30"),
        ("at twenty five", None),
    ],
)
def test_moments_are_the_ones_that_are_meant(text: str, moment: str | None) -> None:
    if moment is None:
        with pytest.raises(NoTime):
            moment_of(text, NOW)
    else:
        assert moment_of(text, NOW).strftime("%Y-%m-%d %H:%M") == moment


@given(st.text(max_size=40))
def test_no_text_breaks_the_calendar(text: str) -> None:
    for read in (lambda: moment_of(text, NOW), lambda: day_of(text, NOW.date()), lambda: zone_of(text)):
        with suppress(NoTime):
            read()


def test_times_are_said_plainly() -> None:
    said = [
        time_words(datetime(2026, 1, 1, hour, minute)) for hour, minute in ((0, 0), (12, 0), (9, 5), (13, 0), (0, 30))
    ]
    assert said == [
        "midnight",
        "noon",
        "nine oh five in the morning",
        "one in the afternoon",
        "twelve thirty in the morning",
    ]
    assert date_words(date(2026, 11, 21)) == "saturday november twenty one"


def test_cities_have_zones() -> None:
    assert zone_of("New York").key == "America/New_York" and zone_of("munich").key == "Europe/Berlin"


def test_a_reminder_is_handed_out_once_and_survives_a_restart(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "notes.db")
    notes.remind("anna", "swim", NOW + timedelta(minutes=5))
    notes.close()
    notes = Notes(tmp_path / "notes.db")
    later = NOW + timedelta(minutes=6)
    assert notes.take_due("anna", NOW) == [] and notes.take_due("tom", later) == []
    assert [one.text for one in notes.take_due("anna", later)] == ["swim"]
    assert notes.take_due("anna", later) == [] == notes.reminders("anna")
    notes.close()


def test_notes_have_an_end() -> None:
    notes = Notes()
    for n in range(NOTES):
        notes.add("", str(n), NOW)
    with pytest.raises(TooManyNotes):
        notes.add("", "one more", NOW)
    notes.add("somebody else", "one", NOW)
    notes.close()


def test_a_file_that_is_no_notes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("dear diary " * 500)
    with pytest.raises(InputError):
        Notes(tmp_path / "notes.db")


def test_documents_are_found_by_their_words_and_followed_when_they_change(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.txt").write_text("Bread is in the kitchen.\n\nThe cellar key hangs behind the door.")
    documents = Documents(tmp_path)
    assert [one.text for one in documents.search("where are the keys of the cellar?")] == [
        "The cellar key hangs behind the door."
    ]
    (tmp_path / "deep/a.txt").write_text("The cellar key is lost for ever and ever.")
    assert "lost" in documents.search("cellar key")[0].text
    (tmp_path / "deep/a.txt").unlink()
    assert documents.search("cellar key") == []
    documents.close()


def test_documents_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("the treasure is in the forest")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/link.txt").symlink_to(tmp_path / "secret.txt")
    documents = Documents(tmp_path / "folder")
    assert documents.search("treasure forest") == []
    documents.close()


@pytest.mark.parametrize("query", ["", "the", '" OR 1=1 --', "a* NEAR/3 (b", "file:x"])
def test_no_query_breaks_the_search(tmp_path: Path, query: str) -> None:
    documents = Documents(tmp_path)
    assert documents.search(query) == []
    documents.close()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        Documents(tmp_path / "nowhere")

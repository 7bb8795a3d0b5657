"""Dates and times in words, with the time zones of cities. Reminders live in notes.py."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from microturn.agent.numbers import ORDINALS, leading_number, number_words

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
FEASTS = {"christmas": (12, 25), "new year": (1, 1), "new years day": (1, 1), "new years eve": (12, 31)}
# Cities that people ask for and that have no zone of their own name.
CITIES = {
    **{"san francisco": "America/Los_Angeles", "seattle": "America/Los_Angeles", "boston": "America/New_York"},
    **{"washington": "America/New_York", "miami": "America/New_York", "houston": "America/Chicago"},
    **{"beijing": "Asia/Shanghai", "mumbai": "Asia/Kolkata", "delhi": "Asia/Kolkata", "osaka": "Asia/Tokyo"},
    **{"munich": "Europe/Berlin", "hamburg": "Europe/Berlin", "frankfurt": "Europe/Berlin", "milan": "Europe/Rome"},
    **{"barcelona": "Europe/Madrid", "geneva": "Europe/Zurich", "saint petersburg": "Europe/Moscow"},
    **{"rio de janeiro": "America/Sao_Paulo", "utc": "UTC"},
}


class NoTime(ValueError):
    """A place, day or moment that is not known; the message is plain words."""


def time_words(moment: datetime) -> str:
    """A moment of a day: "four twenty three in the afternoon", "noon"."""
    if moment.minute == 0 and moment.hour in (0, 12):
        return "midnight" if moment.hour == 0 else "noon"
    hour = number_words(moment.hour % 12 or 12)
    minute = f"oh {number_words(moment.minute)}" if moment.minute < 10 else number_words(moment.minute)
    part = "in the morning" if moment.hour < 12 else "in the afternoon" if moment.hour < 18 else "in the evening"
    return f"{hour} {minute} {part}" if moment.minute else f"{hour} {part}"


def date_words(day: date, year: bool = False) -> str:
    """A day: "saturday november twenty one", with its year where it is wanted."""
    words = f"{DAYS[day.weekday()]} {MONTHS[day.month - 1]} {number_words(day.day)}"
    return f"{words} {number_words(day.year)}" if year else words


def days_words(days: int) -> str:
    """So many days: "one day", "thirty four days"."""
    return f"{number_words(abs(days))} {'day' if abs(days) == 1 else 'days'}"


def zone_of(place: str) -> ZoneInfo:
    """The zone of a city, such as "tokyo" or "new york"; NoTime for another."""
    name = _plain(place)
    zone = CITIES.get(name) or _zones().get(name)
    if zone is None:
        raise NoTime("i do not know the time there")
    return ZoneInfo(zone)


def day_of(text: str, today: date) -> date:
    """The day that is meant; without a year the next one. NoTime for another.

    "today", "friday", "march third", "the third of march", "2026-03-01", "christmas", "in three days".
    """
    text = _plain(text)
    near = {"today": 0, "tomorrow": 1, "yesterday": -1, "the day after tomorrow": 2}
    if text in near:
        return today + timedelta(days=near[text])
    name = text.removeprefix("next ").removeprefix("on ")
    if name in DAYS:
        ahead = (DAYS.index(name) - today.weekday()) % 7
        return today + timedelta(days=ahead or 7)
    if found := re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text):
        return _date(int(found[1]), int(found[2]), int(found[3]))
    if text in FEASTS:
        return _coming(*FEASTS[text], today)
    words = text.split()
    if words[:1] == ["in"]:
        read = leading_number(words[1:])
        unit = " ".join(words[1 + read.words :]).rstrip("s")
        if read.words and read.value.denominator == 1 and unit in ("day", "week") and read.value < 10_000:
            return today + timedelta(days=int(read.value) * (7 if unit == "week" else 1))
    return _of_month([word for word in words if word not in ("the", "of", "on")], today)


def moment_of(text: str, now: datetime) -> datetime:
    """The moment that is meant; an hour without a part of the day is the next one that comes. NoTime for another.

    "in ten minutes", "at four", "at half past seven", "tomorrow at nine in the morning", "at 16:30".
    """
    text = _plain(text)
    words = text.split()
    if words[:1] == ["in"]:
        return now + _span(words[1:])
    found = re.fullmatch(r"(?:(.*) )?at (.+)", text)
    if found is None:
        raise NoTime("i do not know when that is")
    day = day_of(found[1], now.date()) if found[1] else None
    hour, minute, sure = _clock(found[2].split())
    for shift in (0, 12, 24, 36):
        base = datetime.combine(day or now.date(), datetime.min.time(), now.tzinfo)
        moment = base + timedelta(hours=hour + (shift if not sure else shift // 24 * 24), minutes=minute)
        if moment > now:
            return moment
    raise NoTime("that is over already")


def _clock(words: Sequence[str]) -> tuple[int, int, bool]:
    """Hour, minute, and whether the half of the day is known."""
    text = " ".join(words)
    if text in ("noon", "midnight"):
        return (12 if text == "noon" else 24), 0, True
    later = bool(re.search(r"\b(in the (afternoon|evening)|p ?m|tonight)$", text))
    early = bool(re.search(r"\b(in the morning|a ?m)$", text))
    text = re.sub(r"\b(in the (morning|afternoon|evening)|[ap] ?m|tonight|o clock|oclock)\b", "", text)
    plus = 0
    for phrase, minutes in (("half past ", 30), ("quarter past ", 15), ("quarter to ", -15)):
        if phrase in text:
            text, plus = text.replace(phrase, "").removeprefix("a "), minutes
    numbers = _numbers(text.replace(":", " ").replace(" oh ", " zero ").split())
    if not 1 <= len(numbers) <= 3 or (len(numbers) == 3 and numbers[1] != 0):
        raise NoTime("i do not know when that is")
    hour, minute = numbers[0], sum(numbers[1:])
    if not (0 <= hour < 24 and 0 <= minute < 60):
        raise NoTime("i do not know when that is")
    if later and hour < 12:
        hour += 12
    if early and hour == 12:
        hour = 0
    return hour, minute + plus, later or early or hour > 12


def _numbers(words: list[str]) -> list[int]:
    numbers: list[int] = []
    while words:
        read = leading_number(words)
        if not read.words or read.value.denominator != 1:
            raise NoTime("i do not know when that is")
        numbers.append(int(read.value))
        words = words[read.words :]
    return numbers


def _span(words: Sequence[str]) -> timedelta:
    span, rest = timedelta(), list(words)
    while rest:
        read = leading_number(rest) if rest[0] not in ("an", "a") else None
        value, taken = (read.value, read.words) if read is not None else (1, 1)
        taken += rest[taken : taken + 1] == ["an"]  # half an hour
        unit = rest[taken].rstrip("s") if taken and taken < len(rest) else ""
        seconds = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}.get(unit)
        if seconds is None or not 0 < value * seconds < 400 * 86_400:
            raise NoTime("i do not know when that is")
        span += timedelta(seconds=float(value * seconds))
        rest = rest[taken + 1 :]
        rest = rest[1:] if rest[:1] == ["and"] else rest
    return span


def _of_month(words: Sequence[str], today: date) -> date:
    month = next((MONTHS.index(word) + 1 for word in words if word in MONTHS), 0)
    rest = [word for word in words if word not in MONTHS]
    if not month or not rest:
        raise NoTime("i do not know which day that is")
    day, taken = _day_number(rest)
    year = leading_number(rest[taken:])
    if taken + year.words != len(rest):
        raise NoTime("i do not know which day that is")
    return _date(int(year.value), month, day) if year.words else _coming(month, day, today)


def _day_number(words: Sequence[str]) -> tuple[int, int]:
    """Of "third", "twenty first", "3rd", "three"; and how many words it took."""
    if words[0] in ("twenty", "thirty") and len(words) > 1 and ORDINALS.get(words[1], 10) < 10:
        return {"twenty": 20, "thirty": 30}[words[0]] + ORDINALS[words[1]], 2
    if words[0] in ORDINALS:
        return ORDINALS[words[0]], 1
    if found := re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)", words[0]):
        return int(found[1]), 1
    read = leading_number(words)
    return int(read.value), read.words


def _coming(month: int, day: int, today: date) -> date:
    for year in range(today.year, today.year + 9):  # a twenty ninth of february comes within eight years
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    raise NoTime("there is no such day")


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError as error:
        raise NoTime("there is no such day") from error


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w: -]", "", text.lower()).split())[:120]


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    """City to zone, of all zones that there are; of two with one city the first by name."""
    zones: dict[str, str] = {}
    for zone in sorted(available_timezones()):
        area, _, city = zone.rpartition("/")
        if area and not area.startswith(("Etc", "SystemV")):
            zones.setdefault(city.lower().replace("_", " "), zone)
    return zones

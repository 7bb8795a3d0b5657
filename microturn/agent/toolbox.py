"""The tools of this machine, as functions of plain values with plain words as answers. Who calls them lives elsewhere.

A function's name, types and docstring are what a language model is told of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from microturn.agent.numbers import leading_number
from microturn.agent.tools import units
from microturn.agent.tools.arithmetic import calculate
from microturn.agent.tools.currency import Rates
from microturn.agent.tools.documents import Documents
from microturn.agent.tools.notes import Notes
from microturn.agent.tools.times import date_words, day_of, days_words, moment_of, time_words, zone_of

NOTHING_FOUND = "i found nothing"


class NotSaid(ValueError):
    """A tool cannot do this; the message is plain words."""


@dataclass(frozen=True)
class Tool:
    """One function that an agent may call. Whatever it cannot do it says with a ValueError in plain words."""

    name: str
    call: Callable[..., str]
    side_effect: bool = False


def local_now() -> datetime:
    """The time of this machine, with its zone."""
    return datetime.now().astimezone()


@dataclass(frozen=True)
class Toolbox:
    """What the tools work with. now: the user's local time, with its zone; documents: None where there is no folder.

    extra: functions of your own for a language model, typed and with docstrings, in or out of a thread of ours.
    """

    notes: Notes = field(default_factory=Notes)
    documents: Documents | None = None
    rates: Rates = field(default_factory=Rates)
    now: Callable[[], datetime] = local_now
    extra: tuple[Tool, ...] = ()

    def tools(self, owner: str = "") -> tuple[Tool, ...]:
        """The tools as this owner has them."""
        mine = Mine(self, owner)
        plain: list[Callable[..., str]] = [
            mine.reckon,
            mine.convert_units,
            mine.exchange_money,
            mine.tell_time,
            mine.tell_date,
        ]
        plain += [mine.days_until, mine.list_notes, mine.list_reminders]
        if self.documents is not None:
            plain.append(mine.search_documents)
        effects = [mine.add_note, mine.clear_notes, mine.remind]
        named = [Tool(call.__name__, call) for call in plain]
        return (*named, *(Tool(call.__name__, call, side_effect=True) for call in effects), *self.extra)

    def close(self) -> None:
        """Let go of the files."""
        self.notes.close()
        if self.documents is not None:
            self.documents.close()


class Mine:
    """The tools of one owner. Each raises ValueError in plain words for what it cannot do."""

    def __init__(self, box: Toolbox, owner: str) -> None:
        self._box, self._owner = box, owner

    def reckon(self, expression: str) -> str:
        """Exact arithmetic over an expression such as "17 * 23", "15 percent of 80", "square root of 2"."""
        return calculate(expression).text

    def convert_units(self, amount: str, source: str, target: str) -> str:
        """Convert an amount between units of measure: "3", "miles", "feet"."""
        return units.spoken(units.convert(_amount(amount), source, target), target)

    def exchange_money(self, amount: str, source: str, target: str) -> str:
        """Exchange an amount of money between currencies by a dated table: "20", "euros", "dollars". Tell the date."""
        return self._box.rates.spoken(self._box.rates.exchange(_amount(amount), source, target), target)

    def tell_time(self, city: str = "") -> str:
        """The time now, here or in a city."""
        now = self._box.now()
        return f"it is {time_words(now.astimezone(zone_of(city)) if city else now)}"

    def tell_date(self, day: str = "today") -> str:
        """Which day of the week and date "today", "tomorrow", "christmas", "march third" or "2027-03-01" is."""
        today = self._box.now().date()
        found = day_of(day, today)
        return date_words(found, year=found.year != today.year)

    def days_until(self, day: str) -> str:
        """How many days there are until a day such as "christmas" or "march third"."""
        today = self._box.now().date()
        return days_words((day_of(day, today) - today).days)

    def add_note(self, text: str) -> str:
        """Write a note down for the user."""
        self._box.notes.add(self._owner, _some(text), self._box.now())
        return "i wrote it down"

    def list_notes(self) -> str:
        """All notes of the user."""
        notes = self._box.notes.all(self._owner)
        return "; ".join(notes) if notes else "there are no notes"

    def clear_notes(self) -> str:
        """Delete all notes of the user."""
        return "the notes are gone" if self._box.notes.clear(self._owner) else "there are no notes"

    def remind(self, text: str, when: str) -> str:
        """Remind the user of something at a moment such as "in ten minutes", "tomorrow at nine in the morning"."""
        now = self._box.now()
        due = moment_of(when, now)
        self._box.notes.remind(self._owner, _some(text), due)
        day = "" if due.date() == now.date() else f" {date_words(due.date())}"
        return f"i will remind you{day} at {time_words(due)}"

    def list_reminders(self) -> str:
        """All reminders of the user that are still to come."""
        zone = self._box.now().tzinfo
        known = self._box.notes.reminders(self._owner)
        told = [f"{one.text} at {time_words(datetime.fromtimestamp(one.due_s, zone))}" for one in known]
        return "; ".join(told) if told else "there are no reminders"

    def search_documents(self, query: str) -> str:
        """Search the user's own documents for words; gives the paragraphs that fit best."""
        assert self._box.documents is not None
        found = self._box.documents.search(query)
        return " ".join(one.text for one in found) if found else NOTHING_FOUND


def zone_now(zone: str) -> Callable[[], datetime]:
    """Local time in a named zone, such as Europe/Berlin; "" for this machine's. ValueError for an unknown one."""
    if not zone:
        return local_now
    info = ZoneInfo(zone)
    return lambda: datetime.now(info)


def _amount(text: str) -> Fraction:
    words = text.lower().replace("-", " ").split() if not text.strip().startswith("-") else [text.strip()]
    if words and words[0].startswith("-"):
        words = ["minus", words[0][1:], *words[1:]]
    read = leading_number(words)
    if not read.words or read.words != len(words):
        raise NotSaid("i do not know how much that is")
    return read.value


def _some(text: str) -> str:
    if not text.strip():
        raise NotSaid("there is nothing to write down")
    return " ".join(text.split())

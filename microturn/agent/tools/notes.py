"""Notes and reminders in one SQLite file, each owner's apart. When a reminder is said is decided elsewhere."""

import sqlite3
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from microturn.core.errors import InputError

NOTES = 1_000
CHARACTERS = 1_000
_TABLES = """
create table if not exists notes (
    id integer primary key, owner text not null, text text not null, made text not null
);
create table if not exists reminders (
    id integer primary key, owner text not null, text text not null, due real not null, told integer not null default 0
);"""


class TooManyNotes(ValueError):
    """There is no room for another; the message is plain words."""


@dataclass(frozen=True)
class Reminder:
    """Something to be said at a moment, in seconds since 1970."""

    id: int
    text: str
    due_s: float


class Notes:
    """One file for all owners, used from any thread; without a path everything is gone when it is closed."""

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        try:
            self._db.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise InputError("a file of notes", path, str(error), "one that was made here, or none") from error

    def close(self) -> None:
        """Nothing is read or written after this."""
        with self._lock:
            self._db.close()

    def add(self, owner: str, text: str, now: datetime) -> None:
        """Keep a note; TooManyNotes beyond a thousand."""
        with self._lock:
            self._room(owner, "notes")
            row = (owner, text[:CHARACTERS], now.isoformat(timespec="seconds"))
            self._db.execute("insert into notes (owner, text, made) values (?, ?, ?)", row)

    def all(self, owner: str) -> list[str]:
        """Every note of this owner, oldest first."""
        with self._lock:
            rows = self._db.execute("select text from notes where owner = ? order by id", (owner,))
            return [row[0] for row in rows]

    def clear(self, owner: str) -> int:
        """Delete every note of this owner; how many there were."""
        with self._lock:
            return self._db.execute("delete from notes where owner = ?", (owner,)).rowcount

    def remind(self, owner: str, text: str, due: datetime) -> None:
        """Keep a reminder; TooManyNotes beyond a thousand."""
        with self._lock:
            self._room(owner, "reminders")
            row = (owner, text[:CHARACTERS], due.timestamp())
            self._db.execute("insert into reminders (owner, text, due) values (?, ?, ?)", row)

    def reminders(self, owner: str) -> list[Reminder]:
        """Those that were not told yet, the next first."""
        with self._lock:
            sql = "select id, text, due from reminders where owner = ? and not told order by due, id"
            return [Reminder(*row) for row in self._db.execute(sql, (owner,))]

    def take_due(self, owner: str, now: datetime) -> list[Reminder]:
        """Those whose time has come; each is handed out once."""
        due = [one for one in self.reminders(owner) if one.due_s <= now.timestamp()]
        with self._lock:
            self._db.executemany("update reminders set told = 1 where id = ?", [(one.id,) for one in due])
        return due

    def _room(self, owner: str, table: str) -> None:
        count = self._db.execute(f"select count(*) from {table} where owner = ?", (owner,)).fetchone()[0]
        if count >= NOTES:
            raise TooManyNotes("there is no room for more")

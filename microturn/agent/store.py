"""The books of all sessions in one SQLite file, so that a job outlives its connection and its process. No decisions.

Writes are small and wait for no disk (write-ahead log, no fsync): losing power may lose the last of them, not the file.
"""

import json
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from microturn.agent.book import Book
from microturn.agent.context import Context, context_from_dict, context_to_dict
from microturn.agent.delegation import Delegation
from microturn.agent.delivery import Delivery
from microturn.core.config import from_dict, to_dict
from microturn.core.errors import InputError, MicroturnError

VERSION = 1
_TABLE = """
create table if not exists kept (
    session text not null, kind text not null, id text not null, row text not null, primary key (session, kind, id)
)"""


class StoreError(MicroturnError):
    """The file of jobs cannot be read or written."""


@dataclass(frozen=True)
class Kept:
    """What is known of a session. contexts: of its delegations that are not over."""

    owner: str = ""
    book: Book = field(default_factory=Book)
    contexts: Mapping[str, Context] = field(default_factory=dict[str, Context])


class Store:
    """One file, used from one thread; without a path, memory. StoreError, and InputError for a foreign file."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        with self._errors():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(mode=0o600)
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Nothing is read or written after this."""
        self._db.close()

    def load(self, session: str) -> Kept | None:
        """What was kept of this session; None where there is nothing."""
        with self._errors():
            rows = self._db.execute("select kind, id, row from kept where session = ? order by rowid", (session,))
            found = [(kind, id, json.loads(row)) for kind, id, row in rows]
        of_kind: dict[str, dict[str, Any]] = {"session": {}, "delegation": {}, "delivery": {}, "context": {}}
        for kind, id, row in found:
            of_kind[kind][id] = row
        if not of_kind["session"]:
            return None
        head = of_kind["session"][""]
        delegations = {id: from_dict(Delegation, row, f"delegation {id}") for id, row in of_kind["delegation"].items()}
        deliveries = tuple(from_dict(Delivery, row, f"delivery {id}") for id, row in of_kind["delivery"].items())
        contexts = {id: context_from_dict(row) for id, row in of_kind["context"].items()}
        return Kept(head["owner"], Book(delegations, deliveries, **head["book"]), contexts)

    def save(self, session: str, owner: str, before: Book, after: Book) -> None:
        """Write what differs between two books of a session."""
        old = {one.id: one for one in before.deliveries}
        new = {one.id: one for one in after.deliveries}
        with self._errors(), self._whole():
            head = {"made": after.made, "clear_ms": after.clear_ms, "late": after.late, "joined": after.joined}
            self._put(session, "session", "", {"owner": owner, "book": head})
            self._differences(session, "delegation", before.delegations, after.delegations)
            self._differences(session, "delivery", old, new)
            for id, one in after.delegations.items():
                if one.over and not (id in before.delegations and before.delegations[id].over):
                    self._drop(session, "context", id)

    def keep_context(self, session: str, id: str, context: Context) -> None:
        """Keep what a job needs to be run again."""
        with self._errors():
            self._put(session, "context", id, context_to_dict(context))

    def forget(self, session: str) -> None:
        """Delete all of a session."""
        with self._errors():
            self._db.execute("delete from kept where session = ?", (session,))

    def sessions(self) -> list[str]:
        """All that something is kept of."""
        with self._errors():
            return [
                row[0] for row in self._db.execute("select session from kept where kind = 'session' order by rowid")
            ]

    def _prepare(self) -> None:
        version = self._db.execute("pragma user_version").fetchone()[0]
        if version not in (0, VERSION):
            raise InputError("a file of jobs", self._path, f"version {version}", f"version {VERSION}")
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.execute(_TABLE)
        self._db.execute(f"pragma user_version = {VERSION}")

    def _differences(self, session: str, kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        for id in before.keys() - after.keys():
            self._drop(session, kind, id)
        for id, one in after.items():
            if before.get(id) is not one:
                self._put(session, kind, id, to_dict(one))

    def _put(self, session: str, kind: str, id: str, row: Mapping[str, Any]) -> None:
        text = json.dumps(row, ensure_ascii=False)
        sql = "insert into kept values (?, ?, ?, ?) on conflict do update set row = excluded.row"
        self._db.execute(sql, (session, kind, id, text))

    def _drop(self, session: str, kind: str, id: str) -> None:
        self._db.execute("delete from kept where session = ? and kind = ? and id = ?", (session, kind, id))

    @contextmanager
    def _whole(self) -> Generator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self._path or 'jobs in memory'}: {error}") from error

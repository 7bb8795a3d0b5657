"""Search over a folder of the user's plain text documents, by SQLite's full text index. Nothing outside the folder."""

import re
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from microturn.core.errors import InputError

SUFFIXES = (".txt", ".md", ".rst", ".csv", ".org")
FILES = 2_000
FILE_BYTES = 2_000_000
PARAGRAPH_CHARACTERS = 600
_STOP = frozenset(
    {
        *("a", "about", "an", "and", "any", "are", "at", "be", "by", "can", "did", "do", "does", "find", "for", "from"),
        *(
            "give",
            "had",
            "has",
            "have",
            "how",
            "i",
            "in",
            "is",
            "it",
            "look",
            "me",
            "my",
            "of",
            "on",
            "or",
            "our",
            "out",
        ),
        *("please", "say", "says", "search", "tell", "that", "the", "there", "this", "to", "up", "was", "we", "were"),
        *("what", "when", "where", "which", "who", "why", "will", "with", "you", "your", "documents", "document"),
        *("notes", "files", "file"),
    }
)


@dataclass(frozen=True)
class Found:
    """A paragraph that fits, and the file it is from, by its path in the folder."""

    file: str
    text: str


class Documents:
    """An index in memory of a folder, brought up to date at every search; used from any thread."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError("a folder of documents", folder, "no folder", "a folder with .txt or .md files")
        self._folder = folder.resolve()
        self._lock = threading.Lock()
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute("create virtual table pages using fts5(file unindexed, text, tokenize = 'porter unicode61')")
        self._known: dict[str, tuple[float, int]] = {}

    def close(self) -> None:
        """Nothing is searched after this."""
        with self._lock:
            self._db.close()

    def search(self, query: str, most: int = 3) -> list[Found]:
        """The paragraphs that fit best, best first; of a query only its words count, the rarest most."""
        words = [word for word in re.findall(r"\w+", query.lower())[:40] if word not in _STOP]
        if not words:
            return []
        with self._lock:
            self._refresh()
            for join in (" AND ", " OR "):
                match = join.join(f'"{word}"' for word in words)
                sql = "select file, text from pages where pages match ? order by rank limit ?"
                if rows := self._db.execute(sql, (match, most)).fetchall():
                    return [Found(*row) for row in rows]
        return []

    def _refresh(self) -> None:
        here = {str(path.relative_to(self._folder)): path for path in self._files()}
        for name in self._known.keys() - here.keys():
            self._forget(name)
        for name, path in here.items():
            state = path.stat()
            stamp = (state.st_mtime, state.st_size)
            if self._known.get(name) != stamp:
                self._forget(name)
                self._known[name] = stamp
                self._db.executemany("insert into pages values (?, ?)", [(name, text) for text in _paragraphs(path)])

    def _files(self) -> list[Path]:
        """Text files in the folder; a link that leads out of it is not followed."""
        paths = [path for path in sorted(self._folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
        inside = [path for path in paths if path.resolve().is_relative_to(self._folder)]
        return [path for path in inside if path.stat().st_size <= FILE_BYTES][:FILES]

    def _forget(self, name: str) -> None:
        if self._known.pop(name, None) is not None:
            self._db.execute("delete from pages where file = ?", (name,))


def _paragraphs(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    pieces = [" ".join(piece.split()) for piece in re.split(r"\n\s*\n", text)]
    return [
        piece[start : start + PARAGRAPH_CHARACTERS]
        for piece in pieces
        for start in range(0, len(piece), PARAGRAPH_CHARACTERS)
    ]

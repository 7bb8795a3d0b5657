"""The folder of recorded sessions: which are there, who may grow, which are thrown away. One session's: kept.py.

One server keeps one folder. What is thrown away first: what is older than `most_days`, then the oldest.
"""

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from microturn.core.errors import ConfigError, InputError, MicroturnError
from microturn.core.recording import recorded_ticks
from microturn.gateway.keeper import Keeper
from microturn.gateway.kept import ABOUT, About, KeptSession, read_kept

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
DAY_S = 86_400.0
GROWING = 0.9  # a recording stops before the folder is full: what it has kept must not be thrown away for its size
log = structlog.get_logger("microturn.gateway")


@dataclass(frozen=True)
class StoreLimits:
    """most_bytes: of the whole folder; most_days: a recording is kept so long; every: record also who did not ask."""

    most_bytes: int = 10 * 1024**3
    most_days: float = 30.0
    every: bool = False

    def __post_init__(self) -> None:
        for name in ("most_bytes", "most_days"):
            if getattr(self, name) <= 0:
                raise ConfigError(name, "StoreLimits", getattr(self, name), "a number above 0")


class NotKept(MicroturnError):
    """No recording of this id is here."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"no recording of session {session_id[:80]!r} is kept here")


class Store:
    """Recorded sessions by id. Its methods wait for the disk: call them from a thread. now: seconds since 1970."""

    def __init__(self, root: Path, limits: StoreLimits | None = None, now: Callable[[], float] = time.time) -> None:
        self.root, self.limits, self._now = root, limits or StoreLimits(), now
        self._bytes: dict[str, int] = {}
        self._growing: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, about: About) -> Keeper | None:
        """Record a session that begins; None, and why in the log, where that cannot be."""
        return self._grow(about.id, lambda: Keeper.begin(self.root / _checked(about.id), about, self._has_room))

    def go_on(self, session_id: str, ticks: int) -> Keeper | None:
        """Record on into a session whose server was killed, after its first `ticks` micro-turns."""
        kept = self.read(session_id)
        return self._grow(session_id, lambda: Keeper.go_on(kept, ticks, self._has_room))

    def grows(self, session_id: str) -> bool:
        """Whether this recording is being written now."""
        return session_id in self._growing

    def done(self, keeper: Keeper) -> None:
        """This recording is over: write what waits, close its files, make room. One of no length is thrown away."""
        keeper.close()
        with self._lock:
            self._growing.discard(keeper.id)
        try:
            if not recorded_ticks(self.root / keeper.id):
                self.remove(keeper.id)
                return
        except MicroturnError as error:
            log.warning("recording unreadable", session_id=keeper.id, reason=str(error))
        self.measure(keeper.id)

    def measure(self, session_id: str) -> None:
        """Look again at how large a recording is, and make room where the folder has grown too large."""
        with self._lock:
            self._bytes[session_id] = folder_bytes(self.root / session_id)
        self._make_room()

    def read(self, session_id: str) -> KeptSession:
        """The recording of this id; NotKept where there is none, InputError where it is broken."""
        if not ID.fullmatch(session_id) or not (self.root / session_id / ABOUT).is_file():
            raise NotKept(session_id)
        return read_kept(self.root / session_id)

    def all(self) -> list[KeptSession]:
        """Every recording that can be read, newest first."""
        found: list[KeptSession] = []
        for session_id in self.ids():
            try:
                found.append(self.read(session_id))
            except (NotKept, InputError) as error:
                log.warning("recording unreadable", session_id=session_id, reason=str(error))
        return sorted(found, key=lambda kept: kept.about.started_at, reverse=True)

    def ids(self) -> Iterator[str]:
        """Names of the recordings, in no order."""
        if self.root.is_dir():
            yield from (path.name for path in self.root.iterdir() if ID.fullmatch(path.name) and path.is_dir())

    def remove(self, session_id: str) -> None:
        """Throw a recording away; NotKept where there is none. One that grows stays: InputError."""
        if self.grows(session_id):
            raise InputError("a recording that grows", session_id, "its session lives", "one whose session has ended")
        folder = self.read(session_id).folder
        gone = folder.with_name(f".{session_id}.gone")
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
        self._bytes.pop(session_id, None)

    def _grow(self, session_id: str, open_keeper: Callable[[], Keeper]) -> Keeper | None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._make_room()
            keeper = open_keeper()
        except (OSError, InputError) as error:
            log.error("session is not recorded", session_id=session_id, reason=str(error))
            return None
        with self._lock:
            self._growing.add(session_id)
        return keeper

    def _has_room(self, session_id: str, size_bytes: int) -> bool:
        """Take note of a recording's size; False where it may grow no more though others were thrown away."""
        with self._lock:
            self._bytes[session_id] = size_bytes
        if self._used() > GROWING * self.limits.most_bytes:
            self._make_room(GROWING)
        return self._used() <= GROWING * self.limits.most_bytes

    def _make_room(self, part: float = 1.0) -> None:
        """Throw away what is too old, then the oldest until the rest is small enough; what grows stays."""
        most_bytes = part * self.limits.most_bytes
        with self._lock:
            for session_id in self.ids():
                if session_id not in self._bytes:
                    self._bytes[session_id] = folder_bytes(self.root / session_id)
            ended = [kept for kept in self.all() if not self.grows(kept.about.id)]
            oldest_s = self._now() - self.limits.most_days * DAY_S
            while ended and (ended[-1].about.started_at < oldest_s or self._used() > most_bytes):
                gone = ended.pop().about.id
                log.info("recording thrown away", session_id=gone, bytes=self._bytes.get(gone, 0))
                self.remove(gone)

    def _used(self) -> int:
        return sum(self._bytes.values())


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder; files that vanish meanwhile count nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def _checked(session_id: str) -> str:
    if not ID.fullmatch(session_id):
        raise InputError("name of a session", "store", repr(session_id[:80]), "letters, digits, - and _, at most 128")
    return session_id

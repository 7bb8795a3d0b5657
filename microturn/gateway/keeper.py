"""Writes one session's recording while it lives, on a thread of its own: the tick never waits for a disk.

Policy: at most `WAITING` entries (ten seconds) wait to be written. When the disk is slower than that, or fails, or the
folder may not grow, the recording stops, with its reason in the log and, where that can still be written, in
timeline.jsonl; the session goes on.
"""

import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import structlog

from microturn.core.chunk import MicroTurn
from microturn.core.clock import TICK_MS
from microturn.core.errors import InputError
from microturn.core.events import json_line, read_rows
from microturn.core.recording import RecordingWriter
from microturn.engine.log import TurnRecord, log_line
from microturn.gateway.kept import (
    ABOUT,
    CONTINUED,
    ENGINE,
    STOPPED,
    TICK,
    TIMELINE,
    About,
    KeptSession,
    Row,
    about_text,
    row_of,
)
from microturn.gateway.timeline import Ended, Item, Sound

WAITING = 100  # a tick brings two entries, its micro-turn and its items
ROOM_EVERY_TICKS = 50
CLOSE_S = 10.0
HasRoom = Callable[[str, int], bool]
log = structlog.get_logger("microturn.gateway")


@dataclass(frozen=True, eq=False)
class _Tick:
    turn: MicroTurn
    logged: TurnRecord | None
    late_ms: float


@dataclass(frozen=True, eq=False)
class _Items:
    items: Sequence[Item]
    wall_s: float


@dataclass(frozen=True, eq=False)
class _Row:
    row: Row


class Keeper:
    """Every method returns at once, on any thread, but `close`, which waits for what is not written yet."""

    def __init__(self, about: About, folder: Path, recording: RecordingWriter, has_room: HasRoom) -> None:
        self.id, self.folder, self.stopped = about.id, folder, ""
        self._recording, self._has_room = recording, has_room
        self._timeline = _appended(folder / TIMELINE)
        self._engine = None if about.spec is None else _appended(folder / ENGINE)
        self._began_s, self._full = time.monotonic(), False
        self._waiting: queue.Queue[_Tick | _Items | _Row | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._write, name=f"keeper {about.id}", daemon=True)
        self._thread.start()

    @classmethod
    def begin(cls, folder: Path, about: About, has_room: HasRoom) -> "Keeper":
        """A recording from tick 0 on; InputError where there is one already, OSError where nothing can be written."""
        if (folder / ABOUT).exists():
            raise InputError("a recording is already here", folder, ABOUT, "another id for the session")
        folder.mkdir(parents=True, exist_ok=True)
        # First of all: a folder without it would belong to nobody, also not to those who throw recordings away.
        unfinished = folder / f"{ABOUT}.part"
        unfinished.write_text(about_text(about), encoding="utf-8")
        unfinished.replace(folder / ABOUT)
        recording = RecordingWriter(folder, {"session": about.id, "weights": about.weights})
        return cls(about, folder, recording, has_room)

    @classmethod
    def go_on(cls, kept: KeptSession, ticks: int, has_room: HasRoom) -> "Keeper":
        """Go on after the first `ticks` micro-turns; what a killed writer left beyond them is cut off."""
        recording = RecordingWriter.continued(kept.folder, ticks)
        for name in (TIMELINE, ENGINE):
            _cut(kept.folder / name, ticks)
        keeper = cls(kept.about, kept.folder, recording, has_room)
        keeper._put(_Row({"kind": CONTINUED, "at_ms": ticks * TICK_MS}))
        return keeper

    def turn(self, turn: MicroTurn, logged: TurnRecord | None, late_ms: float) -> None:
        """A tick is over. logged: its line of the engine's log; late_ms: from the tick's end to its answer."""
        self._put(_Tick(turn, logged, late_ms))

    def items(self, items: Sequence[Item]) -> None:
        """What was posted on the timeline."""
        self._put(_Items(items, time.monotonic() - self._began_s))

    def close(self) -> None:
        """Write what waits, at most CLOSE_S long, and close the files; a second call does nothing."""
        if not self._thread.is_alive():
            return
        try:
            self._waiting.put(None, timeout=CLOSE_S)
        except queue.Full:
            self._stop("the disk did not come back")
        self._thread.join(CLOSE_S)

    def _put(self, entry: _Tick | _Items | _Row) -> None:
        if self.stopped:
            return
        try:
            self._waiting.put_nowait(entry)
        except queue.Full:
            self._stop("the disk is slower than the conversation")

    def _stop(self, reason: str) -> None:
        if not self.stopped:
            self.stopped = reason
            log.error("recording stopped", session_id=self.id, reason=reason)

    def _write(self) -> None:
        """The keeper's thread."""
        try:
            while (entry := self._waiting.get()) is not None:
                self._write_entry(entry)
                if self._full or (self.stopped and self._waiting.empty()):
                    break
            if self.stopped:
                self._line(self._timeline, {"kind": STOPPED, "reason": self.stopped})
            self._recording.close()
        except Exception as error:  # the outermost line of this thread: the recording ends, never the session
            self._stop(f"{type(error).__name__}: {error}")
            self._recording.abandon()
        finally:
            self._timeline.close()
            if self._engine is not None:
                self._engine.close()

    def _write_entry(self, entry: _Tick | _Items | _Row) -> None:
        match entry:
            case _Tick(turn, logged, late_ms):
                self._recording.append(turn)
                if self._engine is not None and logged is not None:
                    self._engine.write(log_line(logged).encode())
                self._line(self._timeline, {"kind": TICK, "tick": turn.tick, "late_ms": round(late_ms, 1)})
                if turn.tick % ROOM_EVERY_TICKS == 0 and not self._has_room(self.id, self._size()):
                    self._full = True
                    self._stop("the folder of recordings is as large as it may be")
            case _Items(items, wall_s):
                for row in _rows(items, wall_s):
                    self._line(self._timeline, row)
            case _Row(row):
                self._line(self._timeline, row)

    def _size(self) -> int:
        top = sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())
        return top + self._recording.frame_bytes

    def _line(self, file: FileIO, row: Row) -> None:
        file.write(json_line(row).encode())


async def follow(keeper: Keeper, items: AsyncIterator[Item]) -> None:
    """Hand a session's timeline on to its keeper, up to its end; `items` is left open."""
    waiting: list[Item] = []
    async for item in items:
        waiting.append(item)
        # The last frame of a tick's sound ends what was posted in it; so does the end of the session.
        ended = isinstance(item, Ended)
        if ended or (isinstance(item, Sound) and item.end_ms % TICK_MS == 0):
            keeper.items(waiting)
            waiting = []
        if ended:
            return


def _rows(items: Sequence[Item], wall_s: float) -> list[Row]:
    """A line for each item, but one for all sound frames that follow each other: the sound itself is in the wav."""
    rows: list[Row] = []
    for item in items:
        row = row_of(item, wall_s)
        if isinstance(item, Sound):
            row["end_ms"] = item.end_ms
            if rows and rows[-1]["kind"] == "sound" and rows[-1]["end_ms"] == item.start_ms:
                rows[-1]["end_ms"] = item.end_ms
                continue
        rows.append(row)
    return rows


def _appended(path: Path) -> FileIO:
    # Unbuffered: a line is the file's as soon as it is written, whatever happens to this process.
    return path.open("ab", buffering=0)


def _cut(path: Path, ticks: int) -> None:
    """Leave out what was written in ticks from `ticks` on, and a last line that was not finished."""
    if not path.exists():
        return
    kept = [
        json_line(row)
        for _, row in read_rows(path, skip_broken_end=True)
        if row.get("tick", row.get("seq", -1)) < ticks and _posted_ms(row) <= ticks * TICK_MS
    ]
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text("".join(kept), encoding="utf-8")
    unfinished.replace(path)


def _posted_ms(row: Row) -> int:
    """When a line was written: what is decided in a tick is posted at its end, and so is what was heard in it."""
    return int(row.get("at_ms", row.get("end_ms" if row.get("kind") == "heard" else "start_ms", 0)))

"""A conversation's journal on disk, beside its recording, so that a client can come back after the server was killed.

Two files take turns, so what is kept stays bounded: when the one that grows is full, the other is emptied and grows.
Each line holds an event with its number, or the hashes of the tokens that are good from then on; no token is written.
Both files are removed when the session ends. Written on a thread of its own: the event loop never waits for a disk.
"""

import queue
import threading
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from microturn.core.clock import TICK_MS
from microturn.core.errors import InputError
from microturn.core.events import json_line, read_rows
from microturn.gateway.journal import MAX_BYTES, Entry, Journal, ResumeTokens
from microturn.gateway.kept import KeptSession
from microturn.gateway.store import NotKept, Store
from microturn.gateway.timeline import Item, Sound
from microturn.gateway.turns import opening, timeline_of

FILES = ("resume-0.jsonl", "resume-1.jsonl")
WAITING = 2_000
CLOSE_S = 5.0
log = structlog.get_logger("microturn.gateway")
Hashes = tuple[str, ...]


class Spooled(NamedTuple):
    """What a killed server left of a conversation. events: by number, without gaps; written_at: seconds since 1970."""

    events: tuple[tuple[int, dict[str, Any]], ...]
    hashes: Hashes
    written_at: float


class Spool:
    """Every method returns at once but `close`. Where the disk fails or is too slow, it stops, and the log says so."""

    def __init__(self, folder: Path, most_bytes: int = MAX_BYTES) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        self._waiting: queue.Queue[Entry | Hashes | None] = queue.Queue(WAITING)
        self._stopped = False
        self._thread = threading.Thread(target=self._write, name=f"spool {folder.name}", daemon=True)
        self._thread.start()

    def put(self, what: Entry | Hashes) -> None:
        """Write an event, or the hashes of the tokens that are good from now on."""
        if self._stopped:
            return
        try:
            self._waiting.put_nowait(what)
        except queue.Full:
            self._stop("the disk is slower than the conversation")

    def close(self) -> None:
        """Nobody can come back any more: remove the files. It waits, at most CLOSE_S."""
        self._stopped = True
        try:
            self._waiting.put(None, timeout=CLOSE_S)
        except queue.Full:
            return
        self._thread.join(CLOSE_S)

    @property
    def idle(self) -> bool:
        """Whether all that was put is written."""
        return self._waiting.unfinished_tasks == 0

    def _stop(self, reason: str) -> None:
        self._stopped = True
        log.error("session can no longer be resumed by another process", session_id=self._folder.name, reason=reason)

    def _write(self) -> None:
        """The spool's thread."""
        try:
            self._turns()
        except (OSError, ValueError) as error:  # ValueError: what no file of JSON can hold
            self._stop(str(error))
        for name in FILES:
            (self._folder / name).unlink(missing_ok=True)

    def _turns(self) -> None:
        hashes: Hashes = ()
        index = 1
        while True:
            index = 1 - index
            # Unbuffered: a line is the file's as soon as it is written, whatever happens to this process.
            with (self._folder / FILES[index]).open("wb", buffering=0) as file:
                file.write(json_line({"tokens": hashes}).encode())
                while file.tell() < self._most_bytes:
                    what = self._waiting.get()
                    if what is None:
                        return
                    if isinstance(what, Entry):
                        file.write(json_line({"seq": what.seq, "event": what.event}).encode())
                    else:
                        hashes = what
                        file.write(json_line({"tokens": hashes}).encode())
                    self._waiting.task_done()


def read_spool(folder: Path) -> Spooled | None:
    """What is in a folder; None where nothing is. InputError where it cannot be read."""
    paths = sorted(
        (path for path in (folder / name for name in FILES) if path.exists()), key=lambda path: path.stat().st_mtime_ns
    )
    events: dict[int, dict[str, Any]] = {}
    hashes: Hashes = ()
    for path in paths:
        for where, row in read_rows(path, skip_broken_end=True):
            try:
                if "tokens" in row:
                    hashes = tuple(map(str, row["tokens"])) or hashes
                else:
                    events[int(row["seq"])] = dict(row["event"])
            except (KeyError, TypeError, ValueError) as error:
                raise InputError("not a line of a spool", where, repr(error), "seq and event, or tokens") from error
    return Spooled(_unbroken(events), hashes, paths[-1].stat().st_mtime) if paths else None


class Killed(NamedTuple):
    """A session whose server was killed: its recording, and what is left of its journal."""

    kept: KeptSession
    left: Spooled


def killed_session(store: Store | None, session_id: str, token: str) -> Killed | None:
    """The session that this token is good for; None for any other. It reads files: call it from a thread."""
    if store is None or store.grows(session_id):
        return None
    try:
        kept = store.read(session_id)
        left = read_spool(kept.folder)
        if left is None or not tokens_of(left).redeem(token) or kept.timeline().ended is not None:
            return None
    except (NotKept, InputError) as error:
        log.info("nothing to resume", session_id=session_id[:80], reason=str(error))
        return None
    return Killed(kept, left)


def untold(killed: Killed, ticks: int) -> list[Item]:
    """What the first `ticks` recorded micro-turns put on the timeline after the last sound that the journal has.

    The recording and the journal are written side by side: either may be ahead by a moment when the process dies.
    """
    told_ms = [event["end_ms"] for _, event in killed.left.events if event.get("type") == "session.output_audio.delta"]
    from_ms = int(told_ms[-1]) if told_ms else 0
    turns = killed.kept.recording().turns[:ticks]
    first = from_ms // TICK_MS - 1
    items: list[Item] = [item for item in opening() if first < 0]
    speaking = 0 < first <= len(turns) and timeline_of(turns[first - 1], False).speaking
    for turn in turns[max(0, first) :]:
        of_tick, speaking = timeline_of(turn, speaking)
        # Words and what else happens in a tick are told before its sound.
        begun = turn.tick == first and from_ms % TICK_MS > 0
        items += [item for item in of_tick if isinstance(item, Sound) or not begun]
    return [item for item in items if not isinstance(item, Sound) or item.start_ms >= from_ms]


def _unbroken(events: dict[int, dict[str, Any]]) -> tuple[tuple[int, dict[str, Any]], ...]:
    """The newest events without a gap between them."""
    numbers = sorted(events)
    first = next(
        (after for before, after in zip(numbers[-2::-1], numbers[:0:-1], strict=True) if after - before > 1), 0
    )
    return tuple((number, events[number]) for number in numbers if number >= first)


def journal_of(spooled: Spooled, max_ms: float) -> Journal:
    """The journal as it stood, its events as old as the moment in which it goes on."""
    journal = Journal(max_ms=max_ms, last=spooled.events[0][0] - 1 if spooled.events else 0)
    for _, event in spooled.events:
        journal.append({key: value for key, value in event.items() if key != "server_event_seq"}, 0.0)
    return journal


def tokens_of(spooled: Spooled) -> ResumeTokens:
    """The tokens that were good."""
    return ResumeTokens(spooled.hashes)

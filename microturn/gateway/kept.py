"""One recorded session at rest: what lies in its folder and how it is read. Who writes it: keeper.py; which: store.py.

A folder holds a core recording (recording.json, user.wav, model.wav, stereo.wav, events.jsonl, frames/) and

* session.json: `About`, what it was opened for and by which model it was held;
* timeline.jsonl: the timeline's items with their times, and for each tick how late its answer was;
* engine.jsonl: the engine's append log, one line a tick, where a model held it.

Every file but session.json grows while the session lives. A killed writer leaves a last line without its end, or the
sound of one tick more than the log has; readers pass over both and say so in their notes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from microturn.core.chunk import MicroTurn
from microturn.core.clock import CHUNK_SAMPLES, TICK_MS
from microturn.core.config import from_dict, to_dict
from microturn.core.errors import InputError
from microturn.core.events import json_line, parse_object, read_rows
from microturn.core.recording import Recording, load, read_meta, recorded_ticks, whole_ticks
from microturn.core.wav import map_wav, to_float
from microturn.engine.api import SessionSpec
from microturn.engine.log import TurnRecord, read_log
from microturn.gateway.timeline import FRAME_MS, FRAME_SAMPLES, Ended, Item, Sound, Taken
from microturn.gateway.turns import opening, timeline_of
from microturn.media.pcm import Pcm
from microturn.model.config import InteractionConfig
from microturn.model.sampling import noted_sampling

FORMAT = "microturn-session-folder-1"
ABOUT, TIMELINE, ENGINE = "session.json", "timeline.jsonl", "engine.jsonl"
TICK, STOPPED, CONTINUED = "tick", "recording_stopped", "continued"  # kinds of timeline lines that are no items
ITEMS: dict[str, type[Any]] = {cls.__name__.lower(): cls for cls in get_args(Item)}
Row = dict[str, Any]


@dataclass(frozen=True)
class About:
    """session.json. config: the client's configuration as its protocol shows it; owner: hash of the key that opened it.

    model: its name on the wire; weights: their hash, "" for an echo; spec: how the engine's session was opened, None
    for an echo; started_at: seconds since 1970.
    """

    id: str
    protocol: str
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    owner: str = ""
    grace_s: float = 0.0
    model: str = ""
    weights: str = ""
    spec: SessionSpec | None = None
    started_at: float = 0.0
    version: str = ""
    format: str = FORMAT


@dataclass(frozen=True)
class Latency:
    """How late a tick's answer was: milliseconds from the end of the tick to when its items were posted."""

    tick: int
    late_ms: float


@dataclass(frozen=True)
class Timeline:
    """timeline.jsonl, read. stopped: why the recording ended before its session, "" where it did not.

    notes: what happened to its writer: killed, gone on after a restart.
    """

    rows: list[Row]
    latencies: list[Latency]
    ended: Ended | None
    stopped: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class KeptSession:
    """A recorded session in its folder; nothing is read before it is asked for."""

    folder: Path
    about: About

    def recording(self) -> Recording:
        """Both sides; `notes` says what had to be repaired."""
        return load(self.folder)

    def log(self, config: InteractionConfig) -> list[TurnRecord]:
        """The engine's append log, what is needed to build the session again; empty for an echo."""
        path = self.folder / ENGINE
        return read_log(path, config) if path.exists() else []

    def timeline(self) -> Timeline:
        """The items that are no sound, in order, and the latencies."""
        return _read_timeline(self.folder / TIMELINE)

    def items(self, recording: Recording | None = None) -> Iterator[Item]:
        """The timeline as the session's codec had it; its sound is cut out of the recording, silent without one."""
        if not (self.folder / TIMELINE).exists():
            yield from _items_of(recording or self.recording())
            return
        turns = [] if recording is None else recording.turns
        for row in self.timeline().rows:
            if row["kind"] == "sound":
                yield from _sounds(row["start_ms"], row["end_ms"], turns)
            elif row["kind"] in ITEMS:
                yield item_of(row, str(self.folder / TIMELINE))

    @property
    def duration_ms(self) -> int:
        """How long it is, in whole ticks."""
        return recorded_ticks(self.folder) * TICK_MS

    def last_heard(self, ticks: int) -> Pcm:
        """The user's sound in the last of the first `ticks` micro-turns, float32 [3200]."""
        return self._tick_of("user", ticks)

    def spoke_at(self, ticks: int) -> bool:
        """Whether the model sounded in the last of the first `ticks` micro-turns."""
        return bool(self._tick_of("model", ticks).any())

    def _tick_of(self, side: str, ticks: int) -> Pcm:
        first = max(0, ticks - 1) * CHUNK_SAMPLES
        samples = map_wav(self.folder / f"{side}.wav").reshape(-1)[first : first + CHUNK_SAMPLES]
        return to_float(np.pad(np.asarray(samples, np.int16), (0, CHUNK_SAMPLES - len(samples))))

    @property
    def whole_ticks(self) -> int:
        """Micro-turns that are there in full: sound of both sides and, where there is a log, its line."""
        ticks = whole_ticks(self.folder)
        if self.about.spec is None:
            return ticks
        path = self.folder / ENGINE
        return min(ticks, path.read_bytes().count(b"\n") if path.exists() else 0)


def read_kept(folder: Path) -> KeptSession:
    """The recorded session in a folder; InputError where there is none."""
    path = folder / ABOUT
    right = "a folder that `microturn serve --record` wrote"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            "no recorded session here", folder, f"{ABOUT}: {error.strerror or 'an error'}", right
        ) from error
    row = parse_object(content, str(path))
    if row.get("format") != FORMAT:
        raise InputError("another kind of recorded session", path, f"format {row.get('format')!r}", FORMAT)
    return KeptSession(folder, from_dict(About, row, str(path)))


def read_any(folder: Path) -> KeptSession:
    """A recorded session, or a recording that `microturn run` or `microturn talk` left; InputError for neither."""
    if (folder / ABOUT).exists() or not (folder / "recording.json").exists():
        return read_kept(folder)
    meta = read_meta(folder)
    noted = meta.get("listen_bias") is not None
    spec = SessionSpec(int(meta.get("seed", 0)), noted_sampling(meta)) if noted else None
    weights, version = str(meta.get("weights", "")), str(meta.get("version", ""))
    return KeptSession(folder, About(folder.resolve().name, "local", weights=weights, spec=spec, version=version))


def about_text(about: About) -> str:
    """session.json of these facts."""
    return json_line(to_dict(about))


def row_of(item: Item, wall_s: float) -> Row:
    """A line of timeline.jsonl. wall_s: seconds since the session began, by the clock of the machine."""
    return {"kind": type(item).__name__.lower(), "wall_s": round(wall_s, 3), **_plain_fields(item)}


def item_of(row: Mapping[str, Any], where: str) -> Item:
    """The item of a line; InputError for a kind that is none."""
    if row.get("kind") not in ITEMS:
        raise InputError("kind of a line", where, repr(row.get("kind")), "one of " + ", ".join(ITEMS))
    rest = {key: value for key, value in row.items() if key not in ("kind", "wall_s")}
    return from_dict(ITEMS[row["kind"]], rest, where)


def _plain_fields(item: Item) -> Row:
    return {one.name: to_dict(getattr(item, one.name)) for one in fields(item) if one.name != "pcm"}


def _read_timeline(path: Path) -> Timeline:
    rows: list[Row] = []
    latencies: list[Latency] = []
    notes: list[str] = []
    ended, stopped = None, ""
    content = path.read_bytes() if path.exists() else b""
    cut = bool(content) and not content.endswith(b"\n")
    for where, row in read_rows(path, skip_broken_end=True) if content else ():
        kind = row.get("kind")
        if kind == TICK:
            latencies.append(Latency(int(row["tick"]), float(row["late_ms"])))
        elif kind == STOPPED:
            stopped = str(row.get("reason", ""))
        elif kind == CONTINUED:
            notes.append(f"its server was started again at {row['at_ms'] / 1000:.1f} s; the session went on")
        else:
            rows.append(row)
            if kind == "ended":
                item = item_of(row, where)
                ended = item if isinstance(item, Ended) else None
    if cut:
        notes.append("the last line of the timeline was cut off: its writer was killed")
    return Timeline(rows, latencies, ended, stopped, tuple(notes))


def _items_of(recording: Recording) -> Iterator[Item]:
    """The timeline of a recording that was kept without one."""
    yield from opening()
    speaking = False
    for turn in recording.turns:
        items, speaking = timeline_of(turn, speaking)
        yield from (Taken((turn.tick + 1) * TICK_MS, text) for text in turn.user.text)
        yield from items


def _sounds(start_ms: int, end_ms: int, turns: list[MicroTurn]) -> Iterator[Sound]:
    """Frames of the model's side; what is decided in a tick sounds in the next one."""
    for at_ms in range(start_ms, end_ms, FRAME_MS):
        tick, within_ms = at_ms // TICK_MS - 1, at_ms % TICK_MS
        pcm = turns[tick].model.pcm if 0 <= tick < len(turns) else None
        first = within_ms // FRAME_MS * FRAME_SAMPLES
        piece = None if pcm is None else pcm[first : first + FRAME_SAMPLES]
        yield Sound(at_ms, piece if piece is not None and np.any(piece) else None)

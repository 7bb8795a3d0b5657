"""The one form at rest: a list of micro-turns and timed events, kept as a folder that any player opens.

A folder holds recording.json (header), user.wav, model.wav (both of full length), stereo.wav (user left, agent right),
events.jsonl (events and text, each line with its side) and frames/SIDE-TICK.png.
Sound is 16 bits at rest, and 200 ms of nothing but zeros are read back as a chunk without sound.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS
from microturn.core.config import from_dict, to_dict
from microturn.core.errors import InputError
from microturn.core.events import Event, event_from_dict, event_to_dict, json_line, parse_object, read_rows
from microturn.core.png import read_png, write_png
from microturn.core.wav import WavWriter, map_wav, read_wav, to_float, wav_samples

FORMAT = "microturn-recording-1"
TEXT_KIND = "text"  # the kind of the lines that hold a chunk's text; no event may have it
Side = Literal["user", "model"]
SIDES: tuple[Side, Side] = ("user", "model")


@dataclass(frozen=True)
class Header:
    """recording.json. ticks: None while the recording is being written; meta: whatever the writer wants to keep."""

    format: str = FORMAT
    sample_rate_hz: int = SAMPLE_RATE_HZ
    tick_ms: int = TICK_MS
    ticks: int | None = None
    meta: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass
class Recording:
    """What both sides said, from tick 0 on without gaps.

    events: those of the session itself; the events of one side are in its chunks. notes: what `load` had to repair.
    """

    turns: list[MicroTurn] = field(default_factory=list[MicroTurn])
    events: list[Event] = field(default_factory=list[Event])
    meta: dict[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()

    def append(self, turn: MicroTurn) -> None:
        """Add the next micro-turn; InputError when its tick is not the next one."""
        _check_next(turn.tick, len(self.turns), "Recording")
        self.turns.append(turn)

    def slice(self, start_tick: int, stop_tick: int) -> "Recording":
        """The part from start_tick up to, not including, stop_tick, with ticks and times counted from its own start."""
        turns = [_moved_turn(turn, start_tick) for turn in self.turns[start_tick:stop_tick]]
        events = [_moved_event(event, start_tick) for event in self.events if start_tick <= event.tick < stop_tick]
        return Recording(turns, events, dict(self.meta))

    def replay(self, side: Side) -> "Replay":
        """One side as a participant that says again what it said."""
        return Replay([turn.user if side == "user" else turn.model for turn in self.turns])

    def samples(self, side: Side) -> npt.NDArray[np.float32]:
        """All sound of one side, float32 [3200 * ticks]."""
        chunks = [(turn.user if side == "user" else turn.model).samples for turn in self.turns]
        return np.concatenate([np.zeros(0, np.float32), *chunks])


class Replay:
    """A participant that says given chunks in order and then nothing; it does not listen."""

    def __init__(self, chunks: list[Chunk]) -> None:
        self._chunks = chunks

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """Give the recorded chunk of this tick."""
        return self._chunks[tick] if tick < len(self._chunks) else Chunk()


class RecordingWriter:
    """Writes a recording while it happens; whatever was appended survives the death of the process.

    overwrite: take the place of a recording that is already in the folder instead of raising InputError; keep_ticks: go
    on with the one that is there (see `continued`). frame_bytes: of all pictures so far.
    """

    def __init__(
        self,
        folder: Path,
        meta: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        keep_ticks: int | None = None,
    ) -> None:
        self._folder = folder
        self._header = Header(meta=dict(meta or {}))
        self._ticks = keep_ticks or 0
        folder.mkdir(parents=True, exist_ok=True)
        if keep_ticks is None and (folder / "recording.json").exists():
            if not overwrite:
                raise InputError("a recording is already here", folder, "recording.json", "an empty or new folder")
            for old_frame in (folder / "frames").glob("*-*.png"):
                old_frame.unlink()
        self.frame_bytes = sum(path.stat().st_size for path in (folder / "frames").glob("*-*.png"))
        self._write_header()
        samples = None if keep_ticks is None else keep_ticks * CHUNK_SAMPLES
        self._wavs = [WavWriter(folder / f"{side}.wav", keep_samples=samples) for side in SIDES]
        self._stereo = WavWriter(folder / "stereo.wav", channels=2, keep_samples=samples)
        self._lines = (folder / "events.jsonl").open("wb" if keep_ticks is None else "ab", buffering=0)

    @classmethod
    def continued(cls, folder: Path, ticks: int) -> "RecordingWriter":
        """Go on with a recording whose writer was killed, after its first `ticks` micro-turns; the rest is cut off."""
        header = _read_header(folder)
        _cut_lines(folder / "events.jsonl", ticks)
        for frame in (folder / "frames").glob("*-*.png"):
            if int(frame.stem.partition("-")[2]) >= ticks:
                frame.unlink()
        return cls(folder, header.meta, keep_ticks=ticks)

    @property
    def ticks(self) -> int:
        """Micro-turns written so far: the next one's tick."""
        return self._ticks

    def append(self, turn: MicroTurn) -> None:
        """Write the next micro-turn; InputError when its tick is not the next one."""
        _check_next(turn.tick, self._ticks, str(self._folder))
        for side, chunk, wav in zip(SIDES, (turn.user, turn.model), self._wavs, strict=True):
            self._write_words(side, turn.tick, chunk)
            if chunk.frame is not None:
                (self._folder / "frames").mkdir(exist_ok=True)
                frame_path = _frame_path(self._folder, side, turn.tick)
                write_png(frame_path, chunk.frame)
                self.frame_bytes += frame_path.stat().st_size
            wav.write(chunk.samples)
        self._stereo.write(np.stack([turn.user.samples, turn.model.samples], axis=1))
        self._ticks += 1

    def event(self, event: Event) -> None:
        """Write an event of the session itself."""
        self._write_event("session", event)

    def close(self) -> None:
        """Complete the header and close the files; a second call does nothing."""
        if self._lines.closed:
            return
        for wav in (*self._wavs, self._stereo):
            wav.close()
        self._lines.close()
        self._header = replace(self._header, ticks=self._ticks)
        self._write_header()

    def abandon(self) -> None:
        """Let go of the files as a killed writer would, without completing the header; for a disk that fails."""
        for file in (*self._wavs, self._stereo, self._lines):
            file.close()

    def __enter__(self) -> "RecordingWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _write_words(self, side: Side, tick: int, chunk: Chunk) -> None:
        for text in chunk.text:
            self._write_line(side, {"t_ms": (tick + 1) * TICK_MS, "tick": tick, "kind": TEXT_KIND, "text": text})
        for event in chunk.events:
            # The line says when it happened; the chunk it came in is kept apart where that is another tick.
            self._write_event(side, event, {} if event.tick == tick else {"chunk": tick})

    def _write_event(self, side: str, event: Event, extra: Mapping[str, Any] | None = None) -> None:
        if event.kind == TEXT_KIND:
            raise InputError(
                "kind of an event", self._folder, repr(event.kind), "another word; text goes in Chunk.text"
            )
        self._write_line(side, event_to_dict(event) | dict(extra or {}))

    def _write_line(self, side: str, row: Mapping[str, Any]) -> None:
        self._lines.write(json_line({"side": side, **row}).encode())

    def _write_header(self) -> None:
        unfinished = self._folder / "recording.json.part"
        unfinished.write_text(json.dumps(to_dict(self._header), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        unfinished.replace(self._folder / "recording.json")


def save(recording: Recording, folder: Path, overwrite: bool = False) -> None:
    """Write a whole recording into a new or empty folder, or over another recording."""
    with RecordingWriter(folder, recording.meta, overwrite) as writer:
        for turn in recording.turns:
            writer.append(turn)
        for event in recording.events:
            writer.event(event)


def load(folder: Path) -> Recording:
    """Read a recording, also one whose writer was killed: then `notes` says so and the shorter side ends in silence.

    Raises InputError for a folder that is none, and for broken files that no killed writer leaves behind.
    """
    header = _read_header(folder)
    wavs = [read_wav(folder / f"{side}.wav")[:, 0] for side in SIDES]
    whole = header.ticks is not None
    ticks = recorded_ticks(folder)
    if whole and any(len(wav) != ticks * CHUNK_SAMPLES for wav in wavs):
        came = " and ".join(f"{len(wav)} samples" for wav in wavs)
        raise InputError("sound does not fit the header", folder, came, f"{ticks * CHUNK_SAMPLES} ({ticks} ticks)")
    lines = _read_lines(folder / "events.jsonl", ticks, whole)
    sides = [_chunks(folder, side, _cut(wav, ticks), lines) for side, wav in zip(SIDES, wavs, strict=True)]
    turns = [MicroTurn(tick, user, model) for tick, (user, model) in enumerate(zip(*sides, strict=True))]
    notes = () if whole else (f"{folder}: never closed, its writer was killed; {ticks} ticks could be read",)
    return Recording(turns, lines.session, header.meta, notes)


def whole_ticks(folder: Path) -> int:
    """Micro-turns whose sound is there on both sides; InputError for a folder that is no recording."""
    _read_header(folder)
    return min(wav_samples(folder / f"{side}.wav") for side in SIDES) // CHUNK_SAMPLES


def read_meta(folder: Path) -> dict[str, Any]:
    """What the writer of a recording wanted to keep; InputError for a folder that is none."""
    return _read_header(folder).meta


def recorded_ticks(folder: Path) -> int:
    """Micro-turns that `load` gives, without reading their sound."""
    ticks = _read_header(folder).ticks
    return (
        ticks if ticks is not None else max(-(-wav_samples(folder / f"{side}.wav") // CHUNK_SAMPLES) for side in SIDES)
    )


def stereo_blocks(folder: Path, block_ticks: int = 50) -> Iterator[npt.NDArray[np.float32]]:
    """A conversation as a bystander hears it, float32 [n, 2] at a time: the user left, the model right.

    What the model decides in a tick sounds when that tick is over, so its side comes one tick later than it is kept,
    and the whole is a tick longer.
    """
    sides = [map_wav(folder / f"{side}.wav") for side in SIDES]
    end = (recorded_ticks(folder) + 1) * CHUNK_SAMPLES
    for start in range(0, end, block_ticks * CHUNK_SAMPLES):
        stop = min(end, start + block_ticks * CHUNK_SAMPLES)
        block = np.zeros((stop - start, 2), np.float32)
        for channel, (side, late) in enumerate(zip(sides, (0, CHUNK_SAMPLES), strict=True)):
            first, last = max(start - late, 0), min(stop - late, len(side))
            if first < last:
                block[first + late - start : last + late - start, channel] = to_float(side[first:last])
        yield block


def frame_paths(folder: Path, side: Side = "user") -> list[tuple[int, Path]]:
    """(tick, file) of the pictures of one side, in order."""
    found = [(path.stem.partition("-")[2], path) for path in (folder / "frames").glob(f"{side}-*.png")]
    return sorted((int(tick), path) for tick, path in found if tick.isdecimal())


@dataclass(frozen=True)
class _Lines:
    """events.jsonl sorted by where each line belongs: (side, tick of the chunk) or the session."""

    text: dict[tuple[str, int], list[str]]
    events: dict[tuple[str, int], list[Event]]
    session: list[Event]


def _read_header(folder: Path) -> Header:
    path = folder / "recording.json"
    if not path.is_file():
        raise InputError("no recording here", folder, "no recording.json", "a folder written by microturn")
    header = from_dict(Header, parse_object(path.read_bytes(), str(path)), str(path))
    if (header.format, header.sample_rate_hz, header.tick_ms) != (FORMAT, SAMPLE_RATE_HZ, TICK_MS):
        came = f"{header.format}, {header.sample_rate_hz} Hz, {header.tick_ms} ms"
        raise InputError("another kind of recording", path, came, f"{FORMAT}, {SAMPLE_RATE_HZ} Hz, {TICK_MS} ms")
    return header


def _read_lines(path: Path, ticks: int, whole: bool) -> _Lines:
    lines = _Lines({}, {}, [])
    for where, row in read_rows(path, skip_broken_end=not whole):
        side, chunk = row.pop("side", None), row.pop("chunk", None)
        event = event_from_dict(row, where)
        tick = event.tick if chunk is None else chunk
        if side == "session":
            lines.session.append(event)
        elif side not in SIDES or not isinstance(tick, int):
            raise InputError("side of a line", where, repr(side), "user, model or session")
        elif tick >= ticks and whole:
            raise InputError("tick after the end", where, tick, f"below {ticks}")
        elif event.kind == TEXT_KIND:
            lines.text.setdefault((side, tick), []).append(event.text)
        else:
            lines.events.setdefault((side, tick), []).append(event)
    return lines


def _cut_lines(path: Path, ticks: int) -> None:
    """Leave out the lines of chunks from `ticks` on, and a last line that was not finished."""
    kept: list[str] = []
    for _, row in read_rows(path, skip_broken_end=True):
        if row.get("side") == "session" or row.get("chunk", row["tick"]) < ticks:
            kept.append(json_line(row))
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text("".join(kept), encoding="utf-8")
    unfinished.replace(path)


def _chunks(folder: Path, side: Side, pcm: npt.NDArray[np.float32], lines: _Lines) -> list[Chunk]:
    """The chunks of one side; pcm: float32 [ticks, 3200]."""
    chunks: list[Chunk] = []
    for tick, samples in enumerate(pcm):
        frame_path = _frame_path(folder, side, tick)
        frame = read_png(frame_path) if frame_path.exists() else None
        text, events = lines.text.get((side, tick), []), lines.events.get((side, tick), [])
        chunks.append(Chunk(samples if samples.any() else None, frame, tuple(text), tuple(events)))
    return chunks


def _cut(wav: npt.NDArray[np.float32], ticks: int) -> npt.NDArray[np.float32]:
    padded = np.zeros(ticks * CHUNK_SAMPLES, np.float32)
    padded[: len(wav)] = wav
    return padded.reshape(ticks, CHUNK_SAMPLES)


def _frame_path(folder: Path, side: Side, tick: int) -> Path:
    return folder / "frames" / f"{side}-{tick:06d}.png"


def _check_next(tick: int, expected: int, where: str) -> None:
    if tick != expected:
        raise InputError("tick of a micro-turn", where, tick, f"{expected}, the next one")


def _moved_turn(turn: MicroTurn, start_tick: int) -> MicroTurn:
    return MicroTurn(turn.tick - start_tick, _moved_chunk(turn.user, start_tick), _moved_chunk(turn.model, start_tick))


def _moved_chunk(chunk: Chunk, start_tick: int) -> Chunk:
    return replace(chunk, events=_moved_events(chunk.events, start_tick))


def _moved_events(events: Iterable[Event], start_tick: int) -> tuple[Event, ...]:
    return tuple(_moved_event(event, start_tick) for event in events)


def _moved_event(event: Event, start_tick: int) -> Event:
    return replace(event, tick=max(0, event.tick - start_tick), t_ms=max(0, event.t_ms - start_tick * TICK_MS))

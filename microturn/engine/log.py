"""The append log of a session: what it heard and said, tick by tick, as JSON lines. Keys and values do not live here.

The log is the truth and they are a cache of it. Sampled ids are in it, so a replay never samples.
"""

import base64
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from microturn.core.errors import InputError
from microturn.core.events import json_line, read_rows
from microturn.engine.api import InputChunk, TurnResult
from microturn.engine.session import Block, Fed, Finished, Runs, SessionState, Spoken, begin, finish
from microturn.media.picture import Frame, pair_of
from microturn.model.config import InteractionConfig


@dataclass(frozen=True, eq=False)
class TurnRecord:
    """One committed tick: what came in, and the ids that were said.

    own: levels of what it sounded, None if it was silent; begun: tokens of the utterance that had begun to sound;
    frame: the picture that came in, in the model's grid.
    """

    seq: int
    dmel: npt.NDArray[np.uint8] | None
    text: Runs
    said: tuple[int, ...]
    own: Block | None = None
    begun: int = 0
    frame: Frame | None = None


class ReplayedTurn(NamedTuple):
    """A logged tick, what it fed, and how it ended (but for what was heard)."""

    record: TurnRecord
    fed: Fed
    finished: Finished


def record(chunk: InputChunk, result: TurnResult) -> TurnRecord:
    """The log entry of a committed turn."""
    return TurnRecord(chunk.seq, chunk.dmel, chunk.text, result.said, result.own, result.begun, chunk.frame)


def replayed(records: Sequence[TurnRecord], config: InteractionConfig, limit: int) -> Iterator[list[ReplayedTurn]]:
    """Logged ticks in parts of at most `limit` positions. InputError for a log with a tick missing.

    A tick after which something is erased is the last of its part: the next ones must not see it.
    """
    state, part, filled, length, own, seen = SessionState(), list[ReplayedTurn](), 0, 0, None, None
    for entry in records:
        if entry.seq != state.tick:
            raise InputError("a log with a tick missing", "replay", f"seq {entry.seq}", f"seq {state.tick}")
        fed, begun = begin(state, entry.text, config.typed_per_tick, own, pair_of(seen, entry.frame))
        fed = fed._replace(said=entry.said[: config.text_per_tick - 1])
        size = fed.positions(config.sound_tokens, config.sight_tokens)
        length += size
        spoken = Spoken(entry.said, length - len(fed.said), None if entry.own is None else entry.begun)
        finished = finish(begun, spoken, (), config.text_per_tick)
        if part and (filled + size > limit or part[-1].finished.unsaid):
            yield part
            part, filled = [], 0
        part.append(ReplayedTurn(entry, fed, finished))
        state, own, filled = finished.state, entry.own, filled + size
        seen = seen if entry.frame is None else entry.frame
    if part:
        yield part


def write_log(path: Path, records: Iterable[TurnRecord]) -> None:
    """Append records to a file."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(map(log_line, records))


def log_line(entry: TurnRecord) -> str:
    """A record as its line of the file, for a log that grows tick by tick."""
    return json_line(_to_row(entry))


def read_log(path: Path, config: InteractionConfig) -> list[TurnRecord]:
    """All records of a file; a last line that a killed writer left half is passed over."""
    return [_from_row(row, where, config) for where, row in read_rows(path, skip_broken_end=True)]


def _to_row(entry: TurnRecord) -> dict[str, Any]:
    row: dict[str, Any] = {"seq": entry.seq, "dmel": _packed(entry.dmel), "text": entry.text, "said": entry.said}
    if entry.frame is not None:
        row |= {"frame": _packed(entry.frame), "size": entry.frame.shape[:2]}
    return row if entry.own is None else row | {"own": _packed(entry.own), "begun": entry.begun}


def _from_row(row: dict[str, Any], where: str, config: InteractionConfig) -> TurnRecord:
    shape = (config.frames_per_tick, config.mel.n_mels)
    try:
        dmel, own = _unpacked(row["dmel"], shape), _unpacked(row.get("own"), shape)
        text = tuple(tuple(map(int, run)) for run in row["text"])
        said, begun = tuple(map(int, row["said"])), int(row.get("begun", 0))
        frame = _unpacked(row.get("frame"), (*map(int, row.get("size", ())), 3))
        return TurnRecord(int(row["seq"]), dmel, text, said, own, begun, frame)
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        right = "seq, dmel, text and said as `write_log` gives them"
        raise InputError("not a log entry", where, f"{error!r}", right) from error


def _packed(levels: npt.NDArray[np.uint8] | None) -> str | None:
    return None if levels is None else base64.b64encode(zlib.compress(levels.tobytes())).decode("ascii")


def _unpacked(packed: str | None, shape: tuple[int, ...]) -> npt.NDArray[np.uint8] | None:
    return None if packed is None else np.frombuffer(zlib.decompress(base64.b64decode(packed)), np.uint8).reshape(shape)

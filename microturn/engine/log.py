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
from microturn.engine.session import Runs, SessionState, TickTokens, begin, finish
from microturn.model.config import InteractionConfig


@dataclass(frozen=True, eq=False)
class TurnRecord:
    """One committed tick: what came in, and the ids that were said."""

    seq: int
    dmel: npt.NDArray[np.uint8] | None
    text: Runs
    said: tuple[int, ...]


class ReplayedTurn(NamedTuple):
    """A logged tick, the tokens it fed, and the session after it (but for the transcript's last label)."""

    record: TurnRecord
    tokens: TickTokens
    state: SessionState


def record(chunk: InputChunk, result: TurnResult) -> TurnRecord:
    """The log entry of a committed turn."""
    return TurnRecord(chunk.seq, chunk.dmel, chunk.text, result.said)


def replayed(records: Sequence[TurnRecord], config: InteractionConfig, limit: int) -> Iterator[list[ReplayedTurn]]:
    """Logged ticks in parts of at most `limit` positions. InputError for a log with a tick missing."""
    state, part, filled = SessionState(), list[ReplayedTurn](), 0
    for entry in records:
        if entry.seq != state.tick:
            raise InputError("a log with a tick missing", "replay", f"seq {entry.seq}", f"seq {state.tick}")
        tokens, state = begin(state, entry.text, config.typed_per_tick)
        tokens = tokens._replace(fed=entry.said[: config.text_per_tick - 1])
        state, _ = finish(state, entry.said, (), config.text_per_tick)
        size = config.sound_tokens + sum(map(len, tokens))
        if part and filled + size > limit:
            yield part
            part, filled = [], 0
        part.append(ReplayedTurn(entry, tokens, state))
        filled += size
    if part:
        yield part


def write_log(path: Path, records: Iterable[TurnRecord]) -> None:
    """Append records to a file."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json_line(_to_row(entry)) for entry in records)


def read_log(path: Path, config: InteractionConfig) -> list[TurnRecord]:
    """All records of a file; a last line that a killed writer left half is passed over."""
    return [_from_row(row, where, config) for where, row in read_rows(path, skip_broken_end=True)]


def _to_row(entry: TurnRecord) -> dict[str, Any]:
    packed = None if entry.dmel is None else base64.b64encode(zlib.compress(entry.dmel.tobytes())).decode("ascii")
    return {"seq": entry.seq, "dmel": packed, "text": entry.text, "said": entry.said}


def _from_row(row: dict[str, Any], where: str, config: InteractionConfig) -> TurnRecord:
    shape = (config.frames_per_tick, config.mel.n_mels)
    try:
        packed = row["dmel"]
        dmel = None
        if packed is not None:
            dmel = np.frombuffer(zlib.decompress(base64.b64decode(packed)), np.uint8).reshape(shape)
        text = tuple(tuple(map(int, run)) for run in row["text"])
        return TurnRecord(int(row["seq"]), dmel, text, tuple(map(int, row["said"])))
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        right = "seq, dmel, text and said as `write_log` gives them"
        raise InputError("not a log entry", where, f"{error!r}", right) from error

"""A recording for the Rerun viewer: words, levels, speaking, overlaps, latency and pictures on one time axis.

The only file that knows rerun; it comes with the extra `viz`.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from microturn.core.clock import TICK_MS
from microturn.core.errors import MissingDependency
from microturn.gateway.exports import thumbnail
from microturn.gateway.kept import KeptSession

PURPOSE, INSTALL = "a recording for the Rerun viewer", "pip install 'microturn[viz]'"
TIMELINE = "session"


class _Entry(NamedTuple):
    """Something at a time: a number, words, or a JPEG."""

    at_ms: int
    path: str
    value: float | str | bytes


def write_rrd(path: Path, kept: KeptSession, shown: dict[str, Any]) -> None:
    """Write the file. shown: the recording as `view.drawn` gives it. MissingDependency where rerun is not installed."""
    rerun = _rerun()
    with rerun.RecordingStream("microturn", recording_id=kept.about.id) as stream:
        stream.save(os.fspath(path))
        makers = {float: rerun.Scalars, str: rerun.TextLog}
        for entry in sorted(_entries(kept, shown), key=lambda entry: entry.at_ms):
            stream.set_time(TIMELINE, duration=entry.at_ms / 1000)
            value = entry.value
            drawn = (
                rerun.EncodedImage(contents=value, media_type="image/jpeg")
                if isinstance(value, bytes)
                else makers[type(value)](value)
            )
            stream.log(entry.path, drawn)


def _entries(kept: KeptSession, shown: dict[str, Any]) -> Iterator[_Entry]:
    for side, own in shown["sides"].items():
        yield from (_Entry(word["start_ms"], f"{side}/words", word["text"].strip()) for word in own["words"])
        levels = enumerate(own["levels"])
        yield from (_Entry(index * shown["level_ms"], f"{side}/level", float(level)) for index, level in levels)
        yield from _edges(f"{side}/speaks", own["spans"])
    yield from _edges("overlap", shown["overlaps"])
    for row in shown["latency_ms"]:
        yield _Entry((row["tick"] + 1) * TICK_MS, "latency_ms", float(row["late_ms"]))
    for one in shown["typed"]:
        yield _Entry(one["at_ms"], "user/typed", one["text"])
    for one in shown["stops"]:
        yield _Entry(one["at_ms"], "model/stops", "yields" if one["yielded"] else "has ended")
    for frame in shown["frames"]:
        yield _Entry(frame["at_ms"], "camera", thumbnail(kept, frame["tick"]) or b"")


def _edges(path: str, spans: list[tuple[int, int]]) -> Iterator[_Entry]:
    """1 where a span begins, 0 where it ends."""
    for start_ms, end_ms in spans:
        yield _Entry(start_ms, path, 1.0)
        yield _Entry(end_ms, path, 0.0)


def _rerun() -> Any:
    try:
        import rerun  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingDependency("rerun-sdk", PURPOSE, INSTALL) from error
    return rerun

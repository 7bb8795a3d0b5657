"""`microturn replay`: a recording told in the terminal, played, held once more, or as a page. Nothing is recorded."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from microturn.commands.again import again
from microturn.commands.places import writable_file
from microturn.commands.replay_page import write_replay_page
from microturn.commands.rrd import write_rrd
from microturn.core.clock import TICK_MS
from microturn.core.errors import InputError
from microturn.gateway.exports import KINDS, Kind, write_media
from microturn.gateway.kept import KeptSession, read_any
from microturn.gateway.view import drawn, phrases

UNEQUAL = 1
STYLES = {"model": "bold", "overlap": "yellow", "note": "dim"}


@dataclass(frozen=True)
class ReplayRequest:
    """What was asked on the command line."""

    folder: Path
    audio: Path | None = None
    page: Path | None = None
    rrd: Path | None = None
    again: bool = False
    weights: Path | None = None


def replay(request: ReplayRequest) -> None:
    """Tell it; then do what was asked besides."""
    console = Console(highlight=False, soft_wrap=True)
    kind = None if request.audio is None else _kind(request.audio)
    kept = _read(request.folder)
    shown = drawn(kept)
    for line in told(kept, shown):
        console.print(line)
    if request.audio is not None and kind is not None:
        write_media(kept.folder, writable_file(request.audio), kind)
        console.print(f"both sides, the user left: {request.audio}", markup=False)
    if request.page is not None:
        write_replay_page(writable_file(request.page), kept, shown)
        console.print(f"listen to it and look at it: {request.page}", markup=False)
    if request.rrd is not None:
        write_rrd(writable_file(request.rrd), kept, shown)
        console.print(f"for the Rerun viewer: {request.rrd}", markup=False)
    if request.again and not _held_again(kept, request.weights, console):
        raise SystemExit(UNEQUAL)


def told(kept: KeptSession, shown: dict[str, Any]) -> Iterator[Text]:
    """A recording as lines in the order of time: who says what, when both do, how late the answers were."""
    about = kept.about
    when = datetime.fromtimestamp(about.started_at, UTC).strftime("%Y-%m-%d %H:%M UTC") if about.started_at else ""
    weights = f"weights {about.weights}" if about.weights else ""
    facts = (about.id, about.protocol, about.model, weights, when, f"{shown['duration_ms'] / 1000:.1f} s")
    yield Text(", ".join(fact for fact in facts if fact))
    for start_ms, end_ms, who, text in sorted(_rows(shown), key=lambda row: row[0]):
        until = f" to {end_ms / 1000:6.1f}" if end_ms > start_ms else " " * 10
        yield Text(f"{start_ms / 1000:8.1f}{until} s  {who:<9}").append(text, STYLES.get(who, ""))
    yield Text(_latency([row["late_ms"] for row in shown["latency_ms"]]))
    for note in (*shown["notes"], *kept.recording().notes):
        yield Text(f"note: {note}", STYLES["note"])


def _rows(shown: dict[str, Any]) -> Iterator[tuple[int, int, str, str]]:
    for side in ("user", "model"):
        for phrase in phrases(shown["sides"][side]["words"]):
            yield phrase["start_ms"], phrase["end_ms"], side, phrase["text"]
    for start_ms, end_ms in shown["overlaps"]:
        yield start_ms, end_ms, "overlap", "both speak"
    for one in shown["stops"]:
        if one["yielded"]:
            unsaid = f", left unsaid: {one['unsaid']}" if one["unsaid"] else ""
            yield one["at_ms"], one["at_ms"], "overlap", f"the model yields{unsaid}"
    for one in shown["typed"]:
        yield one["at_ms"], one["at_ms"], "typed", one["text"]
    for one in shown["delegations"]:
        yield one["at_ms"], one["at_ms"], "model", "(asks the background agent)"


def _latency(late_ms: list[float]) -> str:
    if not late_ms:
        return "latency: not recorded"
    middle, high = np.percentile(late_ms, (50, 99))
    missed = sum(one > TICK_MS for one in late_ms)
    return (
        f"latency from the end of a tick to its answer: median {middle:.0f} ms, p99 {high:.0f} ms, "
        f"longest {max(late_ms):.0f} ms; {missed} of {len(late_ms)} ticks over {TICK_MS} ms"
    )


def _held_again(kept: KeptSession, weights: Path | None, console: Console) -> bool:
    result = again(kept, weights)
    how = "token by token" if result.exact else "in words, events and sound"
    if result.difference is None:
        console.print(f"held once more: all {result.ticks} ticks are equal, {how}", markup=False)
        return True
    tick, recorded, now = result.difference
    console.print(f"held once more: tick {tick} ({tick * TICK_MS / 1000:.1f} s) differs", markup=False)
    console.print(f"  recorded: {recorded}\n  now:      {now}", markup=False)
    return False


def _read(folder: Path) -> KeptSession:
    if not folder.is_dir():
        came = "a file" if folder.exists() else "nothing"
        raise InputError("no such folder", folder, came, "the folder of a recording")
    inside = sorted(path.name for path in folder.iterdir() if (path / "recording.json").is_file())
    if inside and not (folder / "recording.json").is_file():
        shown = ", ".join(inside[:5]) + (" ..." if len(inside) > 5 else "")
        raise InputError("a folder of recordings", folder, f"{len(inside)} of them", f"one of {shown}")
    return read_any(folder)


def _kind(path: Path) -> Kind:
    for kind in KINDS:
        if path.suffix.lower() == f".{kind}":
            return kind
    raise InputError("kind of file to write", path, path.suffix or "none", " or ".join(f".{kind}" for kind in KINDS))

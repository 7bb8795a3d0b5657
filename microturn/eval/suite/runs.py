"""A run: a folder that says what was asked and keeps every session. It goes on where it stopped and is never changed.

manifest.json (what was asked, of whom, by which code), traces/NNNN/ (trace.py), scenarios/ (files that were asked),
report.json and report.html (report.py), which are made from the traces and may be made again.
"""

import asyncio
import hashlib
import json
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from microturn.core.config import from_dict, to_dict
from microturn.core.errors import InputError
from microturn.core.events import parse_object
from microturn.core.provenance import provenance
from microturn.eval.suite.endpoint import Endpoint, Session, Unreachable
from microturn.eval.suite.pace import Room, held
from microturn.eval.suite.suites import Asked, Suite, suite
from microturn.eval.suite.trace import Trace, load_trace, save_trace

FORMAT = "microturn-suite-run-1"
PACKAGES = ("numpy", "torch", "pocketsphinx", "websockets", "openai", "google-genai")

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Manifest:
    """manifest.json. settings: what else decides about the endpoint, such as its weights; data: a set's folder."""

    suite: str
    endpoint: str
    seed: int
    per_category: int | None
    sessions: list[str]
    files: dict[str, str] = field(default_factory=dict[str, str])
    data: str = ""
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    provenance: dict[str, Any] = field(default_factory=dict[str, Any])
    versions: dict[str, str] = field(default_factory=dict[str, str])
    began: str = ""
    format: str = FORMAT


def begin(folder: Path, name: str, asked: Asked, endpoint: str, settings: dict[str, Any]) -> tuple[Manifest, Suite]:
    """Make the run directory, or go on with one of which the very same was asked; InputError for any other."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{n:03d}-{path.name}": _digest(path) for n, path in enumerate(asked.files)}
    path = folder / "manifest.json"
    if not path.exists():
        (folder / "scenarios").mkdir(exist_ok=True)
        for copied, source in zip(files, asked.files, strict=True):
            shutil.copyfile(source, folder / "scenarios" / copied)
    kept = replace(asked, files=tuple(folder / "scenarios" / copied for copied in files))
    made = suite(name, kept)
    ids = [session.id for session in made.sessions]
    data = str(asked.data.resolve()) if asked.data is not None else ""
    fresh = Manifest(name, endpoint, asked.seed, asked.per_category, ids, files, data, settings)
    if path.exists():
        before = read_manifest(folder)
        _check_same(before, fresh, folder)
        return before, made
    fresh = replace(
        fresh,
        provenance=provenance("microturn"),
        versions=_versions(),
        began=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    _write(path, to_dict(fresh))
    return fresh, made


async def hold_all(
    folder: Path, made: Suite, endpoint: Endpoint, progress: Progress = lambda done, total: None
) -> None:
    """Hold every session that has no trace yet, `endpoint.at_once` at a time; a session that fails is kept as void.

    Raises Unreachable where the endpoint takes no session; what was held until then is kept, and the run may go on.
    """
    places = {session.id: trace_folder(folder, number) for number, session in enumerate(made.sessions)}
    waiting = [session for session in made.sessions if not (places[session.id] / "trace.jsonl").exists()]
    done = len(made.sessions) - len(waiting)
    gone: BaseException | None = None
    progress(done, len(made.sessions))
    room = Room(endpoint.at_once)

    async def hold(session: Session) -> None:
        nonlocal done
        trace = await held(endpoint, session, room)
        await asyncio.to_thread(save_trace, trace, places[session.id])
        done += 1
        progress(done, len(made.sessions))

    try:
        async with asyncio.TaskGroup() as group:
            for session in waiting:
                group.create_task(hold(session))
    except* Unreachable as failed:
        gone = failed.exceptions[0]
    if gone is not None:
        raise gone


def trace_folder(folder: Path, number: int) -> Path:
    """Where the trace of a session is kept."""
    return folder / "traces" / f"{number:04d}"


def traces_of(folder: Path) -> Iterator[Trace]:
    """The traces of a run one after the other, as many as there are."""
    for number in range(len(read_manifest(folder).sessions)):
        if (trace_folder(folder, number) / "trace.jsonl").exists():
            yield load_trace(trace_folder(folder, number))


def read_manifest(folder: Path) -> Manifest:
    """What was asked in this folder; InputError where it is no run."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise InputError("no run here", folder, "no manifest.json", "a folder written by microturn eval run")
    return from_dict(Manifest, parse_object(path.read_bytes(), str(path)), str(path))


def reopened(folder: Path) -> tuple[Manifest, Suite, list[Trace]]:
    """A run as it is kept; InputError while sessions are missing."""
    manifest = read_manifest(folder)
    files = tuple(folder / "scenarios" / name for name in manifest.files)
    for path, digest in zip(files, manifest.files.values(), strict=True):
        if _digest(path) != digest:
            raise InputError("a scenario was changed after the run", path, "another hash", "the file as it was")
    data = Path(manifest.data) if manifest.data else None
    made = suite(manifest.suite, Asked(manifest.seed, manifest.per_category, files, data))
    if [session.id for session in made.sessions] != manifest.sessions:
        raise InputError("another set of scenarios", folder, f"{len(made.sessions)} made by this code", "the run's own")
    places = [trace_folder(folder, number) for number in range(len(manifest.sessions))]
    missing = [str(place) for place in places if not (place / "trace.jsonl").exists()]
    if missing:
        raise InputError("the run is not over", folder, f"{len(missing)} sessions missing", "eval run once more")
    return manifest, made, [load_trace(place) for place in places]


def _check_same(before: Manifest, fresh: Manifest, folder: Path) -> None:
    for name in ("format", "suite", "endpoint", "seed", "per_category", "sessions", "files", "data", "settings"):
        if getattr(before, name) != getattr(fresh, name):
            raise InputError(
                f"another run is in this folder: {name} differs", folder, str(getattr(fresh, name))[:80], "a new folder"
            )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError("cannot read", path, error.strerror or "an error", "a file of scenarios") from error


def _write(path: Path, value: Any) -> None:
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    unfinished.replace(path)

"""`microturn eval list`, `run`, `report` and `compare`: suites of scenarios and the endpoints they are held with."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from microturn.commands.places import writable_folder
from microturn.commands.progress import progress
from microturn.commands.weights import open_weights, talker
from microturn.core.errors import InputError
from microturn.core.events import parse_object
from microturn.eval.speech import WorldRecogniser
from microturn.eval.suite.analyze import Listener, RecogniserListener, TextChannel
from microturn.eval.suite.endpoint import NO_SETTINGS, Endpoint, Ours, ScriptedEndpoint, Wanted
from microturn.eval.suite.endpoints import ENDPOINTS, endpoint, is_named
from microturn.eval.suite.report import compared, report
from microturn.eval.suite.runs import begin, hold_all
from microturn.eval.suite.suites import FAKES, SUITES, Asked, Suite
from microturn.model.checkpoint import weights_hash


@dataclass(frozen=True)
class RunRequest:
    """What `eval run` was asked. weights: of ours alone."""

    suite: str
    endpoint: str
    out: Path
    seed: int
    per_category: int
    files: tuple[Path, ...]
    weights: Path | None
    listener: str


def show() -> None:
    """Print the suites and the endpoints."""
    console = Console(soft_wrap=True, highlight=False)
    for name, making in SUITES.items():
        told = (making.__doc__ or "").strip().splitlines()[0]
        console.print(f"{name:12} {told}", markup=False)
    console.print("endpoints:", markup=False)
    for name, opening in ENDPOINTS.items():
        told = (opening.__doc__ or "").strip().splitlines()[0]
        console.print(f"{name:12} {told}", markup=False)
    console.print(f"{'':12} fakes that say what a script has: {', '.join(FAKES)}", markup=False)


def run(asked: RunRequest) -> None:
    """Hold what is missing in the run directory, score all of it and print the figures."""
    ears = _listener(asked.listener)
    folder = writable_folder(asked.out)
    wanted = Asked(asked.seed, asked.per_category, asked.files)
    named = _named(asked)
    _, made = begin(folder, asked.suite, wanted, asked.endpoint, dict(named.settings if named else NO_SETTINGS))
    with progress("sessions") as tell:
        asyncio.run(hold_all(folder, made, named or _fake(asked.endpoint, made), tell))
    _print(report(folder, ears), folder)


def again(folder: Path, listener: str) -> None:
    """Score a run that is over once more."""
    _print(report(folder, _listener(listener)), folder)


def compare(first: Path, second: Path) -> None:
    """Print two reports beside each other."""
    reports = [parse_object((folder / "report.json").read_bytes(), str(folder)) for folder in (first, second)]
    if reports[0]["suite"] != reports[1]["suite"]:
        raise InputError("two suites", second, reports[1]["suite"], f"a run of {reports[0]['suite']}")
    table = Table("", str(first), str(second), box=None)
    for row in compared(*reports):
        table.add_row(*row)
    Console(soft_wrap=True, highlight=False).print(table)


def _listener(name: str) -> Listener:
    if name == "text":
        return TextChannel()
    if name == "recogniser":
        return RecogniserListener(WorldRecogniser())
    raise InputError("no such listener", "--listener", repr(name), "text or recogniser")


def _named(asked: RunRequest) -> Endpoint | None:
    """The endpoint, or None for a name that may be a fake of the suite."""
    if not is_named(asked.endpoint):
        return None
    name, _, address = asked.endpoint.partition(":")
    return endpoint(Wanted(name, lambda: _ours(asked), address))


def _ours(asked: RunRequest) -> Ours:
    checkpoint = open_weights(asked.weights)
    return Ours(lambda _: talker(checkpoint, asked.seed), {"weights": weights_hash(checkpoint.model)})


def _fake(name: str, made: Suite) -> Endpoint:
    if name not in made.fakes:
        right = ", ".join([*ENDPOINTS, *made.fakes])
        raise InputError("no such endpoint", "--endpoint", repr(name), f"one of {right}")
    return ScriptedEndpoint(name, made.fakes[name])


def _print(found: dict[str, Any], folder: Path) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for name, value, _ in compared(found, found)[1:]:
        console.print(f"{name:32} {value}", markup=False)
    console.print(f"{found['sessions']} sessions, {found['void']} void; report: {folder / 'report.html'}", markup=False)

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
from microturn.eval.suite.endpoint import Endpoint, ScriptedEndpoint, VirtualEndpoint
from microturn.eval.suite.report import compared, report
from microturn.eval.suite.runs import begin, hold_all
from microturn.eval.suite.suites import FAKES, SUITES, Asked, Suite
from microturn.model.checkpoint import weights_hash

OURS = "microturn"


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
    console.print(f"endpoints: {OURS} (the weights, on the virtual clock), {', '.join(FAKES)} (scripted)", markup=False)


def run(asked: RunRequest) -> None:
    """Hold what is missing in the run directory, score all of it and print the figures."""
    ears = _listener(asked.listener)
    folder = writable_folder(asked.out)
    wanted = Asked(asked.seed, asked.per_category, asked.files)
    _, made = begin(folder, asked.suite, wanted, asked.endpoint, _settings(asked))
    endpoint = _endpoint(asked, made)
    with progress("sessions") as tell:
        asyncio.run(hold_all(folder, made, endpoint, tell))
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


def _settings(asked: RunRequest) -> dict[str, Any]:
    """What decides about the endpoint beside its name."""
    return {"weights": weights_hash(open_weights(asked.weights).model)} if asked.endpoint == OURS else {}


def _endpoint(asked: RunRequest, made: Suite) -> Endpoint:
    if asked.endpoint in made.fakes:
        return ScriptedEndpoint(asked.endpoint, made.fakes[asked.endpoint])
    if asked.endpoint != OURS:
        right = ", ".join([OURS, *made.fakes])
        raise InputError("no such endpoint", "--endpoint", repr(asked.endpoint), f"one of {right}")
    checkpoint = open_weights(asked.weights)
    return VirtualEndpoint(OURS, lambda _: talker(checkpoint, asked.seed))


def _print(found: dict[str, Any], folder: Path) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for name, value, _ in compared(found, found)[1:]:
        console.print(f"{name:32} {value}", markup=False)
    console.print(f"{found['sessions']} sessions, {found['void']} void; report: {folder / 'report.html'}", markup=False)

"""`microturn eval list`, `run`, `report` and `compare`: suites of scenarios and the endpoints they are held with."""

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from microturn.agent.options import AgentOptions, agent_of
from microturn.agent.secret import secret_from
from microturn.commands.places import writable_file, writable_folder
from microturn.commands.progress import progress
from microturn.commands.weights import open_weights, talker, weights_file
from microturn.core.errors import InputError
from microturn.core.events import parse_object
from microturn.eval.speech import WorldRecogniser
from microturn.eval.suite.agreement import TOLERANCE_S, agreement
from microturn.eval.suite.analyze import Listener, RecogniserListener, TextChannel
from microturn.eval.suite.endpoint import NO_SETTINGS, Endpoint, Ours, ScriptedEndpoint, Wanted
from microturn.eval.suite.endpoints import ENDPOINTS, endpoint, is_named
from microturn.eval.suite.judge import Judge
from microturn.eval.suite.judge_server import server_judge
from microturn.eval.suite.report import compared, report, write_comparison
from microturn.eval.suite.runs import begin, hold_all, traces_of
from microturn.eval.suite.suites import FAKES, SUITES, Asked, Suite
from microturn.model.checkpoint import weights_hash
from microturn.model.sampling import noted_sampling, sampling_notes

KEY = "MICROTURN_ENDPOINT_KEY"
JUDGE_KEY = "MICROTURN_JUDGE_KEY"


@dataclass(frozen=True)
class JudgeRequest:
    """A language model that votes where rules do not decide; its votes are kept in the run's folder."""

    url: str
    model: str


@dataclass(frozen=True)
class RunRequest:
    """What `eval run` was asked. weights, agent: of ours alone; at_once: None for what the endpoint thinks right."""

    suite: str
    endpoint: str
    out: Path
    seed: int
    per_category: int | None
    files: tuple[Path, ...]
    weights: Path | None
    listener: str
    at_once: int | None = None
    data: Path | None = None
    judge: JudgeRequest | None = None
    agent: AgentOptions = field(default_factory=AgentOptions)


def show() -> None:
    """Print the suites and the endpoints."""
    console = Console(soft_wrap=True, highlight=False)
    for name, making in SUITES.items():
        told = (making.__doc__ or "").strip().splitlines()[0]
        console.print(f"{name:18} {told}", markup=False)
    console.print("endpoints:", markup=False)
    for name, opening in ENDPOINTS.items():
        told = (opening.__doc__ or "").strip().splitlines()[0]
        console.print(f"{name:12} {told}", markup=False)
    console.print(f"{'':12} fakes that say what a script has: {', '.join(FAKES)}", markup=False)


def run(asked: RunRequest) -> None:
    """Hold what is missing in the run directory, score all of it and print the figures."""
    ears = _listener(asked.listener)
    folder = writable_folder(asked.out)
    wanted = Asked(asked.seed, asked.per_category, asked.files, asked.data)
    named = _named(asked)
    _, made = begin(folder, asked.suite, wanted, asked.endpoint, dict(named.settings if named else NO_SETTINGS))
    with progress("sessions") as tell:
        asyncio.run(hold_all(folder, made, named or _fake(asked.endpoint, made), tell))
    _print(report(folder, ears, _judge(asked.judge, folder)), folder)


def again(folder: Path, listener: str, judge: JudgeRequest | None = None) -> None:
    """Score a run that is over once more."""
    _print(report(folder, _listener(listener), _judge(judge, folder)), folder)


def compare(first: Path, second: Path, out: Path | None = None) -> None:
    """Print two reports beside each other, and write them to a page."""
    reports = [parse_object((folder / "report.json").read_bytes(), str(folder)) for folder in (first, second)]
    if reports[0]["suite"] != reports[1]["suite"]:
        raise InputError("two suites", second, reports[1]["suite"], f"a run of {reports[0]['suite']}")
    table = Table("", str(first), str(second), box=None)
    for row in compared(*reports):
        table.add_row(*row)
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    _print_agreement(console, first, second)
    if out is not None:
        write_comparison(first, second, writable_file(out))
        console.print(f"page: {out}", markup=False)


def _print_agreement(console: Console, first: Path, second: Path) -> None:
    """How far what was said came at the same times, which is what two ways to the same model are asked for."""
    found = agreement(list(traces_of(first)), list(traces_of(second)))
    if found.sessions and found.within.of:
        later = "" if found.median_s is None else f", the second {1000 * found.median_s:+.0f} ms (median)"
        console.print(
            f"onsets: {found.matched} in both{later}, {found.only_first} in the first alone, {found.only_second} in "
            f"the second alone; {found.within.hits} of {found.within.of} ({found.within.rate:.0%}) within "
            f"{TOLERANCE_S:g} s, in {found.sessions} sessions",
            markup=False,
        )


def _judge(asked: JudgeRequest | None, folder: Path) -> Judge | None:
    if asked is None:
        return None
    return server_judge(asked.url, asked.model, secret_from(JUDGE_KEY, None), folder / "votes.json")


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
    return endpoint(Wanted(name, lambda: _ours(asked), address, _key(name, address), asked.at_once))


def _key(name: str, address: str) -> str:
    """The key for an endpoint elsewhere. A vendor's own variable is read for that vendor's own address alone."""
    vendors = {"api.openai.com": "OPENAI_API_KEY", "generativelanguage.googleapis.com": "GEMINI_API_KEY"}
    host = urlsplit(address).hostname or ("generativelanguage.googleapis.com" if name == "gemini" else "")
    return os.environ.get(KEY) or os.environ.get(vendors.get(host, ""), "")


def _ours(asked: RunRequest) -> Ours:
    checkpoint = open_weights(asked.weights)
    settings = {"weights": weights_hash(checkpoint.model), **sampling_notes(noted_sampling(checkpoint.notes))}
    if asked.agent.url:
        settings["agent"] = f"{asked.agent.model} at {asked.agent.url}"
    file = weights_file(asked.weights)
    return Ours(lambda _: talker(checkpoint, asked.seed), settings, file, lambda: agent_of(asked.agent))


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

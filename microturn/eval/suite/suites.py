"""Which suites there are: sessions, fakes that prove them, and a score. Adding one is adding a function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from microturn.core.config import to_dict
from microturn.core.errors import InputError
from microturn.data.voices import synthesize, voice, voices
from microturn.eval.suite import cuespeak, timespeak
from microturn.eval.suite.analyze import Listener, Utterance, utterances
from microturn.eval.suite.endpoint import Line, Session, Sounds
from microturn.eval.suite.entries import Entry, Kind, Plan, Sounded, Speak, read_plans, sounded
from microturn.eval.suite.judge import Judge
from microturn.eval.suite.speaking import accuracy, babble_lines, late_lines, oracle_lines, rattle_lines, verdict
from microturn.eval.suite.trace import Trace

NEGATIVE_SHARE = 0.15


class Row(Protocol):
    """What every suite tells of one scenario."""

    @property
    def id(self) -> str: ...
    @property
    def right(self) -> bool | None: ...
    @property
    def why(self) -> str: ...


@dataclass(frozen=True)
class Scored:
    """figures: what JSON can hold, the primary one under `primary`; rows: one a scenario; said: for the timelines."""

    primary: float | None
    figures: Mapping[str, Any]
    rows: Sequence[Row]
    said: Mapping[str, Sequence[Utterance]] = field(default_factory=dict[str, Sequence[Utterance]])
    labels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


@dataclass(frozen=True)
class Asked:
    """How a suite is asked for. per_category: scenarios of each; files: for suites whose scenarios lie in files."""

    seed: int = 0
    per_category: int = 25
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Suite:
    """name, what it asks, sessions in order, what fakes say in them by their name, and the score of traces."""

    name: str
    what: str
    sessions: Sequence[Session]
    fakes: Mapping[str, Mapping[str, Sequence[Line]]]
    score: Callable[[Sequence[Trace], Listener, Judge], Scored]


Making = Callable[[Asked], Suite]
FAKES: dict[str, Callable[[Entry], list[Line]]] = {
    "oracle": oracle_lines,
    "late-oracle": late_lines,
    "silent": lambda entry: [],
    "babbler": babble_lines,
    "rattler": rattle_lines,
}


def say(voice_id: str, text: str) -> Any:
    """A voice of the evaluation says a text."""
    return synthesize(voice(voice_id), text)


def speaking_suite(name: str, what: str, plans: Sequence[Plan], seed: int = 0, speak: Speak = say) -> Suite:
    """A suite of plans: what TimeSpeak, CueSpeak and files of one's own have in common."""
    made = {plan.id: sounded(plan, speak) for plan in plans}
    if len(made) != len(plans):
        raise InputError("two scenarios of one name", name, len(plans) - len(made), "an id of its own for each")

    def score(traces: Sequence[Trace], listener: Listener, judge: Judge) -> Scored:
        said = {trace.id: utterances(trace, listener) for trace in traces}
        rows = [verdict(made[t.id].entry, said[t.id], judge, t.why_void) for t in traces]
        found = accuracy(rows, seed)
        labels = {trace.id: to_dict(made[trace.id].entry) for trace in traces}
        return Scored(found.macro.mean, _plain(found), rows, said, labels)

    fakes = {fake: {id: lines(one.entry) for id, one in made.items()} for fake, lines in FAKES.items()}
    return Suite(name, what, [_session(one) for one in made.values()], fakes, score)


def timespeak_open(asked: Asked) -> Suite:
    """TimeSpeak-open: the right words at the right time, by the clock alone."""
    return speaking_suite(
        "timespeak", "say it at the time that was asked for", plans_of("timespeak", asked), asked.seed
    )


def cuespeak_open(asked: Asked) -> Suite:
    """CueSpeak-open: the right words at the right moment of what the user says."""
    return speaking_suite(
        "cuespeak", "say it when the cue comes, over the user", plans_of("cuespeak", asked), asked.seed
    )


def from_files(asked: Asked) -> Suite:
    """Scenarios of one's own, from files of plans."""
    plans = [plan for path in asked.files for plan in read_plans(path)]
    if not plans:
        raise InputError("no scenarios", "suite files", "no file", "--file SCENARIO.json, once or more")
    return speaking_suite("files", "scenarios from files", plans, asked.seed)


SUITES: dict[str, Making] = {"timespeak": timespeak_open, "cuespeak": cuespeak_open, "files": from_files}


def suite(name: str, asked: Asked) -> Suite:
    """The suite of this name."""
    if name not in SUITES:
        raise InputError("no such suite", "suite", repr(name), "one of " + ", ".join(SUITES))
    return SUITES[name](asked)


def plans_of(kind: Kind, asked: Asked) -> list[Plan]:
    """Per category so many positive plans, and near misses beside them, 15 % of all; voices of the test split."""
    module = {"timespeak": timespeak, "cuespeak": cuespeak}[kind]
    speakers = [one.id for one in voices("test")]
    plans: list[Plan] = []
    total = len(module.TEMPLATES) * asked.per_category
    negative = round(total * NEGATIVE_SHARE / (1 - NEGATIVE_SHARE))
    wanted = [(t, f"{t.__name__}/{n:04d}") for t in module.TEMPLATES for n in range(asked.per_category)]
    near = [(module.NEGATIVE[n % len(module.NEGATIVE)], f"near_miss/{n:04d}") for n in range(negative)]
    for number, (template, key) in enumerate([*wanted, *near]):
        plan = template(np.random.default_rng([asked.seed, number]), f"{kind}/{key}")
        plans.append(replace(plan, voice=speakers[number % len(speakers)]))
    return plans


def _session(one: Sounded) -> Session:
    user = Sounds(one.pcm)
    return Session(one.entry.id, user, user.ticks)


def _plain(value: Any) -> Any:
    """Named tuples and dataclasses as dicts."""
    if hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in cast("dict[str, Any]", value._asdict()).items()}
    if isinstance(value, dict):
        rows = cast("dict[str, Any]", value)
        return {key: _plain(rows[key]) for key in rows}
    if hasattr(value, "__dataclass_fields__"):
        fields = cast("dict[str, Any]", vars(value))
        return {key: _plain(fields[key]) for key in fields}
    return value

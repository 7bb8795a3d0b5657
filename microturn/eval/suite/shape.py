"""What a suite is: sessions, what fakes say in them, and a score of traces. The suites themselves: suites.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from microturn.eval.suite.analyze import Listener, Utterance
from microturn.eval.suite.endpoint import Line, Session
from microturn.eval.suite.judge import Judge
from microturn.eval.suite.trace import Trace


class Row(Protocol):
    """What every suite tells of one scenario: right None is void, why is one line for a reader."""

    @property
    def id(self) -> str: ...
    @property
    def right(self) -> bool | None: ...
    @property
    def why(self) -> str: ...


@dataclass(frozen=True)
class Told:
    """A row for suites that have nothing to add to it; `status` as timing.py has them, `score` where it is no yes."""

    id: str
    category: str
    right: bool | None
    why: str
    status: str = "ok"
    seconds: float | None = None
    score: float | None = None


class Heard(NamedTuple):
    """What is said to the model, for the timeline: by the user, or by somebody else."""

    start_s: float
    end_s: float
    text: str
    speaker: str = "user"


class Window(NamedTuple):
    """Where the timeline shows that something counts, and what."""

    start_s: float
    end_s: float
    title: str


class Label(NamedTuple):
    """What is true of one scenario, for a reader."""

    heard: Sequence[Heard] = ()
    windows: Sequence[Window] = ()


@dataclass(frozen=True)
class Scored:
    """figures: what JSON can hold; primary: the one that is compared; rows: one a scenario; said, labels: timelines."""

    primary: float | None
    figures: Mapping[str, Any]
    rows: Sequence[Row]
    said: Mapping[str, Sequence[Utterance]] = field(default_factory=dict[str, Sequence[Utterance]])
    labels: Mapping[str, Label] = field(default_factory=dict[str, Label])


@dataclass(frozen=True)
class Asked:
    """How a suite is asked for. per_category: scenarios of each, None for the suite's own number.

    files: for suites whose scenarios lie in files; data: the folder of a published set that the user has.
    """

    seed: int = 0
    per_category: int | None = None
    files: tuple[Path, ...] = ()
    data: Path | None = None


@dataclass(frozen=True)
class Suite:
    """name, what it asks, sessions in order, what fakes say in them by their name, and the score of traces."""

    name: str
    what: str
    sessions: Sequence[Session]
    fakes: Mapping[str, Mapping[str, Sequence[Line]]]
    score: Callable[[Sequence[Trace], Listener, Judge], Scored]


Making = Callable[[Asked], Suite]


def plain(value: Any) -> Any:
    """Named tuples and dataclasses as dicts, for figures."""
    if hasattr(value, "_asdict"):
        return {key: plain(item) for key, item in cast("dict[str, Any]", value._asdict()).items()}
    if isinstance(value, Mapping):
        rows = cast("Mapping[str, Any]", value)
        return {str(key): plain(rows[key]) for key in rows}
    if hasattr(value, "__dataclass_fields__"):
        return {key: plain(item) for key, item in cast("dict[str, Any]", vars(value)).items()}
    return value

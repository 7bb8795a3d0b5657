"""One delegation: what was asked of the background agent, how far it is, what proves it. A pure life cycle.

Who runs it lives in desk.py; several of them together, and what is said of them, in book.py. Times are milliseconds of
one clock that never goes back, such as wall time.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from microturn.agent.show import Shown

Policy = Literal["silent", "when_idle", "interrupt"]
Status = Literal["queued", "running", "done", "failed", "cancelled", "superseded", "stale"]
FailureKind = Literal["timeout", "network", "auth", "budget", "refused", "needs_model", "interrupted", "bug"]
FINAL: frozenset[Status] = frozenset({"done", "failed", "cancelled", "superseded", "stale"})
NOTES_KEPT = 32


@dataclass(frozen=True)
class Span:
    """The stretch of the session that a delegation answers, in ms of the session's clock."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Evidence:
    """A tool call that has ended. Only this may stand behind the words that something was done."""

    id: str
    tool: str
    args_hash: str
    ok: bool
    summary: str
    side_effect: bool = False


@dataclass(frozen=True)
class Note:
    """Progress, in words that can be said."""

    at_ms: int
    text: str


@dataclass(frozen=True)
class Result:
    """What a job gives. text: plain sentences, to be said; details: for the page only; shown: pictures of data."""

    text: str
    details: str = ""
    shown: tuple[Shown, ...] = ()


@dataclass(frozen=True)
class Delegation:
    """What was asked and what came of it. reason: why it ended as it did; ttl_ms: how long its answer stays news."""

    id: str
    task: str
    key: str
    created_ms: int
    deadline_ms: int
    ttl_ms: int
    policy: Policy = "when_idle"
    answers: Span | None = None
    supersedes: str = ""
    superseded_by: str = ""
    status: Status = "queued"
    reason: str = ""
    runs: int = 0
    moved_on: bool = False
    ended_ms: int | None = None
    corrections: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    result: Result | None = None

    @property
    def over(self) -> bool:
        """Whether its status can never change again."""
        return self.status in FINAL

    @property
    def did_something(self) -> bool:
        """Whether a tool with an effect in the world has ended well."""
        return any(one.ok and one.side_effect for one in self.evidence)


@dataclass(frozen=True)
class Started:
    """An agent works on it."""

    at_ms: int


@dataclass(frozen=True)
class Noted:
    """The agent reports progress."""

    at_ms: int
    text: str


@dataclass(frozen=True)
class Proven:
    """A tool call has ended."""

    at_ms: int
    evidence: Evidence


@dataclass(frozen=True)
class Corrected:
    """The user added or corrected something."""

    at_ms: int
    text: str


@dataclass(frozen=True)
class Requeued:
    """Its work was cut off by us, not by the user: it waits to be run again."""

    at_ms: int


@dataclass(frozen=True)
class MovedOn:
    """The user has begun another topic: its answer is no news any more."""

    at_ms: int


@dataclass(frozen=True)
class Repoliced:
    """Its answer is wanted sooner, later, or without a word."""

    at_ms: int
    policy: Policy


@dataclass(frozen=True)
class Finished:
    """The agent has its answer."""

    at_ms: int
    result: Result


@dataclass(frozen=True)
class Failed:
    """It could not be done. detail: one line for the record, never said."""

    at_ms: int
    kind: FailureKind
    detail: str = ""


@dataclass(frozen=True)
class Cancelled:
    """The user, or the end of the session, wants no answer."""

    at_ms: int
    reason: str


@dataclass(frozen=True)
class Superseded:
    """Another delegation stands in its place."""

    at_ms: int
    by: str


Happening = (
    Started | Noted | Proven | Corrected | Requeued | MovedOn | Repoliced | Finished | Failed | Cancelled | Superseded
)

_OPEN: frozenset[type] = frozenset({Corrected, MovedOn, Repoliced, Failed, Cancelled, Superseded})
_ALLOWED: dict[Status, frozenset[type]] = {
    "queued": _OPEN | {Started, Proven},  # the run before it may still end a tool call
    "running": _OPEN | {Noted, Proven, Requeued, Finished},
    # A tool with an effect may end after its job was ended: that it did is still worth knowing.
    "cancelled": frozenset({Proven}),
    "superseded": frozenset({Proven}),
    "failed": frozenset({Proven}),
    "done": frozenset(),
    "stale": frozenset(),
}


class Moved(NamedTuple):
    """The delegation after a happening; taken is False where it came too late or out of place and changed nothing."""

    delegation: Delegation
    taken: bool


def moved(delegation: Delegation, happening: Happening) -> Moved:
    """One step of the life cycle: queued, running, then exactly one of done, failed, cancelled, superseded, stale."""
    if type(happening) not in _ALLOWED[delegation.status]:
        return Moved(delegation, False)
    return Moved(_after(delegation, happening), True)


def _after(delegation: Delegation, happening: Happening) -> Delegation:
    at_ms = happening.at_ms
    match happening:
        case Started():
            return replace(delegation, status="running", runs=delegation.runs + 1)
        case Requeued():
            return replace(delegation, status="queued")
        case Noted(text=text):
            return replace(delegation, notes=(*delegation.notes, Note(at_ms, text))[-NOTES_KEPT:])
        case Proven(evidence=evidence):
            return replace(delegation, evidence=(*delegation.evidence, evidence))
        case Corrected(text=text):
            return replace(delegation, corrections=(*delegation.corrections, text))
        case MovedOn():
            return replace(delegation, moved_on=True)
        case Repoliced(policy=policy):
            return replace(delegation, policy=policy)
        case Finished(result=result):
            status: Status = "stale" if is_stale(delegation, at_ms) else "done"
            return replace(delegation, status=status, result=result, ended_ms=at_ms)
        case Failed(kind=kind, detail=detail):
            reason = f"{kind}: {detail}" if detail else kind
            return replace(delegation, status="failed", reason=reason, ended_ms=at_ms)
        case Cancelled(reason=reason):
            return replace(delegation, status="cancelled", reason=reason, ended_ms=at_ms)
        case Superseded(by=by):
            return replace(delegation, status="superseded", superseded_by=by, ended_ms=at_ms)


def is_stale(delegation: Delegation, now_ms: int) -> bool:
    """Whether its answer is no news any more. What had an effect in the world always is worth knowing."""
    if delegation.did_something:
        return False
    return delegation.moved_on or now_ms - delegation.created_ms > delegation.ttl_ms


def failure_kind(delegation: Delegation) -> FailureKind:
    """Why a failed delegation failed."""
    kind = delegation.reason.partition(":")[0]
    assert delegation.status == "failed"
    return kind  # type: ignore[return-value]  # only _after writes it


def plain_task(task: str) -> str:
    """The task without what makes no difference: case, punctuation, spaces."""
    return " ".join(re.sub(r"[^\w\s+*/^%.-]|[.,](?!\d)", " ", task.casefold()).split())


def key_of(task: str) -> str:
    """The idempotency key of a task: the same words, the same key."""
    return hashlib.sha256(plain_task(task).encode()).hexdigest()[:16]

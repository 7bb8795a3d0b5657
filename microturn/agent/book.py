"""All delegations of one session and what is to be said of them: a value, and pure functions from value to value.

What asks, runs and delivers lives in desk.py. Every result becomes one delivery, cut into parts; every part is given
once, in order, or dropped with a reason. The model decides when to say it: nothing here looks at who speaks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal, NamedTuple

from microturn.agent.delegation import (
    Delegation,
    Evidence,
    Finished,
    Happening,
    Noted,
    Policy,
    Span,
    Superseded,
    failure_kind,
    is_stale,
    key_of,
    moved,
    plain_task,
)
from microturn.agent.delivery import FAILURE_WORDS, Delivery, DeliveryKind, Injection, next_part
from microturn.agent.speakable import PART_CHARACTERS, PARTS, parts, speakable
from microturn.core.errors import ConfigError

Verdict = Literal["new", "joined", "reused", "refused"]


@dataclass(frozen=True)
class BookLimits:
    """waiting: delegations that are not over; again_ms: the same words are the same request for so long.

    ms_per_character: how fast parts may follow each other, about as long as they sound.
    """

    waiting: int = 20
    kept: int = 100
    task_characters: int = 4_000
    deadline_ms: int = 120_000
    longest_ms: int = 3_600_000
    ttl_ms: int = 300_000
    again_ms: int = 30_000
    part_characters: int = PART_CHARACTERS
    parts: int = PARTS
    ms_per_character: int = 70

    def __post_init__(self) -> None:
        if min(self.waiting, self.kept, self.part_characters - 40, self.parts, self.deadline_ms) < 1:
            raise ConfigError("limits of delegations", "BookLimits", self, "1 and more, parts of over 40 characters")


@dataclass(frozen=True)
class Wanted:
    """What the conversation asks of the agent. id, key: the asker's own, or made; ms, None: the limit's."""

    task: str
    policy: Policy = "when_idle"
    id: str = ""
    key: str = ""
    answers: Span | None = None
    deadline_ms: int | None = None
    ttl_ms: int | None = None
    supersedes: str = ""


@dataclass(frozen=True)
class Book:
    """What one session has asked and what waits for it. clear_ms: when the last spoken part has had its time.

    late: happenings of delegations that were over; joined: requests that were no new ones.
    """

    delegations: Mapping[str, Delegation] = field(default_factory=dict[str, Delegation])
    deliveries: tuple[Delivery, ...] = ()
    made: int = 0
    clear_ms: int = 0
    late: int = 0
    joined: int = 0

    @property
    def active(self) -> list[Delegation]:
        """Those that are not over, oldest first."""
        return [one for one in self.delegations.values() if not one.over]


class Asked(NamedTuple):
    """The book after a request; id: the delegation that answers it; why: of a refusal."""

    book: Book
    verdict: Verdict
    id: str
    why: str = ""


class Given(NamedTuple):
    """The book after a look at what is due, and what goes to the model now."""

    book: Book
    injections: tuple[Injection, ...]


def asked(book: Book, wanted: Wanted, now_ms: int, limits: BookLimits) -> Asked:
    """Take a request in: a new delegation, the one that already answers it, or a refusal with its reason."""
    task = " ".join(wanted.task[: limits.task_characters + 1].split())
    if not plain_task(task) or len(wanted.task) > limits.task_characters:
        return Asked(book, "refused", "", f"a task has 1 to {limits.task_characters} characters")
    wanted = replace(wanted, task=task, key=wanted.key or key_of(task))
    if wanted.id in book.delegations:
        return _claimed_again(book, wanted)
    if wanted.supersedes and wanted.supersedes not in book.delegations:
        return Asked(book, "refused", "", f"there is no delegation {wanted.supersedes} here")
    earlier = _same(book, wanted, now_ms, limits)
    if earlier is not None and (not earlier.over or not _was_given(book, earlier) or _same_stretch(earlier, wanted)):
        return Asked(replace(book, joined=book.joined + 1), "joined", earlier.id)
    if len(book.active) >= limits.waiting:
        return Asked(book, "refused", "", f"{limits.waiting} delegations wait already")
    made = _made(book, wanted, now_ms, limits)
    book = replace(_with(book, made), made=book.made + 1)
    if wanted.supersedes:
        book = happened(book, wanted.supersedes, Superseded(now_ms, made.id), limits)
    if earlier is None or earlier.result is None:
        return Asked(_pruned(book, limits), "new", made.id)
    known = replace(made, status="running", evidence=earlier.evidence)
    return Asked(happened(_with(book, known), made.id, Finished(now_ms, earlier.result), limits), "reused", made.id)


def happened(book: Book, id: str, happening: Happening, limits: BookLimits) -> Book:
    """The book after one happening of one delegation; what comes too late is counted and changes nothing."""
    before = book.delegations[id]
    after, taken = moved(before, happening)
    if isinstance(happening, Superseded) and before.over and not before.superseded_by:
        after, taken = replace(before, superseded_by=happening.by), True
    if not taken:
        return replace(book, late=book.late + 1)
    book = _with(book, after)
    if isinstance(happening, Noted):
        return _noted(book, after, happening, limits)
    if after.superseded_by or after.status == "cancelled":
        return _dropped(book, id, "superseded" if after.superseded_by else "cancelled")
    if after.over and not before.over:
        return _delivered(_dropped(book, id, "over"), after, happening.at_ms, limits)
    return book


def withdrawn(book: Book, id: str, why: str) -> Book:
    """The book without anything more to say of this delegation; its status stays what it is."""
    return _dropped(book, id, why)


def announced(book: Book, text: str, policy: Policy, now_ms: int, limits: BookLimits) -> Book:
    """Something to say that nobody asked for now, such as a reminder whose time has come."""
    return _added(book, "", "announcement", policy, speakable(text), (), now_ms, limits)


def given(book: Book, now_ms: int, limits: BookLimits) -> Given:
    """What goes to the model now: all that is silent, and one spoken part when the last one has had its time.

    "interrupt" comes first and waits for nobody; parts of one delivery stay together otherwise.
    """
    book = _refreshed(book, now_ms)
    injections: list[Injection] = []
    for delivery in _in_order(book.deliveries):
        while delivery.waits and (delivery.policy == "silent" or _may_speak(book, delivery, now_ms)):
            injection = next_part(delivery, now_ms)
            injections.append(injection)
            delivery = replace(delivery, given=delivery.given + 1)
            clear_ms = book.clear_ms
            if delivery.policy != "silent":
                clear_ms = now_ms + len(injection.text) * limits.ms_per_character
            book = replace(_replaced(book, delivery), clear_ms=clear_ms)
    return Given(book, tuple(injections))


def next_ms(book: Book, now_ms: int) -> int | None:
    """When `given` may have something again without anything happening; None: not before something happens."""
    waiting = [one for one in book.deliveries if one.waits]
    return max(book.clear_ms, now_ms) if waiting else None


def spoken(book: Book, delivery_id: str, now_ms: int) -> Book:
    """The model has said what it was given of this delivery: the next part need not wait longer."""
    known = any(one.id == delivery_id and one.given for one in book.deliveries)
    return replace(book, clear_ms=min(book.clear_ms, now_ms)) if known else book


def proof(book: Book, delegation_id: str) -> tuple[Evidence, ...]:
    """What stands behind the claim that this delegation did something; empty: nobody may claim it.

    A tool call counts when it ended well and its result has been given to the model.
    """
    one = book.delegations.get(delegation_id)
    shown = any(d.delegation_id == delegation_id and d.kind == "result" and d.given for d in book.deliveries)
    return tuple(item for item in one.evidence if item.ok) if one is not None and shown else ()


def _claimed_again(book: Book, wanted: Wanted) -> Asked:
    if plain_task(book.delegations[wanted.id].task) == plain_task(wanted.task):
        return Asked(replace(book, joined=book.joined + 1), "joined", wanted.id)
    return Asked(book, "refused", "", f"delegation {wanted.id} has another task")


def _same(book: Book, wanted: Wanted, now_ms: int, limits: BookLimits) -> Delegation | None:
    """The delegation that already answers this; one with an effect in the world answers nothing but itself."""
    for one in reversed(list(book.delegations.values())):
        fresh = one.status in ("queued", "running", "done") and not one.superseded_by
        if one.key == wanted.key and fresh and now_ms - one.created_ms <= limits.again_ms:
            return None if one.over and one.did_something and not _same_stretch(one, wanted) else one
    return None


def _same_stretch(one: Delegation, wanted: Wanted) -> bool:
    return wanted.answers is not None and one.answers == wanted.answers


def _was_given(book: Book, one: Delegation) -> bool:
    return not any(delivery.delegation_id == one.id and delivery.waits for delivery in book.deliveries)


def _made(book: Book, wanted: Wanted, now_ms: int, limits: BookLimits) -> Delegation:
    lasts_ms = min(limits.deadline_ms if wanted.deadline_ms is None else wanted.deadline_ms, limits.longest_ms)
    return Delegation(
        id=wanted.id or _free_id(book),
        task=wanted.task,
        key=wanted.key,
        created_ms=now_ms,
        deadline_ms=now_ms + lasts_ms,
        ttl_ms=max(lasts_ms, limits.ttl_ms) if wanted.ttl_ms is None else wanted.ttl_ms,
        policy=wanted.policy,
        answers=wanted.answers,
        supersedes=wanted.supersedes,
    )


def _free_id(book: Book) -> str:
    return next(id for id in (f"dlg_{n}" for n in count(book.made + 1)) if id not in book.delegations)


def _with(book: Book, one: Delegation) -> Book:
    return replace(book, delegations={**book.delegations, one.id: one})


def _noted(book: Book, one: Delegation, happening: Noted, limits: BookLimits) -> Book:
    """Only the newest word of progress waits; it is silent, for whoever wants to know will ask."""
    kept = tuple(d for d in book.deliveries if not (d.delegation_id == one.id and d.kind == "note" and d.waits))
    text = speakable(happening.text)[: limits.part_characters]
    book = replace(book, deliveries=kept)
    return _added(book, one.id, "note", "silent", text, (), happening.at_ms, limits) if text else book


def _delivered(book: Book, one: Delegation, now_ms: int, limits: BookLimits) -> Book:
    """The one delivery of a delegation that has just ended with something to say."""
    if one.status == "failed":
        return _added(book, one.id, "failure", one.policy, FAILURE_WORDS[failure_kind(one)], (), now_ms, limits)
    assert one.result is not None
    text = speakable(one.result.text)
    policy: Policy = "silent" if one.status == "stale" else one.policy
    proven = tuple(item.id for item in one.evidence if item.ok)
    return _added(book, one.id, "result", policy, text or "there is no answer", proven, now_ms, limits)


def _added(
    book: Book,
    id: str,
    kind: DeliveryKind,
    policy: Policy,
    text: str,
    proven: tuple[str, ...],
    now_ms: int,
    limits: BookLimits,
) -> Book:
    pieces = parts(text, limits.part_characters, limits.parts)
    delivery = Delivery(f"res_{book.made + 1}", id, kind, policy, pieces, now_ms, evidence_ids=proven)
    over = [one for one in book.deliveries if not one.waits]
    gone = {one.id for one in over[: max(0, len(over) - limits.kept)]}
    deliveries = (*(one for one in book.deliveries if one.id not in gone), delivery)
    return replace(book, deliveries=deliveries, made=book.made + 1)


def _dropped(book: Book, id: str, why: str) -> Book:
    return _changed(book, (replace(d, dropped=why) for d in book.deliveries if d.delegation_id == id and d.waits))


def _refreshed(book: Book, now_ms: int) -> Book:
    """What has become old news while it waited is known silently; a policy that was changed holds for what waits.

    The very same book where nothing is new, for a new one is written down and wakes whoever waits for one.
    """
    fresh: list[Delivery] = []
    for delivery in book.deliveries:
        one = book.delegations.get(delivery.delegation_id)
        if one is not None and delivery.waits and delivery.kind in ("result", "failure"):
            policy = "silent" if is_stale(one, now_ms) or one.status == "stale" else one.policy
            if policy != delivery.policy:
                fresh.append(replace(delivery, policy=policy))
    return _changed(book, fresh)


def _in_order(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Interrupting ones first, then what has been begun, then by age; sorting keeps the order of equals."""
    return sorted(deliveries, key=lambda one: (one.policy != "interrupt", one.given == 0))


def _may_speak(book: Book, delivery: Delivery, now_ms: int) -> bool:
    return now_ms >= book.clear_ms or (delivery.policy == "interrupt" and delivery.given == 0)


def _replaced(book: Book, delivery: Delivery) -> Book:
    return _changed(book, (delivery,))


def _changed(book: Book, deliveries: Iterable[Delivery]) -> Book:
    by_id = {one.id: one for one in deliveries}
    return replace(book, deliveries=tuple(by_id.get(one.id, one) for one in book.deliveries)) if by_id else book


def _pruned(book: Book, limits: BookLimits) -> Book:
    """Of those that are over with nothing left to say, the newest are kept."""
    waiting = {one.delegation_id for one in book.deliveries if one.waits}
    over = [one.id for one in book.delegations.values() if one.over and one.id not in waiting]
    gone = set(over[: max(0, len(over) - limits.kept)])
    kept = {id: one for id, one in book.delegations.items() if id not in gone}
    return replace(book, delegations=kept) if gone else book

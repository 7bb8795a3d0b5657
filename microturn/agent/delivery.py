"""What is to be said of a delegation: a delivery in parts, each given to the model once. Values; the order: book.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from microturn.agent.delegation import FailureKind, Policy

DeliveryKind = Literal["result", "failure", "note", "announcement"]

# What is said when there is no answer, in words of the closed world. Silence after a promise would be a fault.
FAILURE_WORDS: Mapping[FailureKind, str] = MappingProxyType(
    {
        "timeout": "sorry, i couldn't finish that in time",
        "network": "sorry, nobody is there",
        "auth": "sorry, i can't ask anyone that",
        "budget": "sorry, that is too much",
        "refused": "sorry, i can't help with that",
        "needs_model": "sorry, i don't know how to find that",
        "interrupted": "sorry, i lost that, ask me again",
        "bug": "sorry, that did not work",
    }
)


@dataclass(frozen=True)
class Delivery:
    """One thing to be said or known, in parts. given: how many of them the model has; dropped: why the rest is not."""

    id: str
    delegation_id: str
    kind: DeliveryKind
    policy: Policy
    parts: tuple[str, ...]
    created_ms: int
    given: int = 0
    dropped: str = ""
    evidence_ids: tuple[str, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether there is something left to give."""
        return not self.dropped and self.given < len(self.parts)


@dataclass(frozen=True)
class Injection:
    """One text for the model's input. part counts from 0 to parts - 1.

    evidence_ids: the tool calls behind it; without one nobody may claim that something was done.
    """

    at_ms: int
    delivery_id: str
    delegation_id: str
    kind: DeliveryKind
    policy: Policy
    text: str
    part: int
    parts: int
    evidence_ids: tuple[str, ...] = ()


def next_part(delivery: Delivery, now_ms: int) -> Injection:
    """The next part of a delivery that waits, for the model now."""
    assert delivery.waits
    return Injection(
        now_ms,
        delivery.id,
        delivery.delegation_id,
        delivery.kind,
        delivery.policy,
        delivery.parts[delivery.given],
        delivery.given,
        len(delivery.parts),
        delivery.evidence_ids,
    )

"""Every endpoint by the name that `--endpoint` takes. Adding one is adding a function, and its line in ENDPOINTS.

NAME, or NAME:ADDRESS where it is elsewhere. Scripted fakes are not here: what they say comes with each suite.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from microturn.core.errors import InputError
from microturn.core.participant import Participant
from microturn.eval.suite.endpoint import Endpoint, VirtualEndpoint


class Ours(NamedTuple):
    """Weights of ours: gives a participant that remembers nothing, by session id; `settings` says which weights."""

    open: Callable[[str], Participant]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What `--endpoint` asked for.

    address: what stands behind the first colon, or ""; key: for servers that ask for one; at_once: sessions side by
    side, None for what the endpoint thinks right; ours: opens our weights, for those who need them.
    """

    name: str
    ours: Callable[[], Ours]
    address: str = ""
    key: str = field(default="", repr=False)
    at_once: int | None = None


def microturn(wanted: Wanted) -> Endpoint:
    """Our weights on the virtual clock, faster than real time."""
    opened = wanted.ours()
    return VirtualEndpoint(wanted.name, opened.open, settings=opened.settings)


ENDPOINTS: dict[str, Callable[[Wanted], Endpoint]] = {
    "microturn": microturn,
}


def endpoint(wanted: Wanted) -> Endpoint:
    """The endpoint of this name; InputError for a name that is none."""
    if wanted.name not in ENDPOINTS:
        raise InputError("no such endpoint", "--endpoint", repr(wanted.name), "one of " + ", ".join(ENDPOINTS))
    return ENDPOINTS[wanted.name](wanted)


def is_named(asked: str) -> bool:
    """Whether `--endpoint` names one of these, and no fake of a suite."""
    return asked.partition(":")[0] in ENDPOINTS

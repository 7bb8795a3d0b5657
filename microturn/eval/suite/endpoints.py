"""Every endpoint by the name that `--endpoint` takes. Adding one is adding a function, and its line in ENDPOINTS.

NAME, or NAME:ADDRESS where it is elsewhere. Files of endpoints import endpoint.py and never this one. Scripted fakes
are not here: what they say comes with each suite.
"""

from collections.abc import Callable

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.core.errors import InputError
from microturn.eval.peer.cascade import cascade
from microturn.eval.suite.endpoint import Endpoint, VirtualEndpoint, Wanted
from microturn.eval.suite.gemini import gemini
from microturn.eval.suite.grid import EarlyTicks, OnGrid, early_s
from microturn.eval.suite.wire_openai import live, realtime


def microturn(wanted: Wanted) -> Endpoint:
    """Our weights on the virtual clock, faster than real time; microturn:grid=0.1, its ticks end so much earlier."""
    early, opened = early_s(wanted.address), wanted.ours()
    samples = round(early * SAMPLE_RATE_HZ)
    virtual = VirtualEndpoint(
        wanted.name,
        opened.open if not early else lambda session: EarlyTicks(opened.open(session), samples),
        settings=opened.settings,
    )
    return virtual if not early else OnGrid(virtual, early)


ENDPOINTS: dict[str, Callable[[Wanted], Endpoint]] = {
    "microturn": microturn,
    "cascade": cascade,
    "realtime": realtime,
    "live": live,
    "gemini": gemini,
}


def endpoint(wanted: Wanted) -> Endpoint:
    """The endpoint of this name; InputError for a name that is none."""
    if wanted.name not in ENDPOINTS:
        raise InputError("no such endpoint", "--endpoint", repr(wanted.name), "one of " + ", ".join(ENDPOINTS))
    return ENDPOINTS[wanted.name](wanted)


def is_named(asked: str) -> bool:
    """Whether `--endpoint` names one of these, and no fake of a suite."""
    return asked.partition(":")[0] in ENDPOINTS

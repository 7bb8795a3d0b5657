"""Every endpoint by the name that `--endpoint` takes. Adding one is adding a function, and its line in ENDPOINTS.

NAME, or NAME:ADDRESS where it is elsewhere. Files of endpoints import endpoint.py and never this one. Scripted fakes
are not here: what they say comes with each suite.
"""

from collections.abc import Callable

from microturn.core.errors import InputError
from microturn.eval.peer.cascade import cascade
from microturn.eval.suite.endpoint import Endpoint, VirtualEndpoint, Wanted
from microturn.eval.suite.gemini import gemini
from microturn.eval.suite.lead import LeadIn, Led, lead_samples
from microturn.eval.suite.wire_openai import live, realtime


def microturn(wanted: Wanted) -> Endpoint:
    """Our weights on the virtual clock, faster than real time; microturn:lead=0.36, in a session that began before."""
    lead, opened = lead_samples(wanted.address), wanted.ours()
    virtual = VirtualEndpoint(
        wanted.name,
        opened.open if not lead else lambda session: LeadIn(opened.open(session), lead),
        settings=opened.settings,
        agent=opened.agent,
    )
    return virtual if not lead else Led(virtual, lead)


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

"""Functions that a suite offers whoever is examined, and which of them were called. No endpoint lives here.

A call is an event "tool_call" of the trace, with its name, its arguments and what it gave.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from microturn.eval.suite.trace import Noted, Trace

CALL = "tool_call"


class Call(NamedTuple):
    """A function with its arguments."""

    name: str
    args: Mapping[str, Any]


class Declared(NamedTuple):
    """What an endpoint is told of a function. parameters: a JSON schema; side_effect: it changes something."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    side_effect: bool = False


@dataclass(frozen=True)
class Offered:
    """standing: instructions for the whole session; answer: what a call gives, as text, also of what it cannot do."""

    standing: str
    functions: tuple[Declared, ...]
    answer: Callable[[Call], str]

    def names(self) -> frozenset[str]:
        """Of all functions."""
        return frozenset(one.name for one in self.functions)


def parameters(required: Mapping[str, str], optional: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A schema of plain values: name to type."""
    every = {**required, **(optional or {})}
    return {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in every.items()},
        "required": list(required),
    }


def arguments_of(text: str) -> dict[str, Any]:
    """Arguments as an endpoint writes them; what is no object is none."""
    try:
        found: Any = json.loads(text or "{}")
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def noted(at_s: float, call: Call, output: str) -> Noted:
    """A call for the trace."""
    return Noted(at_s, CALL, {"name": call.name, "arguments": dict(call.args), "output": output})


def calls_of(trace: Trace) -> list[Call]:
    """What was called, in order."""
    return [Call(str(e.data["name"]), dict(e.data["arguments"])) for e in trace.events if e.kind == CALL]

"""Functions of a session's client: called on its wire, answered in a batch or one by one. No agent, no protocol."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast
from uuid import uuid4

from microturn.agent.job import Function
from microturn.core.errors import MicroturnError
from microturn.gateway.timeline import Aside, Called

FUNCTIONS = 128
CALL_S = 60.0


class Tells(Protocol):
    """What calls need of their session."""

    @property
    def at_ms(self) -> int: ...
    def tell(self, item: Aside) -> None: ...


class CallRefused(MicroturnError):
    """An output that belongs to no call, or a batch that is not complete; in words for the client."""


@dataclass
class _Open:
    delegation_id: str
    given: "asyncio.Future[str]"
    output: str | None = None


class ClientFunctions:
    """Those of one session, and the calls that wait for their output."""

    def __init__(self, session: Tells) -> None:
        self._session = session
        self.functions: tuple[Function, ...] = ()
        self._calls: dict[str, _Open] = {}

    def offer(self, tools: Sequence[Mapping[str, Any]]) -> None:
        """These from now on, as the protocols describe them; of other kinds of tools nothing is made here."""
        functions = [self._function(tool) for tool in tools[:FUNCTIONS] if tool.get("type") == "function"]
        self.functions = tuple({one.name: one for one in functions if one.name}.values())

    def output(self, call_id: str, output: str) -> None:
        """The client's answer to a call, kept until `go_on`."""
        call = self._calls.get(call_id)
        if call is None or call.output is not None:
            raise CallRefused(f"No call '{call_id[:80]}' waits for its output.")
        call.output = output

    def go_on(self) -> None:
        """Let the jobs have what was given; CallRefused while another call waits for its output."""
        waiting = [id for id, call in self._calls.items() if call.output is None]
        if waiting or not self._calls:
            what = f"No output was given for {', '.join(waiting)}." if waiting else "No call waits."
            raise CallRefused(what)
        for call in self._calls.values():
            if not call.given.done():
                call.given.set_result(call.output or "")

    def give(self, call_id: str, output: str) -> None:
        """Let a job have this output at once; one that nobody waits for belongs to an older conversation."""
        call = self._calls.get(call_id)
        if call is not None and not call.given.done():
            call.given.set_result(output)

    def drop(self, delegation_id: str | None) -> None:
        """Nobody waits any more for the calls of this delegation; None: of all."""
        for call in self._calls.values():
            if delegation_id in (None, call.delegation_id) and not call.given.done():
                call.given.set_exception(ValueError("the task is over"))

    def _function(self, tool: Mapping[str, Any]) -> Function:
        nested = tool.get("function")
        told = cast("Mapping[str, Any]", nested) if isinstance(nested, Mapping) else tool
        name, given = str(told.get("name") or ""), told.get("parameters")
        schema: Mapping[str, Any] = cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}

        async def call(task_id: str, arguments: str) -> str:
            return await self._call(task_id, name, arguments)

        return Function(name, str(told.get("description") or ""), {"type": "object", "properties": {}, **schema}, call)

    async def _call(self, delegation_id: str, name: str, arguments: str) -> str:
        call_id = f"call_{uuid4().hex[:20]}"
        call = self._calls[call_id] = _Open(delegation_id, asyncio.get_running_loop().create_future())
        self._session.tell(Called(self._session.at_ms, delegation_id, call_id, name, arguments))
        try:
            async with asyncio.timeout(CALL_S):
                return await call.given
        except TimeoutError:
            raise ValueError("the application gave no answer in time") from None
        finally:
            self._calls.pop(call_id, None)

"""Delegations as a GPT-Live client sees them: that one was made, and with `responses` the stream of its work.

Source of the order: what clients of the protocol wait for (livekit-agents 1.8.9, pydantic-ai 2.68): function calls are
read from `response.output_item.done` alone, and usage has all its fields. No socket, no clock: calls of one micro-turn
are one batch, which is complete when its sound is.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from microturn.core.clock import TICK_MS
from microturn.gateway.timeline import Called, Delegated, Displayed, Item, Progress, Sound

Wire = dict[str, Any]
Event = Callable[..., Wire]  # a type and fields to an event
WORK_TYPES = ("delegation.task", "delegation.status", "delegation.shown")  # of the native extensions
# The vendor's types require these of a response, and pydantic-ai checks; what is chosen here nobody needs to know.
CHOICES: Wire = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
# The tokens of an agent's model are not known here; clients read every field without a check.
USAGE: Wire = {
    "input_tokens": 0,
    "output_tokens": 0,
    "total_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 0},
}


@dataclass
class _Response:
    """The response of a delegation that is open. calls: it ends with this micro-turn, for its client has to answer."""

    id: str
    created_s: float
    calls: bool = False


class Delegating:
    """One session's. target: the type of its delegation; model: the name that is told of who works.

    now: seconds since 1970, for the dates of responses.
    """

    def __init__(
        self,
        target: str,
        model: str,
        event: Event,
        new_id: Callable[[str], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now, self._sequence = now, count()
        self._target, self._model, self._event, self._new_id = target, model, event, new_id
        self._open: dict[str, _Response] = {}

    def events(self, item: Item) -> list[Wire]:
        """The events of one item; most are none."""
        match item:
            case Delegated(at_ms):
                return self._created(item.id, at_ms)
            case Called() if self._target == "responses":
                return self._called(item)
            case Progress() if self._target == "responses" and item.over:
                return self._ended(item)
            case Sound() if item.end_ms % TICK_MS == 0:
                whole = [id for id, response in self._open.items() if response.calls]
                return [self._finished(id, "completed") for id in whole]
            case _:
                return []

    def _created(self, id: str, at_ms: int) -> list[Wire]:
        delegation: Wire = {"id": id, "type": "delegation", "target": self._target}
        if self._target != "responses":
            return [self._event("session.delegation.created", offset_ms=at_ms, delegation=delegation)]
        begun = self._begun(id)
        delegation["response_id"] = self._open[id].id
        return [self._event("session.delegation.created", offset_ms=at_ms, delegation=delegation), *begun]

    def _begun(self, id: str) -> list[Wire]:
        """The response that what follows belongs to; `response.created` where there is none yet."""
        if id in self._open:
            return []
        response = self._open[id] = _Response(self._new_id("resp"), self._now())
        return [self._nested(id, "response.created", response=self._snapshot(response, "in_progress"))]

    def _called(self, call: Called) -> list[Wire]:
        events = self._begun(call.delegation_id)
        self._open[call.delegation_id].calls = True
        item = {"id": self._new_id("fc"), "type": "function_call", "status": "completed", "call_id": call.call_id}
        return [*events, self._item(call.delegation_id, item | {"name": call.name, "arguments": call.arguments})]

    def _ended(self, work: Progress) -> list[Wire]:
        events = self._begun(work.id)
        if work.status not in ("done", "stale"):
            status = "failed" if work.status == "failed" else "incomplete"
            return [*events, self._finished(work.id, status, work.reason)]
        part: Wire = {"type": "output_text", "text": work.text, "annotations": []}
        item = {"id": self._new_id("msg"), "type": "message", "role": "assistant", "status": "completed"}
        return [*events, self._item(work.id, item | {"content": [part]}), self._finished(work.id, "completed")]

    def _item(self, id: str, item: Wire) -> Wire:
        return self._nested(id, "response.output_item.done", output_index=0, item=item)

    def _finished(self, id: str, status: str, reason: str = "") -> Wire:
        response = self._open.pop(id)
        snapshot = self._snapshot(response, status) | {"usage": USAGE}
        if status == "failed":
            snapshot["error"] = {"code": "server_error", "message": reason or "failed"}
        if status == "incomplete":
            snapshot["incomplete_details"] = None  # the protocol has no word for a client that changed its mind
        return self._nested(id, f"response.{status}", response=snapshot)

    def _snapshot(self, response: _Response, status: str) -> Wire:
        named = {"id": response.id, "object": "response", "created_at": response.created_s, "status": status}
        return {**named, "model": self._model, "output": [], **CHOICES}

    def _nested(self, id: str, kind: str, **fields: Any) -> Wire:
        nested: Wire = {"type": kind, "sequence_number": next(self._sequence), **fields}
        return self._event("response.event", delegation_id=id, event=nested)


def work_events(item: Item, event: Event) -> list[Wire]:
    """What the native extensions tell of a delegation: its task as soon as it is known, then each change, and cards."""
    if isinstance(item, Displayed):
        return [event("delegation.shown", id=item.delegation_id, at_ms=item.at_ms, shown=dict(item.shown))]
    if not isinstance(item, Progress):
        return []
    begins = item.task and item.status in ("queued", "running")
    told = [event("delegation.task", id=item.id, task=item.task, policy=item.policy)] if begins else []
    fields = {"id": item.id, "status": item.status, "at_ms": item.at_ms, "reason": item.reason, "text": item.text}
    return [*told, event("delegation.status", **fields, task=item.task, policy=item.policy)]

"""Tools on the wire of the Realtime API: calls as responses of their own, MCP servers' lists, in the order of events.

A call waits until no other response is open, for a client has one at a time. A response of a call is complete as soon
as the call is made: what a function of the client gives, or an MCP server, may come any time later. So
`response.mcp_call.completed` may follow `response.done`; it names no response, here as in the protocol.
"""

from collections.abc import Sequence
from typing import Any

from microturn.gateway.realtime.conversation import Conversation
from microturn.gateway.realtime.wire import Names, ServerEvent, usage
from microturn.gateway.timeline import Called, RemoteCall, ToolsListed

Wire = dict[str, Any]


class Calling:
    """The calls of one connection."""

    def __init__(self, names: Names, conversation: Conversation) -> None:
        self._names, self._conversation = names, conversation
        self._waiting: list[Called | RemoteCall] = []
        self._told: dict[str, int] = {}  # MCP calls that have begun on the wire, and their place in their response

    def listed(self, one: ToolsListed) -> list[ServerEvent]:
        """An MCP server is asked for its tools, has told them, or did not answer."""
        kind = f"mcp_list_tools.{one.status}"
        item: Wire = {"id": one.id, "object": "realtime.item", "type": "mcp_list_tools", "server_label": one.label}
        item |= {"tools": [dict(tool) for tool in one.tools]}
        if one.status == "in_progress":
            before, forgotten = self._conversation.add(item)
            return [*self._names.added(item, before, forgotten), self._names.event(kind, item_id=one.id)]
        if one.error:
            item["error"] = {"type": "http_error", "code": 0, "message": one.error}
        self._conversation.finish(item)
        done = self._names.event("conversation.item.done", previous_item_id=None, item=item)
        return [self._names.event(kind, item_id=one.id), done]

    def take(self, call: Called | RemoteCall) -> None:
        """A call, to be told with `due`."""
        self._waiting.append(call)

    def due(self, busy: bool, modality: str) -> list[ServerEvent]:
        """What can be told now. busy: a response is open; then only calls end that were told before."""
        events: list[ServerEvent] = []
        waiting, self._waiting = self._waiting, []
        begins: list[Called | RemoteCall] = []
        for call in waiting:
            remote = call if isinstance(call, RemoteCall) and call.status in ("completed", "failed") else None
            if remote is not None and remote.id in self._told:
                events += self._ended(remote)
            elif busy or remote is not None:
                self._waiting.append(call)
            else:
                begins.append(call)
        if begins:
            events += self._begun(begins, modality)
        # A call that came and went while another response was open ends as soon as it was told.
        return events + (self.due(busy, modality) if begins and self._waiting else [])

    def _begun(self, calls: Sequence[Called | RemoteCall], modality: str) -> list[ServerEvent]:
        """One response with all these calls."""
        body = {"object": "realtime.response", "id": self._names.fresh("resp"), "status": "in_progress"}
        body |= {"status_details": None, "output": [], "output_modalities": [modality], "max_output_tokens": "inf"}
        body |= {"metadata": None, "usage": None}
        events = [self._names.event("response.created", response=dict(body))]
        after, output = list[Wire](), list[Wire]()
        for index, call in enumerate(calls):
            item = _item(call, self._names)
            where = {"response_id": body["id"], "output_index": index}
            events += self._item(call, item, where)
            output.append(item)
            if isinstance(call, RemoteCall) and call.status == "in_progress":
                self._told[call.id] = index
                after.append(self._names.event("response.mcp_call.in_progress", item_id=call.id, output_index=index))
        done = body | {"status": "completed", "output": output, "usage": usage(0, 0, 0, 0)}
        return [*events, self._names.event("response.done", response=done), *after]

    def _item(self, call: Called | RemoteCall, item: Wire, where: Wire) -> list[ServerEvent]:
        """One item from its beginning to its end; an MCP call ends later, an approval has no arguments of its own."""
        asks = item["type"] == "mcp_approval_request"
        begun = item if asks else item | {"arguments": ""}
        if item["type"] == "function_call":
            begun = begun | {"status": "in_progress"}
        before, forgotten = self._conversation.add(item)
        events = [
            self._names.event("response.output_item.added", **where, item=begun),
            *self._names.added(begun, before, forgotten),
        ]
        part = where | {"item_id": item["id"]}
        if item["type"] == "function_call":
            part, kind, named = part | {"call_id": item["call_id"]}, "function_call", {"name": item["name"]}
        else:
            kind, named = "mcp_call", Wire()
        if not asks:
            delta = f"response.{kind}_arguments.delta"
            events.append(self._names.event(delta, **part, delta=call.arguments))
            done = f"response.{kind}_arguments.done"
            events.append(self._names.event(done, **part, **named, arguments=call.arguments))
        if kind == "function_call" or asks:
            events.append(self._names.event("conversation.item.done", previous_item_id=before, item=item))
        events.append(self._names.event("response.output_item.done", **where, item=item))
        return events

    def _ended(self, call: RemoteCall) -> list[ServerEvent]:
        index, item = self._told.pop(call.id), _remote_item(call)
        self._conversation.finish(item)
        kind = f"response.mcp_call.{call.status}"
        return [
            self._names.event(kind, item_id=call.id, output_index=index),
            self._names.event("conversation.item.done", previous_item_id=None, item=item),
        ]


def _item(call: Called | RemoteCall, names: Names) -> Wire:
    if isinstance(call, RemoteCall):
        return _remote_item(call)
    item: Wire = {"id": names.fresh("item"), "object": "realtime.item", "type": "function_call", "status": "completed"}
    return item | {"call_id": call.call_id, "name": call.name, "arguments": call.arguments}


def _remote_item(call: RemoteCall) -> Wire:
    kind, id = ("mcp_approval_request", call.approval_id) if call.status == "asked" else ("mcp_call", call.id)
    item: Wire = {"id": id, "object": "realtime.item", "type": kind, "server_label": call.label, "name": call.name}
    item["arguments"] = call.arguments
    if kind == "mcp_approval_request":
        return item
    item |= {"approval_request_id": call.approval_id or None, "output": None, "error": None}
    if call.status == "completed":
        item["output"] = call.output
    if call.status == "failed":
        item["error"] = _error(call.error)
    return item


def _error(told: str) -> Wire:
    """`kind: words`, as the session tells it."""
    kind, _, message = told.partition(": ")
    return (
        {"type": "http_error", "code": 0, "message": message}
        if kind == "http"
        else {
            "type": "tool_execution_error",
            "message": message or told,
        }
    )

"""Function calls of a delegation as a response of their own, in the order of events of the Realtime API. No state."""

from collections.abc import Sequence
from typing import Any

from microturn.gateway.realtime.conversation import Conversation
from microturn.gateway.realtime.wire import Names, ServerEvent, usage
from microturn.gateway.timeline import Called


def called(calls: Sequence[Called], names: Names, conversation: Conversation, modality: str) -> list[ServerEvent]:
    """One response with all these calls. The outputs may come any time later; nothing waits for them."""
    body: dict[str, Any] = {
        "object": "realtime.response",
        "id": names.fresh("resp"),
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "output_modalities": [modality],
        "max_output_tokens": "inf",
        "metadata": None,
        "usage": None,
    }
    events = [names.event("response.created", response=dict(body))]
    output: list[dict[str, Any]] = []
    for index, call in enumerate(calls):
        item: dict[str, Any] = {
            "id": names.fresh("item"),
            "object": "realtime.item",
            "type": "function_call",
            "status": "completed",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments,
        }
        begun = item | {"status": "in_progress", "arguments": ""}
        before, forgotten = conversation.add(item)
        where = {"response_id": body["id"], "output_index": index}
        part = where | {"item_id": item["id"], "call_id": call.call_id}
        events += [
            names.event("response.output_item.added", **where, item=begun),
            *names.added(begun, before, forgotten),
            names.event("response.function_call_arguments.delta", **part, delta=call.arguments),
            names.event("response.function_call_arguments.done", **part, name=call.name, arguments=call.arguments),
            names.event("conversation.item.done", previous_item_id=before, item=item),
            names.event("response.output_item.done", **where, item=item),
        ]
        output.append(item)
    done = body | {"status": "completed", "output": output, "usage": usage(0, 0, 0, 0)}
    return [*events, names.event("response.done", response=done)]

"""Every event of a Live session without extensions is one of the vendor's own types, field by field."""

import json
from itertools import count
from typing import Any, get_args

import numpy as np
import pytest

from microturn.gateway.live.client import Settings
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.live.server import Opened, Projection, error_event
from microturn.gateway.timeline import Began, Delegated, Ended, Heard, Item, Said, Sound, Stopped, Taken

live = pytest.importorskip("openai.types.live")

LOUD = np.full(320, 0.1, np.float32)


def numbered() -> Any:
    numbers = count(1)
    return lambda kind: f"{kind}_{next(numbers)}"


def whole_conversation() -> list[dict[str, Any]]:
    """Started, muted, told, heard, answered over an interruption, delegated, refused, closed."""
    new_id = numbered()
    projection = Projection(Opened("sess_1", 2_000_000_000, Settings("tiny", instructions="be brief")), new_id)
    events = [projection.started(), projection.muted(True, "c1"), projection.muted(False, None)]
    for kind in ("instructions", "commentary"):
        projection.awaits(kind, kind, "c2")
    items: list[Item] = [Taken(200, "be brief", "instructions"), Taken(200, "hello", "commentary")]
    items += [Heard(0, 200, " what is it"), Began(400), Said(400, 600, " noon"), Sound(400, LOUD)]
    items += [Heard(400, 600, " mhm"), Delegated(600), Stopped(800, yielded=True, unsaid="noon")]
    items += [Sound(at_ms) for at_ms in range(9_800, 10_020, 20)]
    for item in [*items, Ended(10_200, "close_requested")]:
        events += projection.events(item)
    events.append(projection.updated({"type": "client"}))
    events.append(error_event(Refusal("invalid_value", "Wrong.", "audio"), new_id, "c3"))
    events.append(error_event(Refusal("server_at_capacity", "Full."), new_id, None, "server_error"))
    return events


def test_a_whole_conversation_is_made_of_the_vendors_types_alone() -> None:
    kinds = [kind for kind in get_args(get_args(live.ServerEvent)[0]) if hasattr(kind, "model_fields")]
    kind_of = {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in kinds}
    events = whole_conversation()
    for event in events:
        kind_of[event["type"]].model_validate_json(json.dumps(event), strict=True)
    assert len({event["type"] for event in events}) == 13
    assert len({event["event_id"] for event in events}) == len(events)


@pytest.mark.parametrize(
    "reason", ["close_requested", "expired", "idle", "too_slow", "connection_lost", "draining", "failed"]
)
def test_every_end_has_a_reason_of_the_protocol(reason: Any) -> None:
    projection = Projection(Opened("sess_1", 2_000_000_000, Settings("tiny")), numbered())
    (closed,) = projection.events(Ended(0, reason, "secret"))
    live.SessionClosedEvent.model_validate_json(json.dumps(closed), strict=True)
    assert "secret" not in json.dumps(closed)

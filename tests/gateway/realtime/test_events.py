"""Every event that this dialect sends is one of the vendor's own types, field by field."""

import json
from typing import Any, get_args

import pytest

from tests.gateway.realtime.driven import whole_conversation

realtime = pytest.importorskip("openai.types.realtime")


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return whole_conversation()


def test_a_whole_conversation_is_made_of_the_vendors_types_alone(events: list[dict[str, Any]]) -> None:
    kinds = [kind for kind in get_args(get_args(realtime.RealtimeServerEvent)[0]) if hasattr(kind, "model_fields")]
    kind_of = {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in kinds}
    for event in events:
        kind_of[event["type"]].model_validate_json(json.dumps(event), strict=True)
    assert len({event["type"] for event in events}) >= 27


def test_every_event_has_an_id_of_its_own(events: list[dict[str, Any]]) -> None:
    assert len({event["event_id"] for event in events}) == len(events)


def test_no_error_of_a_conversation_is_one_that_clients_take_for_the_end_of_the_account(
    events: list[dict[str, Any]],
) -> None:
    fatal = {"insufficient_quota", "credit_balance_exhausted", "invalid_api_key", "account_deactivated"}
    fatal |= {"billing_hard_limit_reached", "forbidden"}
    errors = [event["error"] for event in events if event["type"] == "error"]
    assert len(errors) == 8
    assert not fatal & {error[field] for error in errors for field in ("code", "type")}

"""Whatever a client sends, the codec answers with a typed error and goes on."""

import json
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.gateway.realtime.client import TYPES
from microturn.gateway.realtime.codec import Answer, RealtimeCodec
from microturn.gateway.realtime.settings import default_settings
from microturn.gateway.timeline import Began, Heard, Said, Sound, Stopped
from tests.gateway.realtime.driven import shown, typed

N_RANDOM = 4_000
GOOD: list[dict[str, Any]] = [
    {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}}}},
    {"type": "input_audio_buffer.append", "audio": "AAAAAAAA"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
    },
    {"type": "conversation.item.create", "item": shown()},
    {"type": "conversation.item.create", "item": typed("be quiet", "system")},
    {"type": "conversation.item.truncate", "item_id": "item_test_1", "content_index": 0, "audio_end_ms": 100},
    {"type": "conversation.item.delete", "item_id": "item_test_1"},
    {"type": "conversation.item.retrieve", "item_id": "item_test_1"},
    {"type": "response.create", "response": {"metadata": {"a": "b"}, "input": [{"type": "item_reference", "id": "x"}]}},
    {"type": "response.cancel", "response_id": "resp_test_1"},
]
ODD: list[Any] = [
    None,
    True,
    -1,
    1.5,
    10**30,
    "",
    "\x00",
    "\ud800",
    "x" * 10_000,
    [],
    {},
    [[[[]]]],
    {"type": {}},
    "inf",
]
RAW = ["", "null", "[]", "{", '"', "NaN", '{"type": NaN}', "[" * 100_000, '{"type":"\\ud800"}', "\ufeff{}", "1e999"]


def check(codec: RealtimeCodec, answer: Answer) -> None:
    """Every answer can be sent, and every error says what a program and a person need."""
    for event in answer.events:
        json.dumps(event, allow_nan=False).encode()
        if event["type"] == "error":
            error = event["error"]
            assert error["type"] == "invalid_request_error" and error["code"] and error["message"]
            assert len(error["message"]) < 1_000
            assert len(answer.events) == 1 and not answer.actions
    alive = codec.from_client('{"type": "input_audio_buffer.clear"}')
    assert [event["type"] for event in alive.events] == ["input_audio_buffer.cleared"]


def mutated(value: Any, rng: random.Random) -> Any:
    """The value with one or more of its places replaced, removed or added to."""
    if rng.random() < 0.15:
        return rng.choice(ODD)
    if isinstance(value, dict):
        result = {key: mutated(inner, rng) if rng.random() < 0.5 else inner for key, inner in value.items()}
        if result and rng.random() < 0.2:
            del result[rng.choice(sorted(result))]
        if rng.random() < 0.2:
            result[rng.choice(["extra", "id", "event_id", "type", "item", "\x00"])] = rng.choice(ODD)
        return result
    if isinstance(value, list):
        return [mutated(inner, rng) for inner in value] * rng.choice([0, 1, 1, 3])
    return value


def broken(rng: random.Random) -> str | bytes:
    """A message that is a mutated event, cut JSON, or noise."""
    if rng.random() < 0.1:
        return rng.randbytes(rng.randrange(64))
    text = json.dumps(mutated(rng.choice(GOOD), rng))
    if rng.random() < 0.2:
        return text[: rng.randrange(len(text) + 1)]
    return text


def moments() -> Iterator[Any]:
    """A model that speaks and pauses, so that events meet every state."""
    at_ms = 0
    while True:
        yield Began(at_ms)
        yield Said(at_ms, at_ms + 200, " word")
        for _ in range(20):
            yield Sound(at_ms)
            at_ms += 20
        yield Heard(at_ms - 200, at_ms, " hm")
        yield Stopped(at_ms, yielded=at_ms % 800 == 0)
        for _ in range(45):
            yield Sound(at_ms)
            at_ms += 20


def test_thousands_of_malformed_events_are_answered_and_none_raises() -> None:
    rng = random.Random(4)
    codec, timeline = RealtimeCodec("test", default_settings("tiny"), 0), moments()
    n_errors = 0
    for _ in range(N_RANDOM):
        answer = codec.from_client(broken(rng))
        check(codec, answer)
        n_errors += any(event["type"] == "error" for event in answer.events)
        for event in codec.from_timeline(next(timeline)):
            json.dumps(event, allow_nan=False).encode()
    assert n_errors > N_RANDOM // 2


def test_odd_json_is_a_typed_error() -> None:
    codec = RealtimeCodec("test", default_settings("tiny"), 0)
    for raw in RAW:
        answer = codec.from_client(raw)
        assert [event["type"] for event in answer.events] == ["error"], raw[:40]
        check(codec, answer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["session", "item", "item_id", "audio", "response", "response_id", "event_id", "audio_end_ms"])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TYPES), st.dictionaries(KEYS, JSON, max_size=4))
def test_any_json_under_any_type_is_answered(type: str, fields: dict[str, Any]) -> None:
    codec = RealtimeCodec("test", default_settings("tiny"), 0)
    check(codec, codec.from_client(json.dumps({**fields, "type": type})))

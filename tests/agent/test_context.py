"""What an agent is told of a conversation."""

import json

import pytest

from microturn.agent.context import (
    Context,
    Earlier,
    Picture,
    Seen,
    Words,
    bounded,
    context_from_dict,
    context_of,
    context_to_dict,
    rendered,
)
from microturn.core.errors import ConfigError
from microturn.core.events import Event


def event(t_ms: int, kind: str, text: str, joins: bool = False) -> Event:
    return Event(t_ms, t_ms // 200, kind, text, {"joins": True} if joins else None)


def test_fragments_of_one_side_are_joined_until_it_pauses_or_the_other_speaks() -> None:
    events = [
        event(200, "heard", "what is"),
        event(400, "heard", "two pl"),
        event(600, "heard", "us two", joins=True),
        event(1_000, "say", "four"),
        event(1_200, "heard", "thanks"),
        event(5_000, "heard", "and now"),
    ]
    assert context_of(events).words == (
        Words(200, "user", "what is two plus two"),
        Words(1_000, "model", "four"),
        Words(1_200, "user", "thanks"),
        Words(5_000, "user", "and now"),
    )


def test_what_never_sounded_is_not_told() -> None:
    events = [event(200, "say", "monday tuesday"), event(400, "say", "wednesday"), event(600, "unsaid", "wednesday")]
    assert context_of(events).words == (Words(200, "model", "monday tuesday"),)


def test_words_that_never_sounded_at_all_leave_nothing() -> None:
    assert context_of([event(200, "say", "monday"), event(400, "unsaid", "monday")]).words == ()


def test_what_was_seen_stands_in_the_order_of_time() -> None:
    told = rendered(
        context_of([event(200, "heard", "look"), event(400, "saw", "a red ball"), event(600, "say", "red")])
    )
    assert told.index("look") < told.index("(seen: a red ball)") < told.index("model: red")


def test_rules_and_earlier_jobs_are_told() -> None:
    told = rendered(Context(1_000, standing=("be brief",), earlier=(Earlier("add", "done", "four"),)))
    assert "- be brief" in told and "- add -> done: four" in told


def test_an_empty_context_is_told_with_no_words() -> None:
    assert rendered(Context()) == ""


def test_of_a_long_talk_the_newest_is_told() -> None:
    words = tuple(Words(n * 1_000, "user", f"word {n} " * 20) for n in range(1_000))
    told = rendered(Context(words=words), most=2_000)
    assert len(told) < 2_200 and "word 999" in told and "left out" in told
    assert len(bounded(Context(words=words)).words) < 1_000


def test_the_newest_pictures_are_kept() -> None:
    pictures = tuple(Picture(n, bytes([n])) for n in range(9))
    assert bounded(Context(pictures=pictures)).pictures == pictures[-4:]
    assert bounded(Context(pictures=pictures), pictures=0).pictures == ()


def test_it_survives_json() -> None:
    context = Context(
        900,
        (Words(0, "user", "hi"),),
        (Seen(100, "a ball"),),
        (Picture(100, b"\xff\x00"),),
        ("be brief",),
        (Earlier("add", "done", "four"),),
    )
    assert context_from_dict(json.loads(json.dumps(context_to_dict(context)))) == context


def test_a_foreign_form_is_refused() -> None:
    with pytest.raises(ConfigError):
        context_from_dict({"wrods": []})

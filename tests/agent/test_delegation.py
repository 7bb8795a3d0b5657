"""The life cycle of one delegation."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microturn.agent.delegation import (
    FINAL,
    Cancelled,
    Corrected,
    Delegation,
    Evidence,
    Failed,
    Finished,
    MovedOn,
    Noted,
    Proven,
    Repoliced,
    Requeued,
    Result,
    Started,
    Superseded,
    is_stale,
    key_of,
    moved,
)

ASKED = Delegation("dlg_1", "look it up", "key", created_ms=0, deadline_ms=10_000, ttl_ms=20_000)
EFFECT = Evidence("ev_1", "notes", "00", True, "written", side_effect=True)
HAPPENINGS = st.one_of(
    st.builds(Started, st.just(0)),
    st.builds(Noted, st.just(0), st.just("half of it")),
    st.builds(Proven, st.just(0), st.just(EFFECT)),
    st.builds(Corrected, st.just(0), st.just("the other one")),
    st.builds(Requeued, st.just(0)),
    st.builds(MovedOn, st.just(0)),
    st.builds(Repoliced, st.just(0), st.sampled_from(["silent", "when_idle", "interrupt"])),
    st.builds(Finished, st.integers(0, 40_000), st.just(Result("answer"))),
    st.builds(Failed, st.just(0), st.just("bug")),
    st.builds(Cancelled, st.just(0), st.just("user")),
    st.builds(Superseded, st.just(0), st.just("dlg_2")),
)


def after(*happenings: Any, first: Delegation = ASKED) -> Delegation:
    for happening in happenings:
        first = moved(first, happening).delegation
    return first


@given(st.lists(HAPPENINGS, max_size=20))
def test_it_ends_at_most_once_and_then_keeps_its_status(happenings: list[Any]) -> None:
    one, ends = ASKED, 0
    for happening in happenings:
        before = one
        one, taken = moved(before, happening)
        assert taken or one is before
        ends += one.over and not before.over
        if before.over:
            assert one.status == before.status and one.result == before.result and one.ended_ms == before.ended_ms
    assert ends == (one.status in FINAL)
    assert (one.result is not None) == (one.status in ("done", "stale"))


@given(st.lists(HAPPENINGS, max_size=20))
def test_no_answer_without_a_run(happenings: list[Any]) -> None:
    one = after(*happenings)
    assert one.status not in ("done", "stale") or one.runs >= 1


def test_an_answer_after_its_time_is_stale() -> None:
    assert after(Started(1), Finished(20_001, Result("late"))).status == "stale"
    assert after(Started(1), Finished(20_000, Result("in time"))).status == "done"


def test_an_answer_to_a_topic_left_behind_is_stale() -> None:
    assert after(Started(1), MovedOn(2), Finished(3, Result("old"))).status == "stale"


def test_what_was_done_in_the_world_never_is_stale() -> None:
    one = after(Started(1), Proven(2, EFFECT), MovedOn(3))
    assert not is_stale(one, 10**9)


def test_a_tool_that_ends_after_a_cancel_is_still_known() -> None:
    one = after(Started(1), Cancelled(2, "user"), Proven(3, EFFECT))
    assert one.status == "cancelled" and one.evidence == (EFFECT,)


@pytest.mark.parametrize("late", [Finished(9, Result("x")), Failed(9, "bug"), Noted(9, "x"), Started(9), Requeued(9)])
def test_what_comes_after_the_end_changes_nothing(late: Any) -> None:
    over = after(Started(1), Cancelled(2, "user"))
    assert moved(over, late) == (over, False)


def test_the_same_words_have_the_same_key() -> None:
    assert key_of("How much is  17 times 23?") == key_of("how much is 17 times 23")
    assert key_of("how much is 17 times 23") != key_of("how much is 17 times 24")
    assert key_of("how much is 1.5 plus 2") != key_of("how much is 15 plus 2")


def test_only_newest_notes_are_kept() -> None:
    one = after(Started(0), *(Noted(n, str(n)) for n in range(100)))
    assert len(one.notes) == 32 and one.notes[-1].text == "99"


def test_a_delegation_can_be_asked_for_its_end() -> None:
    assert replace(ASKED, status="done").over and not ASKED.over

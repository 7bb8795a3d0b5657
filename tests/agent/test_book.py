"""All delegations of a session: duplicates, corrections, deliveries exactly once. No clock but the test's own."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from microturn.agent.book import (
    Book,
    BookLimits,
    Wanted,
    announced,
    asked,
    given,
    happened,
    next_ms,
    proof,
    spoken,
)
from microturn.agent.delegation import (
    Cancelled,
    Evidence,
    Failed,
    Finished,
    MovedOn,
    Noted,
    Proven,
    Repoliced,
    Result,
    Span,
    Started,
)
from microturn.agent.delivery import FAILURE_WORDS
from microturn.core.errors import ConfigError
from microturn.data.lexicon import WORDS

LIMITS = BookLimits(waiting=3, kept=4, part_characters=60, parts=3)
EFFECT = Evidence("ev_1", "notes", "00", True, "written", side_effect=True)


def ask(book: Book, task: str, now_ms: int = 0, **wanted: Any) -> tuple[Book, str, str]:
    result = asked(book, Wanted(task, **wanted), now_ms, LIMITS)
    return result.book, result.verdict, result.id


def told(book: Book, id: str, *happenings: Any) -> Book:
    for happening in happenings:
        book = happened(book, id, happening, LIMITS)
    return book


def done(book: Book, id: str, text: str = "four", now_ms: int = 10) -> Book:
    return told(book, id, Started(now_ms), Finished(now_ms, Result(text)))


def texts(book: Book, now_ms: int) -> tuple[Book, list[str]]:
    book, injections = given(book, now_ms, LIMITS)
    return book, [one.text for one in injections]


def test_the_same_request_while_it_runs_is_joined() -> None:
    book, _, first = ask(Book(), "how much is two plus two")
    book, verdict, second = ask(book, "How much is two plus two?", 5_000)
    assert (verdict, second, book.joined) == ("joined", first, 1)


def test_the_same_stretch_of_talk_is_answered_once() -> None:
    book, _, first = ask(Book(), "add", answers=Span(0, 900))
    book, _ = texts(done(book, first), 20)
    assert ask(book, "add", 100, answers=Span(0, 900))[1:] == ("joined", first)


def test_asked_again_later_the_same_answer_is_given_again_without_another_run() -> None:
    book, _, first = ask(Book(), "add", answers=Span(0, 900))
    book, _ = texts(done(book, first), 20)
    book, verdict, second = ask(book, "add", 9_000, answers=Span(8_000, 9_000))
    assert verdict == "reused" and second != first
    assert texts(book, 9_000)[1] == ["four"]


def test_what_has_an_effect_is_done_again_when_it_is_asked_for_again() -> None:
    book, _, first = ask(Book(), "add milk", answers=Span(0, 900))
    book = told(book, first, Started(1), Proven(2, EFFECT), Finished(3, Result("written")))
    book, _ = texts(book, 4)
    assert ask(book, "add milk", 9_000, answers=Span(8_000, 9_000))[1] == "new"


def test_after_the_window_the_same_words_are_a_new_request() -> None:
    book, _, first = ask(Book(), "weather")
    book = done(book, first)
    assert ask(book, "weather", LIMITS.again_ms + 1)[1] == "new"


def test_a_failed_request_may_be_asked_again_at_once() -> None:
    book, _, first = ask(Book(), "weather")
    book = told(book, first, Failed(1, "network"))
    assert ask(book, "weather", 2)[1] == "new"


def test_an_id_is_claimed_once() -> None:
    book, _, _ = ask(Book(), "weather", id="dlg_a")
    assert ask(book, "weather!", id="dlg_a")[1:] == ("joined", "dlg_a")
    assert ask(book, "news", id="dlg_a")[1] == "refused"


def test_an_id_of_ours_never_is_one_of_theirs() -> None:
    book, _, _ = ask(Book(), "weather", id="dlg_2")
    book, _, _ = ask(book, "news")
    book, _, third = ask(book, "time")
    assert len(book.delegations) == 3 and third in book.delegations


@pytest.mark.parametrize("task", ["", "  ?!", "x" * 4_001])
def test_a_task_without_words_or_with_too_many_is_refused(task: str) -> None:
    assert ask(Book(), task)[1] == "refused"


def test_too_many_at_once_are_refused() -> None:
    book = Book()
    for n in range(3):
        book, verdict, _ = ask(book, f"task {n}")
        assert verdict == "new"
    assert ask(book, "one more")[1] == "refused"


def test_a_correction_supersedes_and_the_old_answer_is_dropped_even_if_it_is_there() -> None:
    book, _, bonn = ask(Book(), "weather in bonn")
    book = done(book, bonn, "rain in bonn")
    book, _, berlin = ask(book, "weather in berlin", 20, supersedes=bonn)
    assert book.delegations[bonn].superseded_by == berlin and book.delegations[bonn].status == "done"
    book = done(book, berlin, "sun in berlin", 30)
    assert texts(book, 40)[1] == ["sun in berlin"]


def test_a_running_one_that_is_superseded_says_nothing_any_more() -> None:
    book, _, bonn = ask(Book(), "weather in bonn")
    book = told(book, bonn, Started(1))
    book, _, _ = ask(book, "weather in berlin", 20, supersedes=bonn)
    book = told(book, bonn, Finished(30, Result("rain")))
    assert book.delegations[bonn].status == "superseded" and book.late == 1
    assert texts(book, 40)[1] == []


def test_only_what_is_there_can_be_superseded() -> None:
    assert ask(Book(), "weather", supersedes="dlg_9")[1] == "refused"


@pytest.mark.parametrize("kind", list(FAILURE_WORDS))
def test_a_failure_is_said_in_words_of_the_closed_world(kind: Any) -> None:
    assert set(FAILURE_WORDS[kind].replace(",", "").split()) <= WORDS
    book, _, one = ask(Book(), "weather")
    assert texts(told(book, one, Failed(5, kind, "detail")), 6)[1] == [FAILURE_WORDS[kind]]


def test_a_cancelled_one_says_nothing() -> None:
    book, _, one = ask(Book(), "weather")
    book = told(book, one, Started(1), Noted(2, "half"), Cancelled(3, "user"), Finished(4, Result("sun")))
    assert texts(book, 5)[1] == []


def test_progress_is_silent_and_only_the_newest_waits() -> None:
    book, _, one = ask(Book(), "weather", policy="interrupt")
    book, injections = given(told(book, one, Started(1), Noted(2, "first"), Noted(3, "second")), 4, LIMITS)
    assert [(i.text, i.policy, i.kind) for i in injections] == [("second", "silent", "note")]


def test_parts_follow_each_other_with_time_to_be_said() -> None:
    book, _, one = ask(Book(), "story")
    long = "This is the first sentence of a story. And here the second one goes on for a while. The end is near."
    book, first = texts(done(book, one, long), 1_000)
    assert len(first) == 1 and texts(book, 1_001)[1] == []
    assert given(book, 1_001, LIMITS).book is book  # else whoever waits for the next part would never rest
    due_ms = next_ms(book, 1_001) or 0
    assert due_ms == 1_000 + len(first[0]) * LIMITS.ms_per_character
    book, second = texts(book, due_ms)
    book, third = texts(book, due_ms + 10_000)
    assert " ".join(first + second + third) == long


def test_what_was_spoken_makes_room_for_the_next_part() -> None:
    book, _, one = ask(Book(), "story")
    book, injections = given(done(book, one, "a b c d e f g " * 20), 1_000, LIMITS)
    book = spoken(book, injections[0].delivery_id, 1_500)
    assert len(given(book, 1_500, LIMITS).injections) == 1


def test_two_answers_are_not_said_at_once_but_what_must_interrupt_is() -> None:
    book, _, first = ask(Book(), "weather")
    book, _, second = ask(book, "news")
    book, _, urgent = ask(book, "fire", policy="interrupt")
    book = done(done(done(book, first, "sun"), second, "nothing new"), urgent, "fire in the kitchen")
    book, now = texts(book, 100)
    assert now == ["fire in the kitchen"]
    assert texts(book, 100_000)[1] == ["sun"]


def test_what_grew_old_while_it_waited_is_known_silently() -> None:
    book, _, one = ask(Book(), "weather")
    book = done(book, one, "sun")
    assert given(book, LIMITS.ttl_ms + 1, LIMITS).injections[0].policy == "silent"


def test_an_answer_to_a_topic_left_behind_is_known_silently() -> None:
    book, _, one = ask(Book(), "weather", policy="interrupt")
    book = told(book, one, Started(1), MovedOn(2), Finished(3, Result("sun")))
    assert given(book, 4, LIMITS).injections[0].policy == "silent"


def test_a_changed_policy_holds_for_what_waits() -> None:
    book, _, one = ask(Book(), "weather")
    book = told(book, one, Repoliced(0, "interrupt"))
    assert given(done(book, one, "sun"), 20, LIMITS).injections[0].policy == "interrupt"


def test_nothing_may_be_claimed_before_the_result_is_given() -> None:
    book, _, one = ask(Book(), "add milk")
    book = told(book, one, Started(1), Proven(2, EFFECT), Finished(3, Result("written")))
    assert proof(book, one) == ()
    book, injections = given(book, 4, LIMITS)
    assert proof(book, one) == (EFFECT,) and injections[0].evidence_ids == ("ev_1",)


def test_a_result_without_a_tool_call_proves_nothing() -> None:
    book, _, one = ask(Book(), "book a table")
    book, injections = given(done(book, one, "your table is booked"), 20, LIMITS)
    assert proof(book, one) == () and injections[0].evidence_ids == ()


def test_a_tool_that_failed_proves_nothing() -> None:
    book, _, one = ask(Book(), "add milk")
    broken = Evidence("ev_1", "notes", "00", False, "disk full")
    book = told(book, one, Started(1), Proven(2, broken), Finished(3, Result("written")))
    assert proof(given(book, 4, LIMITS).book, one) == ()


def test_an_announcement_needs_no_delegation() -> None:
    assert texts(announced(Book(), "drink water", "when_idle", 5, LIMITS), 5)[1] == ["drink water"]


def test_old_ones_are_forgotten() -> None:
    book = Book()
    for n in range(30):
        book, _, one = ask(book, f"task {n}", n)
        book, _ = texts(done(book, one, "x", n), n * 100_000)
    assert len(book.delegations) <= 6 and len(book.deliveries) <= 6


def test_impossible_limits_are_refused() -> None:
    with pytest.raises(ConfigError):
        BookLimits(part_characters=10)


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order: every part is given at most once and in order, every delegation ends once."""

    def __init__(self) -> None:
        super().__init__()
        self.book, self.now_ms, self.limits = Book(), 0, BookLimits(part_characters=50, parts=3, kept=1_000)
        self.seen: dict[str, list[int]] = {}
        self.ended: dict[str, str] = {}

    @rule(
        task=st.sampled_from(["a", "b", "c"]),
        policy=st.sampled_from(["silent", "when_idle", "interrupt"]),
        end=st.integers(0, 3),
    )
    def ask(self, task: str, policy: Any, end: int) -> None:
        self.book = asked(self.book, Wanted(task, policy, answers=Span(0, end)), self.now_ms, self.limits).book

    @rule(index=st.integers(0, 5), task=st.sampled_from(["a", "b", "d"]))
    def supersede(self, index: int, task: str) -> None:
        ids = list(self.book.delegations)
        if ids:
            wanted = Wanted(task, supersedes=ids[index % len(ids)])
            self.book = asked(self.book, wanted, self.now_ms, self.limits).book

    @rule(index=st.integers(0, 5), what=st.integers(0, 6), long=st.booleans())
    def happen(self, index: int, what: int, long: bool) -> None:
        ids = list(self.book.delegations)
        if not ids:
            return
        now_ms, text = self.now_ms, "some words, " * (20 if long else 1)
        happenings = [
            Started(now_ms),
            Started(now_ms),
            Noted(now_ms, text),
            Finished(now_ms, Result(text)),
            Failed(now_ms, "bug"),
            Cancelled(now_ms, "user"),
            MovedOn(now_ms),
        ]
        self.book = happened(self.book, ids[index % len(ids)], happenings[what], self.limits)

    @rule(ms=st.sampled_from([0, 200, 5_000, 40_000, 400_000]))
    def look(self, ms: int) -> None:
        self.now_ms += ms
        self.book, injections = given(self.book, self.now_ms, self.limits)
        for one in injections:
            assert one.part == len(self.seen.setdefault(one.delivery_id, []))
            self.seen[one.delivery_id].append(one.part)
            assert len(one.text) <= self.limits.part_characters
        talking = [one for one in injections if one.policy == "when_idle"]
        assert len(talking) <= 1

    @invariant()
    def the_dead_stay_dead(self) -> None:
        for id, one in self.book.delegations.items():
            if one.over:
                assert self.ended.setdefault(id, one.status) == one.status

    @invariant()
    def one_result_each(self) -> None:
        results = [d.delegation_id for d in self.book.deliveries if d.kind in ("result", "failure")]
        assert len(results) == len(set(results))
        for one in self.book.delegations.values():
            assert (one.id in results) == (one.status in ("done", "stale", "failed"))


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_any_order = AnyOrder.TestCase

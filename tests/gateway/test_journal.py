import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.core.errors import ConfigError
from microturn.gateway.journal import Journal, JournalGap, ResumeTokens


def told(journal: Journal, count: int, step_ms: float = 20.0) -> None:
    for index in range(count):
        journal.append({"type": "tick", "index": index}, index * step_ms)


def numbers(journal: Journal, since: int) -> list[int]:
    return [entry.seq for entry in journal.since(since)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=20))
def test_whatever_the_cuts_a_client_that_comes_back_gets_every_event_once_and_in_order(
    connections: list[tuple[int, int]],
) -> None:
    journal, got = Journal(), list[int]()
    for appended, arrives in connections:
        told(journal, appended)
        # The connection breaks after `arrives` of the events: the rest was on its way and is lost.
        got += [entry.seq for entry in list(journal.since(got[-1] if got else 0))[:arrives]]
    got += numbers(journal, got[-1] if got else 0)
    assert got == list(range(1, journal.last + 1))


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 4_000))
def test_what_is_asked_for_comes_whole_or_the_gap_is_named(count: int, since: int, max_bytes: int) -> None:
    journal = Journal(max_bytes)
    told(journal, count)
    try:
        assert numbers(journal, since) == list(range(since + 1, count + 1))
    except JournalGap as gap:
        assert gap.first == since + 1 and numbers(journal, gap.last) == list(range(gap.last + 1, count + 1))


def test_what_is_too_old_is_forgotten() -> None:
    journal = Journal(max_ms=100.0)
    told(journal, 10)
    assert numbers(journal, 4) == [5, 6, 7, 8, 9, 10]
    with pytest.raises(JournalGap, match="events 3 to 4 "):
        journal.since(2)


@settings(deadline=None)
@given(st.integers(0, 100), st.integers(1, 2_000))
def test_it_never_holds_more_bytes_than_it_may(count: int, max_bytes: int) -> None:
    journal = Journal(max_bytes)
    told(journal, count)
    try:
        kept = list(journal.since(0))
    except JournalGap as gap:
        kept = list(journal.since(gap.last))
    assert sum(entry.size for entry in kept) <= max_bytes


def test_a_journal_without_numbers_leaves_events_as_they_are() -> None:
    assert Journal(numbered=False).append({"type": "a"}, 0.0).event == {"type": "a"}
    assert Journal().append({"type": "a"}, 0.0).event == {"type": "a", "server_event_seq": 1}


def test_a_journal_without_room_is_refused() -> None:
    with pytest.raises(ConfigError):
        Journal(max_bytes=0)


def test_a_token_is_good_until_the_one_after_it_has_arrived() -> None:
    tokens = ResumeTokens()
    first = tokens.issue()
    second = tokens.issue()
    assert tokens.redeem(first) and tokens.redeem(second)
    assert not tokens.redeem(first)
    assert not tokens.redeem("rt_guess") and not tokens.redeem("")


def test_of_tokens_only_hashes_are_kept_and_they_are_enough_for_another_process() -> None:
    tokens = ResumeTokens()
    token = tokens.issue()
    assert token not in str(tokens.hashes)
    assert ResumeTokens(tokens.hashes).redeem(token)
    assert not ResumeTokens().redeem(token)

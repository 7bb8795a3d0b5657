import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import numpy as np
import pytest

from microturn.core.chunk import Chunk
from microturn.core.clock import Clock, FastClock
from microturn.core.events import Event
from microturn.core.fakes import Echo, ManualClock, Scripted, Silence
from microturn.core.participant import Participant
from microturn.gateway.session import HUSHED_TICKS, Beginning, LiveSession, SessionLimits
from microturn.gateway.timeline import Ended, Item, Sound, Stopped, Taken, TooMuch


def held(
    partner: Participant, clock: Clock, limits: SessionLimits, act: Callable[[LiveSession], Awaitable[list[Item]]]
) -> list[Item]:
    """What `act` gives of a session that has started; the time at which sound comes stands still."""

    async def run() -> list[Item]:
        session = LiveSession("s", partner, limits, clock=clock, now=lambda: 0.0)
        return await asyncio.wait_for(act(session), 120)

    return asyncio.run(run())


async def all_items(session: LiveSession) -> list[Item]:
    items = session.items()
    session.start()
    return [item async for item in items]


def test_a_session_of_full_length_has_expired_and_its_sound_is_whole() -> None:
    items = held(Silence(), FastClock(), SessionLimits(longest_s=1.0), all_items)
    assert items[-1] == Ended(1000, "expired")
    assert [item.start_ms for item in items if isinstance(item, Sound)] == list(range(0, 1200, 20))


def test_nothing_leaves_more_than_200_ms_before_its_time() -> None:
    clock = ManualClock(limit_s=120.0)

    async def act(session: LiveSession) -> list[Item]:
        items, got = session.items(), list[Item]()
        session.start()
        for tick in range(4):
            got += [await anext(items) for _ in range(10)]
            assert isinstance(got[-1], Sound) and got[-1].end_ms == (tick + 1) * 200
            clock.advance()
        session.close()
        clock.advance()
        return got + [item async for item in items]

    ended = held(Silence(), clock, SessionLimits(), act)[-1]
    assert isinstance(ended, Ended) and ended.reason == "close_requested"


def test_what_is_pushed_is_heard_and_text_is_taken_once() -> None:
    partner = Scripted({})

    async def act(session: LiveSession) -> list[Item]:
        session.push_audio(np.full(3200, 0.5, np.float32))
        session.push_text("stop", "t1")
        return await all_items(session)

    items = held(partner, FastClock(), SessionLimits(longest_s=0.6), act)
    assert Taken(200, "stop", "t1") in items
    assert [chunk.text for chunk in partner.heard] == [("stop",), (), ()]
    assert np.concatenate([chunk.samples for chunk in partner.heard]).sum() == 1600.0


class Stubborn:
    """Speaks whenever it may, and says so where it may not."""

    def __init__(self, ticks: int) -> None:
        self.hushed, self._ticks = list[bool](), ticks

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        hushed = any(event.kind == "hush" for event in heard.events)
        self.hushed.append(hushed)
        wants = tick < self._ticks
        events = (Event((tick + 1) * 200, tick, "held"),) if hushed and wants else ()
        return Chunk(np.full(3200, 0.1, np.float32) if wants and not hushed else None, events=events)


@pytest.mark.parametrize(("ticks", "hushed"), [(3, 4), (100, HUSHED_TICKS)])
def test_a_model_that_is_hushed_is_held_until_it_listens_by_itself_or_long_enough(ticks: int, hushed: int) -> None:
    partner = Stubborn(ticks)

    async def act(session: LiveSession) -> list[Item]:
        session.hush()
        return await all_items(session)

    held(partner, FastClock(), SessionLimits(longest_s=8.0), act)
    assert partner.hushed == [True] * hushed + [False] * (40 - hushed)


def test_a_muted_user_is_silent() -> None:
    partner = Scripted({})

    async def act(session: LiveSession) -> list[Item]:
        session.mute(True)
        session.push_audio(np.full(3200, 0.5, np.float32))
        return await all_items(session)

    held(partner, FastClock(), SessionLimits(longest_s=0.6), act)
    assert all(chunk.pcm is None for chunk in partner.heard)


def test_more_text_than_may_wait_is_refused() -> None:
    async def act(session: LiveSession) -> list[Item]:
        for _ in range(32):
            session.push_text("stop")
        try:
            session.push_text("stop")
        except TooMuch:
            return []
        raise AssertionError

    held(Silence(), FastClock(), SessionLimits(), act)


def test_a_reader_that_reads_nothing_ends_the_session() -> None:
    async def act(session: LiveSession) -> list[Item]:
        items = session.items()
        session.start()
        await session.ended.wait()
        return [item async for item in items]

    items = held(Echo(), ManualClock(limit_s=0.0), SessionLimits(), act)
    assert isinstance(items[-1], Ended) and items[-1].reason == "failed"
    items = held(Echo(), FastClock(), SessionLimits(unread_s=1.0), act)
    assert isinstance(items[-1], Ended) and items[-1].reason == "too_slow"
    assert len(items) <= 51


def test_every_reader_gets_every_item() -> None:
    async def act(session: LiveSession) -> list[Item]:
        first, second = session.items(), session.items()
        session.start()
        one = [item async for item in first]
        assert one == [item async for item in second]
        return one

    held(Silence(), FastClock(), SessionLimits(longest_s=0.4), act)


def test_a_reader_that_comes_after_the_end_gets_the_end() -> None:
    async def act(session: LiveSession) -> list[Item]:
        await all_items(session)
        return [item async for item in session.items()]

    assert held(Silence(), FastClock(), SessionLimits(longest_s=0.4), act) == [Ended(400, "expired")]


def test_who_reads_first_is_told_the_end_and_everyone_else_when_he_reads_no_more() -> None:
    order: list[str] = []

    async def act(session: LiveSession) -> list[Item]:
        async def read(name: str, items: AsyncGenerator[Item]) -> list[Item]:
            got = [item async for item in items]
            order.append(name)
            return got

        first = session.items(first=True)
        reading = asyncio.create_task(read("other", session.items()))
        session.start()
        while not isinstance(await anext(first), Ended):
            pass
        late = asyncio.create_task(read("late", session.items()))
        await asyncio.to_thread(order.append, "first")  # meanwhile the others could read
        await first.aclose()
        assert await late == [session.end]
        return await reading

    assert held(Silence(), FastClock(), SessionLimits(longest_s=0.4), act)[-1] == Ended(400, "expired")
    assert order[0] == "first" and len(order) == 3


def test_a_partner_that_fails_ends_the_session_with_the_reason() -> None:
    class Broken:
        def turn(self, tick: int, heard: Chunk) -> Chunk:
            raise ValueError("no such word")

    ended = held(Broken(), FastClock(), SessionLimits(), all_items)[-1]
    assert ended == Ended(0, "failed", "ValueError: no such word")


def test_a_session_that_goes_on_begins_at_its_tick_and_says_nothing_twice() -> None:
    async def run() -> list[Item]:
        limits = SessionLimits(longest_s=2.0)
        beginning = Beginning(tick=7, speaking=True)
        session = LiveSession("s", Silence(), limits, clock=FastClock(), now=lambda: 0.0, beginning=beginning)
        return await asyncio.wait_for(all_items(session), 120)

    items = asyncio.run(run())
    assert items[0] == Stopped(1600)
    assert [item.start_ms for item in items if isinstance(item, Sound)] == list(range(1600, 2200, 20))


def test_a_picture_reaches_the_model_in_the_tick_in_which_it_was_seen() -> None:
    partner, rgb = Scripted({}), np.full((4, 4, 3), 7, np.uint8)

    async def act(session: LiveSession) -> list[Item]:
        session.push_frame(rgb, 250.0)
        return await all_items(session)

    held(partner, FastClock(), SessionLimits(longest_s=0.6), act)
    assert [chunk.frame is not None for chunk in partner.heard] == [False, True, False]


def test_a_session_that_is_closed_before_it_begins_ends_at_once_and_never_runs() -> None:
    partner = Scripted({})

    async def act(session: LiveSession) -> list[Item]:
        session.close("draining")
        assert session.ended.is_set()
        return await all_items(session)

    assert held(partner, FastClock(), SessionLimits(), act) == [Ended(0, "draining")]
    assert partner.heard == []

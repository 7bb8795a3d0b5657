"""How many sessions are held side by side."""

import asyncio

import pytest

from microturn.eval.suite.endpoint import NO_SETTINGS, Session, Sounds, Unreachable, tone
from microturn.eval.suite.pace import Room, held
from microturn.eval.suite.trace import Trace

SESSION = Session("a", Sounds(tone(0.2)), 1)


class Crowded:
    """Takes `places` sessions at once and no more; sends late while another one is held."""

    name, at_once, settings = "crowded", 4, NO_SETTINGS

    def __init__(self, places: int = 4, late_beside: int = 4) -> None:
        self._places, self._late_beside = places, late_beside
        self.inside, self.held = 0, 0

    async def hold(self, session: Session) -> Trace:
        if self.inside >= self._places:
            raise Unreachable("no place")
        self.inside += 1
        try:
            await asyncio.sleep(0)
            late_s = 0.1 if self.inside > self._late_beside else 0.0
            await asyncio.sleep(0)
        finally:
            self.inside -= 1
        self.held += 1
        return Trace(session.id, self.name, tone(0.2), send_late_s=(late_s,))


def held_with(endpoint: Crowded, sessions: int) -> tuple[list[Trace], Room]:
    async def all_of() -> tuple[list[Trace], Room]:
        room = Room(4)
        return await asyncio.gather(*(held(endpoint, SESSION, room) for _ in range(sessions))), room

    return asyncio.run(all_of())


def test_sessions_that_were_sent_late_are_held_again_with_fewer_beside_them() -> None:
    traces, room = held_with(Crowded(late_beside=1), 8)
    assert [trace.why_void for trace in traces] == [""] * 8
    assert room.places < 4 and any(event.kind == "held again" for trace in traces for event in trace.events)


def test_sessions_without_a_place_wait_until_there_are_fewer() -> None:
    endpoint = Crowded(places=2)
    traces, room = held_with(endpoint, 6)
    assert (len(traces), endpoint.held, room.places) == (6, 6, 2)


def test_a_session_that_is_late_even_alone_stays_void() -> None:
    endpoint = Crowded(late_beside=0)
    traces, _ = held_with(endpoint, 1)
    assert "100 ms" in traces[0].why_void and endpoint.held == 3


def test_whoever_takes_not_even_one_session_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="no place"):
        held_with(Crowded(places=0), 1)

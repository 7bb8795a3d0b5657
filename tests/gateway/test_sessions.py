import asyncio
from collections.abc import Awaitable, Callable

from microturn.gateway.host import EchoHost
from microturn.gateway.sessions import Ask, Limits, Sessions
from tests.gateway.live_client import now, sleep


def with_sessions(act: Callable[[Sessions], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(act(Sessions(EchoHost(2), Limits(), now, sleep)), 20))


def test_a_running_session_is_found_with_what_it_was_opened_for_and_an_ended_one_is_not() -> None:
    async def act(sessions: Sessions) -> None:
        ask = Ask("live", {"model": "any"}, owner="me", store=True)
        session = await sessions.open(ask)
        assert sessions.find(session.id) is session and sessions.ask_of(session.id) == ask
        session.start()
        await sessions.drain(0.0)
        assert sessions.find(session.id) is None and sessions.ask_of(session.id) is None

    with_sessions(act)

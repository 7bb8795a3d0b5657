import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from microturn.gateway.host import EchoHost
from microturn.gateway.keeper import Keeper
from microturn.gateway.sessions import Ask, Limits, Sessions
from microturn.gateway.store import Store
from microturn.gateway.timeline import Ended
from tests.gateway.live_client import WAIT_S, FastTime


def with_sessions(act: Callable[[Sessions], Awaitable[None]], store: Store | None = None) -> None:
    clock = FastTime()
    with clock.passing():
        asyncio.run(asyncio.wait_for(act(Sessions(EchoHost(2), Limits(), clock.now, clock.sleep, store=store)), WAIT_S))


def test_a_running_session_is_found_with_what_it_was_opened_for_and_an_ended_one_is_not() -> None:
    async def act(sessions: Sessions) -> None:
        ask = Ask("live", {"model": "any"}, owner="me", store=True)
        session = await sessions.open(ask)
        assert sessions.find(session.id) is session and sessions.ask_of(session.id) == ask
        session.start()
        await sessions.drain(0.0)
        assert sessions.find(session.id) is None and sessions.ask_of(session.id) is None

    with_sessions(act)


def test_whoever_is_told_the_end_finds_the_recording_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, done = Store(tmp_path), Store.done

    def slow(self: Store, keeper: Keeper) -> None:
        threading.Event().wait(0.1)  # a disk that takes its time
        done(self, keeper)

    monkeypatch.setattr(Store, "done", slow)

    async def act(sessions: Sessions) -> None:
        session = await sessions.open(Ask("live", store=True))
        put_away: list[bool] = []
        session.files.append(lambda: put_away.append(store.grows(session.id)))
        items = session.items()
        session.start()
        while not isinstance(await anext(items), Ended):
            session.close()
        kept = store.read(session.id)
        assert kept.timeline().ended == session.end and not kept.recording().notes
        assert put_away == [True] and not store.grows(session.id)

    with_sessions(act, store)

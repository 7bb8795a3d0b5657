"""Sidebands and forks over real sockets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from microturn.core.chunk import Chunk
from microturn.core.participant import Participant
from microturn.gateway.host import EchoHost
from microturn.gateway.kept import KeptSession
from microturn.gateway.sessions import Limits
from microturn.gateway.store import Store
from tests.gateway.live_client import Client, Running, opened, serving, sound_of

TONE = (8_000 * np.sin(np.arange(9_600) * 2 * np.pi * 440 / 24_000)).astype(np.int16)


class Counter:
    """Says the next number in each tick."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        self.number += 1
        return Chunk(np.full(3200, 0.1, np.float32), text=(str(self.number),))


class CountingHost(EchoHost):
    """Everyone's partner counts; a copy goes on counting."""

    def join(self, session_id: str, seed: int) -> Participant:
        return Counter()

    def fork(self, partner: Participant, session_id: str, seed: int) -> Participant:
        assert isinstance(partner, Counter)
        return Counter(partner.number)

    def rejoin(self, kept: KeptSession, session_id: str, seed: int | None = None) -> Participant:
        return Counter(kept.whole_ticks)

    def leave(self, partner: Participant) -> None:
        assert isinstance(partner, Counter)


@pytest.fixture
def running() -> Iterator[Running]:
    with serving(EchoHost(4), Limits(sessions=4)) as one:
        yield one


@contextmanager
def at(running: Running, session_id: str, what: str) -> Iterator[Client]:
    url = f"ws://127.0.0.1:{running.port}/v1/live/sessions/{session_id}/{what}"
    with opened(url) as socket:
        yield Client(socket)


def id_of(client: Client, **session: Any) -> str:
    return client.start(**session)["session"]["id"]


def words(events: list[dict[str, Any]]) -> list[int]:
    return [int(event["delta"]) for event in events if event["type"] == "session.output_transcript.delta"]


def test_a_sideband_gets_both_sounds_and_ends_with_the_session(running: Running) -> None:
    with running.client() as client, at(running, id_of(client), "attach?graceful_close=true") as side:
        side.until("session.output_audio.delta")
        client.say(TONE)
        heard = [side.next() for _ in range(200)]
        client.send("session.close")
        heard += side.until("session.closed")
        with pytest.raises(ConnectionClosed):
            side.next()
    mine = [event for event in heard if event["type"] == "session.input_audio.append"]
    assert mine and set(mine[0]) == {"type", "audio"}
    assert np.abs(sound_of(heard)).max() == pytest.approx(8_000, rel=0.1)
    assert all("start_ms" in event for event in heard if event["type"] == "session.output_audio.delta")


def test_what_a_sideband_does_is_done_and_its_mistakes_are_told_to_it_alone(running: Running) -> None:
    with running.client() as client, at(running, id_of(client), "attach") as side:
        side.send("session.input_audio.append", audio="", event_id="mine")
        assert side.until("error")[-1]["error"]["client_event_id"] == "mine"
        side.send("session.input_audio.mute", event_id="hush")
        assert side.until("session.input_audio.muted")[-1]["client_event_id"] == "hush"
        side.send("session.close")
        events = client.until("session.closed")
    assert "error" not in [event["type"] for event in events]
    assert "session.input_audio.muted" in [event["type"] for event in events]


def test_a_sideband_that_leaves_leaves_the_session_alone(running: Running) -> None:
    with running.client() as client:
        with at(running, id_of(client), "attach") as side:
            side.next()
        client.send("session.input_audio.mute")
        client.until("session.input_audio.muted")


@pytest.mark.parametrize("what", ["attach", "fork"])
def test_there_is_nothing_at_a_session_that_is_not_there(running: Running, what: str) -> None:
    with at(running, "sess_none", what) as client:
        assert client.next()["error"]["code"] == "session_not_found"
        with pytest.raises(ConnectionClosed) as closed:
            client.next()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


def test_a_fork_of_a_running_session_remembers_and_inherits_and_both_go_on() -> None:
    with serving(CountingHost(4), Limits()) as running, running.client() as client:
        name = id_of(client, instructions="count")
        before = words(client.until("session.output_transcript.delta"))[-1]
        with at(running, name, "fork") as forked:
            forked.send("session.start", session={"audio": {"format": {"type": "audio/pcm", "rate": 16_000}}})
            started = forked.until("session.started")[-1]["session"]
            counted = words([forked.next() for _ in range(40)])
            assert started["id"] != name and started["instructions"] == "count"
            assert started["audio"]["format"]["rate"] == 16_000
            assert counted[0] > before and counted == list(range(counted[0], counted[0] + len(counted)))
        client.send("session.close")
        assert words(client.until("session.closed"))[0] > before


def test_a_recorded_session_is_forked_after_its_end(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with serving(CountingHost(4), store=store) as running:
        with running.client() as client:
            name = id_of(client, store=True)
            client.until("session.output_transcript.delta")
            client.send("session.close")
            said = words(client.until("session.closed"))
        with at(running, name, "fork") as forked:
            forked.send("session.start", session={})
            assert forked.until("session.started")[-1]["session"]["store"] is True
            assert words(forked.until("session.output_transcript.delta"))[0] > (said or [1])[-1]


def test_a_fork_changes_nothing_but_what_it_may(running: Running) -> None:
    with running.client() as client, at(running, id_of(client), "fork") as forked:
        for session in ({"model": "other"}, {"instructions": "other"}, {"audio": {"output": {"voice": "ash"}}}):
            forked.send("session.start", session=session)
            assert forked.next()["error"]["code"] == "unknown_parameter"

import numpy as np
import pytest

from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.events import Event
from microturn.gateway.host import EchoHost
from microturn.gateway.metrics import Metrics
from microturn.gateway.sessions import Limits
from tests.gateway.live_client import serving, until

LOUD = np.full(3_200, 0.25, np.float32)


def values(text: bytes) -> dict[str, float]:
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_a_tick_counts_its_lateness_its_decision_and_its_overlap() -> None:
    metrics = Metrics()
    heard = (Event(200, 0, "heard", "mm hm"),)
    metrics.tick(MicroTurn(0, Chunk(), Chunk()), 0.01)
    metrics.tick(MicroTurn(1, Chunk(), Chunk(LOUD)), 0.25)
    metrics.tick(MicroTurn(2, Chunk(), Chunk(LOUD, events=heard)), 0.02)
    got = values(metrics.text())
    assert got["microturn_tick_seconds_count"] == 3 and got["microturn_tick_misses_total"] == 1
    assert got['microturn_ticks_total{decision="speak"}'] == 2 and got['microturn_ticks_total{decision="listen"}'] == 1
    assert got["microturn_overlap_seconds_total"] == pytest.approx(0.2)


def test_two_servers_in_one_process_do_not_add_up() -> None:
    one, two = Metrics(), Metrics()
    one.opened("live")
    assert 'microturn_sessions_opened_total{protocol="live"}' in values(one.text())
    assert 'microturn_sessions_opened_total{protocol="live"}' not in values(two.text())


def test_a_server_counts_what_happens_on_it() -> None:
    with serving(EchoHost(1), Limits(sessions=1)) as running, running.client() as client:
        client.start()
        client.say(np.full(480, 4_000, np.int16))
        client.until("session.usage.updated")
        with running.client() as late:
            late.send("session.start", session={"model": "any"})
            assert late.next()["type"] == "error"
        during = values(running.sessions.metrics.text())
        client.send("session.close")
        client.until("session.closed")
        until(lambda: running.sessions.count == 0)
        after = values(running.sessions.metrics.text())
    assert during["microturn_sessions"] == 1 and during["microturn_places_free"] == 0
    assert during['microturn_sessions_refused_total{reason="sessions"}'] == 1
    assert during['microturn_bytes_total{direction="in"}'] > 960 < during['microturn_bytes_total{direction="out"}']
    assert during["microturn_tick_seconds_count"] >= 1
    assert after['microturn_sessions_ended_total{reason="close_requested"}'] == 1 and after["microturn_sessions"] == 0

"""Limits over real sockets: whoever goes too far is told in a typed error, and others are unharmed."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from microturn.gateway.host import EchoHost
from microturn.gateway.rates import Bucket, Rate
from microturn.gateway.sessions import Limits
from tests.gateway.live_client import WAIT_S, Client, Running, opened, serving

RATE = Rate(messages_per_s=5, bytes_per_s=5_000, burst_s=4, over_s=60)  # a slow machine is faster, too
LIMITS = Limits(sessions=3, message_bytes=30_000, rate=RATE)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serving(EchoHost(3), LIMITS) as running:
        yield running


def closed_with(client: Client) -> int:
    """The code the server closes with, whatever it sends before."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            client.next()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def goes_on(client: Client) -> bool:
    """Whether a session still hears and still sounds."""
    client.say(np.full(480, 4_000, np.int16))
    return any(event["type"] == "session.output_audio.delta" for event in [client.next() for _ in range(20)])


def test_messages_that_come_too_fast_are_refused_and_the_session_goes_on(running: Running) -> None:
    with running.client() as other, running.client() as client:
        other.start(), client.start()
        for _ in range(100):
            client.send("session.input_audio.mute")
        error = client.until("error")[-1]["error"]
        assert (error["code"], error["type"]) == ("rate_limit_exceeded", "invalid_request_error")
        assert goes_on(other)
        event = client.next()
        while event["type"] != "session.closed":  # asked for until it does not come too fast
            with suppress(ConnectionClosed):
                client.send("session.close")
            event = client.next()
        assert event["reason"] == "close_requested"


def test_bytes_that_come_too_fast_are_refused_in_the_other_dialect_too(running: Running) -> None:
    url = f"ws://127.0.0.1:{running.port}/v1/realtime?model=any"
    with opened(url) as wire:
        client = Client(wire)
        audio = base64.b64encode(bytes(20_000)).decode()
        for _ in range(4):
            client.send("input_audio_buffer.append", audio=audio)
        assert client.until("error")[-1]["error"]["code"] == "rate_limit_exceeded"
        client.send("input_audio_buffer.clear")
        client.until("input_audio_buffer.cleared")


def test_who_stays_too_fast_is_put_out_and_nobody_else() -> None:
    limits = Limits(sessions=2, rate=replace(RATE, over_s=0.2))
    with serving(EchoHost(2), limits) as running, running.client() as other, running.client() as client:
        other.start(), client.start()

        def flood() -> None:
            try:
                while True:
                    client.send("session.input_audio.mute")
            except ConnectionClosed:
                return

        thread = threading.Thread(target=flood)
        thread.start()
        assert closed_with(client) == 1008
        thread.join(WAIT_S)
        assert goes_on(other)


def test_a_message_too_long_closes_its_connection_alone(running: Running) -> None:
    with running.client() as other, running.client() as client:
        other.start(), client.start()
        client.socket.send("x" * 30_001)
        assert closed_with(client) == 1009
        assert goes_on(other)


def test_a_client_that_stops_reading_loses_its_session_and_nobody_else() -> None:
    with serving(EchoHost(2), Limits(sessions=2, send_s=2.0)) as running:
        running.server.servers[0].sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        small.connect(("127.0.0.1", running.port))
        url = f"ws://127.0.0.1:{running.port}/v1/live/sessions"
        with running.client() as other, opened(url, sock=small, max_queue=1, close_timeout=0.1) as wire:
            other.start()
            Client(wire).start()
            while running.sessions.count == 2:
                other.next()
            assert goes_on(other)
        text = running.sessions.metrics.text().decode()
        assert 'ended_total{reason="too_slow"} 1.0' in text or 'ended_total{reason="connection_lost"} 1.0' in text


def test_what_was_refused_is_counted(running: Running) -> None:
    text = running.sessions.metrics.text().decode()
    counted = next(line for line in text.splitlines() if line.startswith("microturn_messages_refused_total"))
    assert float(counted.split()[1]) > 0


def test_a_connection_without_a_session_is_ended_in_time() -> None:
    with serving(EchoHost(1), Limits(start_s=0.2)) as running, running.client() as client:
        assert client.next()["error"]["code"] == "session_not_started"
        assert closed_with(client) == 1008


def test_a_bucket_gives_its_rate_for_ever_and_its_burst_once() -> None:
    bucket = Bucket(10, 20, 0.0)
    assert [bucket.take(5, 0.0) for _ in range(5)] == [True] * 4 + [False]
    assert [bucket.take(1, 0.1 * step) for step in range(1, 11)] == [True] * 10
    assert not bucket.take(21, 1_000.0) and bucket.take(20, 1_000.0)


def test_a_message_that_is_refused_takes_nothing() -> None:
    bucket = Bucket(1, 10, 0.0)
    assert not bucket.take(11, 0.0)
    assert bucket.take(10, 0.0)


def test_errors_are_told_once_a_second_and_not_for_each_message(running: Running) -> None:
    with running.client() as client:
        client.start()
        for _ in range(60):
            client.socket.send(json.dumps({"type": "session.input_audio.mute"}))
        events = [*client.until("error"), *(client.next() for _ in range(40))]
    assert sum(event["type"] == "error" for event in events) <= 20

"""Clients and lines that fail: killed, stalled, torn off. Bad lines of WebRTC are in webrtc/test_call.py."""

import json
import signal
import socket
import struct
import subprocess
import sys
from typing import Any

import numpy as np

from microturn.gateway.host import EchoHost
from microturn.gateway.sessions import Limits
from tests.gateway.live_client import Client, Running, opened, serving, sound_of, until

PLAIN = {"format": {"type": "audio/pcm", "rate": 16_000}}
CLIENT = """
import json, sys
from websockets.sync.client import connect
with connect(sys.argv[1], proxy=None, open_timeout=None) as wire:
    wire.send(json.dumps({"type": "session.start", "session": {"model": "m"}}))
    print(wire.recv(), flush=True)
    for event in wire: pass
"""


def until_sessions(running: Running, count: int) -> None:
    until(lambda: running.sessions.count == count)


def killed(running: Running, query: str = "") -> dict[str, Any]:
    """`session.started` of a client whose process is gone."""
    url = f"ws://127.0.0.1:{running.port}/v1/live/sessions{query}"
    with subprocess.Popen([sys.executable, "-c", CLIENT, url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        started = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    return started


def noise(count: int) -> np.ndarray:
    """int16 without a zero: zeros that come back are time in which nothing came."""
    random = np.random.default_rng(0)
    return (random.integers(500, 9_000, count) * random.choice([-1, 1], count)).astype(np.int16)


def test_a_killed_client_leaves_no_session_behind_and_others_go_on() -> None:
    with serving(EchoHost(2)) as running, running.client() as other:
        other.start()
        killed(running)
        until_sessions(running, 1)
        other.send("session.close")
        other.until("session.closed")


def test_the_session_of_a_killed_client_waits_for_one_that_comes_back() -> None:
    with serving(EchoHost(1), Limits(grace_s=3_000.0)) as running:
        started = killed(running, "?ext=1")
        with opened(f"ws://127.0.0.1:{running.port}/v1/live/sessions?ext=1") as wire:
            client = Client(wire)
            names = {"session_id": started["session"]["id"], "resume_token": started["resume_token"]}
            client.send("session.resume", **names, last_received_server_event_seq=1)
            assert client.next()["type"] == "session.resumed"
            client.send("session.close")
            client.until("session.closed")
        until_sessions(running, 0)


def test_after_its_grace_time_the_session_of_a_killed_client_ends() -> None:
    with serving(EchoHost(1), Limits(grace_s=3.0)) as running:
        killed(running, "?ext=1")
        until_sessions(running, 0)
        assert 'ended_total{reason="connection_lost"} 1.0' in running.sessions.metrics.text().decode()


def test_what_was_held_up_for_two_seconds_and_comes_at_once_is_heard_to_the_sample() -> None:
    sound = noise(3 * 16_000)
    with serving(EchoHost(1)) as running, running.client() as client:
        client.start(audio=PLAIN)
        client.say(sound[:8_000], 640)
        events = [client.next()]
        while events[-1].get("end_ms", 0) < 2_500:
            events.append(client.next())
        client.say(sound[8_000:], 640)
        while np.count_nonzero(sound_of(events)) < len(sound):
            events.append(client.next())
    heard = sound_of(events)
    assert np.array_equal(heard[heard != 0], sound)


def test_connections_that_are_reset_in_mid_message_end_their_sessions_and_no_other() -> None:
    ask = "GET /v1/live/sessions HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    ask += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    start = b'{"type": "session.start", "session": {"model": "m"}}'
    whole = bytes([0x81, 0x80 | len(start)]) + bytes(4) + start  # masked with zeros
    half = b"\x81\xfe\x10\x00" + bytes(4) + b'{"type": "session.input_audio'
    with serving(EchoHost(3)) as running, running.client() as other:
        other.start()
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", running.port)) as line:
                line.sendall(ask.encode())
                assert b"101" in line.recv(1_000)
                line.sendall(whole)
                until_sessions(running, 2)
                line.sendall(half)
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its end is a reset
            until_sessions(running, 1)
        other.say(noise(3_200))
        # A server that falls behind closes before what came last has sounded: what is asked is that it does sound.
        while not np.any(np.abs(sound_of(other.until("session.output_audio.delta"))) > 500):
            pass
        other.send("session.close")
        assert other.until("session.closed")

"""A real server on a free port in a thread, on a clock that runs faster than the wall, and a client of its socket."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from microturn.agent.desk import Desk
from microturn.gateway.app import create_app
from microturn.gateway.doors import Doors
from microturn.gateway.host import Host
from microturn.gateway.server import Server, server_of
from microturn.gateway.sessions import Limits, Sessions
from microturn.gateway.store import Store

SPEED = 10.0
WAIT_S = 20.0


def now() -> float:
    return time.monotonic() * SPEED


def sleep(seconds: float) -> None:
    time.sleep(seconds / SPEED)


class Running:
    """A server that runs: `port` and its sessions."""

    def __init__(self, port: int, sessions: Sessions, server: Server) -> None:
        self.port, self.sessions, self.server = port, sessions, server

    @contextmanager
    def client(self) -> Iterator["Client"]:
        url = f"ws://127.0.0.1:{self.port}/v1/live/sessions"
        # With a limited queue a client that leaves messages unread cannot close: it never meets the answer to it.
        with connect(url, max_size=None, max_queue=None, proxy=None) as socket:
            yield Client(socket)

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=WAIT_S) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)


@contextmanager
def serving(
    host: Host,
    limits: Limits | None = None,
    real_time: bool = False,
    doors: Doors | None = None,
    store: Store | None = None,
    desk: Callable[[], Desk] | None = None,
) -> Iterator[Running]:
    clock = (time.monotonic, time.sleep) if real_time else (now, sleep)
    sessions = Sessions(host, limits or Limits(), *clock, store=store, desk=desk)
    server = server_of(create_app(sessions, doors), sessions, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + WAIT_S
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    assert server.started
    try:
        yield Running(server.servers[0].sockets[0].getsockname()[1], sessions, server)
    finally:
        server.should_exit = True
        thread.join(WAIT_S)
    assert not thread.is_alive()


class Client:
    def __init__(self, socket: Connection) -> None:
        self.socket = socket

    def send(self, kind: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **fields}))

    def start(self, **session: Any) -> dict[str, Any]:
        self.send("session.start", session={"model": "any", **session})
        return self.until("session.started")[-1]

    def say(self, pcm: np.ndarray, packet: int = 960) -> None:
        """int16 samples in packets of so many bytes."""
        data = pcm.astype("<i2").tobytes()
        for at in range(0, len(data), packet):
            self.send("session.input_audio.append", audio=base64.b64encode(data[at : at + packet]).decode())

    def next(self) -> dict[str, Any]:
        return json.loads(self.socket.recv(WAIT_S))

    def until(self, kind: str) -> list[dict[str, Any]]:
        """All events up to and with the first of this kind."""
        events = [self.next()]
        while events[-1]["type"] != kind:
            events.append(self.next())
        return events


def sound_of(events: list[dict[str, Any]], dtype: str = "<i2") -> np.ndarray:
    deltas = [event["delta"] for event in events if event["type"] == "session.output_audio.delta"]
    return np.frombuffer(b"".join(base64.b64decode(delta) for delta in deltas), dtype)

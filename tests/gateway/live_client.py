"""A real server on a free port in a thread, on a clock that runs faster than the wall, and a client of its socket.

Nothing here takes long, but any thread may stand still for a while on a busy machine: a limit in a test says how long
something may hang, never how long it takes.
"""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
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

SPEED, STEP_S = 10.0, 0.005
WAIT_S = 120.0
UNREAD_S = 1_000.0  # of a session: who stands still on a busy machine has read nothing for long


class FastTime:
    """Time that passes ten times as fast as the wall's, and slower where this process gets too little to keep up.

    It comes in steps of 50 ms, and a step that a busy machine held up is not made up for: whoever is starved for a
    second has not left ten seconds of sound unread.
    """

    def __init__(self) -> None:
        self._s, self._turned, self._over = 0.0, threading.Condition(), threading.Event()

    def now(self) -> float:
        return self._s

    def sleep(self, seconds: float) -> None:
        with self._turned:
            over_s = self._s + seconds
            self._turned.wait_for(lambda: self._s >= over_s, WAIT_S)

    @contextmanager
    def passing(self) -> Iterator[None]:
        thread = threading.Thread(target=self._pass, name="fast time", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _pass(self) -> None:
        while not self._over.wait(STEP_S):
            with self._turned:
                self._s += STEP_S * SPEED
                self._turned.notify_all()


def until(true: Callable[[], object], each_s: float = 0.01) -> None:
    """Wait for a condition that no event tells."""
    over_s = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < over_s, "it did not happen"
        time.sleep(each_s)


def opened(url: str, **options: Any) -> Connection:
    """A client's socket.

    With a limited queue a client that leaves messages unread cannot close: it never meets the answer to it.
    """
    limits: dict[str, Any] = {"max_size": None, "max_queue": None, "open_timeout": WAIT_S, "ping_interval": None}
    return connect(url, proxy=None, **limits | options)


class Running:
    """A server that runs: `port` and its sessions."""

    def __init__(self, port: int, sessions: Sessions, server: Server) -> None:
        self.port, self.sessions, self.server = port, sessions, server

    @contextmanager
    def client(self) -> Iterator["Client"]:
        with opened(f"ws://127.0.0.1:{self.port}/v1/live/sessions") as socket:
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
    """real_time: on the wall's clock, else on one that is fast."""
    clock, limits = FastTime(), limits or Limits()
    limits = replace(limits, unread_s=max(UNREAD_S, limits.unread_s))
    time_of = (time.monotonic, time.sleep) if real_time else (clock.now, clock.sleep)
    sessions = Sessions(host, limits, *time_of, store=store, desk=desk)
    server = server_of(create_app(sessions, doors), sessions, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    with clock.passing():
        thread.start()
        until(lambda: server.started)
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

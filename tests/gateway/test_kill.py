"""A server process that is killed in mid-conversation, and the one that comes after it."""

import base64
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from microturn.gateway.kept import read_kept
from tests.gateway.live_client import Client, sound_of

ROOT = Path(__file__).parents[2]
START_S = 120.0
PLAIN = {"format": {"type": "audio/pcm", "rate": 16_000}}  # nothing is resampled, so every frame is an event


class Killable:
    """`microturn serve` as a process of its own, its recordings in `folder`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._options = ("--recordings", str(folder), "--set", "grace_s=60", *options)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        command = [sys.executable, "-m", "microturn", "serve", "--port", str(self.port), "--drain", "0", *self._options]
        log = self.folder.with_suffix(".log")
        with log.open("ab") as lines, subprocess.Popen(command, cwd=ROOT, stderr=lines) as server:
            try:
                self._wait(server, log)
                yield server
            finally:
                server.kill()

    def _wait(self, server: "subprocess.Popen[bytes]", log: Path) -> None:
        until_s = time.monotonic() + START_S
        while time.monotonic() < until_s:
            assert server.poll() is None, log.read_text()
            try:
                with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=START_S):
                    return
            except URLError:
                time.sleep(0.05)
        raise AssertionError(log.read_text())

    @contextmanager
    def client(self) -> Iterator[Client]:
        url = f"ws://127.0.0.1:{self.port}/v1/live/sessions?ext=1"
        with connect(url, max_size=None, proxy=None) as wire:
            yield Client(wire)


def until_gone(client: Client) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    try:
        while True:
            events.append(client.next())
    except ConnectionClosed:
        return events


def resumed(client: Client, started: dict[str, Any], token: str, last_seq: int) -> dict[str, Any]:
    name = started["session"]["id"]
    client.send("session.resume", session_id=name, resume_token=token, last_received_server_event_seq=last_seq)
    return client.next()


def check_whole(events: list[dict[str, Any]]) -> None:
    """Every event once and in order, and the sound without a gap but for what was lost with the process."""
    assert [event["server_event_seq"] for event in events] == list(range(1, len(events) + 1))
    sounds = [event for event in events if event["type"] == "session.output_audio.delta"]
    slips = [(one["end_ms"], next["start_ms"]) for one, next in pairwise(sounds) if one["end_ms"] != next["start_ms"]]
    assert len(slips) <= 1 and all(0 < end - start <= 1_000 for end, start in slips)


def test_a_session_whose_server_was_killed_goes_on_in_the_next_one(tmp_path: Path) -> None:
    tone = (8_000 * np.sin(np.arange(32_000) * 2 * np.pi * 440 / 16_000)).astype(np.int16)
    place = Killable(tmp_path / "kept", "--model", "echo")
    with place.running() as server, place.client() as client:
        started = client.start(store=True, audio=PLAIN)
        client.say(tone)
        events = [started, *(client.next() for _ in range(60))]
        server.kill()
        events += until_gone(client)
    token = started.pop("resume_token")
    with place.running(), place.client() as client:
        back = resumed(client, started, token, events[-1]["server_event_seq"])
        assert back["type"] == "session.resumed" and back["resume_token"] != token
        assert back["session"]["id"] == started["session"]["id"]
        client.send("session.input_audio.append", audio=base64.b64encode(tone[:6_400].tobytes()).decode())
        events += [client.next() for _ in range(60)]
        assert np.abs(sound_of(events[-60:])).max() > 4_000
        with place.client() as late:
            assert resumed(late, started, "rt_guess", 1)["error"]["code"] == "session_not_found"
        client.send("session.close")
        events += client.until("session.closed")
    check_whole(events)
    kept = read_kept(place.folder / started["session"]["id"])
    recording = kept.recording()
    assert kept.timeline().ended is not None and not recording.notes
    assert len(recording.turns) * 200 >= events[-1]["usage"]["seconds"] * 1000
    assert not list(kept.folder.glob("resume-*"))


def test_a_model_whose_server_was_killed_remembers(tmp_path: Path) -> None:
    place = Killable(tmp_path / "kept", "--set", "sessions=1")
    with place.running() as server, place.client() as client:
        started = client.start(store=True, audio=PLAIN)
        client.send("session.instructions.append", content="count to twenty")
        events = [started, *client.until("session.output_transcript.delta")]
        server.kill()
        events += until_gone(client)
    token = started.pop("resume_token")
    with place.running(), place.client() as client:
        assert resumed(client, started, token, events[-1]["server_event_seq"])["type"] == "session.resumed"
        for _ in range(2):
            events += client.until("session.output_transcript.delta")
        client.send("session.close")
        events += client.until("session.closed")
    check_whole(events)
    said = "".join(e["delta"] for e in events if e["type"] == "session.output_transcript.delta").split()
    words = list(dict.fromkeys(said))  # what was said in the moment of the kill may be said again
    numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    assert words == numbers[: len(words)] and len(words) >= 3

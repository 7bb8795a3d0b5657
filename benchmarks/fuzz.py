"""Malformed and hostile messages against a real server, over both protocols, while one client behaves well beside them.

The server is a process with its default limits and an echo for a model; it records who asks for it. Linux only: its
memory, threads and files are read from /proc. The messages come from hostile.py, the well-behaved client is beside.py.
"""

import argparse
import asyncio
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import hostile
import web
from sessions import metrics_of, ready_address, started
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from microturn.core.provenance import provenance

PATHS = {
    "live": ("/v1/live/sessions",),
    "extended": ("/v1/live/sessions?ext=1",),
    "realtime": ("/v1/realtime?model=any",),
}
ODD_PATHS = (
    "/v1/live/sessions/sess_0/attach",
    "/v1/live/sessions/..%2f..%2fetc/fork",
    "/v1/realtime?intent=transcription",
    "/v1/realtime?model=" + "%00" * 300,
    "/v1/nothing",
)
KINDS = ("live", "extended", "realtime", "http")
AT_ONCE = 6  # of eight sessions, beside the one that behaves well
EACH = 300  # messages over one connection
FLOOD = 9_000  # now and then so many: more than a burst
ANSWER_S = 60.0
EXPECTED = {1000, 1008, 1013}


@dataclass(eq=False)
class Seen:
    """What the attackers saw. odd: what should never be, in words, with how often."""

    messages: Counter[str] = field(default_factory=Counter[str])
    errors: Counter[str] = field(default_factory=Counter[str])
    closes: Counter[str] = field(default_factory=Counter[str])
    odd: Counter[str] = field(default_factory=Counter[str])
    connections: int = 0
    alive: int = 0  # connections that still answered rightly after all that was sent


class Assault:
    """One connection and what is sent over it."""

    def __init__(self, seen: Seen, protocol: hostile.Protocol, rng: random.Random, victim: str) -> None:
        self._seen, self._rng, self._victim = seen, rng, victim
        self._protocol: hostile.Protocol = protocol
        self._answered = asyncio.Event()
        self._refused = False  # by its rate
        self._may_break = ""  # why the server may close the connection

    async def run(self, address: str, count: int, until_s: float) -> int:
        """Send so many, while there is time; how many were sent before it closed the connection."""
        path = self._rng.choice(PATHS[self._protocol])
        if self._rng.random() < 0.03:
            path, self._may_break = self._rng.choice(ODD_PATHS), "path"
        self._seen.connections += 1
        sent = 0
        try:
            async with connect(
                f"ws://{address}{path}", max_size=None, max_queue=None, proxy=None, open_timeout=ANSWER_S,
                close_timeout=5, ping_interval=None, compression=None,
            ) as socket:  # fmt: skip
                listening = asyncio.create_task(self._listen(socket))
                try:
                    async with asyncio.timeout(120):
                        async for _ in self._send(socket, count):
                            sent += 1
                            if time.monotonic() > until_s:
                                break
                        await self._probe(socket, listening)
                except ConnectionClosed:
                    pass
                except TimeoutError:
                    self._seen.odd["no answer in time"] += 1
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
            self._closed(socket)
        except InvalidHandshake as error:
            self._seen.closes[f"handshake {type(error).__name__}"] += 1
            if self._may_break != "path":
                self._seen.odd[f"handshake: {error}"[:100]] += 1
        except (OSError, TimeoutError) as error:
            self._seen.odd[f"{type(error).__name__}: {error}"[:100]] += 1
        return sent

    async def _send(self, socket: ClientConnection, count: int) -> AsyncIterator[None]:
        rng, early = self._rng, self._rng.randrange(5) if self._protocol != "realtime" else 0
        for number in range(count):
            if number == early and self._protocol != "realtime":
                await socket.send(json.dumps(hostile.start(rng, rng.random() < 0.2)))
                yield
            if number == count - 1 and rng.random() < 0.05:
                half = b"\x81\xfe\x10\x00" + hostile.MASK + b"x" * 100
                _write(socket, half)
                socket.transport.abort()
                self._may_break = "reset"
                self._seen.messages["reset"] += 1
                return
            await self._one(socket, hostile.attack(rng, self._protocol))
            yield

    async def _one(self, socket: ClientConnection, attack: hostile.Attack) -> None:
        self._seen.messages[self._protocol] += 1
        match attack:
            case hostile.Text(str() as data):
                data = data.replace("sess_0", self._victim) if self._rng.random() < 0.5 else data
                raw = data.encode("utf-8", "surrogatepass")
                if len(raw) > 4 * 1024 * 1024 or not _is_utf8(raw):
                    self._may_break = "message"
                await socket.send(raw, text=True)
            case hostile.Text(bytes() as data):
                self._may_break = "message"
                await socket.send(data, text=True)
            case hostile.Binary(data):
                await socket.send(data)
            case hostile.Raw(data):
                self._may_break = "raw"
                _write(socket, data)
                await asyncio.wait_for(socket.wait_closed(), 20)
            case _:
                raise AssertionError(attack)

    async def _probe(self, socket: ClientConnection, listening: "asyncio.Task[None]") -> None:
        """Whether the session still does what it is asked to."""
        kind = "input_audio_buffer.clear" if self._protocol == "realtime" else "session.input_audio.unmute"
        for _ in range(20):
            await socket.send(json.dumps({"type": kind, "event_id": "probe"}))
            answered = asyncio.create_task(self._answered.wait())
            await asyncio.wait({answered, listening}, timeout=6, return_when=asyncio.FIRST_COMPLETED)
            answered.cancel()
            if self._answered.is_set() or listening.done():
                break
        self._seen.alive += self._answered.is_set()
        if not self._answered.is_set() and not listening.done():
            self._seen.odd["the session no longer answers"] += 1

    async def _listen(self, socket: ClientConnection) -> None:
        """Every event must be JSON, and every error say what a program and a person need."""
        try:
            async for message in socket:
                try:
                    event = json.loads(message, parse_constant=_refuse)
                except ValueError:
                    self._seen.odd["an event that is not JSON"] += 1
                    continue
                kind = event.get("type")
                if kind == "error":
                    error = event["error"]
                    self._seen.errors[str(error.get("code"))] += 1
                    self._refused = self._refused or error.get("code") == "rate_limit_exceeded"
                    if not (error.get("type") and error.get("code") and error.get("message")):
                        self._seen.odd["an error without its words"] += 1
                    if len(message) > 20_000:
                        self._seen.odd["an error of great length"] += 1
                if kind in ("input_audio_buffer.cleared", "session.input_audio.unmuted"):
                    self._answered.set()
        except ConnectionClosed:
            return

    def _closed(self, socket: ClientConnection) -> None:
        received = socket.protocol.close_rcvd
        name = str(received.code) if received else "none"
        if not self._answered.is_set():
            self._seen.closes[name] += 1
            # A connection that is refused more than it may is closed while it still sends, and the close may be lost.
            flooded = received is None and self._refused
            if not self._may_break and not flooded and (received is None or received.code not in EXPECTED):
                self._seen.odd[f"closed with {name}"] += 1
            if received is not None and received.code == 1011:
                self._seen.odd["closed with 1011"] += 1


def _write(socket: ClientConnection, data: bytes) -> None:
    """Bytes past the protocol; none where the server has just begun to close."""
    with suppress(RuntimeError):
        socket.transport.write(data)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def process(pid: int) -> dict[str, float]:
    """Memory, threads and open files of the server."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = {name: re.search(rf"{name}:\s+(\d+)", status) for name in ("VmRSS", "VmHWM", "Threads")}
    numbers = {name: int(match[1]) if match else 0 for name, match in found.items()}
    return {
        "memory_mb": round(numbers["VmRSS"] / 1024, 1),
        "most_memory_mb": round(numbers["VmHWM"] / 1024, 1),
        "threads": numbers["Threads"],
        "files": len(os.listdir(f"/proc/{pid}/fd")),
    }


async def attacked(address: str, victim: str, count: int, seed: int, until_s: float, only: str | None) -> Seen:
    """Send so many messages, or as many as the time allows."""
    seen, left = Seen(), [count]

    async def worker(number: int) -> None:
        rng = random.Random(f"{seed} {number}")
        while left[0] > 0 and time.monotonic() < until_s:
            kind = only or rng.choices(KINDS, (0.3, 0.3, 0.3, 0.1))[0]
            if kind == "http":
                requests = min(left[0], 40)
                left[0] -= requests
                for _ in range(requests):
                    seen.messages["http"] += 1
                    outcome = await web.asked(address, rng)
                    seen.closes[f"http {outcome}"] += 1
                    if outcome in ("500", "502", "timeout"):
                        seen.odd[f"http {outcome}"] += 1
                continue
            each = min(left[0], FLOOD if rng.random() < 0.01 else EACH)
            left[0] -= each
            sent = await Assault(seen, cast("hostile.Protocol", kind), rng, victim).run(address, each, until_s)
            left[0] += each - sent  # in a line of its own: the others count while this one waits

    await asyncio.gather(*(worker(number) for number in range(AT_ONCE)))
    return seen


async def settled(address: str) -> dict[str, float]:
    """The server's own counts once all sessions but one are over, or after a minute and a half."""
    metrics: dict[str, float] = {}
    for _ in range(90):
        metrics = await asyncio.to_thread(metrics_of, address)
        if metrics["microturn_sessions"] <= 1 and metrics["microturn_connections"] <= 1:
            break
        await asyncio.sleep(1.0)
    return metrics


async def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the server, the client beside and the attackers; what is told of it."""
    log = folder / "log"
    command = [sys.executable, "-m", "microturn", "serve", "--port", "0", "--model", "echo", "--drain", "0"]
    server = started(
        [
            *command,
            "--recordings",
            str(folder / "kept"),
            "--set",
            "grace_s=5",
            *(part for one in options.set for part in ("--set", one)),
        ],
        log,
    )
    try:
        address = await asyncio.to_thread(ready_address, server, log)
        beside = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("beside.py")), address, env=os.environ,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert beside.stdin is not None and beside.stdout is not None
        victim = json.loads(await beside.stdout.readline())["id"]
        fresh = process(server.pid)
        began_s = time.monotonic()
        until_s = began_s + options.seconds
        first = await attacked(address, victim, options.messages // 4, options.seed, until_s, options.only)
        await settled(address)
        early = process(server.pid)
        rest = options.messages - first.messages.total()
        seen = await attacked(address, victim, rest, options.seed + 1, until_s, options.only)
        wall_s = time.monotonic() - began_s
        metrics = await settled(address)
        late = process(server.pid)
        beside.stdin.close()
        good = json.loads(await asyncio.wait_for(beside.stdout.readline(), 120))
        await beside.wait()
        alive = server.poll() is None
    finally:
        server.terminate()
        await asyncio.to_thread(server.wait, 60)
    for name in ("messages", "errors", "closes", "odd"):
        getattr(seen, name).update(getattr(first, name))
    lines = await asyncio.to_thread(kept_lines, log, options.log)
    return {
        "messages": seen.messages.total(),
        "seconds": round(wall_s, 1),
        "of": dict(seen.messages.most_common()),
        "connections": seen.connections + first.connections,
        "alive_after_all": seen.alive + first.alive,
        "errors": dict(seen.errors.most_common()),
        "closes": dict(seen.closes.most_common()),
        "unexpected": dict(seen.odd.most_common()),
        "server_alive": alive,
        "server_exceptions": sum("Traceback" in line or '"exception"' in line for line in lines),
        "process": {"fresh": fresh, "early": early, "end": late},
        "left": {name: metrics[f"microturn_{name}"] for name in ("sessions", "connections")},
        "beside": good,
    }


async def stoppable(work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """The work, which ends what it has begun when this program is told to stop; else its server would live on."""
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def kept_lines(log: Path, copy: str | None) -> list[str]:
    """The server's log, which is copied where somebody wants to read it."""
    text = log.read_text(errors="replace")
    if copy:
        Path(copy).write_text(text)
    return text.splitlines()


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(stoppable(measured(options, Path(folder))))
    report |= provenance("python benchmarks/fuzz.py")
    text = json.dumps(report) if options.json else "\n".join(f"{name:<18} {value}" for name, value in report.items())
    sys.stdout.write(text + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--messages", type=int, default=10_000, help="in all (default 10,000)")
    parser.add_argument("--seconds", type=float, default=3_600.0, help="stop after so long (default an hour)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS, help="attack this alone")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server")
    parser.add_argument("--log", help="keep the server's log in this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()

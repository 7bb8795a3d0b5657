"""Sessions at once on a server of its own: clients speak held-out scenarios in real time over WebSockets.

The server is a process as users start it; it records the sessions, so that what it heard can be compared with what was
sent, sample by sample. The clients share one other process: this one. Linux only: CPU and memory are read from /proc.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.core.provenance import provenance
from microturn.core.recording import load
from microturn.data.render import RenderConfig
from microturn.data.voices import available_engines
from microturn.eval.scenarios import rendered, world_scenarios

ROOT = Path(__file__).parents[1]
SKILLS = ("answer", "convert", "count", "memory")
PACKET = 320  # samples: 20 ms
HUM = 4  # added to every sample, at random: so no two places of the sound are alike, and a loss is seen in silence too
BEFORE_S = 1.0
PATIENCE_S = 3.0
START_S = 300.0


@dataclass(eq=False)
class Speech:
    """What one client says. sent: int16 [N] at 16 kHz; ends_s: ends of its questions, each with an answer expected."""

    sent: np.ndarray
    ends_s: list[float]


@dataclass(eq=False)
class Heard:
    """What one client got. frames: 20 ms each; onsets_s: when sound began, by the client's clock, from its beginning.

    begun: it has a session, or none; whole: as much sound has come as it has said.
    offsets_s: when each frame came, less its time on the session's timeline; the smallest is that of a frame in time.
    """

    session_id: str = ""
    began_s: float = 0.0
    frames: int = 0
    lost_ms: int = 0
    doubled_ms: int = 0
    onsets_s: list[float] = field(default_factory=list[float])
    offsets_s: list[float] = field(default_factory=list[float])
    packets_late_ms: list[float] = field(default_factory=list[float])
    error: str = ""
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    whole: asyncio.Event = field(default_factory=asyncio.Event)


class Usage(NamedTuple):
    """Of the server's process: seconds of CPU, resident megabytes."""

    cpu_s: float
    rss_mb: float


class Continuity(NamedTuple):
    """Samples that were sent and not heard, and heard and not sent, between the first and the last that agree."""

    lost: int
    added: int
    compared: int


def main() -> None:
    options = parse_options()
    speeches = list(speeches_of(options.sessions, options.seconds))
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(measured(options, speeches, Path(folder)))
    report |= {
        "sessions": options.sessions,
        "seconds": options.seconds,
        "model": options.model,
        **provenance("python benchmarks/sessions.py"),
    }
    print(json.dumps(report) if options.json else table(report))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--sessions", type=int, default=8, help="at once (default 8)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of talk (default 60)")
    parser.add_argument("--model", choices=("own", "echo"), default="own", help="echo: the wire without a model")
    return parser.parse_args()


def speeches_of(count: int, seconds: float) -> Iterator[Speech]:
    """Scenarios of the test split one after the other, for each client other ones."""
    installed = [engine for engine, trouble in available_engines().items() if not trouble]
    config = RenderConfig(spoken=True)
    drawn = world_scenarios("test", ("unseen synthetic",), 2 * count, 0, SKILLS, config) if installed else []
    scenarios = [one for one in drawn if one.voice.engine in installed]
    samples = int(seconds * SAMPLE_RATE_HZ)
    for client in range(count):
        parts, ends_s, at = [np.zeros(int(BEFORE_S * SAMPLE_RATE_HZ), np.float32)], [], int(BEFORE_S * SAMPLE_RATE_HZ)
        for scenario in scenarios[client :: max(count, 1)]:
            if at >= samples:
                break
            sound = rendered(scenario)
            expected_ms = [expect.tick * 200 for expect in sound.expects]
            users = [spoken for spoken in sound.spoken if spoken.speaker == "user" and spoken.words]
            for spoken in users:
                end_ms = spoken.words[-1].end_ms
                if any(0 <= ms - end_ms + 200 <= 1_000 for ms in expected_ms):
                    ends_s.append(at / SAMPLE_RATE_HZ + end_ms / 1000)
            parts.append(sound.pcm)
            at += len(sound.pcm)
        joined = np.concatenate(parts)[:samples]
        joined = np.pad(joined, (0, samples - len(joined)))
        hum = np.random.default_rng(client).integers(-HUM, HUM + 1, samples)
        pcm = np.clip(np.round(joined * 32_767) + hum, -32_768, 32_767).astype(np.int16)
        yield Speech(pcm, [end_s for end_s in ends_s if end_s < seconds - PATIENCE_S])


async def measured(options: argparse.Namespace, speeches: Sequence[Speech], folder: Path) -> dict[str, Any]:
    """Run the server and the clients; the figures."""
    log = folder / "log"
    command = [
        sys.executable, "-m", "microturn", "serve", "--port", "0", "--model", options.model, "--drain", "0",
        "--sessions", str(options.sessions), "--recordings", str(folder / "kept"), "--set", "recordings_every=true",
        "--set", f"connections={2 * options.sessions + 2}",
    ]  # fmt: skip
    server = started(command, log)
    try:
        address = await asyncio.to_thread(ready_address, server, log)
        ready = usage(server.pid)
        began_s = time.monotonic()
        heard, full = [Heard() for _ in speeches], asyncio.Event()
        talks = [
            asyncio.create_task(talk(address, speech, one, full)) for speech, one in zip(speeches, heard, strict=True)
        ]
        await asyncio.sleep(min(10.0, options.seconds / 3))
        early = usage(server.pid)
        await asyncio.gather(*(one.begun.wait() for one in heard))
        refusal = await refused(address)
        full.set()
        await asyncio.gather(*talks)
        late, wall_s = usage(server.pid), time.monotonic() - began_s
        metrics = await asyncio.to_thread(metrics_of, address)
    finally:
        server.terminate()
        await asyncio.to_thread(server.wait, 60)
    continuity = [
        compared(folder / "kept", one.session_id, speech.sent) for one, speech in zip(heard, speeches, strict=True)
    ]
    return figures(speeches, heard, continuity, metrics) | {
        "refusal": refusal,
        "cpu_cores": round((late.cpu_s - ready.cpu_s) / wall_s, 3),
        "memory_mb": {"ready": ready.rss_mb, "early": early.rss_mb, "end": late.rss_mb},
    }


def started(command: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
    """The server's process."""
    with log.open("wb") as lines:
        return subprocess.Popen(command, cwd=ROOT, stderr=lines, env=os.environ | {"PYTHONPATH": str(ROOT)})


async def talk(address: str, speech: Speech, heard: Heard, full: asyncio.Event) -> None:
    """One client: speaks in real time, listens all the while, closes when its speech is over and has been answered.

    full: it may close, for nobody counts any more how many there are.
    """
    audio = {"format": {"type": "audio/pcm", "rate": SAMPLE_RATE_HZ}}
    url = f"ws://{address}/v1/live/sessions"
    try:
        async with connect(url, max_size=None, max_queue=None, proxy=None, open_timeout=START_S) as socket:
            await socket.send(json.dumps({"type": "session.start", "session": {"model": "any", "audio": audio}}))
            started = json.loads(await socket.recv())
            if started["type"] != "session.started":
                heard.error = json.dumps(started)
                return
            heard.session_id, heard.began_s = started["session"]["id"], time.monotonic()
            heard.begun.set()
            listening = asyncio.create_task(listen(socket, heard, 1000 * len(speech.sent) // SAMPLE_RATE_HZ))
            await speak(socket, speech.sent, heard)
            await asyncio.wait_for(asyncio.gather(heard.whole.wait(), full.wait()), START_S)
            await socket.send(json.dumps({"type": "session.close"}))
            await asyncio.wait_for(listening, START_S)
    except (ConnectionClosed, OSError, TimeoutError) as error:
        heard.error = f"{type(error).__name__}: {error}"
    finally:
        heard.begun.set()


async def speak(socket: ClientConnection, sent: np.ndarray, heard: Heard) -> None:
    """Packets of 20 ms, each when its last sample would have been spoken."""
    for at in range(0, len(sent), PACKET):
        due_s = heard.began_s + (at + PACKET) / SAMPLE_RATE_HZ
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        heard.packets_late_ms.append(1000 * (time.monotonic() - due_s))
        data = base64.b64encode(sent[at : at + PACKET].astype("<i2").tobytes()).decode()
        await socket.send(json.dumps({"type": "session.input_audio.append", "audio": data}))


async def listen(socket: ClientConnection, heard: Heard, long_ms: int) -> None:
    """Every event up to `session.closed`; the sound's times must go on without a gap. long_ms: it is whole then."""
    end_ms, silent_since_s = 0, -1.0
    async for message in socket:
        event, now_s = json.loads(message), time.monotonic() - heard.began_s
        if event["type"] == "session.closed":
            return
        if event["type"] == "error":
            heard.error = heard.error or json.dumps(event["error"])
        if event["type"] != "session.output_audio.delta":
            continue
        heard.frames += 1
        heard.lost_ms += max(0, event["start_ms"] - end_ms)
        heard.doubled_ms += max(0, end_ms - event["start_ms"])
        end_ms = event["end_ms"]
        if end_ms >= long_ms:
            heard.whole.set()
        heard.offsets_s.append(now_s - event["start_ms"] / 1000)
        if any(base64.b64decode(event["delta"])):
            if silent_since_s is not None and now_s - silent_since_s > 0.3:
                heard.onsets_s.append(now_s)
            silent_since_s = now_s


async def refused(address: str) -> dict[str, Any]:
    """How a session too many is answered."""
    url = f"ws://{address}/v1/live/sessions"
    async with connect(url, max_size=None, proxy=None, open_timeout=START_S) as socket:
        await socket.send(json.dumps({"type": "session.start", "session": {"model": "any"}}))
        event = json.loads(await asyncio.wait_for(socket.recv(), START_S))
        if event["type"] == "session.started":
            return {"served": True}
        try:
            await asyncio.wait_for(socket.recv(), START_S)
        except ConnectionClosed as closed:
            code = None if closed.rcvd is None else closed.rcvd.code
            return {"served": False, "code": event["error"]["code"], "close": code}
    return {"served": False, "code": event["error"]["code"], "close": None}


def ready_address(server: "subprocess.Popen[bytes]", log: Path) -> str:
    """host:port of the server once it is ready."""
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s and server.poll() is None:
        found = re.search(r'"address": "([^"]+)"', log.read_text())
        if found:
            try:
                with urlopen(f"http://{found[1]}/readyz", timeout=START_S):
                    return found[1]
            except URLError:
                pass
        time.sleep(0.1)
    raise SystemExit(f"the server did not start:\n{log.read_text()}")


def metrics_of(address: str) -> dict[str, float]:
    """The server's metrics by name, labels in the name."""
    with urlopen(f"http://{address}/metrics", timeout=60) as answer:
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def usage(pid: int) -> Usage:
    """What the process has used."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    rss = re.search(r"VmRSS:\s+(\d+)", status)
    ticks = os.sysconf("SC_CLK_TCK")
    return Usage((int(stat[11]) + int(stat[12])) / ticks, round(int(rss[1]) / 1024, 1) if rss else 0.0)


def compared(folder: Path, session_id: str, sent: np.ndarray) -> Continuity:
    """What was sent against what the server's recording says it heard."""
    if not (folder / session_id).is_dir():
        return Continuity(0, 0, 0)
    samples = load(folder / session_id).samples("user")
    return continuity(sent, np.round(samples * 32_768).astype(np.int32))


def continuity(sent: np.ndarray, heard: np.ndarray, window: int = 400, reach: int = 4 * SAMPLE_RATE_HZ) -> Continuity:
    """Walk both side by side; where they part, find the nearest place at which they agree again for `window` samples.

    One rounding of difference is agreement. What was sent last and not heard before the session closed does not count.
    """
    loud = np.flatnonzero(heard)
    if not len(loud):
        return Continuity(len(sent), 0, 0)
    first_sent = int(np.flatnonzero(sent)[0])
    at_sent, at_heard, lost, added = first_sent, int(loud[0]), 0, 0
    began = at_sent
    while True:
        length = min(len(sent) - at_sent, len(heard) - at_heard)
        same = np.abs(sent[at_sent : at_sent + length].astype(np.int32) - heard[at_heard : at_heard + length]) <= 1
        wrong = np.flatnonzero(~same)
        if not len(wrong):
            return Continuity(lost, added, at_sent + length - began)
        at_sent, at_heard = at_sent + int(wrong[0]), at_heard + int(wrong[0])
        skip_heard = _found(sent[at_sent : at_sent + window], heard[at_heard : at_heard + reach])
        skip_sent = _found(heard[at_heard : at_heard + window], sent[at_sent : at_sent + reach])
        if skip_heard is None and skip_sent is None:
            return Continuity(lost, added, at_sent - began)
        if skip_sent is None or (skip_heard is not None and skip_heard <= skip_sent):
            assert skip_heard is not None
            at_heard, added = at_heard + skip_heard, added + skip_heard
        else:
            at_sent, lost = at_sent + skip_sent, lost + skip_sent


def _found(wanted: np.ndarray, within: np.ndarray) -> int | None:
    """Where `wanted` begins in `within`, to one rounding; None where it does not."""
    if len(within) < len(wanted) or len(wanted) < 40:
        return None
    candidates = np.flatnonzero(np.abs(within[: len(within) - len(wanted) + 1].astype(np.int32) - int(wanted[0])) <= 1)
    for start in candidates:
        if np.all(np.abs(within[start : start + len(wanted)].astype(np.int32) - wanted) <= 1):
            return int(start)
    return None


def figures(
    speeches: Sequence[Speech], heard: Sequence[Heard], continuity: Sequence[Continuity], metrics: dict[str, float]
) -> dict[str, Any]:
    """What is told of a run. All times in milliseconds."""
    ticks = metrics.get("microturn_tick_seconds_count", 0.0)
    misses = metrics.get("microturn_tick_misses_total", 0.0)
    arrivals = [1000 * (one - min(h.offsets_s)) for h in heard if h.offsets_s for one in h.offsets_s]
    packets = [late for h in heard for late in h.packets_late_ms]
    first = [sound for speech, h in zip(speeches, heard, strict=True) for sound in first_sounds(speech, h)]
    asked = sum(len(speech.ends_s) for speech in speeches)
    return {
        "ticks": int(ticks),
        "misses": int(misses),
        "misses_share": round(misses / ticks, 6) if ticks else None,
        "ticks_at_most": dict(shares(metrics, "microturn_tick_seconds")),
        "batch_mean": mean(metrics, "microturn_batch_sessions"),
        "queue_mean_ms": mean(metrics, "microturn_queue_seconds", 1000),
        "sound_out": {
            "frames": sum(h.frames for h in heard),
            "lost_ms": sum(h.lost_ms for h in heard),
            "doubled_ms": sum(h.doubled_ms for h in heard),
        },
        "sound_in": {
            "compared": sum(c.compared for c in continuity),
            "lost": sum(c.lost for c in continuity),
            "added": sum(c.added for c in continuity),
        },
        "arrival_ms": percentiles(arrivals),
        "client_late_ms": percentiles(packets),
        "first_sound_ms": percentiles(first) | {"asked": asked, "answered": len(first)},
        "errors": [h.error for h in heard if h.error],
    }


def first_sounds(speech: Speech, heard: Heard) -> Iterator[float]:
    """Milliseconds from the end of each question to the first sound after it, where one comes in time."""
    for end_s in speech.ends_s:
        after = [onset - end_s for onset in heard.onsets_s if 0 <= onset - end_s <= PATIENCE_S]
        if after:
            yield 1000 * min(after)


def shares(metrics: dict[str, float], name: str) -> Iterator[tuple[str, float]]:
    """Share of observations at or under each bound of a histogram."""
    count = metrics.get(f"{name}_count", 0.0)
    for key, value in metrics.items():
        bound = re.fullmatch(rf'{name}_bucket{{le="([^"]+)"}}', key)
        if bound and count:
            yield bound[1], round(value / count, 5)


def mean(metrics: dict[str, float], name: str, factor: float = 1.0) -> float | None:
    """Mean of a histogram."""
    count = metrics.get(f"{name}_count", 0.0)
    return round(factor * metrics[f"{name}_sum"] / count, 3) if count else None


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """Median, p90, p99 and the largest."""
    if len(values) < 2:
        return {"p50": None, "p90": None, "p99": None, "max": None}
    percent = statistics.quantiles(values, n=100, method="inclusive")
    named = {"p50": percent[49], "p90": percent[89], "p99": percent[98], "max": max(values)}
    return {name: round(value, 1) for name, value in named.items()}


def table(report: dict[str, Any]) -> str:
    """The report for people, a line each."""
    return "\n".join(f"{name:<16} {value}" for name, value in report.items())


if __name__ == "__main__":
    main()

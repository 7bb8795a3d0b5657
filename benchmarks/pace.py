"""How many sessions an evaluation may hold side by side: how late its packets leave and the other side's ticks come.

Without --endpoint against an echo in a process of its own, which shows what the harness takes. A session with a packet
more than 80 ms late is void (docs/evaluation.md), so the right number is the largest with none.
"""

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np

from microturn.core.clock import SAMPLE_RATE_HZ, TICK_MS
from microturn.core.provenance import provenance
from microturn.eval.suite.endpoint import Endpoint, Ours, Session, Sounds, Unreachable, Wanted
from microturn.eval.suite.endpoints import endpoint

START_S = 120.0


def main() -> None:
    """Hold more and more sessions at once, and print what they came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", default="", help="such as live:ws://127.0.0.1:8808/v1/live/sessions")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with nullcontext(asked.endpoint) if asked.endpoint else echo(max(asked.at_once)) as address:
        name, _, where = address.partition(":")
        reached = endpoint(Wanted(name, no_weights, where))
        rows = list(rows_of(reached, asked.at_once, asked.seconds))
    if asked.json:
        print(json.dumps({"provenance": provenance("microturn"), "endpoint": asked.endpoint or "echo", "rows": rows}))
        return
    print(f"{'at once':>8} {'void':>5} {'sent late ms p50':>17} {'p99':>6} {'worst':>6} {'ticks late ms p99':>18}")
    for row in rows:
        sent, came = row["send_late_ms"], row["come_late_ms"]
        numbers = f"{sent['p50']:17.1f} {sent['p99']:6.1f} {sent['worst']:6.1f} {came.get('p99', float('nan')):18.1f}"
        print(f"{row['at_once']:8} {row['void']:5} {numbers}")


def rows_of(reached: Endpoint, numbers: Sequence[int], seconds: float) -> Iterator[dict[str, Any]]:
    """A row for each number of sessions, as many as the endpoint has room for."""
    for number in numbers:
        try:
            yield asyncio.run(held(reached, number, seconds))
        except Unreachable as error:
            print(f"{number} at once: {error}", file=sys.stderr)
            return


async def held(reached: Endpoint, number: int, seconds: float) -> dict[str, Any]:
    """So many sessions side by side."""
    hum = np.random.default_rng(0).normal(0.0, 0.01, round(seconds * SAMPLE_RATE_HZ)).astype(np.float32)
    ticks = int(1000 * seconds) // TICK_MS
    traces = await asyncio.gather(*(reached.hold(Session(str(n), Sounds(hum), ticks)) for n in range(number)))
    return {
        "at_once": number,
        "void": sum(bool(trace.why_void) for trace in traces),
        "send_late_ms": late_ms([late for trace in traces for late in trace.send_late_s]),
        "come_late_ms": late_ms([late for trace in traces for late in trace.come_late_s]),
    }


def late_ms(late_s: list[float]) -> dict[str, float]:
    """Percentiles; nothing of nothing."""
    if not late_s:
        return {}
    marks = {"p50": 50, "p99": 99, "worst": 100}
    return {name: round(1000 * float(np.percentile(late_s, mark)), 2) for name, mark in marks.items()}


def no_weights() -> Ours:
    """This benchmark speaks with others only."""
    raise SystemExit("--endpoint is one on the wire: live:ADDRESS or realtime:ADDRESS")


@contextmanager
def echo(sessions: int) -> Iterator[str]:
    """A server with an echo in a process of its own; gives it as --endpoint takes it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ["--set", "model=echo", "--set", f"sessions={sessions}", "--drain", "0"]
    command = [sys.executable, "-m", "microturn", "serve", "--port", str(port), *settings]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until_ready(server, port)
            yield f"live:ws://127.0.0.1:{port}/v1/live/sessions"
        finally:
            server.terminate()


def wait_until_ready(server: "subprocess.Popen[bytes]", port: int) -> None:
    """Return when it takes sessions; SystemExit where it never does."""
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s and server.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (URLError, TimeoutError):
            time.sleep(0.05)
    raise SystemExit("the server did not begin")


if __name__ == "__main__":
    main()

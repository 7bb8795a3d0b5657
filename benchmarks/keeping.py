"""What recording costs a tick: the call on the session's thread, the processor time behind it, bytes on the disk.

Sessions tick together, eight of them, with and without pictures; a tick takes 50 ms here instead of 200.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.provenance import provenance
from microturn.engine.api import SessionSpec
from microturn.engine.log import TurnRecord
from microturn.gateway.keeper import Keeper
from microturn.gateway.kept import About
from microturn.gateway.store import Store
from microturn.gateway.turns import timeline_of

SESSIONS, TICKS, TICK_S = 8, 100, 0.05


def main() -> None:
    """Print a table, or one JSON object with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    results = [measured(pictures) for pictures in (False, True)]
    if asked.json:
        report = {"sessions": SESSIONS, "results": results, **provenance("python benchmarks/keeping.py")}
        print(json.dumps(report))
        return
    for row in results:
        print("  ".join(f"{name} {value}" for name, value in row.items()))


def measured(pictures: bool) -> dict[str, object]:
    """Record every session for TICKS ticks and time the calls."""
    calls_ms: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        keepers = [begun(store, f"s{number}") for number in range(SESSIONS)]
        turns = [(drawn(tick, pictures), logged(tick)) for tick in range(TICKS)]
        began_cpu_s, next_s = time.process_time(), time.perf_counter()
        for turn, record in turns:
            items = timeline_of(turn, True).items
            for keeper in keepers:
                began_s = time.perf_counter()
                keeper.turn(turn, record, 1.0)
                keeper.items(items)
                calls_ms.append((time.perf_counter() - began_s) * 1000)
            next_s += TICK_S
            time.sleep(max(0.0, next_s - time.perf_counter()))
        for keeper in keepers:
            store.done(keeper)
        cpu_s = time.process_time() - began_cpu_s
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    middle, high = np.percentile(calls_ms, (50, 99))
    count = SESSIONS * TICKS
    return {
        "pictures": pictures,
        "call_p50_ms": round(float(middle), 3),
        "call_p99_ms": round(float(high), 3),
        "cpu_ms_a_tick": round(1000 * cpu_s / count, 2),
        "bytes_a_tick": round(size / count),
        "stopped": sum(bool(keeper.stopped) for keeper in keepers),
    }


def begun(store: Store, name: str) -> Keeper:
    """A session that is recorded."""
    keeper = store.begin(About(name, "live", spec=SessionSpec(1), started_at=time.time()))
    assert keeper is not None
    return keeper


def drawn(tick: int, pictures: bool) -> MicroTurn:
    """Both sides sound; the picture is a ramp, which a camera's would be larger than."""
    pcm = np.random.default_rng(tick).normal(0, 0.1, 3200).astype(np.float32)
    ramp = (np.add.outer(np.arange(240), np.arange(320)) // 3 % 255).astype(np.uint8)
    frame = np.repeat(ramp[:, :, None], 3, axis=2) if pictures else None
    return MicroTurn(tick, Chunk(pcm, frame), Chunk(pcm * np.float32(0.5)))


def logged(tick: int) -> TurnRecord:
    """A line of the engine's log in which it heard something and sounded."""
    levels = np.random.default_rng(tick).integers(0, 16, (2, 10, 80)).astype(np.uint8)
    return TurnRecord(tick, levels[0], (), (30,), levels[1], 1)


if __name__ == "__main__":
    main()

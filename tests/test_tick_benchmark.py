"""The tick benchmark runs and reports what the README and the issue tracker read from it."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_tick_benchmark_prints_its_figures_as_json() -> None:
    command = [sys.executable, "benchmarks/tick.py", "--json", "--toy", "--ticks", "5", "--threads", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    report = json.loads(ran.stdout)
    assert {"silent", "speaking", "floor_ms", "machine", "commit", "command"} <= report.keys()
    assert [report[kind].keys() for kind in ("silent", "speaking")] == [{"p50_ms", "p99_ms", "forwards"}] * 2
    assert report["camera"].keys() == {"silent", "speaking"} and report["sight"] == "untrained"
    assert report["camera"]["silent"]["forwards"] == 1 and report["sound_only_of_blind"] > 0
    assert report["camera_p99_of_tick"] >= report["camera"]["silent"]["p99_ms"] / 200 - 0.001
    assert (report["silent"]["forwards"], report["speaking"]["forwards"]) == (1, 2)
    assert report["context"]["from"] >= 1024
    assert 0.0 < report["floor_ms"] < report["silent"]["p50_ms"] <= report["silent"]["p99_ms"]

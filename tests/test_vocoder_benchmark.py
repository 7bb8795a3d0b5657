"""The vocoder benchmark runs and reports what its readers look for."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_vocoder_benchmark_prints_its_figures_as_json() -> None:
    command = [sys.executable, "benchmarks/vocoder.py", "--json", "--texts", "1", "--no-words"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    report = json.loads(ran.stdout)
    assert {"ways", "speed_ratio", "machine", "commit", "command"} <= report.keys()
    assert {"vocoder", "griffin-lim", "original"} <= report["ways"].keys()
    untrained, twin = report["ways"]["vocoder"], report["ways"]["griffin-lim"]
    assert 0.0 < twin["mel_db"] < untrained["mel_db"]
    assert report["vocoder"]["delay_ms"] <= 25.0 and report["speed_ratio"] > 0.0

"""The benchmark of the voice's heads runs and reports what its readers look for."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_speaking_benchmark_prints_its_figures_as_json() -> None:
    command = [sys.executable, "benchmarks/speaking.py", "--json", "--texts", "2", "--heads", "0", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    report = json.loads(ran.stdout)
    assert {"heads", "texts", "voice", "machine", "commit", "command"} <= report.keys()
    assert {"direct", "flow, 1 step", "original"} <= report["heads"].keys()
    for head in ("direct", "flow, 1 step"):
        figures = report["heads"][head]
        assert figures["mel_db"] > 1.0 and figures["length"] > 0.0 and 0.0 <= figures["begun_percent"] <= 100.0

"""The benchmark of sessions side by side runs, and says how late packets left and ticks came."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openai")
ROOT = Path(__file__).parents[1]


def test_it_holds_sessions_with_an_echo_of_its_own_and_prints_its_figures_as_json() -> None:
    command = [sys.executable, "benchmarks/pace.py", "--json", "--at-once", "1", "2", "--seconds", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    rows = json.loads(ran.stdout)["rows"]
    assert [row["at_once"] for row in rows] == [1, 2]
    assert all(row["send_late_ms"]["worst"] >= row["send_late_ms"]["p50"] >= 0.0 for row in rows)
    assert all(row["come_late_ms"]["p99"] >= 0.0 for row in rows)

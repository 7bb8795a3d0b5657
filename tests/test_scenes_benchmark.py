"""The benchmark of scenes runs and reports what is read from it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from microturn.data.scenarios import SIGHT_SKILLS
from microturn.data.sight.play import EXERCISES

ROOT = Path(__file__).parents[1]


def test_the_scenes_benchmark_prints_its_figures_as_json() -> None:
    command = [sys.executable, "benchmarks/scenes.py", "--json", "--frames", "40"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    report = json.loads(ran.stdout)
    assert {*report["frames_per_s"]} == {*EXERCISES, "hand", "sitting", "things"}
    assert 0.0 < report["slowest_frames_per_s"] == min(report["frames_per_s"].values())
    assert set(report["stream_s"]) == set(SIGHT_SKILLS) and min(report["stream_s"].values()) > 0.0

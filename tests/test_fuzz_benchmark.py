"""The fuzzer against a server process: nothing breaks, and who behaves well beside it loses nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_hostile_messages_over_both_protocols_break_nothing_and_harm_nobody() -> None:
    command = [sys.executable, "benchmarks/fuzz.py", "--json", "--messages", "2000", "--set", "start_s=4"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    report = json.loads(ran.stdout)
    # Those of a connection that is refused are given back, and may come when nobody is left to send them.
    assert report["messages"] >= 1_900 and {"live", "extended", "realtime", "http"} <= set(report["of"])
    assert sum(report["errors"].values()) > 100 and len(report["errors"]) > 10
    assert report["server_alive"] and report["server_exceptions"] == 0 and report["unexpected"] == {}
    assert report["left"] == {"sessions": 1.0, "connections": 1.0}
    beside = report["beside"]
    assert beside["samples_back"] > 0 and beside["samples_wrong"] == beside["samples_missing"] == 0
    assert beside["frames_lost"] == 0 and beside["errors"] == []

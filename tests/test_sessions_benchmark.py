"""The benchmark of sessions at once runs, and counts lost and added samples exactly."""

import json
import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def benchmark() -> Any:
    spec = spec_from_file_location("sessions_benchmark", ROOT / "benchmarks" / "sessions.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_it_talks_with_a_server_of_its_own_and_prints_its_figures_as_json() -> None:
    command = [
        sys.executable,
        "benchmarks/sessions.py",
        "--json",
        "--model",
        "echo",
        "--sessions",
        "2",
        "--seconds",
        "2",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    report = json.loads(ran.stdout)
    assert report["errors"] == [] and report["ticks"] >= 18
    assert report["refusal"] == {"served": False, "code": "server_at_capacity", "close": 1013}
    assert report["sound_out"]["frames"] >= 200
    assert report["sound_out"]["lost_ms"] == report["sound_out"]["doubled_ms"] == 0
    assert report["sound_in"]["compared"] > 0 and report["memory_mb"]["end"] > 0


def test_what_is_lost_and_what_is_added_is_counted_to_the_sample(benchmark: Any) -> None:
    sent = np.random.default_rng(0).integers(-4, 5, 20_000).astype(np.int16)
    sent[:100] = 0
    heard = np.concatenate([np.zeros(640), sent[:5_000], sent[5_320:9_000], np.zeros(777), sent[9_000:]])
    assert benchmark.continuity(sent, heard.astype(np.int32))[:2] == (320, 777)
    whole = np.concatenate([np.zeros(640), sent, np.zeros(99)]).astype(np.int32)
    assert benchmark.continuity(sent, whole)[:2] == (0, 0)
    doubled = np.concatenate([sent[:5_000], sent[4_680:]]).astype(np.int32)
    assert benchmark.continuity(sent, doubled)[:2] == (0, 320)

"""The programs in examples/clients/ are answered by a real server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples" / "clients"
ANSWERS = {
    "openai_live.py": ("http://{address}/v1", "cold"),
    "livekit_agent.py": ("http://{address}/v1", "seven"),
    "pipecat_bot.py": ("ws://{address}/v1/realtime", "seven"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_example_prints_the_models_answer(name: str, address: str) -> None:
    url, answer = ANSWERS[name]
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), url.format(address=address)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert answer in done.stdout


def test_every_example_is_here_and_under_40_lines() -> None:
    files = {path.name: len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")}
    assert files.keys() == ANSWERS.keys()
    assert max(files.values()) < 40

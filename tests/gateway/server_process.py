"""`microturn serve` as a process of its own, on a port that it takes itself."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.gateway.live_client import until

ROOT = Path(__file__).parents[2]


class Served:
    """The process, and where it listens."""

    def __init__(self, process: "subprocess.Popen[bytes]", address: str) -> None:
        self.process, self.address = process, address

    def kill(self) -> None:
        """As a power cut does it."""
        self.process.kill()


@contextmanager
def served(log: Path, *options: str) -> Iterator[Served]:
    """A server that listens; log: what it says there. It is killed at the end."""
    command = [sys.executable, "-m", "microturn", "serve", "--port", "0", "--drain", "0", *options]
    with log.open("wb") as lines, subprocess.Popen(command, cwd=ROOT, stderr=lines) as process:
        try:
            until(lambda: listening(log) or process.poll() is not None, each_s=0.05)
            assert process.poll() is None, log.read_text()
            yield Served(process, listening(log))
        finally:
            process.kill()


def listening(log: Path) -> str:
    """host:port from the log of a server, "" where it does not listen yet."""
    for line in log.read_text().splitlines(keepends=True):
        if '"listening"' in line and line.endswith("\n"):
            return json.loads(line)["address"]
    return ""

"""A server process with the shipped weights, one for all clients."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parents[3]
START_S = 180.0


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of `microturn serve`, ready for sessions."""
    log = tmp_path_factory.mktemp("server") / "log"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "microturn", "serve", "--port", str(port), "--slots", "2", "--drain", "0"]
    with log.open("wb") as lines, subprocess.Popen(command, cwd=ROOT, stderr=lines) as server:
        try:
            wait_until_ready(server, port, log)
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_until_ready(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        assert server.poll() is None, log.read_text()
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=START_S):
                return
        except URLError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())

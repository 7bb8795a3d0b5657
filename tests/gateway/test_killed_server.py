"""A server process that is killed in mid-conversation: what it recorded is complete, and held once more it is equal."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import torch
from websockets.sync.client import connect

from microturn.commands.again import again
from microturn.gateway.kept import read_kept
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import save_checkpoint
from microturn.model.interaction import InteractionModel, init_weights
from microturn.recipes.tiny import toy

ROOT = Path(__file__).parents[2]
START_S = 120.0


def toy_weights(path: Path) -> Path:
    """A toy that says something in most ticks."""
    model = InteractionModel(toy().model)
    init_weights(model, seed=0)
    with torch.no_grad():
        model.decision.weight.normal_(generator=torch.Generator().manual_seed(1))
        model.heard.weight.normal_(generator=torch.Generator().manual_seed(2))
    save_checkpoint(path, model, TextTokenizer.train(["what is two plus two"], n_pieces=10), {"listen_bias": 1.0})
    return path


def wait_until_ready(server: "subprocess.Popen[bytes]", port: int) -> None:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        assert server.poll() is None
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=START_S):
                return
        except URLError:
            time.sleep(0.05)
    raise AssertionError("the server did not become ready")


def talked(port: int, seconds: float) -> int:
    """Talk with noise and typed words until the model's sound has come so far; where it ended, in ms."""
    noise = np.random.default_rng(0).normal(0, 3_000, 24_000 * 4).clip(-32_768, 32_767).astype("<i2").tobytes()
    with connect(f"ws://127.0.0.1:{port}/v1/live/sessions", max_size=None, proxy=None) as client:
        client.send(json.dumps({"type": "session.start", "session": {"model": "m"}}))
        audio = base64.b64encode(noise).decode()
        client.send(json.dumps({"type": "session.input_audio.append", "audio": audio}))
        client.send(
            json.dumps({"type": "session.instructions.append", "content": "what is two", "delegation_id": None})
        )
        end_ms = 0
        while end_ms < seconds * 1_000:
            end_ms = max(end_ms, json.loads(client.recv(START_S)).get("end_ms", 0))
        return end_ms


def test_a_killed_server_has_recorded_all_but_the_last_second_and_it_decides_the_same_again(tmp_path: Path) -> None:
    weights = toy_weights(tmp_path / "toy.safetensors")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", port, "--record", tmp_path / "store", "--weights", weights]
    command = [sys.executable, "-m", "microturn", "serve", *map(str, options)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until_ready(server, port)
            end_ms = talked(port, 3.0)
        finally:
            os.kill(server.pid, signal.SIGKILL)
    (folder,) = (tmp_path / "store").iterdir()
    kept = read_kept(folder)
    assert kept.whole_ticks * 200 >= end_ms - 1_000
    assert any("its writer was killed" in note for note in kept.recording().notes)
    result = again(kept, weights)
    assert result.exact and result.difference is None and result.ticks >= kept.whole_ticks

"""The process that listens: readiness, draining, TLS, and `microturn serve` from its command line."""

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from websockets.exceptions import ConnectionClosed

from microturn.core.errors import InputError
from microturn.engine.api import InputChunk, SessionRef, TurnResult
from microturn.engine.embedded import EmbeddedEngine
from microturn.gateway.host import EchoHost, SharedEngine
from microturn.gateway.sessions import Limits
from tests.engine.toy import VOCAB, chunks, spec, toy_model
from tests.gateway.live_client import WAIT_S, opened, serving, until

ROOT = Path(__file__).parents[2]


class Unwell(EchoHost):
    dead = False

    def well(self) -> bool:
        return not self.dead


class Stuck(EmbeddedEngine):
    """Its turns wait until they are let go."""

    def __init__(self) -> None:
        super().__init__(toy_model(), VOCAB, slots=1)
        self.entered, self.go = threading.Event(), threading.Event()

    def turns(self, requests: Sequence[tuple[SessionRef, InputChunk]]) -> list[TurnResult]:
        self.entered.set()
        assert self.go.wait(WAIT_S)
        return super().turns(requests)


def test_a_server_whose_engine_has_died_is_alive_but_not_ready() -> None:
    host = Unwell(1)
    with serving(host, Limits(sessions=1)) as running:
        assert running.get("/readyz")[0] == 200
        host.dead = True
        assert running.get("/readyz")[0] == 503 and running.get("/readyz")[1]["status"] == "failed"
        assert running.get("/healthz")[0] == 200


def test_a_full_server_is_ready_for_whoever_asks_and_a_draining_one_is_not() -> None:
    with serving(EchoHost(1), Limits(sessions=1, drain_s=WAIT_S)) as running, running.client() as client:
        client.start()
        assert running.get("/readyz") == (200, {"status": "full", "model": "echo", "sessions": 1, "free": 0})
        running.server.handle_exit(signal.SIGTERM, None)
        until(lambda: running.sessions.draining)
        assert running.get("/readyz")[0] == 503 and running.get("/readyz")[1]["status"] == "draining"
        assert running.get("/healthz")[0] == 200
        running.server.handle_exit(signal.SIGTERM, None)  # asked again it stops at once
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                client.next()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012


def test_an_engine_that_has_stopped_or_is_lost_in_one_computation_is_not_well() -> None:
    stuck = Stuck()
    ref = stuck.open(spec(0))
    shared = SharedEngine(stuck, wait_s=0.05)
    assert shared.well
    turn = shared.put_turn(ref, chunks(0, 6)[0])
    assert stuck.entered.wait(WAIT_S)
    until(lambda: not shared.well)
    stuck.go.set()
    assert turn.result(WAIT_S).seq == 0
    until(lambda: shared.well)
    shared.stop()
    until(lambda: not shared.well)


def test_an_engine_tells_the_size_of_each_batch_and_how_long_it_waited() -> None:
    seen: list[tuple[int, float]] = []
    shared = SharedEngine(
        EmbeddedEngine(toy_model(), VOCAB, slots=1), watch=lambda size, waited_s: seen.append((size, waited_s))
    )
    shared.turn(shared.open(spec(0)), chunks(0, 6)[0])
    shared.stop()
    assert len(seen) == 1 and seen[0][0] == 1 and seen[0][1] >= 0


def serve(*options: str, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "microturn", "serve", "--model", "echo", "--port", "0", *options]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MICROTURN_")}
    return subprocess.Popen(command, cwd=ROOT, env=inherited | environment, stderr=subprocess.PIPE, text=True)


def address_of(server: "subprocess.Popen[str]") -> tuple[str, list[str]]:
    """Where it listens, and the lines before it says so."""
    assert server.stderr is not None
    lines: list[str] = []
    for line in server.stderr:
        lines.append(line)
        if '"listening"' in line:
            return json.loads(line)["address"], lines
    raise AssertionError("".join(lines))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    try:
        subprocess.run([*made, *named, "-keyout", key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl makes the certificate")
    return cert, key


def test_the_command_serves_tls_with_keys_prints_its_settings_and_stops_when_asked(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    cert, key = certificate
    keys = tmp_path / "keys.txt"
    add = [sys.executable, "-m", "microturn", "keys", "add", "anna", "--file", str(keys)]
    secret = subprocess.run(add, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    config = tmp_path / "serve.toml"
    config.write_text("idle_s = 77\n")
    options = ["--config", str(config), "--tls-cert", str(cert), "--tls-key", str(key)]
    with serve(*options, MICROTURN_KEYS_FILE=str(keys), MICROTURN_HOST="127.0.0.1") as server:
        try:
            address, lines = address_of(server)
            printed = "".join(lines)
            assert f"idle_s = 77.0 # {config}" in " ".join(printed.split())
            assert secret not in printed
            trusting = ssl.create_default_context(cafile=cert)
            with urlopen(f"https://{address}/readyz", timeout=WAIT_S, context=trusting) as answer:
                assert answer.status == 200
            with pytest.raises(HTTPError) as error:
                urlopen(f"https://{address}/v1/models", timeout=WAIT_S, context=trusting)
            with error.value:
                assert error.value.code == 401
            url = f"wss://{address}/v1/realtime?model=any"
            headers = {"Authorization": f"Bearer {secret}"}
            with opened(url, ssl=trusting, additional_headers=headers) as socket:
                assert json.loads(socket.recv(WAIT_S))["type"] == "session.created"
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.stderr is not None
        rest = server.stderr.read()
        server.wait(WAIT_S)
    assert secret not in rest and '"session opened"' in rest


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--host", "0.0.0.0"), "needs API keys"),
        (("--set", "idel_s=3"), "idle_s perhaps"),
        (("--set", "idle_s"), "NAME=VALUE"),
        (("--tls-cert", "nowhere.pem"), "half of a pair"),
        (("--keys-file", "nowhere.txt"), "nowhere.txt"),
    ],
)
def test_settings_that_cannot_be_are_one_line_and_exit_code_2(options: Sequence[str], says: str) -> None:
    from typer.testing import CliRunner

    from microturn.cli import app

    ran = CliRunner().invoke(app, ["serve", *options])
    assert ran.exit_code == 2 and says in ran.stderr and "Traceback" not in ran.stderr


def test_a_certificate_that_is_none_is_refused_before_anything_listens(tmp_path: Path) -> None:
    from microturn.commands.serve import serve as command

    wrong = tmp_path / "cert.pem"
    wrong.write_text("no certificate")
    line = {"model": "echo", "tls_cert": str(wrong), "tls_key": str(wrong)}
    with pytest.raises(InputError, match="not a certificate"):
        command(None, line)


def test_the_settings_in_force_can_be_printed_without_serving() -> None:
    from typer.testing import CliRunner

    from microturn.cli import app

    ran = CliRunner().invoke(app, ["serve", "--print-config", "--set", "idle_s=3"], env={"MICROTURN_PORT": "9"})
    printed = [" ".join(line.split()) for line in ran.stdout.splitlines()]
    assert ran.exit_code == 0 and "idle_s = 3.0 # command line" in printed and "port = 9 # environment" in printed

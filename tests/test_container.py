"""What can be told of the container without building it: the files, options and settings that it names exist."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from microturn.gateway.settings import names

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def instructions() -> list[tuple[str, str]]:
    lines = [line for line in DOCKERFILE.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def compose() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def copied() -> list[str]:
    copies = [rest.split() for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")]
    return [name for words in copies for name in words[:-1]]


def test_every_file_that_is_copied_exists_and_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied() and [name for name in copied() if not (ROOT / name).exists()] == []
    assert set(copied()) <= kept


def test_everything_of_the_package_is_in_what_is_copied() -> None:
    build = (ROOT / "pyproject.toml").read_text()
    for named in ("README.md", "LICENSE", "microturn"):
        assert f'"{named}"' in build and named in copied()


def test_every_variable_is_a_setting() -> None:
    variables = re.findall(r"MICROTURN_(\w+)[=:]", DOCKERFILE + (ROOT / "compose.yaml").read_text())
    assert len(variables) >= 3 and {name.lower() for name in variables} <= set(names())


def test_the_health_check_asks_for_readiness_at_the_port_that_is_served() -> None:
    health = next(rest for word, rest in instructions() if word == "HEALTHCHECK")
    program = json.loads(health.partition("CMD ")[2])[2]
    ast.parse(program)
    port = next(rest for word, rest in instructions() if word == "EXPOSE")
    assert f"127.0.0.1:{port}/readyz" in program and f"MICROTURN_PORT={port}" in DOCKERFILE


def test_it_does_not_run_as_root_and_starts_the_server() -> None:
    words = [word for word, _ in instructions()]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert json.loads(dict(instructions())["ENTRYPOINT"]) == ["microturn", "serve"]


def test_compose_gives_keys_by_a_secret_and_keeps_recordings_in_a_volume() -> None:
    file = compose()
    server = file["services"]["microturn"]
    (secret,) = server["secrets"]
    assert server["environment"]["MICROTURN_KEYS_FILE"] == f"/run/secrets/{secret}"
    assert file["secrets"][secret]["file"] == "./keys.txt"
    volume, folder = server["volumes"][0].split(":")
    assert volume in file["volumes"] and f"MICROTURN_RECORDINGS={folder}" in DOCKERFILE

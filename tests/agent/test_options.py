"""What a developer chooses: options, keys, the file of MCP servers, the command line."""

import json
import logging
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from microturn.agent.embedded import EmbeddedAgent
from microturn.agent.mcp_servers import mcp_servers
from microturn.agent.options import KEY_VARIABLE, AgentOptions, agent_of
from microturn.agent.secret import Secret, secret_from
from microturn.cli import app
from microturn.core.errors import ConfigError, InputError, MissingDependency
from tests.agent.llm_server import Refuse, Say, Use, serving, tool_answers

KEY = "sk-very-secret-0123456789"


def ask(*words: object) -> Result:
    return CliRunner().invoke(app, ["agent", "ask", *(str(word) for word in words)])


def file_of(tmp_path: Path, servers: Any) -> Path:
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps({"mcpServers": servers}))
    return path


def test_the_embedded_agent_needs_nothing() -> None:
    assert isinstance(agent_of(AgentOptions()), EmbeddedAgent)


@pytest.mark.parametrize(
    "wrong",
    [{"url": "http://x/v1"}, {"model": "m"}, {"mcp": Path("mcp.json")}, {"zone": "Mars/Olympus"}, {"zone": "../x"}],
)
def test_an_impossible_choice_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        AgentOptions(**wrong)


def test_a_model_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "microturn.agent.llm", None)
    with pytest.raises(MissingDependency, match=r"microturn\[agent\]"):
        agent_of(AgentOptions("http://127.0.0.1:1/v1", "any"))


def test_a_secret_never_shows_itself() -> None:
    secret = Secret(KEY)
    assert KEY not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == KEY and secret.scrubbed(f"wrong key {KEY}!") == "wrong key ***!"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_key_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    assert secret_from("NAME", tmp_path / "key", {}).reveal() == KEY
    assert secret_from("NAME", None, {"NAME": f" {KEY} "}).reveal() == KEY
    assert not secret_from("NAME", None, {})


@pytest.mark.parametrize("text", ["", "two words", f"{KEY}\n{KEY}"])
def test_a_file_that_is_no_key_is_refused_without_telling_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(InputError) as refused:
        secret_from("NAME", tmp_path / "key")
    assert KEY not in str(refused.value) and "two" not in str(refused.value)


def test_servers_are_read_as_other_programs_write_them(tmp_path: Path) -> None:
    rows = {
        "calc": {"type": "stdio", "command": "python", "args": ["${DIR:-.}/calc.py"], "env": {"TOKEN": "${TOKEN}"}},
        "web": {"url": "http://localhost:1/mcp", "headers": {"Authorization": "Bearer ${TOKEN}"}, "read_only": True},
    }
    calc, web = mcp_servers(file_of(tmp_path, rows), {"TOKEN": KEY})
    assert calc.args == ("./calc.py",) and calc.env == {"TOKEN": KEY} and not calc.read_only
    assert web.headers == {"Authorization": f"Bearer {KEY}"} and web.read_only
    assert KEY not in repr((calc, web))


@pytest.mark.parametrize(
    "row",
    [{}, {"command": "a", "url": "http://b"}, {"command": ["a"]}, {"comand": "a"}, "a", {"command": "${MISSING}"}],
)
def test_a_wrong_server_is_refused(tmp_path: Path, row: Any) -> None:
    with pytest.raises(ConfigError):
        mcp_servers(file_of(tmp_path, {"calc": row}), {})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"mcpServers": []}'])
def test_a_file_without_servers_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "mcp.json").write_text(text)
    with pytest.raises(InputError):
        mcp_servers(tmp_path / "mcp.json")


def test_a_task_on_the_command_line_prints_its_answer() -> None:
    asked = ask("how much is seventeen times twenty three")
    assert asked.exit_code == 0 and asked.stdout.splitlines()[-1] == "three hundred ninety one"


def test_what_needs_a_language_model_says_so_in_one_line() -> None:
    asked = ask("write a poem about the sea")
    assert asked.exit_code == 2 and len(asked.stderr.splitlines()) == 1
    assert "needs_model" in asked.stderr


def test_notes_stay_in_their_file(tmp_path: Path) -> None:
    notes = ("--notes", tmp_path / "notes.db")
    assert ask("make a note that the milk is out", *notes).exit_code == 0
    assert "the milk is out" in ask("what are my notes", *notes).stdout
    assert (tmp_path / "notes.db").stat().st_mode & 0o077 == 0


def test_a_model_on_the_command_line_prints_its_progress() -> None:
    def reply(body: dict[str, Any]) -> Say | Use:
        return Say("It is 391.") if tool_answers(body) else Use("reckon", {"expression": "17 * 23"})

    with serving(reply) as llm:
        asked = ask("how much is it", "--agent", llm.url, "--agent-model", "any")
    assert asked.stdout.splitlines() == ["  using reckon", "It is three hundred ninety one."]


def test_a_key_is_never_printed_or_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    with caplog.at_level(logging.DEBUG), serving(lambda body: Refuse(401, f"wrong key {KEY}")) as llm:
        asked = ask("think", "--agent", llm.url, "--agent-model", "any")
        assert llm.headers[0]["authorization"] == f"Bearer {KEY}"
    assert asked.exit_code == 2 and "***" in asked.stderr
    assert KEY not in asked.output + caplog.text


def test_a_task_that_is_empty_is_refused() -> None:
    assert ask("?!").exit_code == 2

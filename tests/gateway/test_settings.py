import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from microturn.core.errors import ConfigError, InputError
from microturn.gateway.keys import Keys, add_key
from microturn.gateway.settings import ServerSettings, effective, ice_of, keys_of, names, printed, rules_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "serve.toml"


def settings(**line: Any) -> ServerSettings:
    return effective(None, {}, line).settings


def test_the_command_line_is_stronger_than_the_environment_and_that_than_the_file(file: Path) -> None:
    file.write_text('host = "127.0.0.2"\nport = 1\nidle_s = 5\norigins = ["https://a.example"]\n')
    got = effective(file, {"MICROTURN_PORT": "2", "MICROTURN_IDLE_S": "6", "PATH": "x"}, {"idle_s": 7.0})
    assert (got.settings.host, got.settings.port, got.settings.limits.idle_s) == ("127.0.0.2", 2, 7.0)
    assert got.settings.origins == ("https://a.example",)
    assert [got.sources[name] for name in ("host", "port", "idle_s", "log")] == [
        str(file),
        "environment",
        "command line",
        "default",
    ]


def test_text_is_read_as_the_type_of_its_setting() -> None:
    environment = {
        "MICROTURN_OPEN_METRICS": "yes",
        "MICROTURN_ORIGINS": "https://a.example, https://b.example",
        "MICROTURN_SESSIONS_PER_KEY": "3",
        "MICROTURN_WEIGHTS": "",
    }
    got = effective(None, environment, {"bytes_per_s": "1e6", "model": "echo"}).settings
    assert (got.open_metrics, got.limits.sessions_per_key, got.weights, got.model) == (True, 3, None, "echo")
    assert got.origins == ("https://a.example", "https://b.example") and got.limits.rate.bytes_per_s == 1e6


def test_an_unknown_setting_names_the_nearest_right_one_as_it_is_written_there(file: Path) -> None:
    file.write_text("idel_s = 5\n")
    with pytest.raises(ConfigError, match=r"serve.toml: unknown setting: got idel_s; right is idle_s perhaps"):
        effective(file, {}, {})
    with pytest.raises(ConfigError, match="MICROTURN_PROT; right is MICROTURN_PORT perhaps"):
        effective(None, {"MICROTURN_PROT": "1"}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("idle_s", "soon"),
        ("idle_s", "nan"),
        ("idle_s", "0"),
        ("sessions", "2.5"),
        ("sessions_per_key", "0"),
        ("model", "other"),
        ("port", "65536"),
        ("open_metrics", "perhaps"),
        ("messages_per_s", "-1"),
        ("connections", "0"),
        ("body_bytes", "0"),
    ],
)
def test_a_wrong_value_is_refused_with_the_place_where_it_stands(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"environment: MICROTURN_{name.upper()}"):
        effective(None, {f"MICROTURN_{name.upper()}": value}, {})


def test_the_servers_of_webrtc_are_shown_and_their_password_is_not(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("a long secret\n".replace(" ", "-"))
    line = {"ice": "stun:a.example:3478,turn:a.example:3478", "ice_password_file": str(tmp_path / "password")}
    got = effective(None, {"MICROTURN_ICE_PASSWORD": "another"}, line)
    assert [one.url for one in ice_of(got.settings, {}).servers()] == ["stun:a.example:3478", "turn:a.example:3478"]
    told = "\n".join(printed(got))
    assert "turn:a.example:3478" in told and "a-long-secret" not in told and "another" not in told
    with pytest.raises(ConfigError, match="without a password"):
        ice_of(settings(ice="turn:a.example"), {})
    assert ice_of(settings(ice="turn:a.example", ice_username="anna"), {"MICROTURN_ICE_PASSWORD": "another"}).servers()


def test_a_file_that_is_no_toml_is_refused(file: Path) -> None:
    file.write_text("idle_s: 5\n")
    with pytest.raises(InputError, match="not TOML"):
        effective(file, {}, {})


def test_what_is_printed_can_be_a_file_again_and_shows_no_keys(file: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    add_key(keys, "anna")
    line = keys.read_text().strip()
    got = effective(None, {"MICROTURN_KEYS": line}, {"origins": ["https://a.example"], "idle_s": 9})
    text = "\n".join(printed(got))
    assert line.partition("=")[2] not in text and "1 hidden" in text
    assert tomllib.loads(text)["idle_s"] == 9
    file.write_text(text)
    assert effective(file, {"MICROTURN_KEYS": line}, {}).settings == got.settings


def test_every_name_is_of_one_setting_alone() -> None:
    assert len(names()) == len(set(names())) == len(list(_leaves(ServerSettings)))


def _leaves(cls: type) -> list[str]:
    hints = get_type_hints(cls)
    nested = [_leaves(hints[one.name]) if is_dataclass(hints[one.name]) else [one.name] for one in fields(cls)]
    return [name for part in nested for name in part]


def test_an_address_that_others_reach_needs_keys_or_an_explicit_word() -> None:
    for host in ("0.0.0.0", "::", "", "192.168.0.1", "example.org"):
        with pytest.raises(ConfigError, match="needs API keys"):
            rules_of(settings(host=host), Keys())
    assert not rules_of(settings(host="0.0.0.0", without_keys=True), Keys()).local
    for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        assert rules_of(settings(host=host), Keys()).local


def test_half_of_tls_and_a_file_without_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="half of a pair"):
        rules_of(settings(tls_cert="cert.pem"), Keys())
    empty = tmp_path / "keys.txt"
    empty.write_text("# nobody yet\n")
    with pytest.raises(InputError, match="lets nobody in"):
        keys_of(settings(keys_file=str(empty)))


def test_every_setting_is_told_of_in_the_documentation() -> None:
    page = (ROOT / "docs" / "serving.md").read_text()
    assert [name for name in names() if f"`{name}`" not in page] == []

"""The file that names MCP servers, `{"mcpServers": {...}}`, as other programs have it. Who talks to them: llm.py."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from microturn.core.config import from_dict
from microturn.core.errors import ConfigError, InputError

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
# What other programs write beside it; it changes nothing here.
_IGNORED = ("type", "transport", "disabled", "description", "timeout", "autoApprove", "alwaysAllow")


@dataclass(frozen=True, repr=False)
class McpServer:
    """A program to start (stdio) or an address to call (streamable HTTP).

    read_only: its tools change nothing in the world, also where they do not say so. Its repr tells no values.
    """

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict[str, str])
    cwd: str | None = None
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    read_only: bool = False

    def __post_init__(self) -> None:
        if bool(self.command) == bool(self.url):
            came = "both" if self.command else "neither"
            raise ConfigError("an MCP server", self.name, came, "a command or a url")
        if not re.fullmatch(r"[A-Za-z][\w-]{0,30}", self.name):
            raise ConfigError("the name of an MCP server", "mcpServers", repr(self.name), "letters, digits, - and _")

    def __repr__(self) -> str:
        return f"McpServer({self.name!r}, {'command' if self.command else 'url'})"


def mcp_servers(path: Path, environment: Mapping[str, str] | None = None) -> tuple[McpServer, ...]:
    """The servers of a file; `${NAME}` and `${NAME:-default}` in it stand for variables of the environment.

    InputError for a file that is none, ConfigError for a key or value that is wrong, without telling a value.
    """
    try:
        read: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("a file of MCP servers", path, type(error).__name__, '{"mcpServers": {...}}') from error
    servers = cast("dict[str, Any]", read).get("mcpServers") if isinstance(read, dict) else None
    if not isinstance(servers, dict):
        raise InputError("a file of MCP servers", path, "no mcpServers", '{"mcpServers": {"name": {"command": ...}}}')
    known = os.environ if environment is None else environment
    return tuple(_server(name, row, known) for name, row in cast("dict[str, Any]", servers).items())


def _server(name: str, row: Any, environment: Mapping[str, str]) -> McpServer:
    where = f"mcpServers.{name}"
    if not isinstance(row, dict):
        raise ConfigError("an MCP server", where, type(row).__name__, "an object")
    fields = {key: value for key, value in cast("dict[str, Any]", row).items() if key not in _IGNORED}
    present = {key: _filled(value, environment, where) for key, value in fields.items() if value is not None}
    return from_dict(McpServer, {"name": name, **present}, where)


def _filled(value: Any, environment: Mapping[str, str], where: str) -> Any:
    if isinstance(value, list):
        return [_filled(item, environment, where) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: _filled(item, environment, where) for key, item in cast("dict[str, Any]", value).items()}
    if not isinstance(value, str):
        return value

    def replacement(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if name not in environment and default is None:
            raise ConfigError("a variable of the environment", where, f"no {name}", f"{name} set, or ${{{name}:-...}}")
        return environment.get(name, default or "")

    return _VARIABLE.sub(replacement, value)

"""MCP servers that a session's client names: whether they may be reached, their tools, calls of them. No wire.

A client that names an address makes this machine call it. So none is reached but those whose origin the operator has
allowed (`mcp_origins`). What a client sends along for them, `authorization` and `headers`, is never told or recorded.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from urllib.parse import urlsplit
from uuid import uuid4

import structlog

from microturn.agent.job import Function
from microturn.core.errors import ConfigError, MicroturnError, MissingDependency
from microturn.gateway.timeline import Aside, CallStatus, RemoteCall, ToolsListed

SERVERS = 4  # of one session
LABEL_CHARACTERS = 64
APPROVAL_S = 60.0
SECRETS = ("authorization", "headers")
log = structlog.get_logger("microturn.gateway")


class Tells(Protocol):
    """What named servers need of their session."""

    @property
    def at_ms(self) -> int: ...
    def tell(self, item: Aside) -> None: ...


class WrongServer(MicroturnError):
    """A server that is not described as it should be, or may not be reached; in words for the client."""


class NoApproval(MicroturnError):
    """An approval that nothing waits for, in words for the client."""


@dataclass(frozen=True)
class Choice:
    """Some of a server's tools: those of these names, None is all; those that only read, None is either."""

    names: frozenset[str] | None = None
    read_only: bool | None = None

    def holds(self, name: str, read_only: bool) -> bool:
        """Whether this tool is one of them."""
        named = self.names is None or name in self.names
        return named and (self.read_only is None or self.read_only == read_only)


@dataclass(frozen=True, repr=False)
class NamedServer:
    """As a client describes it. allowed: tools that may be used; approved: those that need no approval."""

    label: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    allowed: Choice = field(default_factory=Choice)
    approved: Choice = field(default_factory=lambda: Choice(frozenset()))


@dataclass
class _Server:
    """One that is connected, or about to be. task: asks it for its tools."""

    wanted: NamedServer
    task: asyncio.Task[None] | None = None
    remote: Any = None
    functions: tuple[Function, ...] = ()


class NamedServers:
    """Those of one session. changed: their functions are others now."""

    def __init__(self, session: Tells, origins: Sequence[str], changed: Callable[[], None]) -> None:
        self._session, self._origins, self._changed = session, tuple(origins), changed
        self._servers: dict[str, _Server] = {}
        self._approvals: dict[str, asyncio.Future[bool]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def functions(self) -> list[Function]:
        """What can be called now."""
        return [one for server in self._servers.values() for one in server.functions]

    def offer(self, tools: Sequence[Mapping[str, Any]]) -> None:
        """These servers from now on; one that is described as before stays connected."""
        told = [tool for tool in tools if tool.get("type") == "mcp"]
        wanted = {str(tool.get("server_label") or "")[:LABEL_CHARACTERS]: tool for tool in told}
        for label in list(self._servers):
            if label not in wanted or _described(wanted[label]) != self._servers[label].wanted:
                self._leave(self._servers.pop(label))
        for number, (label, tool) in enumerate(wanted.items()):
            if label not in self._servers:
                self._begin(label, tool, number >= SERVERS)
        self._changed()

    def approve(self, approval_id: str, approved: bool) -> None:
        """The client's answer to a call that asked; NoApproval where none waits for it."""
        waiting = self._approvals.get(approval_id)
        if waiting is None or waiting.done():
            raise NoApproval(f"Nothing waits for approval '{approval_id[:80]}'.")
        waiting.set_result(approved)

    async def close(self) -> None:
        """The session is over: leave all servers."""
        for server in self._servers.values():
            self._leave(server)
        self._servers.clear()
        if self._leaving:
            await asyncio.wait(self._leaving)

    def _begin(self, label: str, tool: Mapping[str, Any], too_many: bool) -> None:
        id = f"mcpl_{uuid4().hex[:20]}"
        self._session.tell(ToolsListed(self._session.at_ms, id, label, "in_progress"))
        try:
            if too_many:
                raise WrongServer(f"A session may name {SERVERS} MCP servers.")
            wanted = server_of(tool)
            _check_reach(wanted.url, self._origins)
        except WrongServer as error:
            self._session.tell(ToolsListed(self._session.at_ms, id, label, "failed", error=str(error)))
            return
        server = self._servers[label] = _Server(wanted)
        server.task = asyncio.create_task(self._connect(server, id), name=f"tools of {label}")

    def _leave(self, server: _Server) -> None:
        async def left() -> None:
            if server.task is not None:
                server.task.cancel()
                await asyncio.wait([server.task])
            if server.remote is not None:
                await server.remote.close()

        leaving = asyncio.create_task(left(), name="leaving an MCP server")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def _connect(self, server: _Server, id: str) -> None:
        """Ask one server for its tools, and tell them."""
        label = server.wanted.label
        try:
            from microturn.agent.remote_mcp import RemoteFailure, RemoteServer
        except ImportError:
            missing = MissingDependency("fastmcp", "calling an MCP server", "pip install 'microturn[agent]'")
            self._session.tell(ToolsListed(self._session.at_ms, id, label, "failed", error=str(missing)))
            return
        server.remote = RemoteServer(server.wanted.url, server.wanted.headers)
        try:
            found = [one for one in await server.remote.tools() if server.wanted.allowed.holds(one.name, one.read_only)]
        except RemoteFailure as error:
            log.info("MCP server of a client does not answer", label=label, reason=str(error))
            self._session.tell(ToolsListed(self._session.at_ms, id, label, "failed", error=str(error)))
            if self._servers.get(label) is server:  # named again, it is asked again
                self._leave(self._servers.pop(label))
            return
        server.functions = tuple(self._function(server, one) for one in found)
        told = tuple(
            {"name": one.name, "description": one.description, "input_schema": dict(one.parameters)}
            | ({"annotations": dict(one.annotations)} if one.annotations else {})
            for one in found
        )
        self._session.tell(ToolsListed(self._session.at_ms, id, label, "completed", told))
        self._changed()

    def _function(self, server: _Server, tool: Any) -> Function:
        async def call(task_id: str, arguments: str) -> str:
            return await self._call(server, tool, task_id, arguments)

        name = re.sub(r"[^A-Za-z0-9_-]", "_", f"{server.wanted.label}_{tool.name}")[:64]
        schema: dict[str, Any] = {"type": "object", "properties": {}, **tool.parameters}
        return Function(name, tool.description, schema, call, side_effect=not tool.read_only)

    async def _call(self, server: _Server, tool: Any, task_id: str, arguments: str) -> str:
        """One call, told at each step; ValueError in words for the agent where there is no output."""
        from microturn.agent.remote_mcp import RemoteFailure

        id, approval_id = f"mcp_{uuid4().hex[:20]}", ""
        label = server.wanted.label

        def tell(status: CallStatus, output: str = "", error: str = "") -> None:
            at_ms = self._session.at_ms
            told = RemoteCall(at_ms, task_id, id, label, tool.name, arguments, status, approval_id, output, error)
            self._session.tell(told)

        if not server.wanted.approved.holds(tool.name, tool.read_only):
            approval_id = f"mcpr_{uuid4().hex[:20]}"
            tell("asked")
            if not await self._approved(approval_id):
                raise ValueError("the user did not allow it")
        tell("in_progress")
        try:
            output = await server.remote.call(tool.name, json.loads(arguments))
        except RemoteFailure as error:
            tell("failed", error=f"{error.kind}: {error}")
            raise ValueError(str(error)) from None
        except asyncio.CancelledError:
            tell("failed", error="tool: the task is over")
            raise
        tell("completed", output=output)
        return output

    async def _approved(self, approval_id: str) -> bool:
        waiting = self._approvals[approval_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(APPROVAL_S):
                return await waiting
        except TimeoutError:
            return False
        finally:
            del self._approvals[approval_id]


def server_of(tool: Mapping[str, Any]) -> NamedServer:
    """A tool of type `mcp` as clients of the Realtime and Responses APIs write it; WrongServer for what is none."""
    label, url = tool.get("server_label"), tool.get("server_url")
    if not isinstance(label, str) or not label or len(label) > LABEL_CHARACTERS:
        raise WrongServer(f"An MCP server has a server_label of 1 to {LABEL_CHARACTERS} characters.")
    if not isinstance(url, str) or not url:
        raise WrongServer("An MCP server is named by its server_url here; there are no connectors and no tunnels.")
    given: Any = tool.get("headers") or {}
    if not isinstance(given, Mapping):
        raise WrongServer("headers of an MCP server are an object of strings.")
    headers = dict(cast("Mapping[str, Any]", given))
    if not all(isinstance(text, str) for text in headers.values()):
        raise WrongServer("headers of an MCP server are an object of strings.")
    token = tool.get("authorization")
    if isinstance(token, str) and token:
        headers["Authorization"] = f"Bearer {token}"
    return NamedServer(label, url, headers, _choice(tool.get("allowed_tools")), _approved(tool.get("require_approval")))


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as "https://tools.example.com"; "" of what is no such address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return ""
    usual = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port in (None, usual) else f":{port}")


def check_origins(origins: Sequence[str]) -> None:
    """ConfigError where a setting names something else than origins."""
    for origin in origins:
        if origin_of(origin) != origin:
            raise ConfigError("mcp_origins", "Limits", repr(origin), "origins, such as https://tools.example.com")


def without_secrets(value: Any) -> Any:
    """A configuration as it may be told and recorded: of MCP servers without what opens them."""
    if isinstance(value, list):
        return [without_secrets(one) for one in cast("list[Any]", value)]
    if not isinstance(value, Mapping):
        return value
    row = cast("Mapping[str, Any]", value)
    hidden = SECRETS if row.get("type") == "mcp" else ()
    return {key: without_secrets(one) for key, one in row.items() if key not in hidden}


def _described(tool: Mapping[str, Any]) -> NamedServer | None:
    try:
        return server_of(tool)
    except WrongServer:
        return None


def _check_reach(url: str, origins: Sequence[str]) -> None:
    origin = origin_of(url)
    if not origin or origin not in origins:
        raise WrongServer(
            f"This server may not reach {origin or 'that address'}; its operator allows it by mcp_origins."
        )


def _choice(given: Any) -> Choice:
    """A list of names, or a filter; of what is neither nothing is chosen away."""
    if isinstance(given, list):
        return Choice(frozenset(str(name) for name in cast("list[Any]", given)))
    if isinstance(given, Mapping):
        row = cast("Mapping[str, Any]", given)
        names, read_only = row.get("tool_names"), row.get("read_only")
        listed = frozenset(str(name) for name in cast("list[Any]", names)) if isinstance(names, list) else None
        return Choice(listed, read_only if isinstance(read_only, bool) else None)
    return Choice()


def _approved(given: Any) -> Choice:
    """Tools that need no approval; as in the protocol, all need one where nothing is said."""
    if given == "never":
        return Choice()
    never = cast("Mapping[str, Any]", given).get("never") if isinstance(given, Mapping) else None
    return _choice(never) if never else Choice(frozenset())

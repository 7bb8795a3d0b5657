"""One MCP server over HTTP that a client has named: its tools, and calls of them. It knows fastmcp; import it late.

Whether a server may be reached at all is decided above; the MCP client follows no redirect that leaves its origin.
What a server answers is foreign text: bounded here, and trusted by nobody.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError

from microturn.agent.show import plain_text
from microturn.core.errors import MicroturnError


@dataclass(frozen=True)
class RemoteLimits:
    """tools: of one server; start_s: until it has told them; call_s: of one call; characters: of what a call gives.

    schema_characters: of one tool's parameters as JSON; a tool with more is left out.
    """

    tools: int = 64
    start_s: float = 15.0
    call_s: float = 60.0
    characters: int = 20_000
    schema_characters: int = 16_000


@dataclass(frozen=True)
class RemoteTool:
    """A tool as its server describes it. read_only: it says that it changes nothing."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    annotations: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def read_only(self) -> bool:
        """Whether the server says that it changes nothing."""
        return self.annotations.get("readOnlyHint") is True


class RemoteFailure(MicroturnError):
    """A server that does not answer ("http"), or a tool that could not do it ("tool"); in words for whoever asked."""

    def __init__(self, kind: Literal["http", "tool"], message: str) -> None:
        self.kind: Literal["http", "tool"] = kind
        super().__init__(message)


class RemoteServer:
    """A connection that begins with `tools` and ends with `close`. headers: with every request, never told."""

    def __init__(self, url: str, headers: Mapping[str, str], limits: RemoteLimits | None = None) -> None:
        self._limits = limits or RemoteLimits()
        self._client: Any = Client(  # its own types are incomplete
            StreamableHttpTransport(url, headers=dict(headers)),
            init_timeout=self._limits.start_s,
            timeout=self._limits.call_s,
        )
        self._listed: asyncio.Future[tuple[RemoteTool, ...]] | None = None
        self._over = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def tools(self) -> tuple[RemoteTool, ...]:
        """Connect, and what the server offers; RemoteFailure where it does not answer."""
        self._listed = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(self._listed), name="mcp server of a client")
        return await asyncio.shield(self._listed)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """What the tool gives as text; RemoteFailure where it fails."""
        try:
            async with asyncio.timeout(self._limits.call_s):
                result = await self._client.call_tool(name, dict(arguments))
        except ToolError as error:
            raise RemoteFailure("tool", plain_text(str(error))) from None
        except Exception as error:  # foreign: a connection that broke, an answer that is none
            raise RemoteFailure("http", f"the server did not answer: {type(error).__name__}") from None
        text = "\n".join(_text_of(block) for block in cast("list[Any]", result.content)).strip()
        most = self._limits.characters
        return text if len(text) <= most else f"{text[:most]} (cut here)"

    async def close(self) -> None:
        """Leave the server; calls that run end."""
        self._over.set()
        if self._keeper is not None:
            if self._listed is None or not self._listed.done():
                self._keeper.cancel()
            await asyncio.wait([self._keeper], timeout=self._limits.start_s)

    async def _keep(self, listed: "asyncio.Future[tuple[RemoteTool, ...]]") -> None:
        """Open and close the connection in one task, as its cancel scopes demand."""
        try:
            async with self._client:
                async with asyncio.timeout(self._limits.start_s):
                    told = await self._client.list_tools()
                listed.set_result(tuple(_tools_of(told, self._limits)))
                await self._over.wait()
        except Exception as error:  # foreign: whatever keeps a server from answering
            if not listed.done():
                listed.set_exception(RemoteFailure("http", f"the server did not answer: {type(error).__name__}"))
        finally:
            if not listed.done():
                listed.cancel()


def _tools_of(told: list[Any], limits: RemoteLimits) -> list[RemoteTool]:
    """At most so many, without those whose parameters are too long for a model to read."""
    tools: list[RemoteTool] = []
    for one in told[: limits.tools]:
        row = cast("dict[str, Any]", one.model_dump(mode="json", by_alias=True, exclude_none=True))
        schema = cast("dict[str, Any]", row.get("inputSchema") or {})
        annotations = cast("dict[str, Any]", row.get("annotations") or {})
        if len(json.dumps(schema)) <= limits.schema_characters and len(str(one.name)) <= 64:
            tools.append(RemoteTool(str(one.name), plain_text(str(one.description or "")), schema, annotations))
    return tools


def _text_of(block: Any) -> str:
    return str(block.text) if getattr(block, "type", "") == "text" else f"({getattr(block, 'type', 'something')})"

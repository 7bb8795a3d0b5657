"""A real MCP server for the tests: over stdio as a program, over HTTP in a thread."""

from mcp.server import MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("things")


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def weather(city: str) -> str:
    """The weather in a city."""
    return f"it rains in {city}"


@server.tool()
def book(table: int) -> str:
    """Book a table."""
    return f"table {table} is booked"


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def flood() -> str:
    """Far too much."""
    return "drop " * 200_000


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def broken() -> str:
    """Always fails."""
    raise RuntimeError("the pipes are frozen")


if __name__ == "__main__":
    server.run()

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import WebSocket

from microturn.gateway.wire import CLOSED, Gone, SocketChannel


def channel_of(
    messages: list[dict[str, Any]], send: Callable[[Any], Awaitable[None]], idle_s: float = 10.0, send_s: float = 10.0
) -> SocketChannel:
    """A channel over an accepted socket whose client sends these messages and then nothing."""

    async def receive() -> Any:
        return messages.pop(0) if messages else await asyncio.Event().wait()

    messages.insert(0, {"type": "websocket.connect"})
    return SocketChannel(WebSocket({"type": "websocket"}, receive, send), idle_s, send_s)


async def accepted(channel: SocketChannel) -> SocketChannel:
    await channel._socket.accept()
    return channel


async def taken(message: Any) -> None:
    """A client that reads at once."""


async def never(message: Any) -> None:
    if message["type"] == "websocket.send":
        await asyncio.Event().wait()


def test_messages_are_text_or_bytes_and_then_the_client_is_gone() -> None:
    async def read() -> list[str | bytes]:
        messages = [{"type": "websocket.receive", "text": "a"}, {"type": "websocket.receive", "bytes": b"b"}]
        channel = await accepted(channel_of([*messages, {"type": "websocket.disconnect", "code": 1000}], taken))
        got = [await channel.receive(), await channel.receive()]
        with pytest.raises(Gone):
            await channel.receive()
        return got

    assert asyncio.run(read()) == ["a", b"b"]


def test_a_client_that_says_nothing_times_out() -> None:
    async def read() -> None:
        await (await accepted(channel_of([], taken, idle_s=0.01))).receive()

    with pytest.raises(TimeoutError):
        asyncio.run(read())


def test_a_client_that_does_not_read_is_gone_and_closing_it_is_no_error() -> None:
    async def write() -> None:
        channel = await accepted(channel_of([], never, send_s=0.01))
        with pytest.raises(Gone):
            await channel.send({"type": "any"})
        await channel.close(CLOSED, "done")
        await channel.close(CLOSED, "again")

    asyncio.run(write())

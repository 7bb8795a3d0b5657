"""A real OpenAI-compatible server on a free port in a thread: streams what a test wants, and counts what was closed."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

WAIT_S = 120.0


@dataclass(frozen=True)
class Say:
    """Text in pieces; held: after it the stream stays open until the client goes."""

    text: str
    held: bool = False


@dataclass(frozen=True)
class Use:
    """A call of a tool, perhaps after some words."""

    tool: str
    args: dict[str, Any]
    text: str = ""


@dataclass(frozen=True)
class Refuse:
    status: int
    message: str = "no"


Reply = Say | Use | Refuse


class LlmServer:
    """`reply` gets the body of each request; `closed` is set when a client leaves a held stream."""

    def __init__(self, reply: Callable[[dict[str, Any]], Reply]) -> None:
        self.reply = reply
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.held, self.closed = threading.Event(), threading.Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def answer(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        reply = self.reply(body)
        if isinstance(reply, Refuse):
            return JSONResponse({"error": {"message": reply.message, "type": "x", "code": "x"}}, reply.status)
        return StreamingResponse(self.stream(reply), media_type="text/event-stream")

    async def stream(self, reply: Say | Use) -> AsyncIterator[str]:
        for start in range(0, len(reply.text), 4_000):
            yield chunk({"content": reply.text[start : start + 4_000]})
        if isinstance(reply, Use):
            function = {"name": reply.tool, "arguments": json.dumps(reply.args)}
            yield chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]})
            yield chunk({}, "tool_calls")
        elif reply.held:
            self.held.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.closed.set()
        else:
            yield chunk({}, "stop")
        yield "data: [DONE]\n\n"


def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}
    row = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "any", "choices": [choice]}
    return f"data: {json.dumps(row)}\n\n"


def last_text(body: dict[str, Any]) -> str:
    """The words of the last message, whatever its form."""
    content = body["messages"][-1].get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def tool_answers(body: dict[str, Any]) -> list[str]:
    return [str(message["content"]) for message in body["messages"] if message["role"] == "tool"]


@contextmanager
def serving(reply: Callable[[dict[str, Any]], Reply]) -> Iterator[LlmServer]:
    llm = LlmServer(reply)
    app = FastAPI()
    app.post("/v1/chat/completions")(llm.answer)
    with running(app) as port:
        llm.port = port
        yield llm


@contextmanager
def running(app: Any) -> Iterator[int]:
    """Any ASGI application, on a free port."""
    config = uvicorn.Config(app, "127.0.0.1", 0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + WAIT_S
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    assert server.started
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(WAIT_S)
    assert not thread.is_alive()

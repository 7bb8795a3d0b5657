"""The process that listens: uvicorn, and what it does when it is asked to stop. Routes live in app."""

import asyncio
import logging
import socket
from types import FrameType
from typing import NamedTuple

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from microturn.gateway.sessions import Sessions

log = structlog.get_logger("microturn.gateway")


class Server(uvicorn.Server):
    """Asked to stop once it lets sessions finish, `drain_s` at most; asked again it stops at once."""

    def __init__(self, config: uvicorn.Config, sessions: Sessions) -> None:
        super().__init__(config)
        self._sessions = sessions
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        for server in self.servers:
            for listening in server.sockets:
                host, port = listening.getsockname()[:2]
                log.info("listening", address=f"{host}:{port}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal. It may come between any two lines, so the loop does the rest."""
        if self._loop is None or self._sessions.draining or not self._sessions.count:
            super().handle_exit(sig, frame)
            return
        self._sessions.draining = True
        self._captured_signals.append(sig)
        self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        await self._sessions.drain()
        self.should_exit = True


class Tls(NamedTuple):
    """PEM files of a certificate, with its chain, and of its key."""

    cert: str
    key: str


def server_of(app: FastAPI, sessions: Sessions, host: str, port: int, tls: Tls | None = None) -> Server:
    """A server for `app` at this address; port 0 takes a free one. tls: it speaks https and wss only."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        ws=_WebSocket,
        ws_max_size=sessions.limits.message_bytes,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        server_header=False,
        ssl_certfile=None if tls is None else tls.cert,
        ssl_keyfile=None if tls is None else tls.key,
    )
    logging.getLogger("uvicorn.error").addFilter(_without_strangers_errors)
    return Server(config, sessions)


class _WebSocket(WebSocketsSansIOProtocol):
    """uvicorn's, which stumbles over text that is not UTF-8 where its sender closes the connection right after it."""

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        try:
            super().data_received(data)
        except InvalidState:  # the close has been answered already
            self.handle_parser_exception()


def _without_strangers_errors(record: logging.LogRecord) -> bool:
    """Text that is not UTF-8 is its sender's fault: one line, no traceback, so that nobody fills the log with them."""
    if record.getMessage().startswith("Invalid UTF-8"):
        record.exc_info, record.levelno, record.levelname = None, logging.WARNING, "WARNING"
    return True

"""A data channel as the channel of a codec, the same seam as a WebSocket. Which events may pass: permissions."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import structlog
from aiortc import RTCDataChannel
from aiortc.exceptions import InvalidStateError

from microturn.gateway.wire import Gone

LABEL = "oai-events"
UNREAD_MESSAGES = 1_000  # SCTP as it is implemented here asks nobody to wait, so who sends more than is read is cut
UNSENT_BYTES = 1024 * 1024
CLOSING_S = 1.0
log = structlog.get_logger("microturn.gateway")


class DataChannel:
    """Implements `wire.Channel`. Until `attach` nothing has been opened; what is sent without one is nobody's.

    send_s: so long a client may take until there is room for an event. It is never idle: that the client is there is
    asked all the time below (RFC 7675).
    """

    def __init__(self, send_s: float) -> None:
        self._send_s = send_s
        self._rtc: RTCDataChannel | None = None
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self.opened, self.lost = asyncio.Event(), asyncio.Event()

    def attach(self, rtc: RTCDataChannel) -> None:
        """The client has opened it; a second one is left alone."""
        if self._rtc is not None or rtc.label != LABEL:
            return
        self._rtc = rtc
        rtc.bufferedAmountLowThreshold = UNSENT_BYTES // 2
        rtc.on("message", self._take)
        rtc.on("bufferedamountlow", self._room.set)
        rtc.on("close", self.lose)
        self.opened.set()

    def lose(self) -> None:
        """The client is not there any more."""
        self.lost.set()
        self._room.set()
        self._messages.put_nowait(None)

    async def receive(self) -> str | bytes:
        """The next message; those that came before the end are given first."""
        message = None if self.lost.is_set() and self._messages.empty() else await self._messages.get()
        if message is None:
            raise Gone
        return message

    async def send(self, event: Mapping[str, Any]) -> None:
        """One event."""
        if self.lost.is_set():
            raise Gone
        if self._rtc is None:
            return
        try:
            async with asyncio.timeout(self._send_s):
                while self._rtc.bufferedAmount > UNSENT_BYTES and not self.lost.is_set():
                    self._room.clear()
                    await self._room.wait()
            self._rtc.send(json.dumps(event))
        except ValueError as error:  # larger than this client takes (RFC 8841, `max-message-size`)
            log.warning("event not sent", type=event.get("type"), reason=str(error))
        except (TimeoutError, InvalidStateError) as error:
            raise Gone from error

    async def close(self, code: int, reason: str) -> None:
        """Close it once what was sent has arrived, or after a second; a data channel takes no code."""
        if self._rtc is not None and self._rtc.readyState == "open":
            self._rtc.close()
            try:
                async with asyncio.timeout(CLOSING_S):
                    await self.lost.wait()
            except TimeoutError:
                pass
        self.lose()

    def _take(self, message: str | bytes) -> None:
        if self._messages.qsize() < UNREAD_MESSAGES:
            self._messages.put_nowait(message)
        else:
            self.lose()

"""The WebRTC calls of a server: each an answered offer, a session and the task that holds both. No HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from microturn.gateway.session import LiveSession
from microturn.gateway.sessions import Ask, Sessions
from microturn.gateway.webrtc.call import Call
from microturn.gateway.webrtc.channel import DataChannel
from microturn.gateway.webrtc.peer import IceServer, Peer
from microturn.gateway.webrtc.speaker import Speaker
from microturn.gateway.wire import Channel

Converse = Callable[[LiveSession, Channel, Speaker], Awaitable[None]]


class Answered(NamedTuple):
    """What a client gets for its offer."""

    session_id: str
    sdp: str


class Calls:
    """All calls. Cameras are taken where the host sees."""

    def __init__(self, sessions: Sessions, ice: Sequence[IceServer] = ()) -> None:
        self.sessions, self._ice = sessions, ice
        self._running: dict[str, asyncio.Task[None]] = {}

    async def open(self, offer: str, ask: Ask, converse: Converse) -> Answered:
        """Answer an offer with a new session, which begins once the client has connected and goes when it does.

        converse: starts the session and serves its events until either side ends. OfferRefused for a bad offer,
        AdmissionRefused where there is no room.
        """
        channel, speaker = DataChannel(self.sessions.limits.send_s), Speaker()
        sees = self.sessions.host.sees
        peer = Peer(channel, speaker, self._ice, sees)
        try:
            sdp = await peer.answer(offer)
            session = await self.sessions.open(ask)
        except BaseException:
            await peer.close()
            raise
        call = Call(peer, speaker, session, session.push_frame if sees else None)
        holding = call.hold(lambda: converse(session, channel, speaker), self.sessions.limits.start_s)
        task = asyncio.create_task(holding, name=f"call {session.id}")
        self._running[session.id] = task
        task.add_done_callback(lambda _: self._running.pop(session.id))
        return Answered(session.id, sdp)

    def hang_up(self, session_id: str) -> bool:
        """End a call; False where there is none."""
        session = self.sessions.find(session_id) if session_id in self._running else None
        if session is None:
            return False
        session.close("close_requested")
        return True

    async def close(self) -> None:
        """End all of them and wait until they have."""
        for session_id in list(self._running):
            self.hang_up(session_id)
        if self._running:
            await asyncio.gather(*self._running.values(), return_exceptions=True)

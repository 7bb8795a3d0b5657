"""The WebRTC calls of a server: each an answered offer, a session and the task that holds both. No HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from microturn.gateway.kept import KeptSession
from microturn.gateway.session import LiveSession
from microturn.gateway.sessions import Ask, Sessions
from microturn.gateway.webrtc.call import Call
from microturn.gateway.webrtc.candidates import Candidates
from microturn.gateway.webrtc.channel import DataChannel
from microturn.gateway.webrtc.ice import Ice
from microturn.gateway.webrtc.peer import Peer
from microturn.gateway.webrtc.speaker import Speaker
from microturn.gateway.wire import Channel

Converse = Callable[[LiveSession, Channel, Speaker], Awaitable[None]]


class Answered(NamedTuple):
    """What a client gets for its offer."""

    session_id: str
    sdp: str


class _Running(NamedTuple):
    peer: Peer
    task: asyncio.Task[None]


class Calls:
    """All calls. ice: servers that help to connect. A camera is taken where the sessions' host sees."""

    def __init__(self, sessions: Sessions, ice: Ice | None = None) -> None:
        self.sessions, self.ice = sessions, ice or Ice()
        self._running: dict[str, _Running] = {}

    async def open(
        self, offer: str, ask: Ask, converse: Converse, parent: LiveSession | KeptSession | None = None
    ) -> Answered:
        """Answer an offer with a new session, which begins once the client has connected and goes when it does.

        converse: starts the session and serves its events until either side ends. parent: a session that the new one
        remembers. OfferRefused for a bad offer, AdmissionRefused where there is no room, InputError as `Sessions.fork`.
        """
        channel, speaker = DataChannel(self.sessions.limits.send_s), Speaker()
        sees = self.sessions.host.sees
        peer = Peer(channel, speaker, self.ice.servers(), sees)
        try:
            sdp = await peer.answer(offer)
            session = await (self.sessions.fork(parent, ask) if parent else self.sessions.open(ask))
        except BaseException:
            await peer.close()
            raise
        call = Call(peer, speaker, session, session.push_frame if sees else None)
        holding = call.hold(lambda: converse(session, channel, speaker), self.sessions.limits.start_s)
        task = asyncio.create_task(holding, name=f"call {session.id}")
        self._running[session.id] = _Running(peer, task)
        task.add_done_callback(lambda _: self._running.pop(session.id))
        return Answered(session.id, sdp)

    def hang_up(self, session_id: str) -> bool:
        """End a call; False where there is none."""
        session = self.sessions.find(session_id) if session_id in self._running else None
        if session is None:
            return False
        session.close("close_requested")
        return True

    async def add(self, session_id: str, candidates: Candidates) -> bool:
        """Candidates that a client has found since its offer; False where there is no such call."""
        running = self._running.get(session_id)
        if running is not None:
            await running.peer.add(candidates)
        return running is not None

    async def close(self) -> None:
        """End all of them and wait until they have."""
        for session_id in list(self._running):
            self.hang_up(session_id)
        if self._running:
            await asyncio.gather(*(one.task for one in self._running.values()), return_exceptions=True)

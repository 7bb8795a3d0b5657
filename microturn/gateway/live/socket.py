"""One GPT-Live connection: its first message, which starts a session or resumes one. What follows: conversation.py."""

import asyncio
import time

import structlog
from fastapi import WebSocket

from microturn.core.clock import TICK_MS
from microturn.core.errors import InputError
from microturn.engine.api import AdmissionRefused
from microturn.gateway.doors import grant_of
from microturn.gateway.instructions import readable
from microturn.gateway.live.client import Settings, Start, settings_of
from microturn.gateway.live.conversation import Conversation, unknown_session
from microturn.gateway.live.extensions import Resume
from microturn.gateway.live.messages import Messages, Parse, Refused, new_id
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.live.server import Opened, error_event, shown
from microturn.gateway.live.spool import Spool, Spooled, journal_of, killed_session, tokens_of, untold
from microturn.gateway.session import LiveSession
from microturn.gateway.sessions import Ask, Sessions
from microturn.gateway.wire import OVERLOAD, REFUSED, Gone, SocketChannel

log = structlog.get_logger("microturn.gateway")


class LiveDesk:
    """Where GPT-Live clients begin and come back. It knows the conversations that live now."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self._conversations: dict[str, Conversation] = {}
        self._bringing_back = asyncio.Lock()  # a session is brought back once, however many ask for it

    async def serve(self, socket: WebSocket) -> None:
        """Hold a session over an accepted WebSocket; `?ext=1` opens the native extensions."""
        messages = self.messages(socket)
        try:
            first = await self.first(messages)
            if isinstance(first, Start):
                await self.start(messages, first.settings, grant_of(socket).owner)
            elif first is not None:
                await self.resume(messages, first)
        except Gone:
            return

    def messages(self, socket: WebSocket) -> Messages:
        """The messages of an accepted WebSocket, within the limits of this server."""
        limits = self.sessions.limits
        channel = self.sessions.limited(SocketChannel(socket, limits.idle_s, limits.send_s))
        return Messages(channel, extended=socket.query_params.get("ext") == "1")

    def find(self, session_id: str) -> Conversation | None:
        """The conversation of this session while it lives."""
        return self._conversations.get(session_id)

    async def start(self, messages: Messages, settings: Settings, owner: str = "") -> None:
        """A session of these settings, held until this connection ends. Gone where the client left before it began."""
        grace_s = self.sessions.limits.grace_s if messages.extended else 0.0
        try:
            config = shown(settings) | ({"client": dict(settings.client)} if settings.client else {})
            session = await self.sessions.open(Ask("live", config, owner, settings.store, grace_s))
        except AdmissionRefused as error:
            await self.refuse_admission(messages, error)
            return
        await self.hold(messages, session, settings, grace_s)

    async def hold(
        self,
        messages: Messages,
        session: LiveSession,
        settings: Settings,
        grace_s: float = 0.0,
        remembers: bool = False,
    ) -> None:
        """Begin a session that was opened and serve its client, whatever its channel is, until either ends.

        remembers: a fork, whose model has read its instructions.
        """
        try:
            for sentence in [] if remembers else readable(settings.instructions or "", self.sessions.host.reads):
                session.push_text(sentence)
            await self._conversation(session, settings, grace_s, messages.extended).begin(messages)
        except Exception:  # whatever it was, the place of a session that never began would be lost for ever
            session.close("failed")
            raise

    def _conversation(
        self, session: LiveSession, settings: Settings, grace_s: float, extended: bool, left: Spooled | None = None
    ) -> Conversation:
        """The conversation of a session, known from now on until its end. left: what another process left of it."""
        limits = self.sessions.limits
        opened = Opened(session.id, int(time.time() + limits.longest_s), settings)
        folder = self.sessions.folder_of(session.id) if grace_s and session.end is None else None
        spool = folder and Spool(folder)
        if spool is not None:
            session.files.append(spool.close)

        def over() -> None:
            del self._conversations[session.id]

        conversation = Conversation(
            session,
            opened,
            limits,
            over,
            extended,
            grace_s,
            journal=left and journal_of(left, 2 * grace_s * 1000),
            tokens=left and tokens_of(left),
            spool=spool,
        )
        self._conversations[session.id] = conversation
        return conversation

    async def resume(self, messages: Messages, asked: Resume) -> None:
        """The session that the client names, if its token is good."""
        try:
            async with self._bringing_back:
                conversation = self.find(asked.session_id) or await self._brought_back(asked)
            await conversation.resume(messages, asked.resume_token, asked.last_received_server_event_seq)
        except Refusal as refusal:
            await messages.refuse(refusal)
            await messages.channel.close(REFUSED, refusal.code)
        except AdmissionRefused as error:
            await self.refuse_admission(messages, error)

    async def _brought_back(self, asked: Resume) -> Conversation:
        """The conversation of a session whose server was killed, from its recording; Refusal where there is none."""
        killed = await asyncio.to_thread(killed_session, self.sessions.store, asked.session_id, asked.resume_token)
        if killed is None or time.time() - killed.left.written_at > self.sessions.limits.revive_s:
            raise unknown_session()
        try:
            session = await self.sessions.go_on(killed.kept)
        except InputError as error:
            log.warning("session cannot go on", session_id=asked.session_id, reason=str(error))
            raise unknown_session() from None
        log.info("session goes on", session_id=session.id, at_ms=session.at_ms)
        about = killed.kept.about
        conversation = self._conversation(session, settings_of(about.config), about.grace_s, True, killed.left)
        tail = await asyncio.to_thread(untold, killed, session.at_ms // TICK_MS)
        conversation.go_on(tail, asked.last_received_server_event_seq)
        return conversation

    async def first(self, messages: Messages, parsed: Parse | None = None) -> Start | Resume | None:
        """What the client begins with; None where it did not and the channel is closed. parsed: see `Messages.next`."""
        try:
            async with asyncio.timeout(self.sessions.limits.start_s):
                while True:
                    event = await messages.next(parsed)
                    if isinstance(event, Refused):
                        await messages.channel.send(event.event)
                    elif isinstance(event.body, Start | Resume):
                        return event.body
                    else:
                        await messages.refuse(Refusal("session_not_started", "Send session.start first."), event.id)
        except TimeoutError:
            await messages.refuse(Refusal("session_not_started", "session.start did not come in time."))
            await messages.channel.close(REFUSED, "no session.start")
            return None

    async def refuse_admission(self, messages: Messages, error: AdmissionRefused) -> None:
        """Tell the client that there is no room, in a code that no client takes for a lasting failure."""
        log.info("session refused", reason=error.reason)
        code = "server_draining" if self.sessions.draining else "server_at_capacity"
        refusal = Refusal(code, f"No session can be opened: {error.reason}. Try again in {error.retry_after_s:g} s.")
        await messages.channel.send(error_event(refusal, new_id, None, "server_error"))
        await messages.channel.close(OVERLOAD, code)

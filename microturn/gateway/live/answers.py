"""What a client's message does to its session, and what is answered at once. No connection, no order of events."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

from microturn.agent.delegation import Policy
from microturn.agent.session_desk import UnknownDelegation
from microturn.core.errors import InputError
from microturn.gateway.client_functions import CallRefused
from microturn.gateway.delegations import Delegations, tools_of
from microturn.gateway.formats import SoundReader
from microturn.gateway.live.client import (
    Append,
    Audio,
    ClientEvent,
    Close,
    GoOn,
    Mute,
    Output,
    Start,
    Update,
    check_size,
)
from microturn.gateway.live.extensions import (
    Cancel,
    Correct,
    Extended,
    Heartbeat,
    Picture,
    PlaybackAck,
    Resume,
    Seen,
    StopOutput,
)
from microturn.gateway.live.extensions_server import Extras
from microturn.gateway.live.messages import new_id
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.live.server import Projection, Wire
from microturn.gateway.session import LiveSession
from microturn.media.jpeg import decode_jpeg

POLICIES: dict[str, Policy] = {"instructions": "interrupt", "commentary": "when_idle", "thinking": "silent"}


class Answers:
    """Takes messages for one session. extras: where its clients may use the native extensions."""

    def __init__(
        self, session: LiveSession, projection: Projection, extras: Extras | None, delegation: Mapping[str, Any]
    ) -> None:
        self._session, self._projection, self._extras = session, projection, extras
        self._delegation = delegation

    async def answer(self, event: ClientEvent | Extended, sound: SoundReader) -> Wire | None:
        """Let the session have it. Refusal and TooMuch where it cannot. sound: the connection's own stream."""
        if isinstance(event, ClientEvent):
            return self._basic(event, sound)
        assert self._extras is not None
        match event.body:
            case Seen(audio, pictures):
                self._session.push_audio(sound.push(audio.data))
                for picture in pictures:
                    await self._look(picture)
            case Heartbeat():
                return self._extras.alive(self._session.at_ms, event.id)
            case PlaybackAck(item_id, played_ms):
                return self._extras.played(item_id, played_ms)
            case StopOutput():
                if self._extras.speaks:
                    self._session.hush()
                return self._extras.stop(self._session.at_ms)
            case Cancel(id):
                self._work("id", lambda jobs: jobs.cancel(id))
            case Correct(id, content):
                self._work("id", lambda jobs: jobs.correct(id, content))
            case Resume():
                raise Refusal("session_already_started", "A session is resumed with the first message of a connection.")
        return None

    def _basic(self, event: ClientEvent, sound: SoundReader) -> Wire | None:
        match event.body:
            case Audio(data):
                self._session.push_audio(sound.push(data))
            case Append():
                self._append(event.body, event.id)
            case Output(call_id, output):
                self._work("item.call_id", lambda jobs: jobs.calls.output(call_id, output))
            case GoOn():
                self._work("type", lambda jobs: jobs.calls.go_on())
            case Mute(muted):
                self._session.mute(muted)
                return self._projection.muted(muted, event.id)
            case Update(delegation):
                return self._updated(dict(delegation))
            case Close():
                self._session.close("close_requested")
            case Start():
                raise Refusal("session_already_started", "This session has started; open another connection.")
        return None

    async def _look(self, picture: Picture) -> None:
        """Show a picture to the model; decoding takes milliseconds, so it does not hold up the event loop."""
        try:
            rgb = await asyncio.to_thread(decode_jpeg, picture.jpeg, "video_frames")
        except InputError as error:
            raise Refusal("invalid_value", f"Not a picture that can be shown: {error}.", "video_frames") from None
        self._session.push_frame(rgb, picture.t_ms)

    def _append(self, append: Append, client_id: str | None) -> None:
        """Instructions are heard as typed text; thinking is silent; commentary of a delegation is its result."""
        name, jobs = new_id("text"), self._session.delegations
        if append.delegation_id and (jobs is None or not jobs.knows(append.delegation_id)):
            raise Refusal("invalid_value", "There is no delegation of this id.", "delegation_id")
        if jobs is not None and (append.kind == "thinking" or append.delegation_id):
            jobs.result(append.delegation_id, append.content, POLICIES[append.kind], name)
        else:
            self._session.push_text(append.content, name)
        self._projection.awaits(name, append.kind, client_id)

    def _work(self, param: str, act: Callable[[Delegations], object]) -> None:
        """Do something to the session's delegations; Refusal where it cannot be."""
        jobs = self._session.delegations
        try:
            if jobs is None:
                raise CallRefused("This session has no delegations.")
            act(jobs)
        except (CallRefused, UnknownDelegation) as error:
            raise Refusal("invalid_value", f"{error}", param) from None

    def _updated(self, delegation: dict[str, Any]) -> Wire:
        now = self._delegation.get("type")
        if delegation.get("type", now) != now:
            raise Refusal("invalid_value", f"The delegation stays '{now}'.", "session.delegation.type")
        changed = {**self._delegation, **delegation}
        before, sent = self._delegation.get("responses"), delegation.get("responses")
        if isinstance(before, Mapping) and isinstance(sent, Mapping):  # an update names only what changes
            changed["responses"] = {**cast("Wire", before), **cast("Wire", sent)}
        check_size(changed, "session.delegation")
        self._delegation = changed
        if self._session.delegations is not None and isinstance(sent, Mapping) and "tools" in sent:
            self._session.delegations.offer(tools_of(changed))
        return self._projection.updated(self._delegation)

"""What a client's message does to its session, and what is answered at once. No connection, no order of events."""

import asyncio
from collections.abc import Mapping
from typing import Any

from microturn.core.errors import InputError
from microturn.gateway.formats import SoundReader
from microturn.gateway.live.client import Append, Audio, ClientEvent, Close, Mute, Start, Update, check_size
from microturn.gateway.live.extensions import Extended, Heartbeat, Picture, PlaybackAck, Resume, Seen, StopOutput
from microturn.gateway.live.extensions_server import Extras
from microturn.gateway.live.messages import new_id
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.live.server import Projection, Wire
from microturn.gateway.session import LiveSession
from microturn.media.jpeg import decode_jpeg


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
                return self._extras.stop(self._session.at_ms)
            case Resume():
                raise Refusal("session_already_started", "A session is resumed with the first message of a connection.")
        return None

    def _basic(self, event: ClientEvent, sound: SoundReader) -> Wire | None:
        match event.body:
            case Audio(data):
                self._session.push_audio(sound.push(data))
            case Append(kind, content):
                self._append(kind, content, event.id)
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

    def _append(self, kind: str, content: str, client_id: str | None) -> None:
        if kind == "thinking":
            raise Refusal("unsupported", "This model takes no silent context; append instructions instead.", "type")
        name = new_id("text")
        self._session.push_text(content, name)
        self._projection.awaits(name, kind, client_id)

    def _updated(self, delegation: dict[str, Any]) -> Wire:
        now = self._delegation.get("type")
        if delegation.get("type", now) != now:
            raise Refusal("invalid_value", f"The delegation stays '{now}'.", "session.delegation.type")
        changed = {**self._delegation, **delegation}
        check_size(changed, "session.delegation")
        self._delegation = changed
        return self._projection.updated(self._delegation)

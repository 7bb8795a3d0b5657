"""The user's side of the projection: words the model heard become turns of a user. No decision of the model.

Rules (what a client of turns may rely on):
* While the model speaks, words of the user are no turn: they surface as an item and its transcript only. They become a
  turn, with `speech_started`, when the model yields.
* While it is silent, the first word opens a turn. It ends when no word came for 800 ms, when the model begins to
  speak, or when the client commits.
* Words understood within 400 ms after the turn's end still belong to it.
"""

from dataclasses import dataclass, field

from microturn.gateway.realtime.conversation import Conversation
from microturn.gateway.realtime.settings import Settings
from microturn.gateway.realtime.wire import Names, ServerEvent, message
from microturn.gateway.timeline import Heard

GAP_MS = 800
LATE_MS = 400  # the model may understand words so long after they sounded
YIELD_LEAD_MS = 200  # a user was heard at least a micro-turn before the model yields


@dataclass
class _Turn:
    item_id: str
    start_ms: int
    end_ms: int
    heard_at_ms: int
    started: bool = False  # `speech_started` has been sent
    committed: bool = False  # the item is in the conversation
    until_ms: int = 0  # words that begin before this still belong to a committed turn
    words: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        return "".join(self.words)


class Hearing:
    """The user's turns. Settings are given with each call since a client may change them at any time."""

    def __init__(self, names: Names, conversation: Conversation) -> None:
        self._names, self._conversation = names, conversation
        self._turn: _Turn | None = None

    def heard(self, words: Heard, now_ms: int, overlapped: bool, settings: Settings) -> list[ServerEvent]:
        """Words of the user. overlapped: the model speaks."""
        events: list[ServerEvent] = []
        turn = self._turn
        if turn is not None and turn.committed and words.start_ms >= turn.until_ms:
            events += self._complete(turn, settings)
            turn = None
        if turn is None:
            turn = self._open(words.start_ms, now_ms)
        text = words.text if turn.words else words.text.lstrip()
        turn.words.append(text)
        turn.heard_at_ms = now_ms
        if turn.committed:
            return events + self._delta(turn, text, settings)
        turn.end_ms = max(turn.end_ms, words.end_ms)
        return events if overlapped else events + self._start(turn)

    def yielded(self, at_ms: int, settings: Settings) -> list[ServerEvent]:
        """The model has given the floor: whoever is talking has a turn now."""
        events: list[ServerEvent] = []
        turn = self._turn
        if turn is not None and turn.committed:
            events += self._complete(turn, settings)
            turn = None
        turn = turn or self._open(max(0, at_ms - YIELD_LEAD_MS), at_ms)
        turn.heard_at_ms = at_ms
        return events + self._start(turn)

    def answered(self, at_ms: int, settings: Settings) -> list[ServerEvent]:
        """The model begins to speak: the turn that was open is over."""
        turn = self._turn
        if turn is None or turn.committed:
            return []
        turn.until_ms = at_ms + LATE_MS
        return self._commit(turn, settings)

    def commit(self, now_ms: int, settings: Settings) -> list[ServerEvent]:
        """The client says that this is one item."""
        events: list[ServerEvent] = []
        turn = self._turn
        if turn is not None and turn.committed:
            events += self._complete(turn, settings)
            turn = None
        turn = turn or self._open(now_ms, now_ms)
        turn.heard_at_ms, turn.end_ms, turn.until_ms = now_ms, max(now_ms, turn.end_ms), now_ms + LATE_MS
        return events + self._commit(turn, settings, by_client=True)

    def advance(self, now_ms: int, settings: Settings) -> list[ServerEvent]:
        """Time has passed."""
        turn = self._turn
        if turn is None or now_ms - turn.heard_at_ms < GAP_MS:
            return []
        return self._complete(turn, settings)

    def finish(self, settings: Settings) -> list[ServerEvent]:
        """The session ends."""
        return [] if self._turn is None else self._complete(self._turn, settings)

    def _open(self, start_ms: int, now_ms: int) -> _Turn:
        self._turn = _Turn(self._names.fresh("item"), start_ms, start_ms, now_ms)
        return self._turn

    def _start(self, turn: _Turn) -> list[ServerEvent]:
        if turn.started:
            return []
        turn.started = True
        type = "input_audio_buffer.speech_started"
        return [self._names.event(type, audio_start_ms=turn.start_ms, item_id=turn.item_id)]

    def _commit(self, turn: _Turn, settings: Settings, by_client: bool = False) -> list[ServerEvent]:
        turn.committed = True
        event, item = self._names.event, self._item(turn, settings)
        before, forgotten = self._conversation.add(item)
        events: list[ServerEvent] = []
        if turn.started:
            type = "input_audio_buffer.speech_stopped"
            events.append(event(type, audio_end_ms=turn.end_ms, item_id=turn.item_id))
        if turn.started or by_client:
            type = "input_audio_buffer.committed"
            events.append(event(type, previous_item_id=before, item_id=turn.item_id))
        events += self._names.added(item, before, forgotten)
        events.append(event("conversation.item.done", previous_item_id=before, item=item))
        return events + (self._delta(turn, turn.text, settings) if turn.words else [])

    def _delta(self, turn: _Turn, text: str, settings: Settings) -> list[ServerEvent]:
        if not settings.transcribes:
            return []
        type = "conversation.item.input_audio_transcription.delta"
        return [self._names.event(type, item_id=turn.item_id, content_index=0, delta=text)]

    def _complete(self, turn: _Turn, settings: Settings) -> list[ServerEvent]:
        events = [] if turn.committed else self._commit(turn, settings)
        self._turn = None
        self._conversation.finish(self._item(turn, settings))
        if not settings.transcribes:
            return events
        completed = self._names.event(
            "conversation.item.input_audio_transcription.completed",
            item_id=turn.item_id,
            content_index=0,
            transcript=turn.text,
            usage={"type": "duration", "seconds": max(0, turn.end_ms - turn.start_ms) / 1000},
        )
        return [*events, completed]

    def _item(self, turn: _Turn, settings: Settings) -> dict[str, object]:
        transcript = turn.text if settings.transcribes else None
        return message(turn.item_id, "user", "completed", [{"type": "input_audio", "transcript": transcript}])

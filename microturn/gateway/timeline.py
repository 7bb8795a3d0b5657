"""The one timeline of a live session: what codecs read from it and what they may ask of it. No wire, no thread.

All times are milliseconds since the session began. What the model decides in tick t leaves at the end of that tick: its
sound, and the words written in it, lie at (t + 1) * 200 ms and after. The sound of a session has no gaps from 0 ms on.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from microturn.core.errors import MicroturnError
from microturn.media.pcm import Pcm

FRAME_MS = 20
FRAME_SAMPLES = 320  # 20 ms at 16 kHz

EndReason = Literal["close_requested", "expired", "idle", "too_slow", "connection_lost", "draining", "failed"]
WorkStatus = Literal["queued", "running", "done", "failed", "cancelled", "superseded", "stale"]
CallStatus = Literal["asked", "in_progress", "completed", "failed"]


@dataclass(frozen=True, eq=False)
class Sound:
    """20 ms of the model's side. pcm: float32 [320] at 16 kHz, None while it is silent: then exact zeros are meant."""

    start_ms: int
    pcm: Pcm | None = None

    @property
    def end_ms(self) -> int:
        """Where the next frame begins."""
        return self.start_ms + FRAME_MS


@dataclass(frozen=True)
class Heard:
    """Words of the user as the model understood them. Fragments are joined as they are: spaces are in the text."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True)
class Said:
    """Words of the model at the time of their sound. Fragments are joined as they are: spaces are in the text."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True)
class Began:
    """The model begins to speak; its first words and its first sound come after this, at the same time."""

    at_ms: int


@dataclass(frozen=True)
class Stopped:
    """The model has fallen silent. yielded: it gave the floor to the user; unsaid: words written that never sounded."""

    at_ms: int
    yielded: bool = False
    unsaid: str = ""


@dataclass(frozen=True)
class Delegated:
    """The model asks the background agent for help. task: its own words for it, "" where it has none."""

    at_ms: int
    task: str = ""

    @property
    def id(self) -> str:
        """Its name in this session; of one tick comes at most one."""
        return f"dlg_{self.at_ms}"


@dataclass(frozen=True)
class Progress:
    """How far a delegation is. text: the newest word of progress, or the answer; reason: why it ended as it did."""

    at_ms: int
    id: str
    status: WorkStatus
    task: str = ""
    policy: str = ""
    reason: str = ""
    text: str = ""

    @property
    def over(self) -> bool:
        """Whether its status can never change again."""
        return self.status not in ("queued", "running")


@dataclass(frozen=True)
class Called:
    """A delegation calls a function of the client. arguments: JSON."""

    at_ms: int
    delegation_id: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Displayed:
    """Something to be seen beside the conversation. shown: a card, table or chart as plain JSON, never HTML."""

    at_ms: int
    delegation_id: str
    shown: Mapping[str, Any]


@dataclass(frozen=True)
class ToolsListed:
    """An MCP server that the client named is asked for its tools. tools: as JSON; error: why there are none."""

    at_ms: int
    id: str
    label: str
    status: Literal["in_progress", "completed", "failed"]
    tools: tuple[Mapping[str, Any], ...] = ()
    error: str = ""


@dataclass(frozen=True)
class RemoteCall:
    """A call of a tool of such a server, once for each step. arguments: JSON.

    approval_id: of the client's approval, which "asked" waits for; "" where none is needed.
    """

    at_ms: int
    delegation_id: str
    id: str
    label: str
    name: str
    arguments: str
    status: CallStatus
    approval_id: str = ""
    output: str = ""
    error: str = ""


@dataclass(frozen=True)
class Taken:
    """Typed text has reached the model. id: what `push_text` was given, for an acknowledgement."""

    at_ms: int
    text: str
    id: str = ""


@dataclass(frozen=True)
class Ended:
    """The last item of every session. detail: one line for the log, never for the client."""

    at_ms: int
    reason: EndReason
    detail: str = ""


Aside = Progress | Called | Displayed | ToolsListed | RemoteCall
"""What happens beside the conversation."""

Item = Sound | Heard | Said | Began | Stopped | Delegated | Aside | Taken | Ended


class Session(Protocol):
    """A live session as its codecs see it. Every method returns at once and is called on the event loop."""

    @property
    def id(self) -> str:
        """Its name on the wire."""
        ...

    @property
    def at_ms(self) -> int:
        """How far its clock is, in whole ticks."""
        ...

    def push_audio(self, pcm: Pcm) -> None:
        """The user's next sound, float32 [N] of any length at 16 kHz; TooMuch when more waits than may."""
        ...

    def push_text(self, text: str, id: str = "") -> None:
        """Typed text for the next tick; TooMuch when more waits than may."""
        ...

    def mute(self, muted: bool) -> None:
        """While muted the model hears silence instead of what is pushed."""
        ...

    def hush(self) -> None:
        """The model falls silent; what it has written and not begun to sound stays unsaid, for itself too."""
        ...

    def items(self) -> AsyncIterator[Item]:
        """All that happens from now on, in the order of time, up to and with `Ended`; each caller gets every item."""
        ...

    def close(self, reason: EndReason = "close_requested") -> None:
        """End it after the tick that runs; a second call does nothing."""
        ...


class TooMuch(MicroturnError):
    """A client pushes more than real time can take; what it pushed was not taken, the session goes on."""

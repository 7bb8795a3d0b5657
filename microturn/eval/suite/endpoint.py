"""Whoever can be examined: the seam, the virtual clock, and scripted fakes. Which there are: endpoints.py."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np

from microturn.agent.job import BackgroundAgent
from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS
from microturn.core.errors import InputError, MicroturnError
from microturn.core.participant import Participant
from microturn.eval.suite.handing_over import HandsOver
from microturn.eval.suite.offered import Call, Offered, noted
from microturn.eval.suite.trace import Noted, Received, Text, Trace
from microturn.media.pcm import Pcm

NO_SETTINGS: Mapping[str, Any] = MappingProxyType(dict[str, Any]())
TONE_HZ = 220.0
WORD_S = 0.25


class Past(NamedTuple):
    """A turn from before a session: the user's words, as a file of sound and as text, and the reply to them."""

    sound: Path
    said: str
    reply: str


class Session(NamedTuple):
    """What the other side does in one session, and for how many micro-turns. `id` names it in the run directory.

    A session may be held again: whoever remembers begins anew in tick 0. tools: functions that may be called in it.
    past: what the model is taken to have heard and said before; for who can be given none the session is void.
    """

    id: str
    user: Participant
    ticks: int
    tools: Offered | None = None
    past: tuple[Past, ...] = ()


class Ours(NamedTuple):
    """Weights of ours: gives a participant that remembers nothing, by session id; `settings` says which weights.

    weights: their file, for endpoints that open them in a process of their own; agent: who does what they hand over
    in sessions with tools, one for each such session, None for nobody.
    """

    open: Callable[[str], Participant]
    settings: Mapping[str, Any]
    weights: Path | None = None
    agent: Callable[[], BackgroundAgent] | None = None


@dataclass(frozen=True)
class Wanted:
    """What `--endpoint` asked for.

    address: what stands behind the first colon, or ""; key: for servers that ask for one; at_once: sessions side by
    side, None for what the endpoint thinks right; ours: opens our weights, for those who need them.
    """

    name: str
    ours: Callable[[], Ours]
    address: str = ""
    key: str = field(default="", repr=False)
    at_once: int | None = None


class Unreachable(MicroturnError):
    """An endpoint that takes no session, or not one more: nothing is known of it, so a run stops or asks for less."""


class Endpoint(Protocol):
    """Anyone who takes part in a session and can be scored."""

    name: str
    at_once: int
    """Sessions that may be held side by side without one holding up the other's clock."""
    settings: Mapping[str, Any]
    """What decides about it beside its name, such as a hash of weights or an address; kept in the manifest."""

    async def hold(self, session: Session) -> Trace:
        """Hold one session; what failed in it is said in the trace's `void`. Raises Unreachable where none began."""
        ...


class VirtualEndpoint:
    """A participant on the virtual clock, faster than real time: an onset is its tick's end plus the median compute.

    open: gives a participant that remembers nothing. compute_counts: whether time spent computing makes sound late, as
    it would on the wire; it is kept in the trace in either case. agent: as `Ours` has it.
    """

    at_once = 1

    def __init__(
        self,
        name: str,
        open: Callable[[str], Participant],
        compute_counts: bool = True,
        settings: Mapping[str, Any] = NO_SETTINGS,
        agent: Callable[[], BackgroundAgent] | None = None,
    ) -> None:
        self.name, self.settings = name, settings
        self._open, self._compute_counts, self._agent = open, compute_counts, agent

    async def hold(self, session: Session) -> Trace:
        """Hold one session in a thread: a model is never stepped on the event loop."""
        return await asyncio.to_thread(self._hold, session)

    def _hold(self, session: Session) -> Trace:
        if session.past:
            raise no_past(self.name)
        with ExitStack() as stack:
            model = self._open(session.id)
            if session.tools is not None and self._agent is not None:
                model = stack.enter_context(HandsOver(model, self._agent(), session.tools))
            return self._held(session, model)

    def _held(self, session: Session, model: Participant) -> Trace:
        said = Chunk()
        user: list[Pcm] = []
        received: list[Received] = []
        texts: list[Text] = []
        events: list[Noted] = []
        computed = [0.0]
        for tick in range(session.ticks):
            heard = session.user.turn(tick, said)
            began = time.perf_counter()
            said = model.turn(tick, heard)
            compute_s = time.perf_counter() - began
            at_s = (tick + 1) * TICK_MS / 1000
            computed.append(compute_s)
            user.append(heard.samples)
            if said.pcm is not None:
                received.append(Received(at_s, said.pcm, compute_s))
            for event in said.events:
                if event.kind in ("say", "heard") and event.text:
                    joins = bool(event.data and event.data.get("joins"))
                    words = event.text if joins else f" {event.text}"
                    texts.append(Text(at_s, words, "said" if event.kind == "say" else "heard"))
                else:
                    events.append(Noted(at_s, event.kind, {"text": event.text, **(event.data or {})}))
        # The median for all ticks: a moment in which the machine did something else would tear a word in two.
        lag_s = float(np.median(computed[1:] or computed)) if self._compute_counts else 0.0
        pieces = tuple(piece._replace(at_s=piece.at_s + lag_s) for piece in received)
        pcm = np.concatenate([np.zeros(0, np.float32), *user])
        return Trace(session.id, self.name, pcm, pieces, (), tuple(texts), tuple(events))


class Line(NamedTuple):
    """What a fake says: when its first sound plays, and the words. length_s 0: a quarter of a second a word.

    calls: functions that it calls then; where there are no words it calls and is silent.
    """

    at_s: float
    text: str
    length_s: float = 0.0
    calls: tuple[Call, ...] = ()


class ScriptedEndpoint:
    """Says given lines at given times, as a tone beside its words; knows nothing of what it hears.

    lines: by session id; a session without lines is silent. The text of a line comes when its sound begins.
    """

    at_once = 1
    settings: Mapping[str, Any] = NO_SETTINGS

    def __init__(self, name: str, lines: Mapping[str, Sequence[Line]]) -> None:
        self.name, self._lines = name, lines

    async def hold(self, session: Session) -> Trace:
        """Play the lines, cut at the end of the session."""
        user = [session.user.turn(tick, Chunk()).samples for tick in range(session.ticks)]
        pcm = np.concatenate([np.zeros(0, np.float32), *user])
        end_s = len(pcm) / SAMPLE_RATE_HZ
        lines = [line for line in sorted(self._lines.get(session.id, ())) if line.at_s < end_s]
        received = tuple(Received(line.at_s, tone(length_s(line))) for line in lines if line.text)
        texts = tuple(Text(line.at_s, f" {line.text}") for line in lines if line.text)
        tools = session.tools
        called = [(line.at_s, call) for line in lines for call in line.calls]
        calls = tuple(noted(at_s, call, tools.answer(call) if tools else "") for at_s, call in called)
        return Trace(session.id, self.name, pcm, received, texts=texts, events=calls)


class Sounds:
    """A user who says one sound, float32 [N] at 16 kHz, and then nothing."""

    def __init__(self, pcm: Pcm) -> None:
        whole = -(-len(pcm) // CHUNK_SAMPLES) * CHUNK_SAMPLES
        self._chunks = np.pad(pcm, (0, whole - len(pcm))).reshape(-1, CHUNK_SAMPLES)

    @property
    def ticks(self) -> int:
        """Micro-turns until it has said all of it."""
        return len(self._chunks)

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """The sound of this tick."""
        return Chunk(self._chunks[tick]) if tick < len(self._chunks) else Chunk()


def no_past(name: str) -> InputError:
    """What an endpoint raises that can be given no replies which it did not make."""
    return InputError(
        "no earlier replies can be given to this endpoint", name, "a past", "a suite that plays all turns"
    )


def length_s(line: Line) -> float:
    """How long a scripted line sounds."""
    return line.length_s or WORD_S * max(1, len(line.text.split()))


def tone(seconds: float) -> Pcm:
    """What a fake's voice sounds like, float32 [N]."""
    at = np.arange(round(seconds * SAMPLE_RATE_HZ), dtype=np.float32) / SAMPLE_RATE_HZ
    return (0.2 * np.sin(2 * np.pi * TONE_HZ * at)).astype(np.float32)

"""One live session: `converse()` in a thread of its own, its timeline read on the event loop. No wire, no engine.

What is decided in a tick is posted when the tick is decided, so nothing leaves more than 200 ms before its time.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.clock import TICK_MS, Clock, WallClock
from microturn.core.events import Event
from microturn.core.participant import Participant, converse
from microturn.gateway.album import Album
from microturn.gateway.delegations import Delegations
from microturn.gateway.frames import Frames
from microturn.gateway.intake import Intake
from microturn.gateway.timeline import Aside, Ended, EndReason, Item, Taken, TooMuch
from microturn.gateway.turns import opening, timeline_of
from microturn.media.pcm import Pcm

TEXTS_WAITING = 32
TEXT_CHARACTERS = 4_000
LATENCIES = 5  # of the last second
HUSHED_TICKS = 25  # a model that would speak on all the same is held so long, then it begins anew


@dataclass(frozen=True)
class SessionLimits:
    """longest_s: after so long a session ends as expired; unread_s: a reader may be so far behind before it is cut."""

    longest_s: float = 7_200.0
    unread_s: float = 10.0


@dataclass(frozen=True)
class Beginning:
    """Where a session's clock begins. speaking: the model was speaking in the tick before."""

    tick: int = 0
    speaking: bool = False


@dataclass(frozen=True)
class _Typed:
    text: str
    id: str
    policy: str = ""  # of what comes from an agent


class LiveSession:
    """Implements `timeline.Session`. `start` on the event loop; `ended` is set there with the last item, `end`.

    keep: gets every micro-turn on the session's thread, to record it. beginning: tick 0 if left out, a later one for
    a session that goes on. clock and now: the wall's if left out.
    """

    def __init__(
        self,
        id: str,
        partner: Participant,
        limits: SessionLimits | None = None,
        keep: Callable[[MicroTurn], None] | None = None,
        clock: Clock | None = None,
        now: Callable[[], float] = time.monotonic,
        beginning: Beginning | None = None,
    ) -> None:
        self._id, self.partner, self._keep, self._now = id, partner, keep, now
        self._limits = limits or SessionLimits()
        self._clock = clock or WallClock()
        self._beginning = beginning or Beginning()
        self._intake, self._muted = Intake(taken=self._beginning.tick), False
        self._frames, self.album = Frames(), Album()
        self._typed: list[_Typed] = []
        self._hush, self._hushed_ticks = False, 0
        self._lock = threading.Lock()
        self._readers: list[_Reader] = []
        self._closing: EndReason | None = None
        self._started = False
        self._began_s, self._ticks = now(), self._beginning.tick
        self.delegations: Delegations | None = None  # its jobs, where somebody works for it
        self.taps: list[Callable[[Pcm], None]] = []  # get the user's sound as it comes, muted or not
        self.files: list[Callable[[], None]] = []  # put them away; called in a thread before the end is told
        self.compute_ms: tuple[float, ...] = ()  # how long the model took for each of the last ticks
        self.end: Ended | None = None
        self.ended = asyncio.Event()

    @property
    def id(self) -> str:
        """Its name on the wire."""
        return self._id

    @property
    def at_ms(self) -> int:
        """How far its clock is, in whole ticks."""
        return self._ticks * TICK_MS

    @property
    def clock_ms(self) -> float:
        """How far its clock is, between ticks too."""
        return (self._now() - self._began_s) * 1000

    def start(self) -> None:
        """Begin its first tick now. Readers that came before miss nothing. One that was closed before has no tick."""
        if self.end is not None:
            return
        self._started = True
        self._loop = asyncio.get_running_loop()
        self._began_s = self._now() - self._beginning.tick * TICK_MS / 1000
        if self._beginning.tick == 0:
            self._deliver(opening())
        threading.Thread(target=self._run, name=f"session {self._id}", daemon=True).start()

    def push_audio(self, pcm: Pcm, margin_ms: int | None = None) -> None:
        """The user's next sound, float32 [N] at 16 kHz; TooMuch when more waits than may. margin_ms: see `Intake`."""
        for tap in self.taps:
            tap(pcm)
        self._intake.push(pcm * 0.0 if self._muted else pcm, self.clock_ms, margin_ms)

    def push_frame(self, rgb: npt.NDArray[np.uint8], t_ms: float | None = None) -> None:
        """A picture, uint8 [H, W, 3], seen at `t_ms` of its clock, now if left out. Of a tick the newest is shown."""
        self._frames.push(rgb, self.clock_ms if t_ms is None else t_ms)

    def push_text(self, text: str, id: str = "") -> None:
        """Typed text for the next tick; TooMuch when more waits than may."""
        self._push(_Typed(text, id))

    def push_result(self, text: str, policy: str, id: str = "") -> None:
        """What the background agent found, for the next tick; TooMuch as ever.

        The model gets it as an event "result" that bears the policy, and reads its text unless that is "silent".
        """
        self._push(_Typed(text, id, policy))

    def tell(self, item: Aside) -> None:
        """Put on the timeline what happens beside the conversation, now; after the end nobody is told."""
        if self.end is None:
            self._deliver([item])

    def _push(self, one: _Typed) -> None:
        text = one.text
        if len(text) > TEXT_CHARACTERS:
            raise TooMuch(f"a text of {len(text)} characters; at most {TEXT_CHARACTERS} are taken at once")
        with self._lock:
            if len(self._typed) >= TEXTS_WAITING:
                raise TooMuch(f"{TEXTS_WAITING} texts wait already; wait until they are taken")
            self._typed.append(one)

    def mute(self, muted: bool) -> None:
        """While muted the model hears silence instead of what is pushed."""
        self._muted = muted

    def hush(self) -> None:
        """The model falls silent with the next tick: what it has written and not begun to sound stays unsaid.

        It is held until it listens by itself, `HUSHED_TICKS` at most; what it says then is new.
        """
        self._hush = True

    def items(self, first: bool = False) -> AsyncGenerator[Item]:
        """All that happens from now on, up to and with `Ended`. A reader that falls too far behind ends the session.

        first: it is told the end before everyone else, who wait until it reads no more: a client that hears of the end
        finds the recording whole.
        """
        reader = _Reader(round(self._limits.unread_s * 1000 / TICK_MS), first)
        self._readers.append(reader)
        if self.end is not None:
            self._tell_end(self.end)
        return self._read(reader)

    def close(self, reason: EndReason = "close_requested") -> None:
        """End it after the tick that runs, at once where none does yet; a second call does nothing."""
        self._closing = self._closing or reason
        if not self._started and self.end is None:
            self._deliver([Ended(self.at_ms, self._closing)])

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """The user as a participant, called on the session's thread."""
        with self._lock:
            typed, self._typed = self._typed, []
        at_ms = (tick + 1) * TICK_MS
        if typed:
            self._post([Taken(at_ms, one.text, one.id) for one in typed])
        words = tuple(one.text for one in typed if not one.policy)
        results = tuple(
            Event(at_ms, tick, "result", one.text, {"policy": one.policy, "id": one.id}) for one in typed if one.policy
        )
        frame = self._frames.take(at_ms)
        if frame is not None:
            self.album.keep(frame, at_ms)
        hush = (Event(at_ms, tick, "hush"),) if self._hushes(heard) else ()
        return Chunk(self._intake.take(), frame, words, results + hush)

    def _hushes(self, said: Chunk) -> bool:
        """Whether the model may not speak in this tick. said: what it gave in the one before."""
        asked, self._hush = self._hush, False
        held = any(event.kind == "held" for event in said.events)
        self._hushed_ticks = HUSHED_TICKS if asked else self._hushed_ticks - 1 if held else 0
        return self._hushed_ticks > 0

    def _run(self) -> None:
        """The session's thread. Whatever goes wrong in it ends this session and no other."""
        try:
            reason, detail = self._converse(), ""
        except Exception as error:  # the outermost line of this thread
            reason, detail = "failed", f"{type(error).__name__}: {error}"
        self._post([Ended(self.at_ms, reason, detail)])

    def _converse(self) -> EndReason:
        speaking, timed = self._beginning.speaking, _Timed(self.partner)
        for turn in converse(self, timed, self._clock, first_tick=self._beginning.tick):
            self.compute_ms = (*self.compute_ms, timed.took_ms)[-LATENCIES:]
            self._ticks = turn.tick + 1
            if self._keep is not None:
                self._keep(turn)
            items, speaking = timeline_of(turn, speaking)
            self._post(items)
            if self._closing is None and self.at_ms >= self._limits.longest_s * 1000:
                return "expired"
            if self._closing is not None:
                return self._closing
        raise AssertionError("converse ends only by its caller")

    def _post(self, items: Sequence[Item]) -> None:
        # A loop that is gone has no readers either.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, items)

    def _deliver(self, items: Sequence[Item]) -> None:
        if isinstance(items[-1], Ended):
            self.end = items[-1]
            self.ended.set()
            self._tell_end(self.end)
            return
        room = [reader.put(items) for reader in self._readers]
        if not all(room):
            self.close("too_slow")

    def _tell_end(self, end: Ended) -> None:
        """To those who are to know first; to everyone where none of them reads any more."""
        first = [reader for reader in self._readers if reader.first]
        for reader in first or self._readers:
            reader.put_end(end)

    async def _read(self, reader: "_Reader") -> AsyncGenerator[Item]:
        try:
            while True:
                for item in await reader.next():
                    yield item
                    if isinstance(item, Ended):
                        return
        finally:
            self._readers.remove(reader)
            if reader.first and self.end is not None:
                self._tell_end(self.end)


class _Timed:
    """A participant whose turns are timed, by the wall's clock."""

    def __init__(self, partner: Participant) -> None:
        self._partner, self.took_ms = partner, 0.0

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        began_s = time.perf_counter()
        said = self._partner.turn(tick, heard)
        self.took_ms = (time.perf_counter() - began_s) * 1000
        return said


class _Reader:
    """Items that wait for one reader, by tick; at most `ticks` of them, beside the end. first: it knows that first."""

    def __init__(self, ticks: int, first: bool) -> None:
        self._ticks, self.first = ticks, first
        self._waiting: asyncio.Queue[Sequence[Item]] = asyncio.Queue()
        self._knows_end = False

    def put(self, items: Sequence[Item]) -> bool:
        """Whether there was room."""
        room = self._waiting.qsize() < self._ticks
        if room:
            self._waiting.put_nowait(items)
        return room

    def put_end(self, end: Ended) -> None:
        """The end, for which there is always room, once."""
        if not self._knows_end:
            self._knows_end = True
            self._waiting.put_nowait([end])

    async def next(self) -> Sequence[Item]:
        """The items of the next tick."""
        return await self._waiting.get()

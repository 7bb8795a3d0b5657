"""An endpoint behind a socket, on the wall clock: a microphone in packets of 20 ms, a loudspeaker, a trace.

t = 0 is the user's first sample. A packet leaves when its last sample has sounded, as from a microphone. What the user
is given of the model is what plays in the tick before. Protocols implement `Wire`: wire_openai.py, gemini.py.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from microturn.core.chunk import Chunk
from microturn.core.clock import SAMPLE_RATE_HZ, TICK_MS
from microturn.core.errors import InputError, MicroturnError
from microturn.core.events import Event
from microturn.eval.suite.endpoint import NO_SETTINGS, Past, Session, Unreachable
from microturn.eval.suite.offered import Call, Offered, noted
from microturn.eval.suite.trace import Loudspeaker, Noted, Received, Text, Trace
from microturn.media.jpeg import encode_jpeg
from microturn.media.pcm import Pcm, Resampler, resample, to_float, to_int16

PACKET_S = 0.02
PACKETS = TICK_MS // 20
TICK_S = TICK_MS / 1000
PREBUFFER_S = 0.06  # what the page of `microturn serve` keeps too
LEAD_PACKETS = 15  # of silence before t = 0, as a microphone that is on already
CONNECT_S = 20.0
AT_ONCE = 4
QUIET = 1e-3  # of full scale: a piece without a louder sample is silence
FILLER_S = 0.2


class Sound(NamedTuple):
    """Sound of the model, int16 bytes at the wire's rate. item: which utterance it is of, where the protocol says."""

    data: bytes
    item: str = ""


class Words(NamedTuple):
    """Words as the endpoint tells them, with their own spaces."""

    text: str
    kind: Literal["said", "heard"] = "said"


class Flush(NamedTuple):
    """A client of this protocol throws away now what it has not played."""


class Asked(NamedTuple):
    """A function that is to be called. id: what its output must name."""

    id: str
    call: Call


class Calls(NamedTuple):
    """Functions that are to be called, all that are wanted before it goes on."""

    asked: tuple[Asked, ...]


class Answered(NamedTuple):
    """What a call gave."""

    asked: Asked
    output: str


class Other(NamedTuple):
    """Any other message."""

    kind: str
    data: Mapping[str, Any] = NO_SETTINGS


Came = Sound | Words | Flush | Calls | Other


class Wire(Protocol):
    """A connection whose session has begun.

    in_hz, out_hz: rates of both directions. fills: it sends silence where the model is silent.
    """

    in_hz: int
    out_hz: int
    fills: bool

    def came(self) -> AsyncIterator[Came]:
        """What arrives; it ends when the other side hangs up."""
        ...

    async def send_sound(self, data: bytes) -> None:
        """A packet of the user's sound, int16 bytes."""
        ...

    async def remember(self, past: Sequence[Past]) -> None:
        """Turns from before, told before anything else; InputError where the protocol has no place for them."""
        ...

    async def send_picture(self, jpeg: bytes) -> None:
        """What the user's camera shows; InputError where the protocol knows no pictures."""
        ...

    async def send_text(self, text: str) -> None:
        """What the user types; InputError where the protocol knows none."""
        ...

    async def cut(self, item: str, heard_s: float) -> None:
        """Tell that the listener heard so much of an utterance and no more."""
        ...

    async def answer(self, given: Sequence[Answered]) -> None:
        """Tell what the functions of one `Calls` gave, so that it goes on."""
        ...


Opening = Callable[[Offered | None], AbstractAsyncContextManager[Wire]]


class WireEndpoint:
    """Whoever is behind a socket.

    open: connects and begins a session with these tools within CONNECT_S, or raises Unreachable; ends it on the way
    out.
    """

    def __init__(
        self,
        name: str,
        open: Opening,
        settings: Mapping[str, Any] = NO_SETTINGS,
        at_once: int = AT_ONCE,
    ) -> None:
        self.name, self.settings, self.at_once, self._open = name, settings, at_once, open

    async def hold(self, session: Session) -> Trace:
        """Hold one session in real time. Raises Unreachable where none begins; one that breaks off is void."""
        async with self._open(session.tools) as wire:
            if session.past:
                await wire.remember(session.past)
            log = Talked(wire)
            user = await _Talk(session, wire, log).run()
        return log.trace(session.id, self.name, user)


class Microphone:
    """The user's chunks as packets of 20 ms, int16 bytes at `rate_hz`.

    Another rate costs 20 ms, because its filter looks ahead by more than what a tick's last packet can be given.
    """

    def __init__(self, rate_hz: int) -> None:
        self._resampler = Resampler(SAMPLE_RATE_HZ, rate_hz)
        self._packet = round(rate_hz * PACKET_S)
        self._waiting: Pcm = np.zeros(0 if rate_hz == SAMPLE_RATE_HZ else self._packet, np.float32)
        self.silence = bytes(2 * self._packet)

    def put(self, pcm: Pcm) -> None:
        """The sound of a tick, float32 [3200]."""
        self._waiting = np.concatenate([self._waiting, self._resampler.push(pcm)])

    def end(self) -> None:
        """Nothing more will come."""
        self._waiting = np.concatenate([self._waiting, self._resampler.flush()])

    def packet(self) -> bytes:
        """The next 20 ms."""
        now, self._waiting = self._waiting[: self._packet], self._waiting[self._packet :]
        return to_int16(np.pad(now, (0, self._packet - len(now)))).astype("<i2").tobytes()


@dataclass
class Talked:
    """What has come of a session so far, and what of it played."""

    wire: Wire
    sounds: list[tuple[float, Pcm]] = field(default_factory=list[tuple[float, Pcm]])
    items: list[str] = field(default_factory=list[str])
    flushes: list[float] = field(default_factory=list[float])
    texts: list[Text] = field(default_factory=list[Text])
    events: list[Noted] = field(default_factory=list[Noted])
    late_s: list[float] = field(default_factory=list[float])
    gone: set[str] = field(default_factory=set[str])
    void: str = ""
    quiet_s: float = 0.0
    came_s: float = 0.0
    ahead_s: list[float] = field(default_factory=list[float])

    def __post_init__(self) -> None:
        self.speaker = Loudspeaker(PREBUFFER_S, self.wire.out_hz)

    def put(self, at_s: float, sound: Sound) -> None:
        """A piece of sound. What fills a silence is left out: a listener that is behind catches up there."""
        pcm = to_float(np.frombuffer(sound.data[: len(sound.data) // 2 * 2], "<i2").astype(np.int16))
        quiet = not len(pcm) or float(np.max(np.abs(pcm))) < QUIET
        self.quiet_s = self.quiet_s + len(pcm) / self.wire.out_hz if quiet else 0.0
        self.came_s += len(pcm) / self.wire.out_hz
        self.ahead_s.append(self.came_s - at_s)
        if sound.item in self.gone:
            self.events.append(Noted(at_s, "dropped", {"item": sound.item, "seconds": len(pcm) / self.wire.out_hz}))
            return
        if not len(pcm) or (self.wire.fills and quiet and self.quiet_s > FILLER_S + 1e-6):
            return
        self.speaker.put(at_s, pcm)
        self.sounds.append((at_s, pcm))
        self.items.append(sound.item)

    def flush(self, at_s: float) -> tuple[str, float] | None:
        """Throw away what waits; gives the utterance that was cut and how much of it was heard, None where none was."""
        self.flushes.append(at_s)
        if not self.speaker.flush(at_s):
            return None
        item = self.items[-1]
        placed = self.speaker.placed
        heard_s = sum(p.end_s - p.start_s for p, name in zip(placed, self.items, strict=True) if name == item)
        if item:
            self.gone.add(item)  # the rest of it may be on its way
        return item, heard_s

    def heard(self, tick: int) -> Chunk:
        """What played and was told in a tick, for the user."""
        start_s, end_s = tick * TICK_S, (tick + 1) * TICK_S
        pcm = self.speaker.heard(start_s, end_s)
        sounded = None if not pcm.any() else resample(pcm, self.wire.out_hz, SAMPLE_RATE_HZ)
        told = [text for text in self.texts if text.kind == "said" and start_s <= text.at_s < end_s]
        return Chunk(sounded, events=tuple(Event(round(1000 * t.at_s), tick, "say", t.text.strip()) for t in told))

    def trace(self, id: str, name: str, user: Pcm) -> Trace:
        """All of it, at our own rate. The whole is resampled at once, so that no piece is moved."""
        hz = self.wire.out_hz
        sent = [pcm for _, pcm in self.sounds]
        whole = resample(np.concatenate([np.zeros(0, np.float32), *sent]), hz, SAMPLE_RATE_HZ)
        ends = [round(n * SAMPLE_RATE_HZ / hz) for n in np.cumsum([len(pcm) for pcm in sent])]
        pieces = zip(self.sounds, [0, *ends], ends, strict=False)
        received = tuple(Received(at_s, whole[first:last]) for (at_s, _), first, last in pieces)
        every = (received, tuple(self.flushes), tuple(self.texts), tuple(self.events), tuple(self.late_s))
        return Trace(id, name, user, *every, void=self.void, prebuffer_s=PREBUFFER_S, come_late_s=self.come_late_s())

    def come_late_s(self) -> tuple[float, ...]:
        """Where silence is sent too, sound comes as steadily as the other side's ticks: how late each 200 ms came."""
        if not self.wire.fills or not self.ahead_s:
            return ()
        steps = max(1, round(TICK_S * len(self.ahead_s) / self.came_s))
        ahead_s = [max(self.ahead_s[n : n + steps]) for n in range(0, len(self.ahead_s), steps)]
        return tuple(max(ahead_s) - one for one in ahead_s)


class _Talk:
    """One session while it lasts."""

    def __init__(self, session: Session, wire: Wire, log: Talked) -> None:
        self._session, self._wire, self._log = session, wire, log
        self._microphone = Microphone(wire.in_hz)
        self._user: list[Pcm] = []
        self._now = asyncio.get_running_loop().time
        self._began_s = 0.0

    async def run(self) -> Pcm:
        """Talk until the user has said everything, and listen meanwhile; gives the user's sound, float32 [N].

        Whatever goes wrong on the way ends this session alone, and is said in its trace.
        """
        await self._wire.send_sound(self._microphone.silence)  # a client's first message takes it longest
        self._began_s = self._now() + LEAD_PACKETS * PACKET_S
        listening = asyncio.create_task(self._listen())
        talking = asyncio.create_task(self._talk())
        try:
            await asyncio.wait((listening, talking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, talking):
                task.cancel()
            ends = await asyncio.gather(listening, talking, return_exceptions=True)
        failed = [f"{type(end).__name__}: {end}"[:300] for end in ends if isinstance(end, Exception)]
        self._log.void = "the other side hung up" if ends[0] is None else failed[0] if failed else ""
        while len(self._user) < self._session.ticks:
            self._user.append(self._session.user.turn(len(self._user), Chunk()).samples)
        return np.concatenate([np.zeros(0, np.float32), *self._user])

    async def _talk(self) -> None:
        for number in range(-LEAD_PACKETS, 0):
            await asyncio.sleep(self._began_s + (number + 1) * PACKET_S - self._now())
            await self._wire.send_sound(self._microphone.silence)
        for number in range(self._session.ticks * PACKETS):
            if number == 0:
                await self._turn(0)
            due_s = self._began_s + (number + 1) * PACKET_S
            await asyncio.sleep(due_s - self._now())
            if (number + 1) % PACKETS == 0:
                # A tick begins with the end of the one before: the filter of another rate needs its first samples.
                await self._turn((number + 1) // PACKETS)
            packet = self._microphone.packet()
            self._log.late_s.append(self._now() - due_s)
            await self._wire.send_sound(packet)

    async def _turn(self, tick: int) -> None:
        if tick == self._session.ticks:
            self._microphone.end()
            return
        chunk = self._session.user.turn(tick, self._log.heard(tick - 1) if tick else Chunk())
        self._user.append(chunk.samples)
        self._microphone.put(chunk.samples)
        if chunk.frame is not None:
            await self._wire.send_picture(jpeg_of(chunk.frame))
        for text in chunk.text:
            await self._wire.send_text(text)

    async def _listen(self) -> None:
        log = self._log
        async for came in self._wire.came():
            at_s = self._now() - self._began_s
            match came:
                case Sound():
                    log.put(at_s, came)
                case Words(text, kind):
                    log.texts.append(Text(at_s, text, kind))
                case Flush():
                    cut = log.flush(at_s)
                    if cut is not None:
                        await self._wire.cut(*cut)
                case Calls(asked):
                    await self._call(at_s, asked)
                case Other(kind, data):
                    log.events.append(Noted(at_s, kind, data))

    async def _call(self, at_s: float, asked: Sequence[Asked]) -> None:
        """Functions of the suite answer at once."""
        tools = self._session.tools
        given = [Answered(one, tools.answer(one.call) if tools is not None else "") for one in asked]
        self._log.events += [noted(at_s, asked.call, output) for asked, output in given]
        await self._wire.answer(given)


def jpeg_of(frame: npt.NDArray[np.uint8]) -> bytes:
    """A picture of the user's camera as it is sent, 640 pixels wide at most."""
    return encode_jpeg(frame, 640)


@contextmanager
def reaching(where: str) -> Generator[None]:
    """Whatever goes wrong before a session has begun means that there is none: Unreachable, but for our own errors."""
    try:
        yield
    except MicroturnError:
        raise
    except TimeoutError as error:
        raise Unreachable(f"{where} began no session within {CONNECT_S:g} s") from error
    except Exception as error:  # of a vendor's client, its WebSocket or the network: families without a common root
        raise Unreachable(f"{where} takes no session: {type(error).__name__}: {error}") from error


def no_pictures(protocol: str) -> InputError:
    """What a wire raises that cannot show pictures."""
    return InputError("this endpoint is shown no pictures", protocol, "a picture", "a suite without a camera")

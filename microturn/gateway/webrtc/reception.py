"""Packets of a microphone in their order, each as soon as it may be heard. Decoding is aiortc's, the clock Intake's.

aiortc holds every sound packet until four more have come (80 ms), and after a lost one 16, for the rest of the call: it
gives one frame for each packet that comes, so what once waited waits for ever. Here nothing waits but behind a gap, and
there no longer than packets have lately been late.
"""

import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket

from microturn.core.errors import ConfigError

WAIT_S = 0.06  # behind a gap at first: as long as a tick waits for its sound (`intake.HOLD_S`)
MOST_WAIT_S = 0.4
SPARE_S = 0.02  # beyond the latest packet that came too late
CALM_S = 10.0  # after so long without one, packets are no more expected to be late
NUMBERS = 1 << 16  # of packets (RFC 3550 5.1); they begin anew
FAR = 200  # further apart than four seconds: another stream, or one that was held up too long


class Numbered(Protocol):
    """What an RTP packet is here."""

    ssrc: int
    sequence_number: int


Packet = TypeVar("Packet", bound=Numbered)


class InOrder(Generic[Packet]):
    """Packets in the order they were sent. now: seconds; a packet behind a gap goes on when its wait is over."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._ssrc: int | None = None
        self._next = 0
        self._waiting: dict[int, tuple[Packet, float]] = {}  # by number, with when they came
        self._given_up: dict[int, float] = {}  # numbers, and since when packets behind them had come
        self._wait_s, self._late_s = WAIT_S, -CALM_S

    def push(self, packet: Packet) -> list[Packet]:
        """One that came; those whose turn it is now, in their order."""
        now_s, number = self._now(), packet.sequence_number
        ahead = _signed(number - self._next)
        if packet.ssrc != self._ssrc or abs(ahead) > FAR:
            self._ssrc, self._next, ahead = packet.ssrc, number, 0
            self._waiting.clear()
            self._given_up.clear()
        if ahead < 0:
            self._too_late(number, now_s)
            return []
        self._waiting.setdefault(number, (packet, now_s))
        if now_s - self._late_s > CALM_S:
            self._wait_s = WAIT_S
        return self._due(now_s)

    def _due(self, now_s: float) -> list[Packet]:
        due: list[Packet] = []
        while self._waiting:
            if self._next in self._waiting:
                due.append(self._waiting.pop(self._next)[0])
            else:
                since_s = min(came_s for _, came_s in self._waiting.values())
                if now_s - since_s < self._wait_s:
                    break
                self._given_up[self._next] = since_s
            self._next = (self._next + 1) % NUMBERS
        while len(self._given_up) > FAR:
            del self._given_up[next(iter(self._given_up))]
        return due

    def _too_late(self, number: int, now_s: float) -> None:
        """It was given up and came all the same: others are waited for so long from now on."""
        since_s = self._given_up.pop(number, None)
        if since_s is not None:
            self._wait_s = min(MOST_WAIT_S, max(self._wait_s, now_s - since_s + SPARE_S))
            self._late_s = now_s


class Unbuffered:
    """In the place of aiortc's jitter buffer: every packet of Opus is a whole frame."""

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """The frame of this packet, none of an empty one, at which a decoder would end; no picture is asked for."""
        data: bytes = vars(packet)["_data"]
        return False, JitterFrame(data, packet.timestamp) if data else None


def hear_at_once(receiver: RTCRtpReceiver) -> None:
    """Let a receiver of sound decode each packet as soon as it is its turn. Before it has begun to receive."""
    buffer, take = "_RTCRtpReceiver__jitter_buffer", "_handle_rtp_packet"
    if not (hasattr(receiver, buffer) and hasattr(receiver, take)):
        raise ConfigError("a version of aiortc that receives in another way", "aiortc", "no such parts", "aiortc 1.16")
    decode, order = getattr(receiver, take), InOrder[RtpPacket]()

    async def take_packet(packet: RtpPacket, arrival_time_ms: int) -> None:
        for due in order.push(packet):
            await decode(due, arrival_time_ms=arrival_time_ms)

    setattr(receiver, buffer, Unbuffered())
    setattr(receiver, take, take_packet)


def _signed(difference: int) -> int:
    """How far one number is from another, the shorter way round."""
    return (difference + NUMBERS // 2) % NUMBERS - NUMBERS // 2

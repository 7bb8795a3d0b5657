from dataclasses import dataclass

import pytest
from aiortc import RTCRtpReceiver
from aiortc.rtp import RtpPacket

from microturn.core.errors import ConfigError
from microturn.gateway.webrtc.reception import MOST_WAIT_S, WAIT_S, InOrder, Unbuffered, hear_at_once


@dataclass
class Packet:
    sequence_number: int
    ssrc: int = 1


class Line:
    """Packets that come at moments given by hand."""

    def __init__(self) -> None:
        self.s = 0.0
        self.order = InOrder[Packet](lambda: self.s)

    def comes(self, number: int, after_s: float = 0.0, ssrc: int = 1) -> list[int]:
        """The numbers that go on when this one comes so much later."""
        self.s += after_s
        return [packet.sequence_number for packet in self.order.push(Packet(number % (1 << 16), ssrc))]


def test_packets_in_order_wait_for_nothing_also_where_numbers_begin_anew() -> None:
    line = Line()
    assert [line.comes(number, 0.02) for number in range(65_533, 65_539)] == [
        [65_533],
        [65_534],
        [65_535],
        [0],
        [1],
        [2],
    ]


def test_a_packet_that_was_overtaken_takes_its_place() -> None:
    line = Line()
    assert [line.comes(number, 0.01) for number in (1, 3, 4, 2, 5)] == [[1], [], [], [2, 3, 4], [5]]


def test_behind_a_lost_packet_others_wait_only_so_long_and_nothing_waits_afterwards() -> None:
    line = Line()
    line.comes(1)
    assert [line.comes(number, WAIT_S * 0.4) for number in range(3, 8)] == [[], [], [], [3, 4, 5, 6], [7]]


def test_a_packet_twice_is_one() -> None:
    line = Line()
    assert [line.comes(number) for number in (1, 1, 3, 3, 2, 2)] == [[1], [], [], [], [2, 3], []]


def test_where_packets_come_late_others_are_waited_for_longer_and_no_longer_once_they_do_not() -> None:
    line = Line()
    line.comes(1)
    line.comes(3)
    assert line.comes(4, WAIT_S) == [3, 4]
    assert line.comes(2, 0.14) == []  # 200 ms behind the one that overtook it
    line.comes(6)
    assert line.comes(7, 0.2) == []
    assert line.comes(5) == [5, 6, 7]
    assert line.comes(8, 60.0) == [8]
    line.comes(10)
    assert line.comes(11, WAIT_S) == [10, 11]


def test_nothing_is_waited_for_longer_than_the_most() -> None:
    line = Line()
    line.comes(1)
    line.comes(3)
    line.comes(4, 3.0)
    line.comes(2, 3.0)
    line.comes(6)
    assert line.comes(7, MOST_WAIT_S) == [6, 7]


@pytest.mark.parametrize(("number", "ssrc"), [(30_000, 1), (2, 2)])
def test_another_stream_begins_anew(number: int, ssrc: int) -> None:
    line = Line()
    line.comes(1)
    line.comes(3)
    assert line.comes(number, ssrc=ssrc) == [number]
    assert line.comes(number + 1, ssrc=ssrc) == [number + 1]


def test_an_empty_packet_is_no_frame() -> None:
    packets = [RtpPacket(timestamp=960), RtpPacket(timestamp=1_920)]
    for packet, data in zip(packets, (b"opus", b""), strict=True):
        vars(packet)["_data"] = data
    frames = [Unbuffered().add(packet)[1] for packet in packets]
    assert frames[0] is not None and (frames[0].data, frames[0].timestamp) == (b"opus", 960)
    assert frames[1] is None


def test_a_receiver_of_another_make_is_refused() -> None:
    with pytest.raises(ConfigError, match="aiortc"):
        hear_at_once(object.__new__(RTCRtpReceiver))

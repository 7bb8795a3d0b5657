"""The clock: ticks, real time without drift, and the hand-turned one."""

import threading

import pytest

from microturn.core.clock import CHUNK_SAMPLES, WallClock, tick_of
from microturn.core.errors import WaitTooLong
from microturn.core.fakes import ManualClock


class FakeTime:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept_s: list[float] = []

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds


def test_a_tick_is_200_ms_and_3200_samples() -> None:
    assert [tick_of(ms) for ms in (0, 199, 200, 1000)] == [0, 0, 1, 5]
    assert CHUNK_SAMPLES == 3200


def test_wall_clock_makes_up_for_the_time_spent_between_ticks() -> None:
    time = FakeTime()
    clock = WallClock(time.now, time.sleep)
    clock.wait_until(1)
    time.now_s += 0.15
    clock.wait_until(2)
    assert time.slept_s == pytest.approx([0.2, 0.05])


def test_wall_clock_catches_up_after_a_stall_without_dropping_ticks() -> None:
    time = FakeTime()
    clock = WallClock(time.now, time.sleep)
    clock.wait_until(1)
    time.now_s += 0.5
    clock.wait_until(2)
    assert clock.late_s == pytest.approx(0.3)
    clock.wait_until(3)
    clock.wait_until(4)
    assert time.now_s == pytest.approx(100.8)


def test_wall_clock_does_not_drift_in_an_hour() -> None:
    time = FakeTime()
    clock = WallClock(time.now, time.sleep)
    for tick in range(1, 18_001):
        clock.wait_until(tick)
        time.now_s += 0.013
    assert time.now_s == pytest.approx(3700.013, abs=1e-3)


def test_manual_clock_lets_a_waiting_thread_go_on() -> None:
    clock = ManualClock(limit_s=120.0)
    waiting = threading.Thread(target=clock.wait_until, args=(2,))
    waiting.start()
    clock.advance()
    clock.advance()
    waiting.join(120.0)
    assert not waiting.is_alive()


def test_manual_clock_does_not_wait_for_ever() -> None:
    with pytest.raises(WaitTooLong, match="tick 1 was awaited"):
        ManualClock(limit_s=0.01).wait_until(1)

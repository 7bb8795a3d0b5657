import numpy as np
import pytest

from microturn.core.wav import to_float, to_int16
from microturn.gateway.intake import Intake
from microturn.gateway.timeline import TooMuch


def ramp(n: int, start: int = 1) -> np.ndarray:
    return np.arange(start, start + n, dtype=np.float32) / np.float32(32_768)


def test_where_nothing_came_is_silence() -> None:
    assert Intake().take() is None


def test_sound_lies_where_it_came_on_the_clock() -> None:
    intake = Intake(margin_ms=20)
    intake.take()
    intake.push(ramp(320), now_ms=250.0)
    chunk = intake.take()
    assert chunk is not None
    assert np.flatnonzero(chunk)[0] == (50 + 20) * 16
    assert np.array_equal(chunk[1120:1440], ramp(320))


@pytest.mark.parametrize("late_ms", [0.0, 15.0])
def test_packets_that_come_late_within_the_margin_leave_no_gap(late_ms: float) -> None:
    intake, taken = Intake(margin_ms=20), list[np.ndarray]()
    for packet in range(30):
        now_ms = packet * 20.0 + (late_ms if packet % 3 else 0.0)
        if packet and packet % 10 == 0:
            chunk = intake.take()
            assert chunk is not None
            taken.append(chunk)
        intake.push(ramp(320, 1 + packet * 320), now_ms)
    heard = np.concatenate(taken)
    assert np.array_equal(heard[320:], ramp(6080))


def test_sound_faster_than_time_waits_its_turn() -> None:
    intake = Intake(margin_ms=0)
    intake.push(ramp(8_000), now_ms=0.0)
    chunks = [intake.take() for _ in range(3)]
    assert np.array_equal(np.concatenate([c for c in chunks if c is not None])[:8_000], ramp(8_000))


def test_more_than_may_wait_is_refused_and_what_waits_stays() -> None:
    intake = Intake(margin_ms=0, backlog_s=0.2)
    intake.push(ramp(3_200), now_ms=0.0)
    with pytest.raises(TooMuch):
        intake.push(ramp(1), now_ms=0.0)
    assert np.array_equal(intake.take(), ramp(3_200))


def test_what_is_taken_is_what_a_recording_keeps() -> None:
    intake = Intake(margin_ms=0)
    intake.push(np.linspace(-1.1, 1.1, 3200).astype(np.float32), 0.0)
    taken = intake.take()
    assert taken is not None and np.array_equal(taken, to_float(to_int16(taken)))

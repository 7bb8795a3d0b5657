import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.core.wav import to_float, to_int16
from microturn.gateway.formats import SoundFormat, SoundReader
from microturn.gateway.intake import Intake
from microturn.gateway.timeline import TooMuch


def ramp(n: int, start: int = 1) -> np.ndarray:
    return np.arange(start, start + n, dtype=np.float32) / np.float32(32_768)


def heard_in(intake: Intake) -> np.ndarray:
    chunk = intake.take()
    return np.zeros(3_200, np.float32) if chunk is None else chunk


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
    assert np.array_equal(heard_in(intake), ramp(3_200))


def test_what_is_taken_is_what_a_recording_keeps() -> None:
    intake = Intake(margin_ms=0)
    intake.push(np.linspace(-1.1, 1.1, 3200).astype(np.float32), 0.0)
    taken = intake.take()
    assert taken is not None and np.array_equal(taken, to_float(to_int16(taken)))


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(
        [SoundFormat("audio/pcm", 16_000), SoundFormat("audio/pcm", 24_000), SoundFormat("audio/pcmu", 8_000)]
    ),
    st.floats(0.0, 199.0),
    st.lists(st.floats(0.0, 18.0), min_size=60, max_size=60),
)
def test_what_is_heard_is_what_was_sent_after_a_constant_delay(
    format: SoundFormat, begins_ms: float, late_ms: list[float]
) -> None:
    data = np.random.default_rng(0).integers(-8_000, 8_000, 60 * format.rate_hz // 50).astype("<i2").tobytes()
    frame = 2 * format.rate_hz // 50
    if format.coding == "audio/pcmu":
        data, frame = data[::2], frame // 2
    reader, intake, heard = SoundReader(format), Intake(hold_s=0.0), list[np.ndarray]()
    pushed = list[np.ndarray]()
    came_ms = [begins_ms + 20.0 * (index + 1) + late for index, late in enumerate(late_ms)]
    for index, at_ms in enumerate(came_ms):
        while at_ms >= 200.0 * (len(heard) + 1):
            heard.append(heard_in(intake))
        pushed.append(reader.push(data[index * frame : (index + 1) * frame]))
        intake.push(pushed[-1], at_ms)
    heard += [heard_in(intake) for _ in range(4)]
    sent = to_float(to_int16(np.concatenate(pushed)))
    sound = np.concatenate(heard)
    start = int(np.flatnonzero(sound)[0]) - int(np.flatnonzero(sent)[0])
    assert np.array_equal(sound[start : start + len(sent)], sent)


def test_a_tick_waits_for_packets_of_a_sound_that_goes_on() -> None:
    intake = Intake(margin_ms=0, hold_s=10.0)
    intake.push(ramp(1_600), now_ms=0.0)
    late = threading.Thread(target=lambda: intake.push(ramp(1_600, 1_601), now_ms=210.0))
    late.start()
    assert np.array_equal(heard_in(intake), ramp(3_200))
    late.join()


def test_a_tick_does_not_wait_for_a_sound_that_has_ended() -> None:
    intake = Intake(margin_ms=0, hold_s=0.01)
    intake.push(ramp(1_600), now_ms=0.0)
    assert np.array_equal(heard_in(intake)[:1_600], ramp(1_600))
    ended = Intake(margin_ms=0, hold_s=1e6)
    assert ended.take() is None

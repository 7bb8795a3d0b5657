import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.core.wav import to_float, to_int16
from microturn.gateway.formats import SoundFormat, SoundReader
from microturn.gateway.intake import Intake, without_pauses
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


def streamed(intake: Intake, sent: np.ndarray, stall_at: int, stall_ms: float) -> np.ndarray:
    """What is heard of sound sent in real time by a client that stalls once and then sends what has gathered."""
    heard = list[np.ndarray]()
    for index in range(len(sent) // 320):
        at_ms = 20.0 * (index + 1)
        if stall_at <= at_ms < stall_at + stall_ms:
            at_ms = stall_at + stall_ms
        while at_ms >= 200.0 * (len(heard) + 1):
            heard.append(heard_in(intake))
        intake.push(sent[320 * index : 320 * (index + 1)], at_ms)
    return np.concatenate([*heard, *(heard_in(intake) for _ in range(10))])


def test_a_stream_that_was_held_up_catches_up_in_its_pauses_and_loses_no_sound() -> None:
    noise = (np.random.default_rng(0).integers(1_000, 8_000, 16_000) / 32_768).astype(np.float32)
    sent = np.concatenate([noise, np.zeros(64_000, np.float32), noise, np.zeros(3_200, np.float32)])
    heard = streamed(Intake(hold_s=0.0), sent, stall_at=500, stall_ms=900.0)
    loud = heard[heard != 0]
    assert np.array_equal(loud, np.concatenate([noise, noise]))
    delay_ms = (int(np.flatnonzero(heard)[-1]) - int(np.flatnonzero(sent)[-1])) / 16
    assert delay_ms <= 200


def test_a_stream_without_pauses_stays_whole_and_late() -> None:
    noise = (np.random.default_rng(0).integers(1_000, 8_000, 96_000) / 32_768).astype(np.float32)
    heard = streamed(Intake(hold_s=0.0), noise, stall_at=500, stall_ms=900.0)
    assert np.array_equal(heard[heard != 0], noise)


def test_a_pause_that_is_shortened_stays_a_pause() -> None:
    loud, pause = np.ones(3_200, np.float32), np.zeros(8_000, np.float32)
    sound = np.concatenate([loud, pause, loud])
    assert len(without_pauses(sound, 1_000_000)) == 6_400 + 5 * 320
    assert len(without_pauses(sound, 1_000)) == len(sound) - 3 * 320
    short = np.concatenate([loud, np.zeros(2_880, np.float32), loud])
    assert np.array_equal(without_pauses(short, 1_000_000), short)


def test_pauses_of_sound_that_was_sent_at_once_are_left_as_they_are() -> None:
    sent = np.concatenate([ramp(3_200), np.zeros(64_000, np.float32), ramp(3_200)])
    intake = Intake(margin_ms=0, hold_s=0.0)
    intake.push(sent, now_ms=0.0)
    assert np.array_equal(np.concatenate([heard_in(intake) for _ in range(22)]), sent)

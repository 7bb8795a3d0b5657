import asyncio

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from microturn.gateway.timeline import Sound
from microturn.gateway.webrtc.speaker import Speaker

LOUD = np.full(320, 0.25, np.float32)


class Clock:
    """The wall's clock of a test: sleeping moves it on."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s

    async def sleep(self, seconds: float) -> None:
        self.s += seconds + 0.001  # a sleep is never exact


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tick(speaker: Speaker, start_ms: int, loud: bool = True) -> None:
    for at in range(start_ms, start_ms + 200, 20):
        speaker.put(Sound(at, LOUD if loud else None))


def played(speaker: Speaker, frames: int, clock: Clock) -> list[int]:
    """Milliseconds after the beginning at which the next frames left."""

    async def play() -> list[int]:
        left: list[int] = []
        for _ in range(frames):
            await speaker.recv()
            left.append(int((clock.s - 100.0) * 1000 + 0.5))
        return left

    return asyncio.run(play())


def test_no_frame_leaves_before_its_time_and_sleeping_too_long_does_not_add_up(clock: Clock) -> None:
    speaker = Speaker(now=clock, sleep=clock.sleep)
    for start_ms in range(0, 2_000, 200):
        tick(speaker, start_ms)
    left = played(speaker, 100, clock)
    assert all(0 <= at - 20 * number <= 2 for number, at in enumerate(left))


def test_sound_that_comes_late_is_whole_and_the_time_is_caught_up_in_silence(clock: Clock) -> None:
    speaker = Speaker(now=clock, sleep=clock.sleep)
    tick(speaker, 0)
    played(speaker, 10, clock)

    async def late() -> None:
        waiting = asyncio.create_task(speaker.recv())
        await asyncio.sleep(0)  # it waits for sound
        clock.s = 100.7
        for start_ms in (200, 400, 600, 800):
            tick(speaker, start_ms, loud=start_ms < 800)
        await waiting

    asyncio.run(late())
    assert played(speaker, 29, clock)[-1] == pytest.approx(700 + 29 * 20, abs=2)
    tick(speaker, 1_000, loud=False)
    tick(speaker, 1_200, loud=False)
    assert played(speaker, 14, clock)[-1] == pytest.approx(1_280 + 14 * 20, abs=2)
    assert speaker._sounds.empty()  # 30 frames of silence were given


def test_silence_and_what_may_not_be_heard_is_exact_zeros() -> None:
    async def frames() -> list[np.ndarray]:
        audible = [True]
        speaker = Speaker()
        speaker.audible = lambda: audible[0]
        for sound in (Sound(0, LOUD), Sound(20, LOUD), Sound(40, LOUD), Sound(60), Sound(80, LOUD)):
            speaker.put(sound)
        first = [(await speaker.recv()).to_ndarray()]
        audible[0] = False
        return first + [(await speaker.recv()).to_ndarray() for _ in range(4)]

    first, ringing, *rest = asyncio.run(frames())
    assert np.abs(first).max() > 8_000
    assert not ringing[0, 96:].any()
    assert not any(frame.any() for frame in rest)


def test_a_track_that_is_stopped_ends_whoever_waits_for_it() -> None:
    async def stop() -> None:
        speaker = Speaker()
        waiting = asyncio.create_task(speaker.recv())
        await asyncio.sleep(0)
        speaker.stop()
        with pytest.raises(MediaStreamError):
            await waiting
        with pytest.raises(MediaStreamError):
            await speaker.recv()

    asyncio.run(stop())


def test_lateness_that_has_not_come_back_for_seconds_is_caught_up_in_silence(clock: Clock) -> None:
    speaker = Speaker(now=clock, sleep=clock.sleep)
    tick(speaker, 0, loud=False)
    played(speaker, 10, clock)

    async def late() -> None:
        waiting = asyncio.create_task(speaker.recv())
        await asyncio.sleep(0)  # it waits for sound
        clock.s = 100.26  # 60 ms too late
        tick(speaker, 200, loud=False)
        await waiting

    asyncio.run(late())
    waited = list[int]()
    for start_ms in range(400, 8_000, 200):
        while clock.s < 100 + start_ms / 1000:
            played(speaker, 1, clock)
        waited.append(speaker._sounds.qsize())
        tick(speaker, start_ms, loud=False)
    assert set(waited[1:20]) == {2}  # and one in hand
    assert waited[-1] == 0

import numpy as np

from microturn.gateway.frames import Frames


def picture(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


def shown(frames: Frames, now_ms: float) -> int | None:
    rgb = frames.take(now_ms)
    return None if rgb is None else int(rgb[0, 0, 0])


def test_of_a_tick_the_newest_picture_is_shown_and_none_twice() -> None:
    frames = Frames()
    frames.push(picture(1), 10.0)
    frames.push(picture(2), 150.0)
    assert shown(frames, 200.0) == 2
    assert shown(frames, 400.0) is None
    frames.push(picture(3), 450.0)
    frames.push(picture(4), 450.0)
    assert shown(frames, 600.0) == 4


def test_a_late_picture_counts_for_the_tick_that_runs_and_an_early_one_waits() -> None:
    frames = Frames()
    frames.push(picture(1), 450.0)
    frames.push(picture(2), 90.0)
    assert [shown(frames, now_ms) for now_ms in (400.0, 600.0)] == [2, 1]


def test_of_too_many_the_oldest_is_dropped() -> None:
    frames = Frames()
    for index in range(20):
        frames.push(picture(index), 1_000.0 * index)
    assert shown(frames, 11_000.0) is None
    assert shown(frames, 12_000.0) == 12

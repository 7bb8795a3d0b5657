"""A clock that jumps."""

import asyncio
import time
from typing import Any

import pytest

from microturn.eval.peer.clock import VirtualLoop


def run(coroutine: Any) -> tuple[Any, float]:
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(coroutine), loop.at_s
    finally:
        loop.close()


def test_an_hour_of_sleep_is_over_at_once() -> None:
    began_s = time.monotonic()
    _, at_s = run(asyncio.sleep(3600))
    assert at_s == pytest.approx(3600)
    assert time.monotonic() - began_s < 600


def test_sleepers_wake_in_the_order_of_their_times() -> None:
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(seconds)

    async def all_of_them() -> None:
        await asyncio.gather(sleeper(3), sleeper(1), sleeper(2))

    _, at_s = run(all_of_them())
    assert woken == [1, 2, 3] and at_s == pytest.approx(3)


def test_the_wall_clock_gives_the_same_order_and_no_earlier_times() -> None:
    async def talk() -> list[tuple[str, float]]:
        said: list[tuple[str, float]] = []
        loop = asyncio.get_running_loop()
        words: asyncio.Queue[str] = asyncio.Queue()
        began_s = loop.time()

        async def speaker(word: str, after_s: float) -> None:
            await asyncio.sleep(after_s)
            await words.put(word)

        async def listener() -> None:
            for _ in range(3):
                word = await asyncio.wait_for(words.get(), 3600)
                said.append((word, loop.time() - began_s))

        # Begun in the order of their times: a machine that stands still between two of them changes nothing.
        await asyncio.gather(listener(), speaker("one", 0.01), speaker("two", 0.02), speaker("three", 0.03))
        return said

    virtual, _ = run(talk())
    wall = asyncio.run(talk())
    assert [word for word, _ in wall] == [word for word, _ in virtual] == ["one", "two", "three"]
    assert [at_s for _, at_s in virtual] == pytest.approx([0.01, 0.02, 0.03])
    resolution_s = time.get_clock_info("monotonic").resolution
    assert all(late >= at_s - resolution_s for (_, late), (_, at_s) in zip(wall, virtual, strict=True))


def test_work_makes_its_result_late_by_the_processor_time_that_it_took() -> None:
    async def working() -> float:
        return await asyncio.to_thread(busy)

    def busy() -> float:
        began_s = time.thread_time()
        while time.thread_time() - began_s < 0.02:
            pass
        return time.thread_time() - began_s

    took_s, at_s = run(working())
    assert at_s >= took_s >= 0.02


def test_an_error_in_work_reaches_who_awaits_it() -> None:
    with pytest.raises(ZeroDivisionError):
        run(asyncio.to_thread(lambda: 1 // 0))


def test_waiting_for_what_nobody_brings_is_an_error_and_no_standstill() -> None:
    async def for_ever() -> None:
        await asyncio.Event().wait()

    loop = VirtualLoop()
    task = loop.create_task(for_ever())
    with pytest.raises(RuntimeError, match="nobody will bring"):
        loop.run_until_complete(task)
    task.cancel()
    loop.call_soon(lambda: None)
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()

"""Connections of one conversation that come and go, on a clock turned by hand."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.core.chunk import Chunk
from microturn.core.fakes import ManualClock
from microturn.gateway.journal import Journal
from microturn.gateway.live.client import Settings
from microturn.gateway.live.conversation import Conversation
from microturn.gateway.live.messages import Messages
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.live.server import Opened
from microturn.gateway.session import LiveSession
from microturn.gateway.sessions import Limits
from microturn.gateway.wire import Gone

GRACE_S = 2.0


class Counting:
    """Says the number of each tick; keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[Chunk] = []

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        self.heard.append(heard)
        return Chunk(np.full(3200, 0.1, np.float32), text=(str(tick),))


class Wire:
    """A `Channel` in memory. It breaks after `until` events, or when `cut`."""

    def __init__(self, until: int | None = None) -> None:
        self.got: list[Mapping[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self._until, self._messages = until, asyncio.Queue[str | TimeoutError | None]()
        self._came = asyncio.Event()

    def cut(self) -> None:
        self._messages.put_nowait(None)

    def say(self, text: str) -> None:
        self._messages.put_nowait(text)

    def idle(self) -> None:
        """Nothing has come for as long as the channel waits."""
        self._messages.put_nowait(TimeoutError())

    async def receive(self) -> str | bytes:
        text = await self._messages.get()
        if text is None:
            raise Gone
        if isinstance(text, TimeoutError):
            raise text
        return text

    async def send(self, event: Mapping[str, Any]) -> None:
        if self._until is not None and len(self.got) >= self._until:
            raise Gone
        self.got.append(event)
        self._came.set()

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    async def until(self, kind: str) -> Mapping[str, Any]:
        """The newest event of this kind, once there is one."""
        while True:
            found = [event for event in self.got if event["type"] == kind]
            if found:
                return found[-1]
            self._came.clear()
            await self._came.wait()


class Held:
    """A conversation on a clock turned by hand, and its connections."""

    def __init__(self, journal: Journal | None = None, limits: Limits | None = None) -> None:
        self.clock, self.partner, self.over = ManualClock(limit_s=120.0), Counting(), asyncio.Event()
        session = LiveSession("s", self.partner, clock=self.clock, now=lambda: self.clock.tick * 0.2)
        opened = Opened("s", 0, Settings("any"))
        self.it = Conversation(session, opened, limits or Limits(), self.over.set, True, GRACE_S, journal)
        self.serving: list[asyncio.Task[None]] = []

    def begin(self, wire: Wire) -> None:
        self.serving.append(asyncio.create_task(self.it.begin(Messages(wire, extended=True))))

    async def resume(self, wire: Wire, token: str, last_seq: int) -> str:
        """Come back; the new token."""
        self.serving.append(asyncio.create_task(self.it.resume(Messages(wire, extended=True), token, last_seq)))
        return (await wire.until("session.resumed"))["resume_token"]

    async def turn(self, ticks: int) -> None:
        """Let the session live for so many ticks, each told before the next."""
        for _ in range(ticks):
            told = self.it.session.items()
            self.clock.advance()
            await anext(told)
        await asyncio.sleep(0)

    async def end(self) -> None:
        self.it.session.close()
        self.clock.advance()
        await self.over.wait()
        await asyncio.gather(*self.serving)


def run(act: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(act(), 120)

    asyncio.run(limited())


def numbered(wires: list[Wire]) -> list[int]:
    return [event["server_event_seq"] for wire in wires for event in wire.got if "server_event_seq" in event]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=5))
def test_whatever_the_cuts_a_client_gets_every_event_once_and_in_order(cuts: list[tuple[int, int, int]]) -> None:
    async def act() -> None:
        held, wires = Held(), [Wire(until=cuts[0][0])]
        held.begin(wires[0])
        token = (await wires[0].until("session.started"))["resume_token"]
        for (_, before, after), (until, _, _) in zip(cuts, [*cuts[1:], (10_000, 0, 0)], strict=True):
            await held.turn(before)
            wires[-1].cut()
            await held.turn(after)
            wires.append(Wire(until=until))
            token = await held.resume(wires[-1], token, numbered(wires)[-1])
        last = Wire()
        await held.resume(last, token, numbered(wires)[-1])
        await held.end()
        got = numbered([*wires, last])
        assert got == list(range(1, len(got) + 1))
        assert last.got[-1]["type"] == "session.closed"
        words = [
            e["delta"] for wire in [*wires, last] for e in wire.got if e["type"] == "session.output_transcript.delta"
        ]
        assert words == [f" {tick}" for tick in range(len(words))] and len(words) == len(held.partner.heard)

    run(act)


def test_a_client_that_says_nothing_is_ended_and_told() -> None:
    async def act() -> None:
        held, wire = Held(), Wire()
        held.begin(wire)
        await wire.until("session.started")
        wire.idle()
        while not held.over.is_set():
            await held.turn(1)
        assert (await wire.until("session.closed"))["reason"] == "expired"

    run(act)


def test_a_lost_session_hears_silence_and_ends_when_its_grace_is_over() -> None:
    async def act() -> None:
        held, wire = Held(), Wire()
        held.begin(wire)
        await wire.until("session.started")
        wire.cut()
        await held.serving[0]
        await held.turn(9)
        assert held.it.session.end is None
        await held.turn(2)
        await held.over.wait()
        end = held.it.session.end
        assert end is not None and end.reason == "connection_lost" and end.at_ms in (2_000, 2_200)
        assert all(chunk.pcm is None for chunk in held.partner.heard)

    run(act)


def test_a_stop_hushes_the_model_while_it_speaks_and_never_before() -> None:
    async def act() -> None:
        held, wire = Held(), Wire()
        held.begin(wire)
        await wire.until("session.started")
        stop = '{"type": "session.output.stop"}'
        wire.say(stop)
        await wire.until("session.output.stopped")
        await held.turn(3)
        wire.got.clear()
        wire.say(stop)
        await wire.until("session.output.stopped")
        await held.turn(3)
        hushed = [chunk for chunk in held.partner.heard if any(event.kind == "hush" for event in chunk.events)]
        assert len(hushed) == 1 and hushed[0] not in held.partner.heard[:3]
        await held.end()

    run(act)


def test_a_newer_connection_takes_the_place_of_the_older() -> None:
    async def act() -> None:
        held, old, new = Held(), Wire(), Wire()
        held.begin(old)
        token = (await old.until("session.started"))["resume_token"]
        await held.resume(new, token, 1)
        await held.serving[0]
        assert old.got[-1]["type"] == "session.replaced" and old.closed is not None and old.closed[0] == 1000
        await held.turn(2)
        assert held.it.session.end is None
        await held.end()
        assert new.got[-1]["type"] == "session.closed"

    run(act)


def test_a_token_that_is_wrong_or_used_up_resumes_nothing() -> None:
    async def act() -> None:
        held, first, second, third = Held(), Wire(), Wire(), Wire()
        held.begin(first)
        old = (await first.until("session.started"))["resume_token"]
        for token in ("", "rt_guess"):
            with pytest.raises(Refusal) as refused:
                await held.it.resume(Messages(Wire(), extended=True), token, 1)
            assert refused.value.code == "session_not_found"
        new = await held.resume(second, old, 1)
        await held.resume(third, new, 1)
        with pytest.raises(Refusal):
            await held.it.resume(Messages(Wire(), extended=True), old, 1)
        await held.end()

    run(act)


def test_a_number_that_was_never_sent_is_refused() -> None:
    async def act() -> None:
        held, wire = Held(), Wire()
        held.begin(wire)
        token = (await wire.until("session.started"))["resume_token"]
        with pytest.raises(Refusal) as refused:
            await held.it.resume(Messages(Wire(), extended=True), token, 10_000)
        assert refused.value.param == "last_received_server_event_seq"
        await held.end()

    run(act)


def test_a_gap_is_named_and_what_is_still_kept_follows() -> None:
    async def act() -> None:
        held, first, second = Held(Journal(max_bytes=20_000)), Wire(), Wire()
        held.begin(first)
        token = (await first.until("session.started"))["resume_token"]
        await held.turn(5)
        await held.resume(second, token, 1)
        await held.end()
        assert [event["type"] for event in second.got[:2]] == ["session.resumed", "session.resync_required"]
        gap = second.got[1]
        assert gap["reason"] == "journal_gap" and gap["first_lost_seq"] == 2
        got = numbered([second])
        assert got == list(range(gap["last_lost_seq"] + 1, got[-1] + 1))

    run(act)


def test_a_client_that_closes_its_session_leaves_nothing_to_resume() -> None:
    async def act() -> None:
        held, wire = Held(), Wire()
        held.begin(wire)
        token = (await wire.until("session.started"))["resume_token"]
        wire.say('{"type": "session.close"}')
        while not held.over.is_set():
            await held.turn(1)
        assert (await wire.until("session.closed"))["reason"] == "close_requested"
        with pytest.raises(Refusal):
            await held.it.resume(Messages(Wire(), extended=True), token, 1)

    run(act)

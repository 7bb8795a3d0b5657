"""Work handed over, end to end: held-out voices ask a running server for sums, and for something else meanwhile.

A server of its own with the shipped weights and the embedded agent, which is made to take its time. Clients speak over
WebSockets in real time, several at once. Every figure is read off the session's timeline.
"""

import argparse
import asyncio
import base64
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from microturn.agent.context import Context
from microturn.agent.desk import Desk
from microturn.agent.embedded import EmbeddedAgent
from microturn.agent.job import Report, Reported, Result, Task
from microturn.commands.serve import host_of
from microturn.core.clock import SAMPLE_RATE_HZ, TICK_MS, tick_of
from microturn.core.provenance import provenance
from microturn.data.render import RenderConfig, render
from microturn.data.scenarios import questions, working
from microturn.data.scenarios.draw import pick
from microturn.data.script import Ask, Line, Script
from microturn.data.voices import Prosody, available_engines, fits_user, voices
from microturn.gateway.app import create_app
from microturn.gateway.metrics import Metrics
from microturn.gateway.server import server_of
from microturn.gateway.sessions import Limits, Sessions
from microturn.gateway.settings import ServerSettings

PACKET = 320  # samples: 20 ms
SOON_TICKS = 3
ANSWER_MS = 2_000
TAIL_MS = 9_000
CANONICAL = "how much is seventeen times twenty three"


@dataclass(frozen=True)
class Talk:
    """What one client says, int16 [N] at 16 kHz, and what is to come of it. lines_ms: first and last moment of each."""

    pcm: np.ndarray
    task: str
    result: str
    question: str
    answer: str
    lines_ms: tuple[tuple[int, int], ...]


class Word(NamedTuple):
    """A piece of the transcript of what was said."""

    at_ms: int
    text: str


@dataclass
class Came:
    """What came of it. handed_over_ms, done_ms: the delegation's beginning and end; tasks: what was handed over."""

    handed_over_ms: list[int] = field(default_factory=list[int])
    done_ms: list[int] = field(default_factory=list[int])
    tasks: list[str] = field(default_factory=list[str])
    said: list[Word] = field(default_factory=list[Word])


class Slow:
    """An agent that takes so many seconds longer."""

    def __init__(self, agent: EmbeddedAgent, seconds: float) -> None:
        self._agent, self._seconds = agent, seconds

    async def run(self, task: Task, context: Context, report: Report) -> Result:
        await asyncio.sleep(self._seconds)
        return await self._agent.run(task, context, report)

    async def close(self) -> None:
        await self._agent.close()


def main() -> None:
    options = parse_options()
    talks = list(talks_of(options.talks))
    if not talks:
        raise SystemExit("no voice to ask with: install espeak-ng")
    settings = ServerSettings(weights=options.weights or None)
    with serving(settings, options) as address:
        came = asyncio.run(held(address, talks, options.sessions))
    report = figures(talks, came) | provenance("python benchmarks/handover.py")
    if options.show:
        for talk, one in zip(talks, came, strict=True):
            said = "".join(f"[{word.at_ms / 1000:.1f}]{word.text}" for word in one.said)
            print(f"{talk.task} = {talk.result}; {talk.question} {talk.answer}\n  {one.tasks} {one.done_ms} {said}")
    print(json.dumps(report) if options.json else "\n".join(f"{name}: {value}" for name, value in report.items()))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a list")
    parser.add_argument("--talks", type=int, default=24, help="conversations (default 24)")
    parser.add_argument("--sessions", type=int, default=4, help="at once (default 4)")
    parser.add_argument("--work", type=float, default=4.0, help="seconds the agent takes (default 4)")
    parser.add_argument("--weights", default="", help="other weights than the shipped ones")
    parser.add_argument("--show", action="store_true", help="each conversation, too")
    return parser.parse_args()


def talks_of(count: int) -> Iterator[Talk]:
    """Requests and questions of the test split in its synthetic voices; every sixth request is the canonical one."""
    installed = [engine for engine, trouble in available_engines().items() if not trouble]
    speakers = [v for v in voices("test", "synthetic") if v.engine in installed and fits_user(v, Prosody())]
    requests = working.reckoning("test")
    for number in range(count if speakers else 0):
        rng = np.random.default_rng([number, 61])
        task = CANONICAL if number % 6 == 0 else pick(rng, requests).text
        question = questions.question(rng, "test")
        assert isinstance(question.meaning, Ask)
        lines = (Line(task, gap_ms=1_000), Line(question.text, gap_ms=1_800))
        script = Script("delegate", "", "", False, lines, TAIL_MS)
        sound = render(script, speakers[number % len(speakers)], Prosody(), rng, RenderConfig(spoken=True))
        pcm = np.clip(np.round(sound.pcm * 32_767), -32_768, 32_767).astype(np.int16)
        pcm = np.pad(pcm, (0, max(0, (sound.end_ms + TAIL_MS) * SAMPLE_RATE_HZ // 1000 - len(pcm))))
        ends_ms = tuple((said.words[0].start_ms, said.words[-1].end_ms) for said in sound.spoken)
        yield Talk(pcm, task, asyncio.run(reckoned(task)), question.text, question.meaning.answer, ends_ms)


async def reckoned(task: str) -> str:
    """What is right."""
    agent = EmbeddedAgent()
    try:
        return (await agent.run(Task("one", task), Context(), Report("one", Reported(*[lambda _: None] * 3)))).text
    finally:
        await agent.close()


@contextmanager
def serving(settings: ServerSettings, options: argparse.Namespace) -> Iterator[str]:
    """A server in a thread; its address."""
    metrics = Metrics()
    sessions = Sessions(
        host_of(settings, metrics), Limits(), metrics=metrics, desk=lambda: Desk(Slow(EmbeddedAgent(), options.work))
    )
    server = server_of(create_app(sessions), sessions, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)


async def held(address: str, talks: Sequence[Talk], at_once: int) -> list[Came]:
    """All conversations, so many at a time."""
    free = asyncio.Semaphore(at_once)

    async def one(talk: Talk) -> Came:
        async with free:
            return await conversation(address, talk)

    return list(await asyncio.gather(*(one(talk) for talk in talks)))


async def conversation(address: str, talk: Talk) -> Came:
    """Speak in real time and listen all the while."""
    came = Came()
    url = f"ws://{address}/v1/live/sessions?ext=1"
    async with connect(url, max_size=None, max_queue=None, proxy=None) as socket:
        session = {
            "model": "any",
            "audio": {"format": {"type": "audio/pcm", "rate": SAMPLE_RATE_HZ}},
            "delegation": {"type": "responses", "responses": {"model": "any", "tools": []}},
        }
        await socket.send(json.dumps({"type": "session.start", "session": session}))
        started = json.loads(await socket.recv())
        if started["type"] != "session.started":
            raise SystemExit(f"no session: {json.dumps(started)}")
        listening = asyncio.create_task(listen(socket, came))
        await speak(socket, talk.pcm)
        await socket.send(json.dumps({"type": "session.close"}))
        await asyncio.wait_for(listening, 30)
    return came


async def speak(socket: ClientConnection, pcm: np.ndarray) -> None:
    began_s = time.monotonic()
    for at in range(0, len(pcm), PACKET):
        await asyncio.sleep(max(0.0, began_s + (at + PACKET) / SAMPLE_RATE_HZ - time.monotonic()))
        audio = base64.b64encode(pcm[at : at + PACKET].astype("<i2").tobytes()).decode()
        await socket.send(json.dumps({"type": "session.input_audio.append", "audio": audio}))


async def listen(socket: ClientConnection, came: Came) -> None:
    async for message in socket:
        event = json.loads(message)
        match event["type"]:
            case "session.closed":
                return
            case "session.delegation.created":
                came.handed_over_ms.append(event["offset_ms"])
            case "delegation.task":
                came.tasks.append(event["task"])
            case "delegation.status" if event["status"] in ("done", "failed"):
                came.done_ms.append(event["at_ms"])
            case "session.output_transcript.delta":
                came.said.append(Word(event["start_ms"], event["delta"]))
            case _:
                pass


def figures(talks: Sequence[Talk], came: Sequence[Came]) -> dict[str, Any]:
    """Shares of all conversations; a delay counts where the result was said."""
    both = list(zip(talks, came, strict=True))
    spoken = [(talk, one, told_ms(talk, one)) for talk, one in both]
    delays = [at_ms - free_ms(talk, one) for talk, one, at_ms in spoken if at_ms is not None]
    return {
        "talks": len(both),
        "handed over within 3 ticks": share(soon(*pair) for pair in both),
        "handed over once": share(len(one.handed_over_ms) == 1 for one in came),
        "request heard whole": share(talk.task.endswith(_sum(one)) for talk, one in both),
        "question answered meanwhile": share(answered(*pair) for pair in both),
        "result said right": share(at_ms is not None for _, _, at_ms in spoken),
        "said over the user": sum(over(talk, at_ms) for talk, _, at_ms in spoken),
        "delay median ms": int(np.median(delays)) if delays else None,
    }


def share(found: Iterator[bool]) -> float:
    listed = list(found)
    return round(sum(listed) / max(1, len(listed)), 3)


def _sum(came: Came) -> str:
    """What was handed over, without the words that only ask; what ends no request where nothing was."""
    return came.tasks[0].split("is ", 1)[-1].split("what's ", 1)[-1] if came.tasks else "nothing"


def soon(talk: Talk, came: Came) -> bool:
    """Whether it was handed over in one of the three ticks after the request's last word."""
    last = tick_of(talk.lines_ms[0][1])
    return any(last <= at_ms // TICK_MS - 1 <= last + SOON_TICKS for at_ms in came.handed_over_ms)


def answered(talk: Talk, came: Came) -> bool:
    """Whether the other question was answered in time."""
    end_ms = talk.lines_ms[1][1]
    said = "".join(word.text for word in came.said if end_ms - TICK_MS <= word.at_ms <= end_ms + ANSWER_MS)
    return talk.answer in said


def told_ms(talk: Talk, came: Came) -> int | None:
    """When the right result, whole, began to be said after it was there; None where it was not."""
    if not came.done_ms:
        return None
    words = [word for word in came.said if word.at_ms >= came.done_ms[0]]
    at = " ".join("".join(word.text for word in words).split()).find(talk.result)
    if at < 0:
        return None
    begun = ""
    for word in words:
        begun = " ".join((begun + word.text).split())
        if len(begun) > at:
            return word.at_ms
    return None


def free_ms(talk: Talk, came: Came) -> int:
    """When it was there and nobody spoke."""
    there_ms = came.done_ms[0]
    for first_ms, last_ms in talk.lines_ms:
        if first_ms <= there_ms <= last_ms:
            there_ms = last_ms
    return there_ms


def over(talk: Talk, at_ms: int | None) -> bool:
    return at_ms is not None and any(first_ms <= at_ms <= last_ms for first_ms, last_ms in talk.lines_ms)


if __name__ == "__main__":
    main()

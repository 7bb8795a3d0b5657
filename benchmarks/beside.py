"""A well-behaved client that talks all the time beside others: what it said must come back from an echo, to the sample.

python benchmarks/beside.py HOST:PORT    # until its standard input ends; a line when it begins, one when it ends
"""

import asyncio
import base64
import json
import sys
import time
from itertools import pairwise

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from microturn.core.clock import SAMPLE_RATE_HZ

PACKET = 320  # samples: 20 ms
PATIENCE_S = 5.0
FORMAT = {"type": "audio/pcm", "rate": SAMPLE_RATE_HZ}


class Talk:
    """What was sent, and what came back; no sample that is sent is zero, so zeros are time in which nothing came."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)
        self.sent: list[np.ndarray] = []
        self.heard: list[np.ndarray] = []
        self.times_ms: list[tuple[int, int]] = []
        self.came_s: list[float] = []
        self.errors: list[str] = []
        self.own_late_s = 0.0  # this process was held up for so long by itself, or by a busy machine

    def packet(self) -> np.ndarray:
        """The next 20 ms."""
        loud = self._random.integers(500, 3_000, PACKET) * self._random.choice([-1, 1], PACKET)
        self.sent.append(loud.astype(np.int16))
        return self.sent[-1]

    async def all_back(self) -> None:
        """Return once as much was heard as was sent, or nothing more has come for a while; a busy machine is late."""
        until_s, before = time.monotonic() + PATIENCE_S, -1
        while (back := self.back()) < sum(map(len, self.sent)) and time.monotonic() < until_s:
            if back > before:
                until_s, before = time.monotonic() + PATIENCE_S, back
            await asyncio.sleep(0.2)

    def back(self) -> int:
        """So many samples have been heard that are no zeros."""
        return sum(int(np.count_nonzero(heard)) for heard in self.heard)

    def figures(self) -> dict[str, object]:
        """Samples lost: sent and not heard in their order, but for the last second, which the end may cut."""
        sent, heard = np.concatenate(self.sent), np.concatenate([*self.heard, np.zeros(0, np.int16)])
        loud = np.flatnonzero(heard)
        back = heard[loud]
        same = len(back) <= len(sent) and bool(np.array_equal(back, sent[: len(back)]))
        lost = 0 if same else int(np.count_nonzero(sent[: len(back)] != back[: len(sent)]))
        span = int(loud[-1] - loud[0] + 1) if len(loud) else 0
        late_s = np.diff(np.array(self.came_s)) if len(self.came_s) > 1 else np.zeros(1)
        return {
            "seconds": round(len(sent) / SAMPLE_RATE_HZ, 1),
            "samples_back": len(back),
            "samples_wrong": lost,
            "samples_missing": max(0, len(sent) - SAMPLE_RATE_HZ - len(back)),
            "gaps_ms": (span - len(back)) * 1000 // SAMPLE_RATE_HZ,
            "frames_lost": sum(one[1] != next[0] for one, next in pairwise(self.times_ms)),
            "longest_wait_ms": round(float(late_s.max()) * 1000),
            "own_lateness_ms": round(self.own_late_s * 1000),
            "errors": self.errors[:5],
        }


async def listen(socket: ClientConnection, talk: Talk) -> None:
    """Everything up to the end."""
    try:
        async for message in socket:
            event = json.loads(message)
            if event["type"] == "session.output_audio.delta":
                talk.heard.append(np.frombuffer(base64.b64decode(event["delta"]), "<i2"))
                talk.times_ms.append((event["start_ms"], event["end_ms"]))
                talk.came_s.append(time.monotonic())
            elif event["type"] == "error":
                talk.errors.append(event["error"]["code"])
    except ConnectionClosed as closed:
        talk.errors.append(str(closed))


async def talk_beside(address: str) -> Talk:
    """Talk until standard input ends."""
    talk, over = Talk(), asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with connect(f"ws://{address}/v1/live/sessions", max_size=None, max_queue=None, proxy=None) as socket:
        await socket.send(json.dumps({"type": "session.start", "session": {"model": "m", "audio": {"format": FORMAT}}}))
        started = json.loads(await socket.recv())
        print(json.dumps({"id": started["session"]["id"]}), flush=True)
        listening, began_s = asyncio.create_task(listen(socket, talk)), time.monotonic()
        while not over.done() and not listening.done():
            due_s = began_s + len(talk.sent) * PACKET / SAMPLE_RATE_HZ
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            talk.own_late_s = max(talk.own_late_s, time.monotonic() - due_s)
            data = base64.b64encode(talk.packet().astype("<i2").tobytes()).decode()
            await socket.send(json.dumps({"type": "session.input_audio.append", "audio": data}))
        await talk.all_back()
        await socket.send(json.dumps({"type": "session.close"}))
        await asyncio.wait_for(listening, 30)
    return talk


if __name__ == "__main__":
    print(json.dumps(asyncio.run(talk_beside(sys.argv[1])).figures()), flush=True)

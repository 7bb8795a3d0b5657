"""The cascade as an endpoint: processes with a Pipecat pipeline each, and traces that say what it did and why.

`cascade` hears with the transcript head of our own weights; `cascade:sphinx` with pocketsphinx. Behind a comma follow
`quiet=0.8` (a turn ends after so many seconds of silence, without the smart-turn model) and `wall` (the wall clock).
"""

import asyncio
import multiprocessing
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

import numpy as np

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS
from microturn.core.errors import InputError, MicroturnError, MissingDependency
from microturn.core.wav import to_float
from microturn.eval.peer.account import account
from microturn.eval.peer.worker import CLOSE, OPEN, Built, Failed, Heard, serve
from microturn.eval.suite.endpoint import Endpoint, Session, Unreachable, Wanted, no_past
from microturn.eval.suite.trace import Noted, Received, Text, Trace
from microturn.media.pcm import Pcm

EARS = ("own", "sphinx")
AT_ONCE = 2
REPLY_S = 120.0


class CascadeError(MicroturnError):
    """A process of the cascade that ended or fell silent."""


class _Process(NamedTuple):
    process: BaseProcess
    pipe: Connection


class CascadeEndpoint:
    """Sessions with a cascade, `at_once` side by side, each in a process that is kept for the next one."""

    def __init__(self, name: str, built: Built, at_once: int, settings: Mapping[str, Any]) -> None:
        self.name, self.at_once, self.settings = name, at_once, settings
        self._built = built
        self._free: list[_Process] = []

    async def hold(self, session: Session) -> Trace:
        """Hold one session in a thread; a process that failed is not used again."""
        return await asyncio.to_thread(self._hold, session)

    def close(self) -> None:
        """End the processes; they end with this one in any case."""
        while self._free:
            _end(self._free.pop())

    def _hold(self, session: Session) -> Trace:
        if session.past:
            raise no_past(self.name)
        one = self._free.pop() if self._free else _begun(self._built)
        user: list[Pcm] = []
        heard: list[Heard] = []
        void = ""
        said = Chunk()
        try:
            _ask(one, OPEN)
            for tick in range(session.ticks):
                chunk = session.user.turn(tick, said)
                user.append(chunk.samples)
                heard.append(_ask(one, chunk.samples))
                said = _said(heard, tick)
            one.pipe.send(CLOSE)
            self._free.append(one)
        except (CascadeError, OSError, EOFError) as error:
            void = f"{type(error).__name__}: {error}"[:300]
            _end(one)
            user += [session.user.turn(tick, Chunk()).samples for tick in range(len(user), session.ticks)]
        return _trace(self.name, session.id, user, heard, void)


def cascade(wanted: Wanted) -> Endpoint:
    """A turn-based cascade: Silero VAD, smart-turn, a recogniser, rules and a voice in a Pipecat pipeline."""
    try:
        pipecat = version("pipecat-ai")
    except PackageNotFoundError as error:
        raise MissingDependency("pipecat-ai", "the cascade", "pip install 'microturn[peer]'") from error
    built = _read(wanted)
    turns = "smart-turn" if built.quiet_s is None else f"{built.quiet_s:g} s of silence"
    settings: dict[str, Any] = {"pipecat-ai": pipecat, "ears": built.ears, "turns": turns}
    settings["clock"] = "wall" if built.wall else "virtual"
    if built.ears == "own":
        ours = wanted.ours()
        built = built._replace(weights=ours.weights)
        settings |= ours.settings
    return CascadeEndpoint(wanted.name, built, wanted.at_once or AT_ONCE, settings)


def _read(wanted: Wanted) -> Built:
    ears, quiet_s, wall = "own", None, False
    for part in filter(None, wanted.address.split(",")):
        name, _, value = part.partition("=")
        if part in EARS:
            ears = part
        elif part == "wall":
            wall = True
        elif name == "quiet" and value.replace(".", "", 1).isdigit():
            quiet_s = float(value)
        else:
            raise InputError("a cascade of another kind", "--endpoint", repr(part), "own, sphinx, quiet=SECONDS, wall")
    return Built(ears, None, quiet_s, wall)


def _begun(built: Built) -> _Process:
    context = multiprocessing.get_context("spawn")  # a fork would share locks of threads that it does not have
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, built), daemon=True)
    process.start()
    theirs.close()
    one = _Process(process, ours)
    try:
        _reply(one)
    except (CascadeError, OSError, EOFError) as error:
        _end(one)
        raise Unreachable(f"the process of the cascade did not begin: {error}") from error
    return one


def _ask(one: _Process, message: Any) -> Any:
    one.pipe.send(message)
    return _reply(one)


def _reply(one: _Process) -> Any:
    if not one.pipe.poll(REPLY_S):
        raise CascadeError(f"nothing came for {REPLY_S:g} s")
    reply = one.pipe.recv()
    if isinstance(reply, Failed):
        raise CascadeError(reply.why)
    return reply


def _end(one: _Process) -> None:
    one.pipe.close()
    one.process.terminate()
    one.process.join()


def _said(heard: Sequence[Heard], tick: int) -> Chunk:
    """What sounded in a tick, for a user who listens. A piece that began in the tick before may reach into it."""
    pcm = np.zeros(CHUNK_SAMPLES, np.float32)
    began = tick * CHUNK_SAMPLES
    for at_s, samples in (piece for one in heard[-2:] for piece in one.pieces):
        first = round(at_s * SAMPLE_RATE_HZ) - began
        low, high = max(0, first), min(CHUNK_SAMPLES, first + len(samples))
        if low < high:
            pcm[low:high] = to_float(samples[low - first : high - first])
    return Chunk(pcm if pcm.any() else None)


def _trace(name: str, session_id: str, user: Sequence[Pcm], heard: Sequence[Heard], void: str) -> Trace:
    noted = [Noted(max(0.0, at_s), kind, data) for one in heard for at_s, kind, data in one.notes]
    texts = [Text(n.at_s, f" {n.data['words']}", "heard") for n in noted if n.kind == "recognised" and n.data["words"]]
    texts += [Text(n.at_s, f" {n.data['text']}") for n in noted if n.kind == "voice"]
    received = _joined([(at_s, to_float(pcm)) for one in heard for at_s, pcm in one.pieces])
    pcm = np.concatenate([np.zeros(0, np.float32), *user])
    late_s = tuple(late for one in heard for late in one.late_s)
    events = (*noted, *account(noted))
    return Trace(session_id, name, pcm, received, (), tuple(texts), events, late_s, void)


def _joined(pieces: Sequence[tuple[float, Pcm]]) -> tuple[Received, ...]:
    """Pieces that follow each other without a gap, as one."""
    runs: list[tuple[float, list[Pcm], float]] = []
    for at_s, pcm in pieces:
        end_s = at_s + len(pcm) / SAMPLE_RATE_HZ
        if runs and abs(at_s - runs[-1][2]) < TICK_MS / 1000 / CHUNK_SAMPLES:
            runs[-1] = (runs[-1][0], [*runs[-1][1], pcm], end_s)
        else:
            runs.append((at_s, [pcm], end_s))
    return tuple(Received(at_s, np.concatenate(run)) for at_s, run, _ in runs)

"""A process in which sessions of the cascade run, one after the other, on a clock of its own. See cascade.py.

On the pipe, for each session: OPEN, then for each tick its sound (float32 [3200]) and a Heard in return, then CLOSE.
"""

import asyncio
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS
from microturn.eval.peer.clock import VirtualLoop, keep_time
from microturn.eval.peer.stage import Stage

OPEN, CLOSE = "open", "close"
TICK_S = TICK_MS / 1000
PACKET_S = 0.02
PACKET_SAMPLES = round(PACKET_S * SAMPLE_RATE_HZ)
SETTLE_S = 0.5


class Built(NamedTuple):
    """How the cascade is built. ears: "own" with a file of weights, "sphinx", or "given" lines; quiet_s: None for
    smart-turn; wall: on the wall clock, for a comparison with the virtual one.
    """

    ears: str
    weights: Path | None
    quiet_s: float | None = None
    wall: bool = False
    lines: tuple[str, ...] = ()


class Heard(NamedTuple):
    """Of a tick: sound that left (seconds, int16 [N]), what happened (seconds, kind, data), how late packets came."""

    pieces: list[tuple[float, np.ndarray]]
    notes: list[tuple[float, str, dict[str, Any]]]
    late_s: list[float]


class Failed(NamedTuple):
    """What went wrong in a session."""

    why: str


def serve(pipe: Connection, built: Built) -> None:
    """Hold sessions until the pipe is closed. This process's `time` is the session's from now on."""
    loop: Any = asyncio.new_event_loop() if built.wall else VirtualLoop()
    if not built.wall:
        keep_time(loop)  # before Pipecat is imported, which keeps time's functions
    from loguru import logger

    logger.remove()  # Pipecat greets and logs every event, which the notes tell as well
    logger.add(sys.stderr, level="ERROR")
    try:
        opened = _ears(built)
        _warm()
    except Exception as error:  # whatever hinders it from beginning is told to who asked for it
        pipe.send(Failed(_told(error)))
        return
    asyncio.set_event_loop(loop)
    pipe.send(OPEN)
    while True:
        try:
            if pipe.recv() == OPEN:
                loop.run_until_complete(_session(pipe, loop, opened(), built))
        except EOFError:
            return
        except Exception as error:  # a session's outermost line: it says why, and the process ends
            pipe.send(Failed(_told(error)))
            return


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error} {traceback.format_exc(limit=-2)}"[:500]


async def _session(pipe: Connection, loop: asyncio.AbstractEventLoop, ears: Any, built: Built) -> None:
    from microturn.eval.peer.pipeline import Running

    stage = Stage(loop.time)
    running = Running(ears, stage, built.quiet_s)
    await running.start()
    await asyncio.sleep(SETTLE_S)
    stage.began_s = loop.time()
    pipe.send(OPEN)
    tick = 0
    try:
        while True:
            asked = await asyncio.to_thread(pipe.recv) if built.wall else pipe.recv()
            if isinstance(asked, str):
                return
            late_s: list[float] = []
            for number in range(CHUNK_SAMPLES // PACKET_SAMPLES):
                at_s = stage.began_s + tick * TICK_S + (number + 1) * PACKET_S
                await asyncio.sleep(max(0.0, at_s - loop.time()))
                late_s.append(loop.time() - at_s)
                await running.hear(asked[number * PACKET_SAMPLES : (number + 1) * PACKET_SAMPLES])
            tick += 1
            notes = [(note.at_s, note.kind, dict(note.data)) for note in stage.notes]
            pipe.send(Heard([(piece.at_s, piece.pcm) for piece in stage.pieces], notes, late_s))
            stage.pieces.clear()
            stage.notes.clear()
    finally:
        await running.stop()


def _warm() -> None:
    """The first word of a voice takes as long as loading it."""
    from microturn.data.voices import AGENT_VOICE, synthesize, voice

    synthesize(voice(AGENT_VOICE), "yes")


def _ears(built: Built) -> Callable[[], Any]:
    """Gives ears for a session; what takes long is done once."""
    from microturn.eval.peer.ears import GivenEars, OwnEars, SphinxEars, sphinx

    if built.ears == "given":
        return lambda: GivenEars(built.lines)
    if built.ears == "sphinx":
        decoder = sphinx()
        return lambda: SphinxEars(decoder)
    import torch

    from microturn.model.checkpoint import load_checkpoint

    torch.set_num_threads(1)
    assert built.weights is not None
    checkpoint = load_checkpoint(built.weights)
    return lambda: OwnEars(checkpoint)

"""A conversation of two participants in ten lines: a script talks, an echo answers. No model, no sound card."""

import numpy as np

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS, FastClock
from microturn.core.fakes import Echo, Scripted
from microturn.core.participant import converse


def tone(hz: float) -> Chunk:
    """200 ms of a quiet tone."""
    time_s = np.arange(CHUNK_SAMPLES) / SAMPLE_RATE_HZ
    return Chunk(pcm=(0.1 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32))


def shown(chunk: Chunk) -> str:
    """One side of a micro-turn as a few characters."""
    return "sound" if chunk.pcm is not None else " ".join(chunk.text) or "-"


user = Scripted({1: tone(440.0), 2: Chunk(text=("hello",)), 5: tone(220.0)})
model = Echo(delay_ticks=2)
for turn in converse(user, model, FastClock(), ticks=9):
    print(f"{turn.tick * TICK_MS:5d} ms   user {shown(turn.user):8s} model {shown(turn.model)}")

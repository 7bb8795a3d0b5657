"""Ask the shipped model aloud, in a synthetic voice, and in writing; print what it hears and says."""

import numpy as np

from microturn.commands.weights import open_weights, talker
from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, FastClock
from microturn.core.fakes import Scripted
from microturn.core.participant import converse
from microturn.data.voices import synthesize, voice


def spoken(text: str) -> list[Chunk]:
    """The line in 200 ms chunks, said by a voice that training never had."""
    pcm = synthesize(voice("espeak:en-us+m4"), text).pcm
    padded = np.pad(pcm, (0, -len(pcm) % CHUNK_SAMPLES))
    return [Chunk(pcm=chunk) for chunk in padded.reshape(-1, CHUNK_SAMPLES)]


said = dict(enumerate(spoken("what day comes after monday"), start=5))
user = Scripted(said | {30: Chunk(text=("what is three plus four",))})
for turn in converse(user, talker(open_weights(None), seed=0), FastClock(), ticks=40):
    for event in turn.model.events:
        print(f"{event.t_ms / 1000:5.1f} s  {event.kind:6s} {event.text}")

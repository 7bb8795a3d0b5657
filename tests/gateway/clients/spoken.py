"""A question spoken in real time in a held-out synthetic voice, and what comes back. No client, no server.

A busy machine may tear a hole into it, so it is asked again, as a user would, until it has been answered.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.data.voices import synthesize, voice
from microturn.media.pcm import Resampler, to_int16
from tests.gateway.live_client import WAIT_S

# The shipped weights hear and answer this one at each of ten alignments, 20 ms apart; of many others that is not so.
VOICE, QUESTION, ANSWER = "espeak:en-us+belinda", "what is the opposite of hot", "cold"
KEYWORDS = ("opposite", "hot")
BEFORE_S = 1.2
TIMES, BETWEEN_S = 3, 6.0  # where a machine is slower than real time much of it waits; a session takes a minute
AHEAD_S = 4.0  # the microphone is so much ahead of real time, so that a busy machine tears no holes into its sound


@dataclass
class Ear:
    """What a client's user gets: words of both sides and bytes of sound, int16."""

    heard: str = ""
    said: str = ""
    sound: bytearray = field(default_factory=bytearray, repr=False)
    errors: list[str] = field(default_factory=list[str])

    @property
    def answered(self) -> bool:
        """Whether the answer has been said, and half a second of sound with it."""
        return ANSWER in self.said and len(self.sound) > 24_000

    @property
    def done(self) -> bool:
        """Whether there is nothing more to wait for."""
        return bool(self.errors) or (self.answered and self.understood)

    @property
    def understood(self) -> bool:
        """Whether the words that carry the question were heard; a busy machine may swallow a small one."""
        return set(KEYWORDS) <= set(self.heard.split())

    @property
    def loudness(self) -> float:
        """Root mean square of the samples that are not silence, full scale 1."""
        samples = np.frombuffer(bytes(self.sound), "<i2") / 32_768
        return float(np.sqrt(np.mean(samples[samples != 0.0] ** 2)))


def check(ear: Ear) -> None:
    """The question was understood and answered aloud, and nothing went wrong on the way."""
    assert not ear.errors
    assert ear.answered, ear
    assert ear.understood, ear
    assert ear.loudness > 0.01


@asynccontextmanager
async def patience() -> AsyncIterator[None]:
    """For as long as a user would wait; `check` judges what was heard until then."""
    try:
        async with asyncio.timeout(WAIT_S):
            yield
    except TimeoutError:
        return


def question(rate_hz: int) -> np.ndarray:
    """The question, int16 [N] at this rate."""
    resampler = Resampler(SAMPLE_RATE_HZ, rate_hz)
    pcm = synthesize(voice(VOICE), QUESTION).pcm
    return to_int16(np.concatenate([resampler.push(pcm), resampler.flush()]))


async def microphone(rate_hz: int, packet_ms: int = 20) -> AsyncIterator[bytes]:
    """Packets of int16 in real time: silence and the question, again and again, and then nothing comes any more."""
    packet, between = 2 * rate_hz * packet_ms // 1000, bytes(int(2 * rate_hz * BETWEEN_S))
    data = bytes(int(2 * rate_hz * BEFORE_S)) + TIMES * (question(rate_hz).astype("<i2").tobytes() + between)
    began_s = time.monotonic() - AHEAD_S
    for number in range(len(data) // packet):
        yield data[number * packet : (number + 1) * packet]
        await asyncio.sleep(max(0.0, began_s + (number + 1) * packet_ms / 1000 - time.monotonic()))
    await asyncio.Event().wait()

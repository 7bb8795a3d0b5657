"""The model's own sound as it comes back into its microphone: later, softer, smeared by a room. Block by block."""

import numpy as np

from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ
from microturn.data import degrade
from microturn.media.pcm import Pcm

RT60_S = (0.15, 0.5)
DIRECT_DB = (0.0, 12.0)
DELAY_MS = (5, 60)


class OwnEcho:
    """A loudspeaker and a room, drawn once: `level_db` is the level of the echo relative to the sound played."""

    def __init__(self, level_db: float, rng: np.random.Generator) -> None:
        delay = int(rng.integers(DELAY_MS[0], DELAY_MS[1] + 1)) * SAMPLE_RATE_HZ // 1000
        impulse = np.zeros(int(RT60_S[1] * SAMPLE_RATE_HZ), np.float32)
        impulse[0] = 1.0
        smeared = degrade.room(impulse, rng, rng.uniform(*RT60_S), rng.uniform(*DIRECT_DB))
        level = 10.0 ** (level_db / 20.0) / float(np.linalg.norm(smeared))
        self._response = np.concatenate([np.zeros(delay), smeared * level])
        self._size = 1 << (CHUNK_SAMPLES + len(self._response)).bit_length()
        self._spectrum = np.fft.rfft(self._response, self._size)
        self._tail = np.zeros(len(self._response) - 1)

    def push(self, played: Pcm | None) -> Pcm:
        """What the microphone gets, float32 [3200], while `played` [3200] sounds (None: silence)."""
        whole = np.zeros(CHUNK_SAMPLES + len(self._tail))
        whole[: len(self._tail)] = self._tail
        if played is not None:
            whole += np.fft.irfft(np.fft.rfft(played, self._size) * self._spectrum, self._size)[: len(whole)]
        self._tail = whole[CHUNK_SAMPLES:]
        return whole[:CHUNK_SAMPLES].astype(np.float32)

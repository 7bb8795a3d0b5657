"""A voice for tests that needs no synthesiser: hums of several pitches."""

import numpy as np

from microturn.train.vocoder import FULL_SCALE, Clips


def hums(clips: int = 6, samples: int = 16_000) -> Clips:
    """Three harmonics each, with a soft beginning and end."""
    time_s = np.arange(samples) / 16_000
    swell = 0.1 * np.sin(np.pi * time_s * 16_000 / samples)
    tones = [
        sum(np.sin(2.0 * np.pi * hz * number * time_s) / number for number in (1, 2, 3)) * swell
        for hz in np.linspace(110.0, 190.0, clips)
    ]
    return Clips((np.concatenate(tones) * FULL_SCALE).astype(np.int16), np.arange(1, clips + 1) * samples)

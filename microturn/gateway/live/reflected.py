"""The user's sound as a sideband gets it: mono, 16 bits at 24 kHz, before any mute, without a name or a time."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.media.pcm import Pcm, Resampler, to_int16

RATE_HZ = 24_000


class Reflected:
    """Tells sound as `session.input_audio.append`, the event in which clients send it."""

    def __init__(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._tell, self._resampler = tell, Resampler(SAMPLE_RATE_HZ, RATE_HZ)

    def push(self, pcm: Pcm) -> None:
        """The next sound, float32 [N] at 16 kHz."""
        samples = to_int16(self._resampler.push(pcm))
        if len(samples):
            data = base64.b64encode(samples.astype("<i2").tobytes()).decode()
            self._tell({"type": "session.input_audio.append", "audio": data})

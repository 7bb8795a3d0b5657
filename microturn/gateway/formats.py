"""Sound on the wire: the formats clients may choose, as streams to and from 16 kHz samples. No messages."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.core.errors import InputError
from microturn.gateway.timeline import FRAME_SAMPLES, Sound
from microturn.media import g711
from microturn.media.pcm import Pcm, Resampler, to_float, to_int16

Coding = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
RATES_HZ: dict[Coding, tuple[int, ...]] = {
    "audio/pcm": (24_000, 16_000),
    "audio/pcmu": (8_000,),
    "audio/pcma": (8_000,),
}
LAWS: dict[Coding, g711.Law] = {"audio/pcmu": "mulaw", "audio/pcma": "alaw"}


@dataclass(frozen=True)
class SoundFormat:
    """Mono sound as bytes: 16 bits little endian, or a byte of G.711. InputError for a rate it has not."""

    coding: Coding = "audio/pcm"
    rate_hz: int = 24_000

    def __post_init__(self) -> None:
        if self.rate_hz not in RATES_HZ[self.coding]:
            right = " or ".join(map(str, RATES_HZ[self.coding]))
            raise InputError("sample rate", self.coding, self.rate_hz, right)


class SoundReader:
    """A client's bytes to samples, streaming; a sample cut in two between messages is put together again."""

    def __init__(self, format: SoundFormat) -> None:
        self._format = format
        self._resampler = Resampler(format.rate_hz, SAMPLE_RATE_HZ)
        self._half = b""

    def push(self, data: bytes) -> Pcm:
        """The next bytes to float32 [N] at 16 kHz, as much as is ready."""
        if self._format.coding != "audio/pcm":
            return self._resampler.push(to_float(g711.decode(data, LAWS[self._format.coding])))
        data = self._half + data
        whole = len(data) // 2 * 2
        self._half = data[whole:]
        return self._resampler.push(to_float(np.frombuffer(data[:whole], "<i2").astype(np.int16)))


class SoundWriter:
    """The timeline's frames to bytes, streaming; silence is exact zeros, but for the resampler's ringing before it."""

    def __init__(self, format: SoundFormat) -> None:
        self._format = format
        self._resampler = Resampler(SAMPLE_RATE_HZ, format.rate_hz)

    def push(self, sound: Sound) -> bytes:
        """20 ms to bytes, as much as is ready."""
        pcm = np.zeros(FRAME_SAMPLES, np.float32) if sound.pcm is None else sound.pcm
        samples = to_int16(self._resampler.push(pcm))
        if self._format.coding != "audio/pcm":
            return g711.encode(samples, LAWS[self._format.coding])
        return samples.astype("<i2").tobytes()

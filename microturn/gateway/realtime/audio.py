"""Base64 sound of the Realtime dialect: from the client to 16 kHz, and back. Formats themselves are in formats.py."""

import base64
import binascii

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.gateway.formats import LAWS, SoundFormat, SoundReader
from microturn.gateway.realtime.refusal import Refusal
from microturn.gateway.realtime.settings import AudioFormat
from microturn.media import g711
from microturn.media.pcm import Pcm, Resampler, to_int16


class WireDecoder:
    """The client's sound, as float32 at 16 kHz; any split of the same sound gives the same samples."""

    def __init__(self, format: AudioFormat) -> None:
        self.format = format
        self._reader = SoundReader(SoundFormat(format.type, format.rate_hz))

    def push(self, audio: str) -> Pcm:
        """Decode one message's base64 to float32 [N]. Raises Refusal; the state is then as it was."""
        try:
            data = base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError):
            raise Refusal("invalid_value", "Invalid value for 'audio': it is not base64.", "audio") from None
        return self._reader.push(data)


class WireEncoder:
    """The sound of one response, from 16 kHz to base64 of the format asked for."""

    def __init__(self, format: AudioFormat) -> None:
        self.format = format
        self._resampler = Resampler(SAMPLE_RATE_HZ, format.rate_hz)
        self._samples = 0

    @property
    def sent_ms(self) -> int:
        """How much sound has been encoded so far."""
        return self._samples * 1000 // self.format.rate_hz

    def push(self, pcm: Pcm) -> str:
        """Encode float32 [N]; empty while the resampler fills."""
        return self._encoded(self._resampler.push(pcm))

    def flush(self) -> str:
        """The rest; nothing may be pushed afterwards."""
        return self._encoded(self._resampler.flush())

    def _encoded(self, pcm: Pcm) -> str:
        self._samples += len(pcm)
        samples, law = to_int16(pcm), LAWS.get(self.format.type)
        data = samples.astype("<i2").tobytes() if law is None else g711.encode(samples, law)
        return base64.b64encode(data).decode("ascii")

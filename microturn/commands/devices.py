"""A microphone and a loudspeaker, 200 ms at a time, the loudspeaker's echo taken out. Who listens lives elsewhere.

sounddevice (PortAudio) moves the sound; the echo is cancelled by WebRTC's audio processing, which livekit brings.
"""
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# Both packages are optional and ship no types, or types with holes.

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ
from microturn.core.errors import InputError, MissingDependency
from microturn.core.wav import to_float, to_int16
from microturn.media.pcm import Pcm

FRAME_SAMPLES = SAMPLE_RATE_HZ // 100  # WebRTC's audio processing takes 10 ms at a time
PURPOSE = "a live conversation"
INSTALL = "pip install 'microturn[talk]'"

Cancel = Callable[[Pcm, Pcm], Pcm]


class AudioDevice(Protocol):
    """Something to speak to and to hear from."""

    def exchange(self, played: Pcm) -> Pcm:
        """Play float32 [3200] and give what the microphone heard, as many; returns when 200 ms have gone by."""
        ...


class FakeDevice:
    """A device without a device: it hears given blocks, then silence, keeps what was played, and never waits."""

    def __init__(self, heard: Sequence[Pcm]) -> None:
        self._heard = list(heard)
        self.played: list[Pcm] = []

    def exchange(self, played: Pcm) -> Pcm:
        """Give the next block."""
        self.played.append(played)
        return self._heard.pop(0) if self._heard else Chunk().samples


class Person:
    """Whoever sits before a device, as a participant: hears what the model said in the tick before while speaking."""

    def __init__(self, device: AudioDevice) -> None:
        self._device = device

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """200 ms of real time."""
        return Chunk(self._device.exchange(heard.samples))


class LocalDevice:
    """The default microphone and loudspeaker of this machine; InputError or MissingDependency where there is none."""

    def __init__(self, cancel: Cancel | None) -> None:
        self._cancel = cancel
        sounddevice = _sounddevice()
        for kind, name in (("input", "microphone"), ("output", "loudspeaker")):
            try:
                sounddevice.query_devices(kind=kind)
            except (sounddevice.PortAudioError, ValueError) as error:
                raise InputError(f"no {name}", "this machine", "none", f"a {name} that PortAudio sees") from error
        try:
            self._stream = sounddevice.Stream(samplerate=SAMPLE_RATE_HZ, channels=1, dtype="float32")
        except sounddevice.PortAudioError as error:
            raise InputError("no sound at 16 kHz", "this machine", f"{error}", "devices that open at 16 kHz") from error

    def exchange(self, played: Pcm) -> Pcm:
        """Play a block and wait for the microphone's next one."""
        self._stream.write(np.ascontiguousarray(played[:, None]))
        heard, _ = self._stream.read(CHUNK_SAMPLES)
        block: Pcm = heard[:, 0].copy()
        return block if self._cancel is None else self._cancel(block, played)

    def __enter__(self) -> "LocalDevice":
        self._stream.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.stop()
        self._stream.close()


def echo_canceller() -> Cancel:
    """A function of (heard, played), both float32 [N] in 10 ms steps, that gives heard without the echo of played."""
    try:
        from livekit.rtc import AudioFrame, AudioProcessingModule
    except ImportError as error:
        raise MissingDependency("livekit", f"{PURPOSE} without headphones", INSTALL) from error
    processing = AudioProcessingModule(echo_cancellation=True, high_pass_filter=True)

    def frame(pcm: Pcm) -> Any:
        return AudioFrame(to_int16(pcm).astype("<i2").tobytes(), SAMPLE_RATE_HZ, 1, FRAME_SAMPLES)

    def cancel(heard: Pcm, played: Pcm) -> Pcm:
        clean: list[Pcm] = []
        for at in range(0, len(heard), FRAME_SAMPLES):
            processing.process_reverse_stream(frame(played[at : at + FRAME_SAMPLES]))
            near = frame(heard[at : at + FRAME_SAMPLES])
            processing.set_stream_delay_ms(0)  # it finds the delay itself
            processing.process_stream(near)
            clean.append(to_float(np.frombuffer(bytes(near.data.cast("b")), "<i2").astype(np.int16)))
        return np.concatenate(clean)

    return cancel


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise MissingDependency("sounddevice", PURPOSE, INSTALL) from error
    except OSError as error:
        raise MissingDependency("PortAudio", PURPOSE, "apt install libportaudio2") from error
    return sounddevice

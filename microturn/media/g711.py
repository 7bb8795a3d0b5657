"""Telephone sound (ITU-T G.711): bytes of mu-law or A-law to samples and back. No rates, no framing.

FFmpeg's coders are asked once for every value there is; what is left is a look-up.
"""
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# PyAV leaves the type of its packets open.

from functools import cache
from typing import Literal, NamedTuple

import av
import numpy as np
import numpy.typing as npt

Law = Literal["mulaw", "alaw"]
RATE_HZ = 8_000


def decode(data: bytes, law: Law) -> npt.NDArray[np.int16]:
    """A byte a sample to int16 [N]."""
    return _tables(law).decoded[np.frombuffer(data, np.uint8)]


def encode(pcm: npt.NDArray[np.int16], law: Law) -> bytes:
    """int16 [N] to a byte a sample."""
    return _tables(law).encoded[pcm.view(np.uint16)].tobytes()


class _Tables(NamedTuple):
    decoded: npt.NDArray[np.int16]  # [256] by byte
    encoded: npt.NDArray[np.uint8]  # [65536] by sample, as unsigned


@cache
def _tables(law: Law) -> _Tables:
    every_sample = np.arange(65_536, dtype=np.uint16).view(np.int16)
    encoder = av.CodecContext.create(f"pcm_{law}", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = RATE_HZ, "mono", "s16"
    frame = av.AudioFrame.from_ndarray(every_sample[None, :], format="s16", layout="mono")
    frame.sample_rate = RATE_HZ
    encoded = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    decoder = av.CodecContext.create(f"pcm_{law}", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = RATE_HZ, "mono"
    frames = decoder.decode(av.Packet(bytes(range(256))))
    decoded = np.concatenate([piece.to_ndarray()[0] for piece in frames])
    return _Tables(decoded.astype(np.int16), np.frombuffer(encoded, np.uint8))

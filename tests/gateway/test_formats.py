import numpy as np
import pytest

from microturn.core.errors import InputError
from microturn.gateway.formats import Coding, SoundFormat, SoundReader, SoundWriter
from microturn.gateway.timeline import Sound

FORMATS = [
    SoundFormat("audio/pcm", 24_000),
    SoundFormat("audio/pcm", 16_000),
    SoundFormat("audio/pcmu", 8_000),
    SoundFormat("audio/pcma", 8_000),
]


def tone(n: int) -> np.ndarray:
    return (0.3 * np.sin(np.arange(n) * 2 * np.pi * 440 / 16_000)).astype(np.float32)


def written(format: SoundFormat, pcm: np.ndarray) -> bytes:
    writer = SoundWriter(format)
    return b"".join(writer.push(Sound(0, piece)) for piece in pcm.reshape(-1, 320))


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_written_is_read_again(format: SoundFormat) -> None:
    pcm = tone(16_000)
    again = SoundReader(format).push(written(format, pcm))
    assert len(again) > 13_000
    assert np.abs(again[200:13_000] - pcm[200:13_000]).max() < 0.02


@pytest.mark.parametrize("size", [1, 7, 640])
def test_sound_in_pieces_of_any_size_is_the_sound_of_the_whole(size: int) -> None:
    data = written(FORMATS[0], tone(6_400))
    reader = SoundReader(FORMATS[0])
    pieces = [reader.push(data[at : at + size]) for at in range(0, len(data), size)]
    whole = SoundReader(FORMATS[0]).push(data)
    joined = np.concatenate(pieces)
    n = min(len(joined), len(whole))
    assert n > 5_000
    np.testing.assert_allclose(joined[:n], whole[:n], atol=1e-6)


@pytest.mark.parametrize(("format", "zero"), [*zip(FORMATS, (0, 0, 0xFF, 0xD5), strict=True)])
def test_silence_after_sound_is_exact(format: SoundFormat, zero: int) -> None:
    writer = SoundWriter(format)
    for piece in tone(3_200).reshape(-1, 320):
        writer.push(Sound(0, piece))
    silent = [writer.push(Sound(0)) for _ in range(30)]
    assert set(b"".join(silent[10:])) == {zero}


@pytest.mark.parametrize(("coding", "rate_hz"), [("audio/pcm", 8_000), ("audio/pcmu", 16_000)])
def test_a_rate_that_the_format_has_not_is_refused(coding: Coding, rate_hz: int) -> None:
    with pytest.raises(InputError, match="rate"):
        SoundFormat(coding, rate_hz)

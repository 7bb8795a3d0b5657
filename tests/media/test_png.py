"""PNG pictures, and what is none."""

import struct
import zlib

import numpy as np
import pytest

from microturn.core.errors import InputError
from microturn.media.png import SIGNATURE, decode_png


def png(rgb: np.ndarray) -> bytes:
    """A PNG by the book, ISO/IEC 15948: header, one block of unfiltered rows, end."""
    height, width, _ = rgb.shape
    rows = b"".join(b"\0" + row.tobytes() for row in rgb)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows))]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in [*chunks, (b"IEND", b"")]
    )
    return SIGNATURE + body


def test_pixels_come_back_as_they_were() -> None:
    rgb = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    assert np.array_equal(decode_png(png(rgb)), rgb)


def test_a_picture_too_large_is_refused_before_it_is_decoded() -> None:
    data = bytearray(png(np.zeros((2, 2, 3), np.uint8)))
    data[16:20] = (100_000).to_bytes(4)
    with pytest.raises(InputError, match="size of a PNG"):
        decode_png(bytes(data))


@pytest.mark.parametrize("cut", [0, 4, 20, 40])
def test_half_a_picture_is_refused(cut: int) -> None:
    with pytest.raises(InputError):
        decode_png(png(np.zeros((8, 8, 3), np.uint8))[:cut])

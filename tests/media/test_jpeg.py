import contextlib
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.core.errors import InputError
from microturn.media.jpeg import decode_jpeg, encode_jpeg, jpeg_size


def jpeg(height: int, width: int, value: int = 128) -> bytes:
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt, codec.framerate = width, height, "yuvj420p", Fraction(1)
    frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), value, np.uint8), format="rgb24")
    packets = [*codec.encode(frame.reformat(format="yuvj420p")), *codec.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


def test_a_picture_comes_back_with_its_size_and_colour() -> None:
    rgb = decode_jpeg(jpeg(48, 64, 200))
    assert rgb.shape == (48, 64, 3) and rgb.dtype == np.uint8
    assert abs(int(rgb.mean()) - 200) <= 2


def test_a_picture_that_says_it_is_huge_is_refused_before_it_is_decoded() -> None:
    data = bytearray(jpeg(48, 64))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(InputError, match="65535 x 65535"):
        jpeg_size(bytes(data))


@settings(deadline=None)
@given(st.binary(max_size=64), st.integers(0, 700))
def test_whatever_comes_is_a_picture_or_an_input_error(noise: bytes, at: int) -> None:
    whole = jpeg(16, 16)
    with contextlib.suppress(InputError):
        assert decode_jpeg(whole[:at] + noise + whole[at + len(noise) :]).shape[2] == 3


def test_pixels_come_back_from_a_jpeg_of_their_own() -> None:
    rgb = np.full((50, 64, 3), 90, np.uint8)
    again = decode_jpeg(encode_jpeg(rgb))
    assert again.shape == rgb.shape and abs(float(again.mean()) - 90) < 3
    assert jpeg_size(encode_jpeg(rgb, 32)) == (24, 32)

"""One JPEG picture to pixels, with limits that hold before anything is decoded, and back. Video files: av.py."""
# pyright: reportUnknownMemberType=false
# PyAV's own types leave the type of an array open.

from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError

from microturn.core.errors import InputError

LONGEST_SIDE = 1920
RIGHT = f"a whole baseline or progressive JPEG of at most {LONGEST_SIDE} pixels a side"
# Start-of-frame markers, ITU T.81 table B.1: all of C0 to CF but the tables (C4, CC) and JPG (C8).
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def decode_jpeg(data: bytes, where: str = "picture") -> npt.NDArray[np.uint8]:
    """Pixels, uint8 [H, W, 3] RGB. InputError for anything but a JPEG, and for one that is too large."""
    height, width = jpeg_size(data, where)
    try:
        codec = av.CodecContext.create("mjpeg", "r")
        frames = [*codec.decode(av.Packet(data)), *codec.decode(None)]
    except (FFmpegError, ValueError) as error:
        raise InputError("a JPEG that cannot be decoded", where, str(error), RIGHT) from error
    if not frames:
        raise InputError("a JPEG without a picture", where, f"{len(data)} bytes", RIGHT)
    rgb = cast("npt.NDArray[np.uint8]", frames[0].to_ndarray(format="rgb24"))
    if rgb.shape != (height, width, 3):
        raise InputError("a JPEG of another size than it says", where, str(rgb.shape), f"{(height, width, 3)}")
    return rgb


def encode_jpeg(rgb: npt.NDArray[np.uint8], width: int | None = None) -> bytes:
    """A picture, uint8 [H, W, 3], as a JPEG of this width at most, its own if left out."""
    height, own_width, _ = rgb.shape
    scale = min(1.0, (width or own_width) / own_width)
    wide, high = (max(2, round(side * scale) // 2 * 2) for side in (own_width, height))
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = wide, high, "yuvj420p", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(wide, high, "yuvj420p")
    frame.pts = 0
    packets = cast("list[Any]", [*codec.encode(frame), *codec.encode(None)])
    return b"".join(map(bytes, packets))


def jpeg_size(data: bytes, where: str = "picture") -> tuple[int, int]:
    """Height and width as its header says, nothing decoded; InputError where there is none or they are too large."""
    at = 2 if data[:2] == b"\xff\xd8" else len(data)
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker in FRAME_MARKERS:
            height, width = int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 7 : at + 9])
            if not (0 < height <= LONGEST_SIDE and 0 < width <= LONGEST_SIDE):
                raise InputError("size of a JPEG", where, f"{width} x {height}", RIGHT)
            return height, width
        at += 1 if marker == 0xFF else 2 + length
    raise InputError("not a JPEG", where, f"{len(data)} bytes without a frame header", RIGHT)

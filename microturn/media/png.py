"""One PNG picture to pixels, with limits that hold before anything is decoded. JPEG lives in jpeg.py."""
# pyright: reportUnknownMemberType=false
# PyAV's own types leave the type of an array open.

from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError

from microturn.core.errors import InputError
from microturn.media.jpeg import LONGEST_SIDE

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RIGHT = f"a whole PNG of at most {LONGEST_SIDE} pixels a side"


def decode_png(data: bytes, where: str = "picture") -> npt.NDArray[np.uint8]:
    """Pixels, uint8 [H, W, 3] RGB, transparency left out. InputError for anything else, and for one too large."""
    # The first chunk is the header: length, "IHDR", width, height (ISO/IEC 15948, 11.2.1).
    if not data.startswith(SIGNATURE) or data[12:16] != b"IHDR":
        raise InputError("not a PNG", where, f"{len(data)} bytes without its header", RIGHT)
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if not (0 < height <= LONGEST_SIDE and 0 < width <= LONGEST_SIDE):
        raise InputError("size of a PNG", where, f"{width} x {height}", RIGHT)
    try:
        codec = av.CodecContext.create("png", "r")
        frames = [*codec.decode(av.Packet(data)), *codec.decode(None)]
    except (FFmpegError, ValueError) as error:
        raise InputError("a PNG that cannot be decoded", where, str(error), RIGHT) from error
    if not frames:
        raise InputError("a PNG without a picture", where, f"{len(data)} bytes", RIGHT)
    rgb = cast("npt.NDArray[np.uint8]", frames[0].to_ndarray(format="rgb24"))
    if rgb.shape != (height, width, 3):
        raise InputError("a PNG of another size than it says", where, str(rgb.shape), f"{(height, width, 3)}")
    return rgb

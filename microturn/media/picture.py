"""Camera pictures of any size into the model's grid, their aspect kept, and pairs of them. Files live elsewhere."""

import av
import numpy as np
import numpy.typing as npt

from microturn.core.errors import InputError

Picture = npt.NDArray[np.uint8]
Frame = npt.NDArray[np.uint8]
"""A picture in the model's grid, [H, W, 3]."""
Pair = npt.NDArray[np.uint8]
"""The frame before and this one, [2, H, W, 3]."""
LONGEST_SIDE = 8_192


def fitted(picture: Picture, height: int, width: int) -> Picture:
    """uint8 [H, W, 3] RGB to [height, width, 3]: as large as it fits, centred, the rest black.

    Scaled by FFmpeg's area filter, which averages what one pixel covers. InputError for what is no picture.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not min(picture.shape) > 0:
        raise InputError("not a picture", "fitted", f"{picture.dtype} {list(picture.shape)}", "uint8 [H, W, 3]")
    high, wide = picture.shape[:2]
    if max(high, wide) > LONGEST_SIDE:
        raise InputError("a picture too large", "fitted", f"{wide} x {high}", f"sides of at most {LONGEST_SIDE}")
    if (high, wide) == (height, width):
        return picture
    scale = min(height / high, width / wide)
    inner_high, inner_wide = (max(1, min(most, round(side * scale))) for side, most in ((high, height), (wide, width)))
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    inner = frame.reformat(width=inner_wide, height=inner_high, format="rgb24", interpolation="AREA").to_ndarray()
    top, left = (height - inner_high) // 2, (width - inner_wide) // 2
    grid = np.zeros((height, width, 3), np.uint8)
    grid[top : top + inner_high, left : left + inner_wide] = inner
    return grid


def pair_of(before: Frame | None, frame: Frame | None) -> Pair | None:
    """A frame and the one before it; the first of a session stands for both. None where there is none."""
    return None if frame is None else np.stack([frame if before is None else before, frame])

"""What one side gives in one micro-turn, and the pair of both sides. How it is stored or sent lives elsewhere."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from microturn.core.clock import CHUNK_SAMPLES
from microturn.core.errors import InputError
from microturn.core.events import Event


@dataclass(frozen=True, eq=False)
class Chunk:
    """All that one side gives in 200 ms.

    pcm: float32 [3200] in [-1, 1] at 16 kHz, None is silence; frame: uint8 [H, W, 3] RGB, None is no picture;
    text: typed text, or the words said as text in this tick; events: what happened in this tick.
    Raises InputError for another shape or type.
    """

    pcm: npt.NDArray[np.float32] | None = None
    frame: npt.NDArray[np.uint8] | None = None
    text: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()

    def __post_init__(self) -> None:
        if self.pcm is not None and (self.pcm.shape != (CHUNK_SAMPLES,) or self.pcm.dtype != np.float32):
            raise InputError("pcm", "Chunk", _kind(self.pcm), f"float32 [{CHUNK_SAMPLES}] or None")
        frame = self.frame
        if frame is not None and (frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8):
            raise InputError("frame", "Chunk", _kind(frame), "uint8 [H, W, 3] or None")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Chunk):
            return NotImplemented
        same_words = self.text == other.text and self.events == other.events
        return same_words and _same(self.pcm, other.pcm) and _same(self.frame, other.frame)

    __hash__ = None  # type: ignore[assignment]

    @property
    def samples(self) -> npt.NDArray[np.float32]:
        """The sound as float32 [3200], zeros where there is none."""
        return np.zeros(CHUNK_SAMPLES, np.float32) if self.pcm is None else self.pcm


@dataclass(frozen=True)
class MicroTurn:
    """200 ms of both sides."""

    tick: int
    user: Chunk
    model: Chunk


def _kind(array: npt.NDArray[np.generic]) -> str:
    return f"{array.dtype} {list(array.shape)}"


def _same(left: npt.NDArray[np.generic] | None, right: npt.NDArray[np.generic] | None) -> bool:
    if left is None or right is None:
        return left is right
    return np.array_equal(left, right)

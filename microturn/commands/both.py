"""What a bystander would hear of a conversation: said.wav, the model alone, and both.wav, the user left of it.

What the model decides in a tick sounds when that tick is over, so its side comes one tick later here than in the
recording, which keeps both sides by tick.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.wav import WavWriter
from microturn.media.pcm import Pcm

SAID = "said.wav"
BOTH = "both.wav"


class BothSides:
    """Writes the two files while the conversation goes on; they are whole after every micro-turn."""

    def __init__(self, folder: Path) -> None:
        self._said, self._both = WavWriter(folder / SAID), WavWriter(folder / BOTH, channels=2)
        self._sounding = Chunk()

    def write(self, turn: MicroTurn) -> None:
        """Append one micro-turn."""
        self._append(turn.user.samples)
        self._sounding = turn.model

    def close(self) -> None:
        """Append what the last micro-turn decided, and end the files."""
        self._append(Chunk().samples)
        self._said.close()
        self._both.close()

    def _append(self, user: Pcm) -> None:
        said = self._sounding.samples
        self._said.write(said)
        self._both.write(np.stack([user, said], axis=1))

    def __enter__(self) -> "BothSides":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def played(blocks: Sequence[Pcm]) -> Pcm:
    """The model's blocks, each float32 [3200], as they sound beside the user: one tick later."""
    return np.concatenate([Chunk().samples, *blocks[:-1]]) if blocks else np.zeros(0, np.float32)


def write_sides(said_path: Path, both_path: Path, user: Pcm, said: Pcm) -> None:
    """A conversation that is over, as the same two files; both sides are float32 [N], the model's as it sounds."""
    with WavWriter(said_path) as alone, WavWriter(both_path, channels=2) as both:
        alone.write(said)
        both.write(np.stack([user, said], axis=1))

"""What a session's camera gives, tick by tick: frames of the shots that are on, rendered when asked for."""

from collections.abc import Collection, Sequence

import numpy as np

from microturn.core.clock import TICK_MS
from microturn.data.sight.play import Shot, Staged
from microturn.data.sight.scene import HEIGHT, WIDTH, Scene
from microturn.data.sight.view import view_at

# Cameras are square, 4:3 or 16:9; what is not as high as the grid has black above and below, as `picture.fitted` does.
ASPECTS = (1.0, 1.0, 1.0, 0.75, 0.75, 0.5625)


class Film:
    """The pictures of a session with `staged` shots, none of which overlap; two films of the same shots are equal.

    A frame is taken `phase_ms` after a tick begins; those of the ticks in `lost` never arrive. `Stream.frames` is one
    of these: nothing is rendered before it is asked for, and only the scene asked for last is kept.
    """

    def __init__(
        self,
        staged: Sequence[Staged],
        phase_ms: int = TICK_MS // 2,
        lost: Collection[int] = (),
        height: int = HEIGHT,
        width: int = WIDTH,
    ) -> None:
        self.staged, self.phase_ms, self.lost = tuple(staged), phase_ms, frozenset(lost)
        self.height, self.width = height, width
        self._scene: Scene | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Film) and self._key() == other._key()

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, tick: int) -> np.ndarray | None:
        """The frame of one tick, uint8 [height, width, 3]; None where no shot is on or the frame is lost."""
        if tick in self.lost:
            return None
        t_ms = tick * TICK_MS + self.phase_ms
        staged = next((entry for entry in self.staged if entry.start_ms <= t_ms < entry.end_ms), None)
        return None if staged is None else self._framed(self._scene_of(staged).frame(t_ms - staged.zero_ms))

    def in_view(self, tick: int) -> tuple[str, ...]:
        """What that frame shows, in words (`view_at`)."""
        return view_at(self.staged, tick * TICK_MS + self.phase_ms)

    def _scene_of(self, staged: Staged) -> Scene:
        if self._scene is None or self._scene.shot is not staged.shot:
            self._scene = Scene(staged.shot, *inner_size(staged.shot, self.height, self.width))
        return self._scene

    def _framed(self, picture: np.ndarray) -> np.ndarray:
        bars = self.height - len(picture)
        if not bars:
            return picture
        grid = np.zeros((self.height, self.width, 3), np.uint8)
        grid[bars // 2 : bars // 2 + len(picture)] = picture
        return grid

    def _key(self) -> tuple[object, ...]:
        return self.staged, self.phase_ms, self.lost, self.height, self.width


def inner_size(shot: Shot, height: int, width: int) -> tuple[int, int]:
    """Height and width of a shot's own picture in the grid: its camera's aspect."""
    return min(height, round(width * ASPECTS[shot.seed % len(ASPECTS)])), width

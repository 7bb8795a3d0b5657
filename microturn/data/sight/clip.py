"""A session's pictures as a video file, larger and smoother than the model gets them, with bars for who speaks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.data.sight.film import Film, inner_size
from microturn.data.sight.scene import Scene
from microturn.media.av import write_video

FPS = 25
TIMES = 4  # as large
BAR_PX = 10
AUDIBLE = 0.01
USER, AGENT = (59, 111, 182), (200, 60, 56)


def write_clip(path: Path, film: Film, user: np.ndarray, agent: np.ndarray) -> None:
    """Write what is shown while `user` and `agent`, float32 [N] at 16 kHz, are heard on the left and on the right."""
    pictures = _pictures(film, user, agent)
    write_video(path, pictures, FPS, np.stack([user, agent], axis=1).astype(np.float32), SAMPLE_RATE_HZ)


def _pictures(film: Film, user: np.ndarray, agent: np.ndarray) -> Iterator[np.ndarray]:
    """uint8 [H * TIMES + 2 BAR_PX, W * TIMES, 3]; black where no shot is on."""
    scenes: list[Scene] = [Scene(s.shot, *inner_size(s.shot, film.height, film.width)) for s in film.staged]
    step = SAMPLE_RATE_HZ // FPS
    for number in range(len(user) // step):
        t_ms = number * 1000 // FPS
        picture = np.zeros((film.height * TIMES + 2 * BAR_PX, film.width * TIMES, 3), np.uint8)
        for staged, scene in zip(film.staged, scenes, strict=True):
            if staged.start_ms <= t_ms < staged.end_ms:
                large = scene.frame(t_ms - staged.zero_ms).repeat(TIMES, 0).repeat(TIMES, 1)
                top = (film.height * TIMES - len(large)) // 2
                picture[top : top + len(large)] = large
        for pcm, color, top in ((user, USER, -2 * BAR_PX), (agent, AGENT, -BAR_PX)):
            if np.abs(pcm[number * step : (number + 1) * step]).max() > AUDIBLE:
                picture[top : top + BAR_PX or None] = color
        yield picture


def written_frames(film: Film, ticks: int) -> Iterator[np.ndarray]:
    """What the model sees, tick by tick, uint8 [H, W, 3]; the last picture again, or black, where none arrives."""
    last = np.zeros((film.height, film.width, 3), np.uint8)
    for tick in range(ticks):
        frame = film(tick)
        last = last if frame is None else frame
        yield last

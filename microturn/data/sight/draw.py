"""Drawing on a small picture: capsules, sprites, boxes. Knows no people and no rooms.

A picture is float32 [H, W, 3] in 0..255, y downwards; places and sizes are in pixels, the centre of pixel (0, 0) is
(0.5, 0.5). Everything is drawn in place, only inside the box it covers, with smooth edges.
"""

from typing import NamedTuple

import numpy as np

Color = np.ndarray
EDGE_SHADE = 0.42  # how much darker a round limb is at its edge


class Sprite(NamedTuple):
    """rgb: float32 [h, w, 3]; cover: float32 [h, w, 1] in 0..1."""

    rgb: np.ndarray
    cover: np.ndarray


def blank(height: int, width: int, color: Color) -> np.ndarray:
    """A picture of one color."""
    return np.broadcast_to(np.asarray(color, np.float32), (height, width, 3)).copy()


def draw_capsule(
    picture: np.ndarray,
    start: tuple[float, float],
    end: tuple[float, float],
    radius: float,
    color: Color,
    end_radius: float | None = None,
) -> None:
    """A limb from `start` to `end`, both (x, y), rounded and darker at its edges; `end_radius` where it tapers."""
    height, width = picture.shape[:2]
    tip = radius if end_radius is None else end_radius
    widest = max(radius, tip) + 1.0
    left, right = int(min(start[0], end[0]) - widest), int(max(start[0], end[0]) + widest) + 1
    top, bottom = int(min(start[1], end[1]) - widest), int(max(start[1], end[1]) + widest) + 1
    left, right, top, bottom = max(left, 0), min(right, width), max(top, 0), min(bottom, height)
    if left >= right or top >= bottom:
        return
    dx, dy = end[0] - start[0], end[1] - start[1]
    x = np.arange(left, right, dtype=np.float32) + np.float32(0.5 - start[0])
    y = (np.arange(top, bottom, dtype=np.float32) + np.float32(0.5 - start[1]))[:, None]
    along = (x * np.float32(dx) + y * np.float32(dy)) * np.float32(1.0 / (dx * dx + dy * dy + 1e-6))
    np.minimum(np.maximum(along, 0.0, out=along), 1.0, out=along)
    off_x, off_y = x - along * np.float32(dx), y - along * np.float32(dy)
    apart = np.sqrt(off_x * off_x + off_y * off_y)
    at = np.float32(radius) if tip == radius else radius + along * np.float32(tip - radius)
    cover = np.minimum(np.maximum(at + np.float32(0.5) - apart, 0.0), 1.0)
    shade = 1.0 - np.float32(EDGE_SHADE) * np.minimum(apart / at, 1.0) ** 2
    place = picture[top:bottom, left:right]
    place += cover[..., None] * (shade[..., None] * color - place)


def draw_box(picture: np.ndarray, left: float, top: float, right: float, bottom: float, color: Color) -> None:
    """An upright box; edges fall on whole pixels."""
    height, width = picture.shape[:2]
    x0, x1 = max(round(left), 0), min(round(right), width)
    y0, y1 = max(round(top), 0), min(round(bottom), height)
    if x0 < x1 and y0 < y1:
        picture[y0:y1, x0:x1] = color


def draw_sprite(picture: np.ndarray, sprite: Sprite, x: float, y: float) -> None:
    """A sprite with its centre at (x, y)."""
    height, width = picture.shape[:2]
    h, w = sprite.cover.shape[:2]
    left, top = round(x - w / 2), round(y - h / 2)
    x0, x1, y0, y1 = max(left, 0), min(left + w, width), max(top, 0), min(top + h, height)
    if x0 >= x1 or y0 >= y1:
        return
    part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    place = picture[y0:y1, x0:x1]
    place += sprite.cover[part] * (sprite.rgb[part] - place)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cells: int) -> np.ndarray:
    """Soft blotches about -1..1, float32 [H, W]: random values on a grid of `cells`, linear between them."""
    knots = rng.uniform(-1.0, 1.0, (cells + 1, cells + 1)).astype(np.float32)
    rows, columns = np.linspace(0, cells, height), np.linspace(0, cells, width)
    r, c = np.minimum(rows.astype(int), cells - 1), np.minimum(columns.astype(int), cells - 1)
    down, across = (rows - r).astype(np.float32)[:, None], (columns - c).astype(np.float32)[None]
    upper = knots[r][:, c] * (1 - across) + knots[r][:, c + 1] * across
    lower = knots[r + 1][:, c] * (1 - across) + knots[r + 1][:, c + 1] * across
    return upper * (1 - down) + lower * down

"""What stands behind and before: walls, floors, clutter, furniture. Drawn once a scene; nobody is in it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from microturn.data.sight.draw import blank, draw_box, draw_capsule, smooth_noise
from microturn.data.sight.look import Look, color_of, rgb

MARGIN = 4  # pixels on each side that the shaking camera may look at


class Block(NamedTuple):
    """Something before the person: a box in pictures (0..1) and its color."""

    left: float
    top: float
    right: float
    bottom: float
    color: np.ndarray


def backdrop(look: Look, height: int, width: int, horizon: float | None, cluttered: bool = True) -> np.ndarray:
    """Wall and, below `horizon` (0..1 of the height; None: no floor), floor; float32 [H + 2 MARGIN, W + 2 MARGIN, 3].

    `cluttered`: with what stands about there; never among things that are counted.
    """
    rng = look.rng(1)
    tall, wide = height + 2 * MARGIN, width + 2 * MARGIN
    picture = blank(tall, wide, color_of(look, "wall"))
    pattern = PATTERNS[look.kinds["backdrop"]](rng, tall, wide, look["scale"])
    picture *= 1.0 + look["contrast"] * pattern[..., None] * 1.6
    edge = tall if horizon is None else MARGIN + round(horizon * height)
    if cluttered:
        CLUTTER[look.kinds["clutter"]](picture, rng, min(edge, round(0.8 * tall)))
    if horizon is not None:
        _lay_floor(picture, look, rng, edge)
    picture *= 1.0 + 0.05 * smooth_noise(rng, tall, wide, 5)[..., None]
    return np.clip(picture, 0.0, 255.0)


def foreground(look: Look) -> list[Block]:
    """Furniture that hides a part of the picture."""
    rng = look.rng(2)
    color = rgb(look["floor_hue"] + 0.3, 0.35, 0.2 + 0.5 * look["style"])
    left = float(rng.uniform(0.0, 0.75))
    at = {
        "bench": Block(left - 0.2, 0.88, left + 0.5, 1.0, color),
        "ledge": Block(0.0, float(rng.uniform(0.88, 0.94)), 1.0, 1.0, color),
        "rail": Block(0.0, 0.72, 1.0, 0.76, color),
        "post": Block(left * 0.25, 0.0, left * 0.25 + 0.07, 1.0, color),
        "stool": Block(0.75, 0.8, 0.97, 1.0, color),
    }
    kind = look.kinds["furniture"]
    return [at[kind]] if kind in at else []


def light(look: Look, height: int, width: int) -> np.ndarray:
    """What every pixel is multiplied with: float32 [H, W, 3]."""
    turn = 2.0 * np.pi * look["shadow_turn"]
    x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    slope = (x[None] * np.cos(turn) + y[:, None] * np.sin(turn)) * 0.5
    level = look["brightness"] * (1.0 - look["shadow"] * (0.35 + slope * 0.65).clip(0.0, 1.0))
    warmth = 1.0 + look["warmth"] * np.array([1.0, 0.0, -1.0], np.float32)
    return (level[..., None] * warmth).astype(np.float32)


def _lay_floor(picture: np.ndarray, look: Look, rng: np.random.Generator, edge: int) -> None:
    tall, wide = picture.shape[:2]
    floor = color_of(look, "floor")
    if np.abs(floor - color_of(look, "wall")).mean() < 25:
        floor = floor * 0.6
    grain = 1.0 + 0.5 * look["contrast"] * smooth_noise(rng, tall, wide, 9)[edge:]
    picture[edge:] = floor * grain[..., None]
    picture[edge - 1 : edge + 1] *= 0.6


Pattern = Callable[[np.random.Generator, int, int, float], np.ndarray]


def _grid(tall: int, wide: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(tall, dtype=np.float32)[:, None], np.arange(wide, dtype=np.float32)[None]


def _plain(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    return 0.3 * smooth_noise(rng, tall, wide, 2)


def _stripes(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    y, x = _grid(tall, wide)
    return np.sign(np.sin(x / (2.2 * scale) + y * 0)) * 0.6


def _planks(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    y, x = _grid(tall, wide)
    shades = rng.uniform(-1, 1, tall)
    return 0.7 * shades[(y / (7 * scale)).astype(int)] + 0.0 * x


def _bricks(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    y, x = _grid(tall, wide)
    row = np.floor(y / (6 * scale))
    joint = ((y % (6 * scale)) < 1) | (((x + 6 * scale * (row % 2)) % (12 * scale)) < 1)
    return np.where(joint, -1.0, 0.25)


def _panels(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    y, x = _grid(tall, wide)
    return np.where((x % (22 * scale) < 2) | (y < 0), -0.9, 0.1) + 0.2 * smooth_noise(rng, tall, wide, 4)


def _shelves(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    y, x = _grid(tall, wide)
    books = rng.uniform(-1.0, 1.0, (tall, wide))
    row, column = (y / (15 * scale)).astype(int), (x / (3.5 * scale)).astype(int)
    return np.where(y % (15 * scale) < 2, -1.0, books[row, column] * 0.9)


def _window(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    pattern = 0.2 * smooth_noise(rng, tall, wide, 3)
    left, top = int(rng.integers(4, wide // 2)), int(rng.integers(2, tall // 4))
    right, bottom = left + int(26 * scale), top + int(30 * scale)
    pattern[top:bottom, left:right] = 1.1
    pattern[top:bottom, (left + right) // 2] = -0.4
    pattern[(top + bottom) // 2 if bottom < tall else top, left:right] = -0.4
    return pattern


def _blotches(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    return smooth_noise(rng, tall, wide, max(3, round(9 / scale)))


def _dots(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    y, x = _grid(tall, wide)
    step = 9 * scale
    return np.where(np.hypot(x % step - step / 2, y % step - step / 2) < 2.2 * scale, 0.9, -0.15)


def _steps(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    y, x = _grid(tall, wide)
    return np.floor((x + y) / (14 * scale)) % 3 / 1.5 - 0.6


def _frames(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    y, x = _grid(tall, wide)
    near = np.maximum(np.abs(x % (26 * scale) - 13 * scale), np.abs(y % (26 * scale) - 13 * scale))
    return np.where((near < 8 * scale) & (near > 6 * scale), -0.9, 0.15)


def _checks(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    y, x = _grid(tall, wide)
    return ((x // (8 * scale) + y // (8 * scale)) % 2 - 0.5) * 1.1


def _curtain(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    y, x = _grid(tall, wide)
    return 0.8 * np.sin(x / (2.6 * scale) + 0.8 * np.sin(y / 17.0))


def _leaves(rng: np.random.Generator, tall: int, wide: int, scale: float) -> np.ndarray:
    fine = smooth_noise(rng, tall, wide, max(4, round(14 / scale)))
    return np.where(fine * smooth_noise(rng, tall, wide, 6) > 0.05, -0.8, 0.35)


PATTERNS: dict[str, Pattern] = {
    "plain": _plain, "stripes": _stripes, "bricks": _bricks, "panels": _panels, "shelves": _shelves,
    "window": _window, "blotches": _blotches, "dots": _dots, "planks": _planks, "steps": _steps, "frames": _frames,
    "checks": _checks, "curtain": _curtain, "leaves": _leaves,
}  # fmt: skip

Clutter = Callable[[np.ndarray, np.random.Generator, int], None]


def _some_color(rng: np.random.Generator) -> np.ndarray:
    return rgb(float(rng.random()), float(rng.uniform(0.1, 0.6)), float(rng.uniform(0.2, 0.85)))


def _at_side(rng: np.random.Generator, wide: int, size: int) -> int:
    """A left edge near one side of the picture, so that what is there stands beside the person."""
    return int(rng.integers(0, wide // 5)) if rng.random() < 0.5 else wide - size - int(rng.integers(0, wide // 5))


def _none(picture: np.ndarray, rng: np.random.Generator, floor: int) -> None:
    """An empty room."""


def _boxed(w: tuple[int, int], h: tuple[int, int], hung: bool, count: int = 1) -> Clutter:
    def draw(picture: np.ndarray, rng: np.random.Generator, floor: int) -> None:
        wide = picture.shape[1]
        for _ in range(count):
            size, tall = int(rng.integers(*w)), int(rng.integers(*h))
            left = _at_side(rng, wide, size)
            bottom = int(rng.integers(floor // 3, max(floor // 3 + 1, floor - 20))) if hung else floor
            color = _some_color(rng)
            draw_box(picture, left, bottom - tall, left + size, bottom, color * 0.6)
            draw_box(picture, left + 1, bottom - tall + 1, left + size - 1, bottom - 1, color)

    return draw


def _round(radius: tuple[int, int], count: int, hung: bool) -> Clutter:
    def draw(picture: np.ndarray, rng: np.random.Generator, floor: int) -> None:
        wide = picture.shape[1]
        for _ in range(count):
            size, color = float(rng.integers(*radius)), _some_color(rng)
            x = _at_side(rng, wide, round(2 * size)) + size
            y = float(rng.uniform(size, max(size + 1, floor / 2))) if hung else floor - size
            draw_capsule(picture, (x, y), (x, y if hung else floor), size, color)

    return draw


CLUTTER: dict[str, Clutter] = {
    "none": _none,
    "lamp": _round((3, 6), 1, hung=True),
    "cabinet": _boxed((12, 24), (18, 44), hung=False),
    "picture": _boxed((9, 18), (9, 18), hung=True),
    "boxes": _boxed((8, 14), (7, 14), hung=False, count=2),
    "plant": _round((5, 9), 2, hung=False),
    "clock": _round((5, 8), 1, hung=True),
    "door": _boxed((17, 23), (50, 60), hung=False),
    "pennants": _boxed((5, 9), (7, 14), hung=True, count=3),
    "coats": _round((4, 7), 2, hung=True),
    "bottles": _boxed((4, 7), (12, 22), hung=False, count=3),
}

"""Eight shapes in eight colors, as sprites. Where they are and when they move is the play's."""

import math

import numpy as np

from microturn.data.sight.draw import Sprite
from microturn.data.sight.look import Look, rgb

FINE = 4  # samples a pixel in both directions
# Hue, saturation, value of a color's middle, and how far hue and value may be from it.
PAINTS: dict[str, tuple[float, float, float, float, float]] = {
    "red": (0.0, 0.9, 0.8, 0.018, 0.1),
    "blue": (0.61, 0.85, 0.8, 0.035, 0.12),
    "green": (0.35, 0.8, 0.6, 0.05, 0.12),
    "yellow": (0.145, 0.92, 0.95, 0.016, 0.05),
    "black": (0.6, 0.15, 0.1, 0.3, 0.05),
    "white": (0.12, 0.03, 0.97, 0.3, 0.03),
    "brown": (0.065, 0.72, 0.42, 0.016, 0.06),
    "pink": (0.92, 0.42, 0.98, 0.025, 0.03),
}


def paint(color: str, tone: float) -> np.ndarray:
    """A color as float32 [3]; `tone` in -1..1 is where in its range."""
    hue, saturation, value, hue_off, value_off = PAINTS[color]
    return rgb(hue + hue_off * tone, saturation, min(value + value_off * tone, 1.0))


def sprite(shape: str, color: str, look: Look, height: int) -> Sprite:
    """A thing as large as the look says, turned a little, with a dark rim and light from above."""
    size = max(round(look["thing_size"] * height), 8)
    lines = (np.arange(size * FINE, dtype=np.float32) + 0.5) / (size * FINE) * 2.3 - 1.15
    x, y = lines[None, :], -lines[:, None]
    turn = math.radians(look["thing_turn_deg"])
    u, v = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    inside = SHAPES[shape](u, v)
    core = SHAPES[shape](u * 1.16, v * 1.16)
    base = paint(color, look["thing_tone"])
    rim = base * 0.45 if base.mean() > 60 else base + 70.0
    light = (0.88 + 0.2 * v)[..., None]
    colors = np.where(core[..., None], base * light, rim)
    return Sprite(_pooled(colors * inside[..., None], size) / _pooled(inside[..., None] + 1e-6, size), _cover(inside))


def _cover(inside: np.ndarray) -> np.ndarray:
    return _pooled(inside[..., None].astype(np.float32), len(inside) // FINE)


def _pooled(fine: np.ndarray, size: int) -> np.ndarray:
    """Means over the samples of each pixel."""
    pooled = fine.reshape(size, FINE, size, FINE, -1).mean(axis=(1, 3))
    return pooled.astype(np.float32)


def _ball(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u * u + v * v < 1.0


def _box(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u), np.abs(v)) < 0.82


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    angle = np.arctan2(u, v)
    corner = np.abs((angle / (2 * np.pi) * 5 + 0.5) % 1.0 - 0.5) * 2.0  # 0 at a point, 1 between two
    return np.hypot(u, v) < 1.1 / (1.0 + 1.5 * corner)


def _heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    a, b = u * 1.2, v * 1.2 + 0.12
    return (a * a + b * b - 1.0) ** 3 < a * a * b * b * b


def _moon(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (u * u + v * v < 1.0) & ((u - 0.52) ** 2 + (v - 0.1) ** 2 > 0.72)


def _house(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    walls = (np.abs(u) < 0.62) & (v > -0.95) & (v < 0.2)
    roof = (v >= 0.1) & (np.abs(u) < 1.05 * (1.0 - (v - 0.1) / 0.95))
    door = (np.abs(u) < 0.17) & (v < -0.35)
    return (walls & ~door) | roof


def _cup(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    mug = (np.abs(u + 0.22) < 0.6 + 0.08 * v) & (np.abs(v) < 0.85)
    ring = np.hypot(u - 0.45, v)
    return mug | ((ring < 0.55) & (ring > 0.3) & (u > 0.3))


def _kite(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    body = np.where(v > 0.25, np.abs(u) / 0.7 + (v - 0.25) / 0.8, np.abs(u) / 0.7 + (0.25 - v) / 1.0) < 1.0
    tail = (np.abs(u - 0.1 * np.sin(v * 9.0)) < 0.1) & (v <= -0.6) & (v > -1.1)
    return body | tail


SHAPES = {
    "ball": _ball,
    "box": _box,
    "star": _star,
    "heart": _heart,
    "moon": _moon,
    "house": _house,
    "cup": _cup,
    "kite": _kite,
}

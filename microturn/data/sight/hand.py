"""A hand with some fingers up. Knows no time: how far each finger is stretched is given.

Drawn in units of the picture's height, upright, the palm's centre at (0, 0), y upwards; thumb first.
"""

import math
from typing import NamedTuple

import numpy as np

from microturn.data.sight.draw import draw_capsule
from microturn.data.sight.look import Look, color_of, skin_of

# Where a finger begins, which way it points (degrees from up), how long and how thick it is.
BASES = ((-0.115, -0.03), (-0.092, 0.115), (-0.032, 0.135), (0.032, 0.128), (0.092, 0.1))
WAYS_DEG = (-58.0, -13.0, -4.0, 5.0, 15.0)
LENGTHS = (0.17, 0.22, 0.245, 0.225, 0.18)
GIRTHS = (0.036, 0.031, 0.032, 0.031, 0.028)
FOLDED = 0.2  # what of a folded finger stands out
# Which fingers are up for a number: the first way of each is the commoner one.
WAYS: dict[int, tuple[tuple[int, ...], ...]] = {
    0: ((),),
    1: ((1,), (1,), (0,)),
    2: ((1, 2), (1, 2), (0, 1)),
    3: ((1, 2, 3), (0, 1, 2), (2, 3, 4)),
    4: ((1, 2, 3, 4),),
    5: ((0, 1, 2, 3, 4),),
}


class Grip(NamedTuple):
    """How far each finger is stretched, 0 to 1, thumb first; `lift`: 0 in view, 1 below the picture."""

    stretched: tuple[float, ...]
    lift: float = 0.0


def grip(fingers: int, style: float) -> Grip:
    """The hand that shows a number, in one of its ways; -1: no hand."""
    if fingers < 0:
        return Grip((0.0,) * 5, 1.0)
    ways = WAYS[fingers]
    up = ways[min(int(style * len(ways)), len(ways) - 1)]
    return Grip(tuple(1.0 if finger in up else 0.0 for finger in range(5)))


def between(a: Grip, b: Grip, share: float) -> Grip:
    """On the way from one to the other."""
    stretched = tuple(x + (y - x) * share for x, y in zip(a.stretched, b.stretched, strict=True))
    return Grip(stretched, a.lift + (b.lift - a.lift) * share)


def draw_hand(picture: np.ndarray, look: Look, held: Grip, moved: tuple[float, float]) -> None:
    """The hand, its wrist and a sleeve; `moved`: by how much, in pictures, it trembles now."""
    if held.lift >= 0.99:
        return
    height, width = picture.shape[:2]
    scale = height * 1.12 * look["zoom"]
    roll = math.radians(look["hand_roll_deg"])
    centre_x = width * (0.5 + look["shift_x"] + moved[0])
    centre_y = height * (0.6 + look["shift_y"] + moved[1] + 1.2 * held.lift)
    flip = -1.0 if look.mirrored else 1.0
    cos, sin = math.cos(roll), math.sin(roll)

    def place(x: float, y: float) -> tuple[float, float]:
        x *= flip
        return centre_x + scale * (x * cos + y * sin), centre_y - scale * (y * cos - x * sin)

    skin = skin_of(look)
    _draw_arm(picture, place, scale, skin, color_of(look, "top"))
    fat = look["finger_girth"]
    for x in (-0.06, 0.0, 0.06):
        draw_capsule(picture, place(x, -0.09), place(x * 1.15, 0.07), 0.078 * scale, skin)
    for finger in (4, 3, 2, 1, 0):
        _draw_finger(picture, place, scale, skin, finger, held.stretched[finger], look["hand_spread"], fat)


def _draw_arm(picture: np.ndarray, place, scale: float, skin: np.ndarray, sleeve: np.ndarray) -> None:
    draw_capsule(picture, place(0.0, -0.12), place(0.0, -0.34), 0.08 * scale, skin * 0.94, 0.075 * scale)
    draw_capsule(picture, place(0.0, -0.4), place(0.02, -1.3), 0.115 * scale, sleeve, 0.14 * scale)


def _draw_finger(
    picture: np.ndarray, place, scale: float, skin: np.ndarray, finger: int, stretched: float, spread: float, fat: float
) -> None:
    x, y = BASES[finger]
    way = math.radians(WAYS_DEG[finger] * (spread if finger else 1.0))
    girth, length = GIRTHS[finger] * fat * scale, LENGTHS[finger] * (FOLDED + (1.0 - FOLDED) * stretched)
    if stretched < 0.5:  # folded over the palm: the thumb across, fingers down, a little darker
        ends = (x + 0.13, y + 0.03) if finger == 0 else (x, y - 0.07)
        draw_capsule(picture, place(x, y), place(*ends), girth, skin * 0.86)
    if stretched > 0.1:
        tip = (x + length * math.sin(way), y + length * math.cos(way))
        draw_capsule(picture, place(x, y), place(*tip), girth, skin * 1.02, girth * 0.88)

"""A body and its poses: where every joint is, in metres, for each exercise and for sitting. No pixels, no time.

x to the side, y up from the floor, z forward (where the body faces). Sides are -1 and 1. `depth` is how far a movement
has gone: 0 at rest, 1 whole.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

Point = tuple[float, float, float]
SIDES = (-1, 1)
THIGH, SHIN, UPPER_ARM, FOREARM, TORSO, NECK = 0.44, 0.43, 0.29, 0.3, 0.5, 0.2
ANKLE = 0.07
SHOULDER, HIP = 0.19, 0.1  # half widths
PLANK = 1.38  # from shoulder to ankle
FOREARM_SWING_S = 0.55


class Pose(NamedTuple):
    """Joints; those of a limb come once for each side. `chest` is between the shoulders, `hips` between the legs."""

    head: Point
    chest: Point
    waist: Point
    hips: Point
    shoulders: tuple[Point, Point]
    elbows: tuple[Point, Point]
    wrists: tuple[Point, Point]
    thighs: tuple[Point, Point]
    knees: tuple[Point, Point]
    ankles: tuple[Point, Point]
    toes: tuple[Point, Point]


class Manner(NamedTuple):
    """How somebody moves: `style` in 0..1 chooses among the ways of doing the same; `sway` in metres, now.

    `swing` in -1..1: where a waving forearm is.
    """

    style: float = 0.5
    sway: float = 0.0
    swing: float = 0.0
    broad: float = 1.0


def added(a: Point, b: Point, times: float = 1.0) -> Point:
    """a + times * b."""
    return a[0] + times * b[0], a[1] + times * b[1], a[2] + times * b[2]


def bent(root: Point, end: Point, upper: float, lower: float, towards: Point) -> Point:
    """The joint between two bones from `root` to `end`, on the side of `towards`; straight where they are too short."""
    line = added(end, root, -1.0)
    apart = math.sqrt(sum(v * v for v in line)) + 1e-9
    unit = (line[0] / apart, line[1] / apart, line[2] / apart)
    along = (upper * upper - lower * lower + apart * apart) / (2.0 * apart)
    if apart >= upper + lower:
        return added(root, unit, apart * upper / (upper + lower))
    off = math.sqrt(max(upper * upper - along * along, 0.0))
    part = sum(t * u for t, u in zip(towards, unit, strict=True))
    side = added(towards, unit, -part)
    length = math.sqrt(sum(v * v for v in side)) + 1e-9
    return added(added(root, unit, along), side, off / length)


def squat(depth: float, manner: Manner) -> Pose:
    """Hips down and back, the trunk leaning forward, the arms out, on the chest or hanging."""
    hips = (manner.sway, ANKLE + THIGH + SHIN - 0.02 - 0.42 * depth, -0.24 * depth)
    lean = 0.03 + 0.72 * depth
    chest = added(hips, (0.0, math.cos(lean), math.sin(lean)), TORSO)
    reach = math.radians(10 + 78 * depth)
    if manner.style < 0.5:  # arms come forward
        arms = [_arm(chest, side, manner, reach, 0.08) for side in SIDES]
    elif manner.style < 0.75:  # hands on the chest
        arms = [_hand_at(chest, side, manner, (side * 0.06, -0.1, 0.2)) for side in SIDES]
    else:  # hands behind the head
        arms = [_hand_at(chest, side, manner, (side * 0.1, 0.24, -0.02)) for side in SIDES]
    return _upright(hips, chest, lean * 0.6, arms, spread=0.16, manner=manner)


def jumping_jack(depth: float, manner: Manner) -> Pose:
    """Legs apart and arms overhead, and back."""
    spread = 0.08 + 0.3 * depth
    hop = 0.05 * math.sin(math.pi * min(depth, 1.0))
    legs = ANKLE + math.sqrt((THIGH + SHIN - 0.01) ** 2 - (spread - HIP) ** 2)
    hips = (manner.sway, legs + hop, 0.0)
    chest = added(hips, (0.0, 1.0, 0.0), TORSO)
    arms = [_arm(chest, side, manner, 0.05, math.radians(10 + 150 * depth)) for side in SIDES]
    return _upright(hips, chest, 0.0, arms, spread, manner, ground=hop)


def arm_raise(depth: float, manner: Manner) -> Pose:
    """Both arms up to the side or to the front; the rest stands still."""
    hips = (manner.sway, ANKLE + THIGH + SHIN - 0.02, 0.0)
    chest = added(hips, (0.0, 1.0, 0.0), TORSO)
    top = math.radians(94 if 0.3 < manner.style < 0.65 else 158)
    if manner.style < 0.65:
        arms = [_arm(chest, side, manner, 0.06, 0.12 + (top - 0.12) * depth) for side in SIDES]
    else:
        arms = [_arm(chest, side, manner, 0.1 + (top - 0.1) * depth, 0.1) for side in SIDES]
    return _upright(hips, chest, 0.0, arms, 0.13, manner)


def wave(depth: float, manner: Manner) -> Pose:
    """One hand up, the forearm swinging."""
    hips = (manner.sway, ANKLE + THIGH + SHIN - 0.02, 0.0)
    chest = added(hips, (0.0, 1.0, 0.0), TORSO)
    still = _arm(chest, -1, manner, 0.06, 0.12)
    shoulder = (chest[0] + SHOULDER * manner.broad, chest[1], chest[2])
    out, up = math.radians(12 + 63 * depth), math.radians(12 + 158 * depth) + 0.45 * manner.swing * depth
    elbow = added(shoulder, (math.sin(out), -math.cos(out), 0.15 * depth), UPPER_ARM)
    wrist = added(elbow, (math.sin(up), -math.cos(up), 0.2 * depth), FOREARM)
    return _upright(hips, chest, 0.0, [still, (shoulder, elbow, wrist)], 0.13, manner)


def push_up(depth: float, manner: Manner) -> Pose:
    """A plank on hands and toes along x, the head towards +x, the chest towards the floor."""
    height = 0.12 + (UPPER_ARM + FOREARM - 0.01) * (1.0 - 0.74 * depth)
    toes_x = -0.86
    rise = (height - ANKLE) / PLANK
    chest = (toes_x + PLANK * math.sqrt(1.0 - rise * rise) + manner.sway, height, 0.0)
    ankle = (toes_x, ANKLE, 0.0)
    sag = 0.03 * math.sin(9.0 * manner.style)
    hips = (ankle[0] + 0.6 * (chest[0] - ankle[0]), ankle[1] + 0.6 * (chest[1] - ankle[1]) + sag, 0.0)
    waist = _middle(hips, chest)
    head = added(chest, (0.2, 0.09, 0.0))
    wide = (SHOULDER + 0.02 + 0.09 * manner.style) * manner.broad
    hand_x = toes_x + PLANK * 0.93 - 0.02
    shoulders, elbows, wrists, thighs, knees, ankles, toes = ([] for _ in range(7))
    for side in SIDES:
        shoulder, wrist = (chest[0], chest[1], -side * SHOULDER * manner.broad), (hand_x, 0.03, -side * wide)
        shoulders.append(shoulder)
        wrists.append(wrist)
        elbows.append(bent(shoulder, wrist, UPPER_ARM, FOREARM - 0.02, (-1.0, 0.35, -side * 0.9)))
        thigh, foot = (hips[0], hips[1], -side * HIP), (ankle[0], ankle[1], -side * HIP)
        thighs.append(thigh)
        ankles.append(foot)
        knees.append(_middle(thigh, foot))
        toes.append((ankle[0] + 0.05, 0.0, -side * HIP))
    return Pose(head, chest, waist, hips, *map(_pair, (shoulders, elbows, wrists, thighs, knees, ankles, toes)))


def sit(depth: float, manner: Manner) -> Pose:
    """On a chair facing +z; `depth` 1 is bent: the pelvis rolled back, the back round, the head forward and low."""
    hips = (0.0, 0.52, 0.06 * depth)
    back, round_ = 0.02 - 0.32 * depth, 0.04 + 0.82 * depth
    waist = added(hips, (0.0, math.cos(back), math.sin(back)), TORSO * 0.5)
    chest = added(waist, (0.0, math.cos(round_), math.sin(round_)), TORSO * 0.5)
    hands = 0.62 - 0.05 * depth
    arms = []
    for side in SIDES:
        shoulder = (chest[0] + side * SHOULDER * manner.broad, chest[1] - 0.02, chest[2] + 0.05 * depth)
        wrist = (side * 0.14, hands + 0.03 * manner.swing * side, 0.38 if manner.style < 0.6 else 0.3)
        arms.append((shoulder, bent(shoulder, wrist, UPPER_ARM, FOREARM, (side * 0.5, -1.0, -0.6)), wrist))
    nod = 0.06 + 0.8 * depth + manner.sway * 2.0
    head = added(chest, (0.0, math.cos(nod), math.sin(nod)), NECK + 0.02)
    shoulders, elbows, wrists = zip(*arms, strict=True)
    thighs = [(side * HIP, hips[1], hips[2]) for side in SIDES]
    knees = [(side * (HIP + 0.03), 0.52, 0.44) for side in SIDES]
    ankles = [(side * (HIP + 0.03), ANKLE, 0.4) for side in SIDES]
    toes = [(side * (HIP + 0.05), 0.02, 0.55) for side in SIDES]
    return Pose(head, chest, waist, hips, *map(_pair, (shoulders, elbows, wrists, thighs, knees, ankles, toes)))


POSES: dict[str, Callable[[float, Manner], Pose]] = {
    "push ups": push_up,
    "squats": squat,
    "jumping jacks": jumping_jack,
    "arm raises": arm_raise,
    "waving": wave,
}

Arm = tuple[Point, Point, Point]


def _arm(chest: Point, side: int, manner: Manner, forward: float, outward: float) -> Arm:
    """A nearly straight arm, lifted from hanging by angles in radians."""
    shoulder = (chest[0] + side * SHOULDER * manner.broad, chest[1], chest[2])
    down = -math.cos(forward) * math.cos(outward)
    way = (side * math.sin(outward), down, math.sin(forward) * math.cos(outward))
    elbow = added(shoulder, way, UPPER_ARM)
    return shoulder, elbow, added(elbow, added(way, (0.0, 0.05, 0.1)), FOREARM)


def _hand_at(chest: Point, side: int, manner: Manner, place: Point) -> Arm:
    shoulder = (chest[0] + side * SHOULDER * manner.broad, chest[1], chest[2])
    wrist = added(chest, place)
    return shoulder, bent(shoulder, wrist, UPPER_ARM, FOREARM, (side * 1.0, -0.4, 0.2)), wrist


def _upright(
    hips: Point, chest: Point, nod: float, arms: list[Arm], spread: float, manner: Manner, ground: float = 0.0
) -> Pose:
    head = added(chest, (0.0, math.cos(nod), math.sin(nod)), NECK + 0.02)
    thighs = [(hips[0] + side * HIP, hips[1], hips[2]) for side in SIDES]
    ankles = [(side * spread, ANKLE + ground, 0.0) for side in SIDES]
    knees = [
        bent(thigh, ankle, THIGH, SHIN, (side * 0.35, 0.0, 1.0))
        for side, thigh, ankle in zip(SIDES, thighs, ankles, strict=True)
    ]
    toes = [(ankle[0] * 1.15, 0.03 + ground, 0.14) for ankle in ankles]
    shoulders, elbows, wrists = zip(*arms, strict=True)
    joints = map(_pair, (shoulders, elbows, wrists, thighs, knees, ankles, toes))
    return Pose(head, chest, _middle(hips, chest), hips, *joints)


def _middle(a: Point, b: Point) -> Point:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2


def _pair(points: list[Point] | tuple[Point, ...]) -> tuple[Point, Point]:
    return points[0], points[1]

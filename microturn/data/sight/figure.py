"""A body with its clothes, drawn as round limbs through a camera. Knows poses, not what they mean."""

import math
from typing import NamedTuple

import numpy as np

from microturn.data.sight.body import Point, Pose
from microturn.data.sight.draw import draw_capsule
from microturn.data.sight.look import Look, color_of, hair_of, rgb, skin_of

HEAD = 0.125


class Camera(NamedTuple):
    """`centre` (x, y, z in metres) is in the middle of a picture of `height` x `width`; `scale` is pixels a metre."""

    yaw: float
    pitch: float
    roll: float
    scale: float
    centre: Point
    height: int
    width: int
    mirrored: bool = False


class Spot(NamedTuple):
    """Where a point is in the picture, and how near: larger is nearer."""

    x: float
    y: float
    near: float


class Clothes(NamedTuple):
    """Colors, float32 [3] each, and how thick the body is."""

    skin: np.ndarray
    hair: np.ndarray
    top: np.ndarray
    belly: np.ndarray
    sleeve: np.ndarray
    cuff: np.ndarray
    thigh: np.ndarray
    shin: np.ndarray
    shoe: np.ndarray
    girth: float
    head: float
    hair_kind: str
    loose: float


class Limb(NamedTuple):
    """From one point to another, with a radius at each, in metres."""

    start: Point
    end: Point
    radius: float
    tip: float
    color: np.ndarray


def seen_at(camera: Camera, point: Point) -> Spot:
    """Where the camera sees a point; all lines of sight are parallel."""
    x, y, z = point[0] - camera.centre[0], point[1] - camera.centre[1], point[2] - camera.centre[2]
    cos, sin = math.cos(camera.yaw), math.sin(camera.yaw)
    across, towards = x * cos + z * sin, z * cos - x * sin
    up = y * math.cos(camera.pitch) - towards * math.sin(camera.pitch)
    near = towards * math.cos(camera.pitch) + y * math.sin(camera.pitch)
    if camera.mirrored:
        across = -across
    cos, sin = math.cos(camera.roll), math.sin(camera.roll)
    across, up = across * cos - up * sin, across * sin + up * cos
    return Spot(camera.width / 2 + camera.scale * across, camera.height / 2 - camera.scale * up, near)


def clothes(look: Look) -> Clothes:
    """What somebody wears, and of what build they are."""
    skin, top, bottom = skin_of(look), color_of(look, "top"), color_of(look, "bottom")
    kind, legs = look.kinds["top"], look.kinds["bottom"]
    bare = kind in ("sleeveless", "vest")
    sleeve = skin if bare else top
    cuff = top if kind in ("long sleeves", "hoodie", "striped") else skin
    belly = {"striped": top * 0.55 + 90.0, "halved": bottom * 0.5 + 60.0, "vest": top * 0.7}.get(kind, top)
    shoe = rgb(look["top_hue"] + 0.4, 0.5, 0.25 + 0.6 * look["style"])
    shin = skin if legs in ("shorts", "knee", "skirt") else bottom
    loose = {"baggy": 1.25, "skirt": 1.35, "hoodie": 1.1, "leggings": 0.92}.get(legs, 1.0)
    girth = look["girth"]
    hair = hair_of(look) if look.kinds["hair"] not in ("cap", "hat", "headband") else rgb(look["bottom_hue"], 0.7, 0.6)
    return Clothes(
        skin, hair, top, belly, sleeve, cuff, bottom, shin, shoe, girth, look["head"], look.kinds["hair"], loose
    )


def draw_figure(picture: np.ndarray, camera: Camera, pose: Pose, worn: Clothes) -> None:
    """The whole body, what is far first."""
    limbs = _limbs(pose, worn)
    placed = [(seen_at(camera, limb.start), seen_at(camera, limb.end), limb) for limb in limbs]
    for start, end, limb in sorted(placed, key=lambda entry: entry[0].near + entry[1].near):
        radius, tip = limb.radius * camera.scale, limb.tip * camera.scale
        draw_capsule(picture, start[:2], end[:2], max(radius, 1.1), limb.color, max(tip, 1.0))


def _limbs(pose: Pose, worn: Clothes) -> list[Limb]:
    fat, loose = worn.girth, worn.girth * worn.loose
    limbs = [
        Limb(pose.hips, pose.waist, 0.145 * fat, 0.135 * fat, worn.belly),
        Limb(pose.waist, pose.chest, 0.135 * fat, 0.15 * fat, worn.top),
        Limb(*pose.shoulders, 0.085 * fat, 0.085 * fat, worn.top),
        *_head(pose, worn),
    ]
    for side in (0, 1):
        shoulder, elbow, wrist = pose.shoulders[side], pose.elbows[side], pose.wrists[side]
        thigh, knee, ankle = pose.thighs[side], pose.knees[side], pose.ankles[side]
        limbs += [
            Limb(shoulder, elbow, 0.07 * fat, 0.055 * fat, worn.sleeve),
            Limb(elbow, wrist, 0.054 * fat, 0.046 * fat, worn.cuff),
            Limb(wrist, wrist, 0.06, 0.06, worn.skin),
            Limb(thigh, knee, 0.095 * loose, 0.075 * loose, worn.thigh),
            Limb(knee, ankle, 0.066 * fat, 0.052 * fat, worn.shin),
            Limb(ankle, pose.toes[side], 0.055, 0.048, worn.shoe),
        ]
    return limbs


def _head(pose: Pose, worn: Clothes) -> list[Limb]:
    """Face and hair; the hair lies behind the face, seen from where the face looks."""
    head, size = pose.head, HEAD * worn.head
    up = _unit(tuple(h - c for h, c in zip(head, pose.chest, strict=True)))
    ahead = _ahead(pose)
    neck = Limb(pose.chest, head, 0.05, 0.05, worn.skin)
    face = Limb(_moved(head, ahead, 0.02), _moved(head, up, -0.03), size * 0.95, size * 0.85, worn.skin)
    crown = _moved(_moved(head, ahead, -0.035), up, 0.035)
    long = {"long": 0.2, "tail": 0.14, "curls": 0.05}.get(worn.hair_kind, 0.0)
    if worn.hair_kind == "none":
        return [neck, face]
    fringe = size * (1.12 if worn.hair_kind == "curls" else 1.0)
    hair = [Limb(crown, _moved(crown, up, -long), fringe, fringe * (0.7 if long else 1.0), worn.hair)]
    if worn.hair_kind in ("bun", "mohawk"):
        top = _moved(crown, up, size * 0.95)
        hair.append(Limb(top, top, size * 0.45, size * 0.45, worn.hair))
    if worn.hair_kind in ("cap", "hat"):
        brim = _moved(_moved(head, up, size * 0.62), ahead, 0.1)
        hair.append(Limb(_moved(head, up, size * 0.7), brim, 0.05, 0.03, worn.hair))
    return [neck, face, *hair]


def _ahead(pose: Pose) -> Point:
    """Where the body faces: at a right angle to the shoulders and the spine."""
    across = tuple(b - a for a, b in zip(*pose.shoulders, strict=True))
    spine = tuple(c - h for c, h in zip(pose.chest, pose.hips, strict=True))
    return _unit((
        across[1] * spine[2] - across[2] * spine[1],
        across[2] * spine[0] - across[0] * spine[2],
        across[0] * spine[1] - across[1] * spine[0],
    ))  # fmt: skip


def _unit(vector: tuple[float, ...]) -> Point:
    length = math.sqrt(sum(v * v for v in vector)) + 1e-9
    return vector[0] / length, vector[1] / length, vector[2] / length


def _moved(point: Point, way: Point, by: float) -> Point:
    return point[0] + way[0] * by, point[1] + way[1] * by, point[2] + way[2] * by

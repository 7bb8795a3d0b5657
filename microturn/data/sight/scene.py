"""A shot as pictures: `Scene(shot).frame(t_ms)`, continuous in time, decided by the shot alone.

Everything that stays (backdrop, light, sprites, clothes) is made once; a frame draws what moves upon it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from microturn.data.sight import body, hand, room, things
from microturn.data.sight.body import Manner, Pose
from microturn.data.sight.draw import Sprite, draw_box, draw_capsule, draw_sprite
from microturn.data.sight.figure import Camera, Clothes, clothes, draw_figure, seen_at
from microturn.data.sight.look import Look, look, rgb, skin_of
from microturn.data.sight.play import Go, Hand, Moving, Rep, Shot, Sitting, Things
from microturn.data.splits import Split

# Four patches of 40 x 40: a body's arm is three pixels thick, a finger four (docs/decisions/0014).
HEIGHT = WIDTH = 80
BLUR_FROM_MS = 35.0  # a shorter shutter moves nothing by a pixel
SWING_PER_MS = 2 * math.pi / 560.0
BLEND_SHARE = 0.12


@dataclass(frozen=True)
class _Framing:
    """How a person is looked at: yaw in degrees about which the look's own varies, metres up and across, the middle."""

    yaw_deg: float
    high: float
    wide: float
    centre: tuple[float, float, float]


STANDING = _Framing(0.0, 2.3, 1.9, (0.0, 1.04, 0.0))
SQUATTING = _Framing(42.0, 2.1, 1.6, (0.0, 0.9, 0.0))
ON_FLOOR = _Framing(0.0, 1.1, 2.05, (-0.1, 0.42, 0.0))
ON_CHAIR = _Framing(64.0, 1.6, 1.5, (0.0, 0.78, 0.12))


class Scene:
    """One shot, ready to be looked at. `height` and `width` in pixels; 80 x 80 is what the shipped model sees."""

    def __init__(self, shot: Shot, height: int = HEIGHT, width: int = WIDTH) -> None:
        self.shot, self.height, self.width = shot, height, width
        self.look = look(cast("Split", shot.split), shot.seed)
        self._shake = self.look.rng(3).uniform(0.0, 6.28, 8)
        self._light = room.light(self.look, height, width)
        grain = self.look.rng(4).standard_normal(height * width * 3 + 4_096, dtype=np.float32)
        self._grain = grain * np.float32(self.look["noise"])
        self._painter = _painter(shot, self.look, height, width)
        counted = isinstance(shot.play, Things)
        self._backdrop = room.backdrop(self.look, height, width, self._painter.horizon, cluttered=not counted)
        if isinstance(shot.play, Hand):
            self._backdrop *= _behind_hand(self._backdrop, self.look)
        self._blocks = [] if counted else room.foreground(self.look)

    def frame(self, t_ms: int) -> np.ndarray:
        """The picture `t_ms` after the play's zero: uint8 [height, width, 3]."""
        picture = self._drawn(t_ms)
        shutter_ms = self.look["shutter_ms"]
        if shutter_ms > BLUR_FROM_MS and self._painter.moves(t_ms):
            picture += self._drawn(t_ms - shutter_ms)
            picture *= 0.5
        picture *= self._light
        picture *= 1.0 + self.look["flicker"] * math.sin(t_ms / 53.0 + self._shake[6])
        skip = (t_ms * 2_654_435_761 >> 7) % 4_096
        picture += self._grain[skip : skip + picture.size].reshape(picture.shape)
        return np.clip(picture, 0.0, 255.0, out=picture).astype(np.uint8)

    def _drawn(self, t_ms: float) -> np.ndarray:
        """The picture without light and grain, float32 [H, W, 3]."""
        dx, dy = self._shaken(t_ms)
        top, left = room.MARGIN + round(dy), room.MARGIN + round(dx)
        picture = self._backdrop[top : top + self.height, left : left + self.width].copy()
        self._painter.draw(picture, t_ms)
        for block in self._blocks:
            edges = (block.left * self.width, block.top * self.height, block.right * self.width)
            draw_box(picture, *edges, block.bottom * self.height, block.color)
        return picture

    def _shaken(self, t_ms: float) -> tuple[float, float]:
        a, b, c, d = self._shake[:4]
        reach = self.look["shake"]
        across = math.sin(t_ms / 410.0 + a) + 0.6 * math.sin(t_ms / 170.0 + b)
        return reach * across, reach * (math.sin(t_ms / 530.0 + c) + 0.6 * math.sin(t_ms / 190.0 + d))


class _Mover:
    """Draws a person who exercises."""

    def __init__(self, play: Moving, look: Look, height: int, width: int) -> None:
        self.play, self.look = play, look
        self.worn = clothes(look)
        self.main = play.reps[0].motion if play.reps else "push ups" if play.stance == "floor" else "arm raises"
        framing = ON_FLOOR if play.stance == "floor" else SQUATTING if self.main == "squats" else STANDING
        self.camera = _camera(framing, look, height, width)
        self.horizon = _horizon(self.camera)

    def draw(self, picture: np.ndarray, t_ms: float) -> None:
        draw_figure(picture, self.camera, self._pose(t_ms), self.worn)

    def moves(self, t_ms: int) -> bool:
        return rep_at(self.play.reps, t_ms) is not None

    def _pose(self, t_ms: float) -> Pose:
        manner = _manner(self.look, t_ms)
        rep = rep_at(self.play.reps, t_ms)
        if rep is None:
            return body.POSES[self.main](0.0, manner)
        pose = body.POSES[rep.motion](depth_at(rep, t_ms), manner)
        if rep.motion == self.main:
            return pose
        passed = (t_ms - rep.start_ms) / rep.length_ms
        share = _smooth(min(passed, 1.0 - passed) / BLEND_SHARE)
        return _blended(body.POSES[self.main](0.0, manner), pose, share)


class _Sitter:
    """Draws a person on a chair, at a desk or not."""

    def __init__(self, play: Sitting, look: Look, height: int, width: int) -> None:
        self.play, self.look = play, look
        self.worn: Clothes = clothes(look)
        self.camera = _camera(ON_CHAIR, look, height, width)
        self.horizon = _horizon(self.camera)
        self.wood = rgb(look["floor_hue"] + 0.15, 0.45, 0.25 + 0.4 * look["style"])

    def draw(self, picture: np.ndarray, t_ms: float) -> None:
        self._bar(picture, (0.0, 0.42, -0.2), (0.0, 0.42, 0.3), 0.045)
        self._bar(picture, (0.0, 0.4, -0.24), (0.0, 0.02, -0.22), 0.03)
        self._bar(picture, (0.0, 0.4, 0.26), (0.0, 0.02, 0.26), 0.03)
        self._bar(picture, (0.0, 0.42, -0.24), (0.0, 0.92, -0.3), 0.04)
        pose = body.sit(slouch_at(self.play, t_ms), _manner(self.look, t_ms))
        draw_figure(picture, self.camera, pose, self.worn)
        if self.look["style"] > 0.45:
            self._bar(picture, (0.0, 0.66, 0.42), (0.0, 0.66, 1.1), 0.035)
            self._bar(picture, (0.0, 0.66, 0.9), (0.0, 0.0, 0.9), 0.03)

    def moves(self, t_ms: int) -> bool:
        return any(lean.start_ms <= t_ms < lean.start_ms + lean.length_ms for lean in self.play.leans)

    def _bar(self, picture: np.ndarray, start: body.Point, end: body.Point, radius: float) -> None:
        ends = seen_at(self.camera, start)[:2], seen_at(self.camera, end)[:2]
        draw_capsule(picture, *ends, radius * self.camera.scale, self.wood)


class _HandHolder:
    """Draws a hand."""

    horizon = None

    def __init__(self, play: Hand, look: Look, height: int, width: int) -> None:
        self.play, self.look = play, look
        self.phase = float(look.rng(5).uniform(0.0, 6.28))

    def draw(self, picture: np.ndarray, t_ms: float) -> None:
        tremble = 0.012 * math.sin(t_ms / 310.0 + self.phase), 0.01 * math.sin(t_ms / 270.0)
        hand.draw_hand(picture, self.look, grip_at(self.play, self.look["style"], t_ms), tremble)

    def moves(self, t_ms: int) -> bool:
        return any(change.start_ms <= t_ms < change.start_ms + self.play.change_ms for change in self.play.changes)


class _ThingShower:
    """Draws things on a table."""

    def __init__(self, play: Things, look: Look, height: int, width: int) -> None:
        self.play, self.height, self.width = play, height, width
        self.sprites: list[Sprite] = [things.sprite(t.shape, t.color, look, height) for t in play.things]
        self.horizon = 0.35 + 0.3 * look["style"]
        self.phases = look.rng(5).uniform(0.0, 6.28, len(play.things) + 1)

    def draw(self, picture: np.ndarray, t_ms: float) -> None:
        for sprite, thing, phase in zip(self.sprites, self.play.things, self.phases, strict=False):
            x = place_at(thing.x, thing.goes, t_ms)
            bob = 0.4 * math.sin(t_ms / 600.0 + phase)
            draw_sprite(picture, sprite, x * self.width, thing.y * self.height + bob)

    def moves(self, t_ms: int) -> bool:
        return False  # nothing is so fast that it would blur


def rep_at(reps: Sequence[Rep], t_ms: float) -> Rep | None:
    """The repetition that is on; None at rest."""
    return next((rep for rep in reps if rep.start_ms <= t_ms < rep.end_ms), None)


def depth_at(rep: Rep, t_ms: float) -> float:
    """How far a repetition has gone: from 0 to its depth and back."""
    passed = (t_ms - rep.start_ms) / rep.length_ms
    if passed < rep.down:
        return rep.depth * _smooth(passed / rep.down)
    back = rep.down + rep.hold
    return rep.depth * (1.0 - _smooth((passed - back) / max(1.0 - back, 1e-6)))


def slouch_at(play: Sitting, t_ms: float) -> float:
    """How bent somebody sits: 0 straight, 1 bent."""
    bent = play.first
    for lean in play.leans:
        bent += (lean.slouch - bent) * _smooth((t_ms - lean.start_ms) / lean.length_ms)
    return bent


def grip_at(play: Hand, style: float, t_ms: float) -> hand.Grip:
    """How a hand is held; `style` of the look says which fingers are meant by a number."""
    held = hand.grip(play.first, style)
    for change in play.changes:
        share = _smooth((t_ms - change.start_ms) / play.change_ms)
        if share > 0.0:
            held = hand.between(held, hand.grip(change.fingers, style), share)
    return held


def place_at(x: float, goes: Sequence[Go], t_ms: float) -> float:
    """Where a thing is, in pictures from the left."""
    for go in goes:
        x += (go.x - x) * _smooth((t_ms - go.start_ms) / go.length_ms)
    return x


def _painter(shot: Shot, look: Look, height: int, width: int) -> _Mover | _Sitter | _HandHolder | _ThingShower:
    play = shot.play
    if isinstance(play, Moving):
        return _Mover(play, look, height, width)
    if isinstance(play, Sitting):
        return _Sitter(play, look, height, width)
    if isinstance(play, Hand):
        return _HandHolder(play, look, height, width)
    return _ThingShower(play, look, height, width)


def _camera(framing: _Framing, look: Look, height: int, width: int) -> Camera:
    scale = min(height / framing.high, width / framing.wide) * look["zoom"] * look["height"]
    across, up = look["shift_x"] * width / scale, look["shift_y"] * height / scale
    centre = framing.centre
    return Camera(
        yaw=math.radians(framing.yaw_deg + look["yaw_deg"]),
        pitch=math.radians(look["pitch_deg"]),
        roll=math.radians(look["roll_deg"]),
        scale=scale,
        centre=(centre[0] - across, centre[1] + up, centre[2]),
        height=height,
        width=width,
        mirrored=look.mirrored,
    )


def _behind_hand(backdrop: np.ndarray, look: Look) -> float:
    """What a wall is multiplied with that is so like the skin that nobody would see the hand before it."""
    skin = float(skin_of(look).mean())
    if abs(float(backdrop.mean()) - skin) >= 35:
        return 1.0
    return 0.5 if skin > 110 else 1.6


def _horizon(camera: Camera) -> float:
    """Where the wall two metres behind the person begins."""
    spot = seen_at(camera, (0.0, 0.0, -1.6))
    return float(np.clip(spot.y / camera.height, 0.5, 0.97))


def _manner(look: Look, t_ms: float) -> Manner:
    sway = 0.012 * math.sin(t_ms / 900.0 + 6.0 * look["style"])
    return Manner(look["style"], sway, math.sin(t_ms * SWING_PER_MS), look["shoulders"])


def _smooth(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


def _blended(a: Pose, b: Pose, share: float) -> Pose:
    mixed = np.array(_flat(a)) * (1.0 - share) + np.array(_flat(b)) * share
    points = [(float(x), float(y), float(z)) for x, y, z in mixed]
    pairs = [(points[i], points[i + 1]) for i in range(4, len(points), 2)]
    return Pose(points[0], points[1], points[2], points[3], *pairs)


def _flat(pose: Pose) -> list[body.Point]:
    return [*pose[:4], *(point for pair in pose[4:] for point in pair)]

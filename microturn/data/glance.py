"""Glances: a few consecutive frames of somebody or something, and what each pair of them shows. No sound, no sequence.

What is asked of a glance is what its pictures alone can tell, so that an eye can be trained apart from all else
(docs/decisions/0022). Plays are those of the scripts about sight; nobody says a word.
Shapes: P pairs, H and W pixels, Q things that are so or not, A amounts.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from microturn.core.clock import TICK_MS
from microturn.data.lexicon import number_words
from microturn.data.scenarios import SIGHT_SKILLS, sample_script
from microturn.data.script import SceneScript
from microturn.data.sight import view
from microturn.data.sight.film import Film
from microturn.data.sight.look import look
from microturn.data.sight.play import COLORS, SHAPES, Hand, Moving, Play, Sitting, Staged, Things, length_ms, side_of
from microturn.data.sight.scene import depth_at, grip_at, place_at, rep_at, slouch_at
from microturn.data.splits import Split

NUMBERS = (view.NO_HAND, *(number_words(n) for n in range(6)))
WORDS = (
    *NUMBERS, view.BENT, view.STRAIGHT, *view.MOTIONS.values(), view.THERE,
    view.BACK, view.DONE, view.REST, *SHAPES, *COLORS, "left", "right",
)  # fmt: skip
THINGS = tuple((color, shape, side) for color in COLORS for shape in SHAPES for side in ("left", "right"))
TOLD = (*WORDS, *(" ".join(thing) for thing in THINGS))
FINGERS = ("thumb", "first finger", "second finger", "third finger", "fourth finger", "hand below")
AMOUNTS = ("depth", "onward", "bent", *FINGERS)
ONWARD_SCALE = 2.5  # of the way between two frames
IN_SIGHT = (0.06, 0.94)  # a thing's middle, in pictures from the left
BEFORE_MS = 600


class Glance(NamedTuple):
    """frames: uint8 [P + 1, H, W, 3]; told_PQ: float32, 1 where that of TOLD is so, else 0; amounts_PA: float32, of
    AMOUNTS, NaN where there is no such thing."""

    frames: np.ndarray
    told_PQ: np.ndarray
    amounts_PA: np.ndarray


def draw_glance(
    rng: np.random.Generator, split: Split, pairs: int, shares: Mapping[str, float] = MappingProxyType({})
) -> Glance:
    """`pairs` + 1 frames, a tick apart, from anywhere in a play; its look belongs to `split`.

    `shares`: how often it is a play of a skill, 1 where nothing is said.
    """
    weights = np.array([shares.get(skill, 1.0) for skill in SIGHT_SKILLS])
    script = sample_script(SIGHT_SKILLS[int(rng.choice(len(weights), p=weights / weights.sum()))], rng, split)
    assert isinstance(script, SceneScript)
    shot = script.shot
    start_ms = int(rng.uniform(-BEFORE_MS, max(length_ms(shot.play), BEFORE_MS)))
    film = Film([Staged(shot, 0, -start_ms, (pairs + 2) * TICK_MS)], phase_ms=0)
    frames = [frame for tick in range(pairs + 1) if (frame := film(tick)) is not None]
    style = look(split, shot.seed)["style"]
    told = np.zeros((pairs, len(TOLD)), np.float32)
    amounts = np.full((pairs, len(AMOUNTS)), np.nan, np.float32)
    for pair in range(pairs):
        t_ms = start_ms + (pair + 1) * TICK_MS
        words = _there(shot.play, t_ms) if isinstance(shot.play, Things) else film.in_view(pair + 1)
        told[pair, [TOLD.index(word) for word in words]] = 1.0
        for name, amount in _amounts(shot.play, t_ms, style).items():
            amounts[pair, AMOUNTS.index(name)] = amount
    return Glance(np.stack(frames), told, amounts)


def _there(what: Things, t_ms: float) -> set[str]:
    """What can be seen of things now, whether or not it is plain yet where they go."""
    words: set[str] = set()
    for thing in what.things:
        x = place_at(thing.x, thing.goes, t_ms)
        if IN_SIGHT[0] < x < IN_SIGHT[1]:
            named = (thing.color, thing.shape, side_of(x))
            words |= {*named, " ".join(named)}
    return words


def _amounts(what: Play, t_ms: float, style: float) -> dict[str, float]:
    match what:
        case Moving():
            rep, before = rep_at(what.reps, t_ms), rep_at(what.reps, t_ms - TICK_MS)
            depth = depth_at(rep, t_ms) if rep else 0.0
            past = depth_at(before, t_ms - TICK_MS) if before else 0.0
            return {"depth": depth, "onward": ONWARD_SCALE * (depth - past)}
        case Hand():
            held = grip_at(what, style, t_ms)
            return dict(zip(FINGERS, (*held.stretched, min(held.lift, 1.0)), strict=True))
        case Sitting():
            return {"bent": slouch_at(what, t_ms)}
        case Things():
            return {}

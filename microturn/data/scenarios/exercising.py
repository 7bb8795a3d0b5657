"""Somebody exercises: the skills "reps" and "start stop"."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from microturn.data.scenarios import seeing, watching
from microturn.data.scenarios.draw import between, chance, line, pick
from microturn.data.script import Line, SceneScript
from microturn.data.sight.play import EXERCISES, WAVING, Moving, Rep
from microturn.data.sight.tempo import UNEVEN, Tempo, tempo
from microturn.data.splits import Phrase, Split

LONGEST_MS = 24_000
NEAR_MISSES = 0.45  # of plays that are drawn again: how often what is seen is not just what was asked for
HALF = (0.22, 0.46)
WHOLE = (0.93, 1.0)
PAUSE_MS = (1_500, 3_200)
NEGATIVES = ("told", "other motion", "halves", "nothing")


def reps(rng: np.random.Generator, split: Split) -> SceneScript:
    """Repetitions, counted as they are completed; half ones, pauses and other movements between them."""
    motion = pick(rng, EXERCISES)
    main = pick(rng, watching.counting(split, motion))
    if chance(rng, 0.24):
        return _uncounted(rng, split, motion, main)
    play = _set(rng, split, motion, _first_ms(rng), between(rng, 3, 11))
    lines = [*seeing.before(rng, split), line(main, between(rng, 600, 2_000))]
    after = len(lines) - 1
    lines += seeing.meanwhile(rng, split, play)
    return seeing.scene_script(rng, split, "reps", main, lines, play, after=after)


def start_stop(rng: np.random.Generator, split: Split) -> SceneScript:
    """One bout or two of a motion, told when they begin and end."""
    motion = pick(rng, (*EXERCISES, WAVING))
    main = pick(rng, watching.bouts(split, motion))
    kind = pick(rng, ("told", "other motion", "nothing")) if chance(rng, 0.24) else ""
    shown = _other_motion(rng, motion) if kind == "other motion" else motion
    found = _bouts(rng, split, shown, 0 if kind == "nothing" else between(rng, 1, 2))
    play = Moving(_stance(motion), tuple(found))
    lines = [*seeing.before(rng, split), line(main, between(rng, 600, 2_000))]
    if kind == "told":
        main, lines = _unasked(rng, split, main, "start stop")
    after = len(lines) - 1
    lines += [] if kind else seeing.meanwhile(rng, split, play)
    return seeing.scene_script(rng, split, "start stop", main, lines, play, after=after, negative=bool(kind))


def counting_again(rng: np.random.Generator, split: Split, motion: str) -> Moving:
    """What may be seen after `motion` is to be counted: sets of it, or such as are taken for it."""
    kind = pick(rng, ("halves", "other motion", "between others")) if chance(rng, NEAR_MISSES) else ""
    if kind == "between others":
        return _between_others(rng, motion, lambda shown, start_ms: _several(rng, split, shown, start_ms))
    shown = _other_motion(rng, motion) if kind == "other motion" else motion
    play = _set(rng, split, shown, _first_ms(rng), between(rng, 2, 10), plain=bool(kind))
    return _halved(rng, play) if kind == "halves" else play


def bouts_again(rng: np.random.Generator, split: Split, motion: str) -> Moving:
    """What may be seen after start and stop of `motion` are to be told: bouts of it, of another one, or of both."""
    if chance(rng, NEAR_MISSES):
        return _between_others(rng, motion, lambda shown, start_ms: _bout(rng, split, shown, start_ms))
    return Moving(_stance(motion), tuple(_bouts(rng, split, motion, between(rng, 1, 2))))


def moving_about(rng: np.random.Generator, split: Split) -> Moving:
    """One bout or two of anything, for whom it may concern."""
    motion = pick(rng, (*EXERCISES, WAVING))
    found = _bout(rng, split, motion, between(rng, 1_000, 3_000))
    if chance(rng, 0.4):
        found += _bout(rng, split, motion, found[-1].end_ms + between(rng, 2_600, 4_500))
    return Moving(_stance(motion), tuple(found))


def _uncounted(rng: np.random.Generator, split: Split, motion: str, main: Phrase) -> SceneScript:
    """Counting was not asked for, or there is nothing to count."""
    kind = pick(rng, NEGATIVES)
    lines = [line(main, between(rng, 600, 2_000))]
    if kind == "told":
        main, lines = _unasked(rng, split, main, "reps")
    shown = _other_motion(rng, motion) if kind == "other motion" else motion
    start_ms = between(rng, 500, 2_500)
    play = _set(rng, split, shown, start_ms, between(rng, 2, 6), plain=True)
    if kind == "halves":
        play = _halved(rng, play)
    if kind == "nothing":
        play = replace(play, reps=())
    return seeing.scene_script(rng, split, "reps", main, lines, play, negative=True)


def _unasked(rng: np.random.Generator, split: Split, main: Phrase, skill: str) -> tuple[Phrase, list[Line]]:
    words = "push ups" if skill == "reps" else "say start"
    somebody = watching.to_somebody_like(split, words)
    return seeing.told_or_overheard(rng, watching.told(split, skill), main, somebody)


def _first_ms(rng: np.random.Generator) -> int:
    """After the instruction, or long before its end."""
    return -between(rng, 2_000, 5_000) if chance(rng, 0.12) else between(rng, 500, 2_500)


def _set(rng: np.random.Generator, split: Split, motion: str, first_ms: int, count: int, plain: bool = False) -> Moving:
    """`count` movements one after the other from `first_ms`, most of them whole, until it gets long."""
    pace = tempo(split, rng)
    halves = 0.3 if chance(rng, 0.35) and not plain else 0.0
    pauses = chance(rng, 0.3) and not plain
    waves = motion != "push ups" and chance(rng, 0.15) and not plain
    found: list[Rep] = []
    now_ms = first_ms
    for _ in range(count):
        depth = rng.uniform(*HALF) if chance(rng, halves) else rng.uniform(*WHOLE)
        found.append(rep(rng, motion, now_ms, depth, pace))
        now_ms = found[-1].end_ms + round(pace.gap_ms)
        if pauses and chance(rng, 0.25):
            now_ms += between(rng, *PAUSE_MS)
        if waves and chance(rng, 0.25):
            found.append(_wave(rng, now_ms + 300))
            now_ms = found[-1].end_ms + 300
        if now_ms > LONGEST_MS:
            break
    return Moving(_stance(motion), tuple(found))


def _bout(rng: np.random.Generator, split: Split, motion: str, start_ms: int) -> list[Rep]:
    """Movements without a rest."""
    if motion == WAVING:
        return [replace(_wave(rng, start_ms), length_ms=between(rng, 2_500, 7_000))]
    pace = tempo(split, rng)
    found: list[Rep] = []
    now_ms = start_ms
    for _ in range(between(rng, 2, 5)):
        found.append(rep(rng, motion, now_ms, rng.uniform(*WHOLE), pace))
        now_ms = found[-1].end_ms + round(min(pace.gap_ms, 250))
    return found


def rep(rng: np.random.Generator, motion: str, start_ms: int, depth: float, pace: Tempo) -> Rep:
    """One at this tempo, give or take a little; half ones are over sooner."""
    length_ms = round(pace.length_ms * rng.uniform(1.0 - UNEVEN, 1.0 + UNEVEN) * (1.0 if depth > 0.6 else 0.75))
    return Rep(motion, start_ms, length_ms, round(float(depth), 3), round(pace.down, 3), round(pace.hold, 3))


def _bouts(rng: np.random.Generator, split: Split, motion: str, count: int) -> list[Rep]:
    found: list[Rep] = []
    for number in range(count):
        start_ms = found[-1].end_ms + between(rng, 2_600, 5_000) if number else between(rng, 900, 3_500)
        found += _bout(rng, split, motion, start_ms)
    return found


def _several(rng: np.random.Generator, split: Split, motion: str, start_ms: int) -> list[Rep]:
    """One to three repetitions, whole ones and halves."""
    if motion == WAVING:
        return [_wave(rng, start_ms)]
    pace = tempo(split, rng)
    found: list[Rep] = []
    now_ms = start_ms
    for _ in range(between(rng, 1, 3)):
        depth = rng.uniform(*HALF) if chance(rng, 0.25) else rng.uniform(*WHOLE)
        found.append(rep(rng, motion, now_ms, depth, pace))
        now_ms = found[-1].end_ms + round(pace.gap_ms)
    return found


def _between_others(rng: np.random.Generator, motion: str, moved: Callable[[str, int], list[Rep]]) -> Moving:
    """Stretches of other motions, with some of `motion` or none between them. Push-ups are done by themselves."""
    others = [other for other in (*EXERCISES, WAVING) if other != motion and _stance(other) == _stance(motion)]
    found: list[Rep] = []
    for _ in range(between(rng, 2, 4)):
        start_ms = found[-1].end_ms + between(rng, 1_100, 2_600) if found else between(rng, 500, 2_500)
        if start_ms > LONGEST_MS:
            break
        found += moved(pick(rng, others) if others and chance(rng, 0.6) else motion, start_ms)
    return Moving(_stance(motion), tuple(found))


def _halved(rng: np.random.Generator, play: Moving) -> Moving:
    return replace(play, reps=tuple(replace(rep, depth=round(float(rng.uniform(*HALF)), 3)) for rep in play.reps))


def _wave(rng: np.random.Generator, start_ms: int) -> Rep:
    return Rep(WAVING, start_ms, between(rng, 1_400, 2_600), 1.0, 0.16, 0.66)


def _other_motion(rng: np.random.Generator, motion: str) -> str:
    """One of another stance where that is possible: nobody waves while doing push ups."""
    return pick(rng, [other for other in (*EXERCISES, WAVING) if other != motion and _stance(other) == "standing"])


def _stance(motion: str) -> Literal["floor", "standing"]:
    return "floor" if motion == "push ups" else "standing"

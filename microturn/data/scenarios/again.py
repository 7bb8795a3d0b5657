"""The same script once more, with other things to see or to read: a pool has the sound of each of its lines once."""

from dataclasses import replace
from typing import cast

import numpy as np

from microturn.data.scenarios import exercising, working
from microturn.data.scenarios.draw import pick
from microturn.data.script import Delegate, SceneScript, Script
from microturn.data.sight.play import WAVING, Hand, Moving, Rep, Shown
from microturn.data.sight.tempo import tempo
from microturn.data.splits import Split

SHORT_GAP_MS = 450  # up to here it is the tempo's own pause


def shown_again(script: Script, rng: np.random.Generator) -> Script:
    """The script with another look, tempo and fingers of the same split; one without a scene is as it was.

    What the lines speak of stays: the motion, whole and half repetitions, the things.
    """
    if not isinstance(script, SceneScript):
        return script
    play = script.shot.play
    if isinstance(play, Moving):
        play = _paced(play, rng, cast("Split", script.shot.split))
    elif isinstance(play, Hand):
        play = _renumbered(play, rng)
    return replace(script, shot=replace(script.shot, play=play, seed=int(rng.integers(2**31))))


def worked_again(script: Script, rng: np.random.Generator) -> Script:
    """The script with other results, at other times: who only ever reads the same ones learns them by heart."""
    lines = [
        replace(line, meaning=working.afresh(rng)) if isinstance(line.meaning, Delegate) else line
        for line in script.lines
    ]
    return replace(script, lines=tuple(lines))


def _paced(play: Moving, rng: np.random.Generator, split: Split) -> Moving:
    pace = tempo(split, rng)
    found: list[Rep] = []
    for index, rep in enumerate(play.reps):
        start_ms = rep.start_ms
        if found:
            gap_ms = rep.start_ms - play.reps[index - 1].end_ms
            start_ms = found[-1].end_ms + (round(pace.gap_ms) if gap_ms <= SHORT_GAP_MS else gap_ms)
        moved = replace(rep, start_ms=start_ms)
        found.append(moved if rep.motion == WAVING else exercising.rep(rng, rep.motion, start_ms, rep.depth, pace))
    return Moving(play.stance, tuple(found))


def _renumbered(play: Hand, rng: np.random.Generator) -> Hand:
    last = play.first if play.first < 0 else int(rng.integers(6))
    first, found = last, list[Shown]()
    for change in play.changes:
        if change.fingers >= 0:
            last = pick(rng, [number for number in range(6) if number != last])
        found.append(replace(change, fingers=last if change.fingers >= 0 else -1))
    return Hand(first, tuple(found), play.change_ms)

"""The same script once more, with other things to see or to read: a pool has the sound of each of its lines once."""

from dataclasses import replace
from typing import cast

import numpy as np

from microturn.data.scenarios import exercising, seeing, showing, working
from microturn.data.scenarios.draw import between
from microturn.data.script import AskSeen, Delegate, SceneScript, Script, StartAppear
from microturn.data.sight.play import SLOUCH, WAVING, Hand, Moving, Play, Rep, Sitting, Things, changes
from microturn.data.sight.tempo import tempo
from microturn.data.splits import Split

SHORT_GAP_MS = 450  # up to here it is the tempo's own pause


def shown_again(script: Script, rng: np.random.Generator) -> Script:
    """The script with another look and another play of the same kind and split; one without a scene is as it was.

    What the lines speak of stays: the motion with its whole and half repetitions, whether what is awaited comes, and
    whether anything happens at all. What is shown, and when, is drawn anew: who sees the same play whenever a line is
    spoken learns to listen for it, not to look.
    """
    if not isinstance(script, SceneScript):
        return script
    play = _played_again(script, rng, cast("Split", script.shot.split))
    shot = replace(script.shot, play=play, seed=int(rng.integers(2**31)))
    return replace(script, shot=shot, tail_ms=seeing.tail_ms(shot, script.lines))


def _played_again(script: SceneScript, rng: np.random.Generator, split: Split) -> Play:
    play = script.shot.play
    if script.skill == "comment":
        return showing.changing(rng, split) if changes(play) else showing.unchanging(rng)
    match play:
        case Moving():
            return _paced(play, rng, split)
        case Hand():
            count = between(rng, 2, 6) if len(play.changes) > 1 else len(play.changes)
            return showing.hand(rng, count, away=0.0 if script.negative else showing.HAND_AWAY)
        case Sitting():
            return showing.sitting(rng, bends=any(lean.slouch >= SLOUCH for lean in play.leans))
        case Things():
            return _things_again(script, play, rng)


def _things_again(script: SceneScript, play: Things, rng: np.random.Generator) -> Things:
    meanings = [line.meaning for line in script.lines if line.speaker == "user"]
    if script.skill == "asked":
        return showing.lying_for(rng, [meaning for meaning in meanings if isinstance(meaning, AskSeen)])
    awaited = [(meaning.color, meaning.shape) for meaning in meanings if isinstance(meaning, StartAppear)]
    there = [(thing.color, thing.shape) for thing in play.things]
    wanted = awaited[0] if awaited else there[0]
    return showing.coming_for(rng, wanted, comes=wanted in there)


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

"""The same script once more, with other things to see or to read: a pool has the sound of each of its lines once."""

from dataclasses import replace
from typing import cast

import numpy as np

from microturn.data.scenarios import exercising, seeing, showing, working
from microturn.data.scenarios.draw import between, chance
from microturn.data.script import AskSeen, Delegate, SceneScript, Script, StartAppear, StartBouts, StartReps
from microturn.data.sight.play import Hand, Moving, Play, Sitting, Things
from microturn.data.splits import Split

HAPPENS = 0.75  # how often there is something to tell of


def shown_again(script: Script, rng: np.random.Generator) -> Script:
    """The script with another look and another play of the same kind and split; one without a scene is as it was.

    Of what is shown nothing stays but what the lines speak of: which motion is to be counted, which thing is awaited.
    Whether it is seen, and when, is drawn anew: who sees the same play whenever a line is spoken learns to listen for
    it, not to look.
    """
    if not isinstance(script, SceneScript):
        return script
    play = _played_again(script, rng, cast("Split", script.shot.split))
    shot = replace(script.shot, play=play, seed=int(rng.integers(2**31)))
    return replace(script, shot=shot, tail_ms=seeing.tail_ms(shot, script.lines))


def _played_again(script: SceneScript, rng: np.random.Generator, split: Split) -> Play:
    play = script.shot.play
    happens = chance(rng, HAPPENS)
    if script.skill == "comment":
        return showing.changing(rng, split) if happens else showing.unchanging(rng)
    match play:
        case Moving():
            return _moved_again(script, rng, split)
        case Hand():
            count = between(rng, 1, 6) if happens else 0
            return showing.hand(rng, count, away=showing.HAND_AWAY)
        case Sitting():
            return showing.sitting(rng, bends=happens)
        case Things():
            return _things_again(script, play, rng, happens)


def _moved_again(script: SceneScript, rng: np.random.Generator, split: Split) -> Moving:
    asked = [line.meaning for line in script.lines if isinstance(line.meaning, StartReps | StartBouts)]
    if not asked:  # told of a motion
        return exercising.moving_about(rng, split)
    again = exercising.counting_again if isinstance(asked[0], StartReps) else exercising.bouts_again
    return again(rng, split, asked[0].motion)


def _things_again(script: SceneScript, play: Things, rng: np.random.Generator, happens: bool) -> Things:
    meanings = [line.meaning for line in script.lines if line.speaker == "user"]
    if script.skill == "asked":
        return showing.lying_for(rng, [meaning for meaning in meanings if isinstance(meaning, AskSeen)])
    awaited = [(meaning.color, meaning.shape) for meaning in meanings if isinstance(meaning, StartAppear)]
    there = [(thing.color, thing.shape) for thing in play.things]
    return showing.coming_for(rng, awaited[0] if awaited else there[0], comes=happens)


def worked_again(script: Script, rng: np.random.Generator) -> Script:
    """The script with other results, at other times: who only ever reads the same ones learns them by heart."""
    lines = [
        replace(line, meaning=working.afresh(rng)) if isinstance(line.meaning, Delegate) else line
        for line in script.lines
    ]
    return replace(script, lines=tuple(lines))

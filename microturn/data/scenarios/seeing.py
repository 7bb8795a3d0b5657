"""How a script with a scene is put together: what is said meanwhile, how it ends, how long it is."""

from collections.abc import Sequence

import numpy as np

from microturn.data.scenarios import stopping, timers
from microturn.data.scenarios.draw import between, chance, line, pick
from microturn.data.script import Line, SceneScript
from microturn.data.sight.play import Play, Shot, length_ms
from microturn.data.splits import Phrase, Split

REST_MS = 2_200


def scene_script(
    rng: np.random.Generator,
    split: Split,
    skill: str,
    main: Phrase,
    lines: Sequence[Line],
    play: Play,
    *,
    after: int = 0,
    negative: bool = False,
) -> SceneScript:
    """A script named after its main phrase, as long as its play takes from the end of line `after`."""
    shot = Shot(play, split, int(rng.integers(2**31)), after)
    return SceneScript(skill, main.template, main.slots, negative, tuple(lines), tail_ms(shot, lines), shot)


def tail_ms(shot: Shot, lines: Sequence[Line]) -> int:
    """How long it goes on after the last line, for the play to come to its end."""
    return max(length_ms(shot.play) - timers.spent_ms(lines[shot.after + 1 :]), 0) + REST_MS


def meanwhile(rng: np.random.Generator, split: Split, play: Play) -> list[Line]:
    """What the user says while the play goes on: nothing, a story, or something else to be done; now and then "stop"
    before its end."""
    span_ms = length_ms(play)
    if chance(rng, 0.2) and span_ms > 4_000:
        return [line(pick(rng, stopping.stopping(split)), int(span_ms * rng.uniform(0.55, 0.9)))]
    lines = timers.while_waiting(rng, split, span_ms) if chance(rng, 0.5) else []
    if chance(rng, 0.4):
        lines.append(line(pick(rng, stopping.stopping(split)), max(span_ms - timers.spent_ms(lines), 0) + 900))
    return lines


def before(rng: np.random.Generator, split: Split) -> list[Line]:
    """Mostly nothing; else a reminder that goes on beside what is seen."""
    if not chance(rng, 0.16):
        return []
    bank = timers.intervals_to(split, 9) if chance(rng, 0.5) else timers.delays_to(split, 4, 15)
    return [line(pick(rng, bank), between(rng, 400, 1_500))]


def told_or_overheard(
    rng: np.random.Generator, told: Sequence[Phrase], main: Phrase, to_somebody: Sequence[Phrase]
) -> tuple[Phrase, list[Line]]:
    """A line that asks the agent for nothing although it sounds like `main`: told of, said by or to another person."""
    kind = pick(rng, ("told", "overheard", "somebody"))
    if kind == "overheard":
        return main, [line(main, between(rng, 500, 1_800), pick(rng, ("other", "tv")))]
    found = pick(rng, told if kind == "told" or not to_somebody else to_somebody)
    return found, [line(found, between(rng, 500, 1_800))]

"""The skill "stop": whatever is on ends, and what would have called for speech no longer does."""

from dataclasses import replace

import numpy as np

from microturn.data.scenarios import standing, timers, watches
from microturn.data.scenarios.draw import between, chance, line, pick, script_of
from microturn.data.scenarios.stopping import stopping, told
from microturn.data.script import Delay, Interval, Script, SilenceWatch
from microturn.data.splits import Phrase, Split


def stop(rng: np.random.Generator, split: Split) -> Script:
    """An instruction that runs for a while, a stop, and after it the same cues or moments again.

    Negatives: a stop with nothing on, or before the first moment.
    """
    ending = pick(rng, stopping(split))
    kind = rng.random()
    if kind < 0.12:
        return _nothing_on(rng, split, ending)
    if kind < 0.70:
        return _stopped_task(rng, split, ending)
    return _stopped_clock(rng, split, ending)


def _nothing_on(rng: np.random.Generator, split: Split, ending: Phrase) -> Script:
    task = standing.any_task(rng, split)
    story = standing.story(rng, task, between(rng, 2, 4), cue_share=0.8)
    return script_of("stop", ending, [line(ending, between(rng, 400, 1500)), *story], negative=True)


def _stopped_task(rng: np.random.Generator, split: Split, ending: Phrase) -> Script:
    task = standing.any_task(rng, split)
    lines = [line(task.start, between(rng, 400, 1500)), *standing.story(rng, task, between(rng, 1, 3), cue_share=0.9)]
    if chance(rng, 0.3):  # a stop in the story stops nothing
        lines.append(line(pick(rng, told(split)), between(rng, 600, 1500)))
        lines += standing.story(rng, task, 1, cue_share=1.0)
    lines.append(line(ending, between(rng, 700, 2000)))
    lines += standing.story(rng, task, between(rng, 1, 4), cue_share=0.85)
    return script_of("stop", _named(ending, task.start), lines)


def _stopped_clock(rng: np.random.Generator, split: Split, ending: Phrase) -> Script:
    """A reminder, a timer, a watch on silence or a countdown, stopped between two moments or before the first."""
    bank = pick(
        rng,
        (
            timers.intervals_to(split, 8),
            timers.intervals_to(split, 8),
            timers.delays_to(split, 4, 12),
            watches.silence_watches(split),
        ),
    )
    start = pick(rng, bank)
    assert isinstance(start.meaning, (Interval, Delay, SilenceWatch))
    moments = pick(rng, (0, 1, 1, 2, 3)) if isinstance(start.meaning, Interval) else 0
    every_ms = 1000 * start.meaning.seconds
    gap_ms = moments * every_ms + between(rng, 600, every_ms - 1200)
    lines = [line(start, between(rng, 400, 1500)), line(ending, gap_ms)]
    if chance(rng, 0.4):
        lines += timers.while_waiting(rng, split, every_ms)
    return script_of("stop", _named(ending, start), lines, negative=moments == 0, tail_ms=every_ms + 1500)


def _named(ending: Phrase, start: Phrase) -> Phrase:
    return replace(ending, slots=f"{ending.slots}/{start.slots}")

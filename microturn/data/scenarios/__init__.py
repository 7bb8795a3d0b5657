"""All skills of the world by name: a script of any of them, all their lines, and their texts for a tokenizer."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from microturn.core.errors import InputError
from microturn.data.oracle import oracle
from microturn.data.scenarios import (
    addressing,
    chat,
    echo,
    ending,
    exercising,
    hesitation,
    interrupting,
    memory,
    questions,
    recitals,
    reciting,
    showing,
    standing,
    stopping,
    stories,
    telling,
    timers,
    watches,
    watching,
    working,
)
from microturn.data.script import Script, evenly_spoken
from microturn.data.splits import SPLITS, Phrase, Split

Sampler = Callable[[np.random.Generator, Split], Script]

# New skills come last: the place of a skill is part of the seed of its examination.
SAMPLERS: dict[str, Sampler] = {
    "answer": questions.answer,
    "memory": memory.memory,
    "patience": hesitation.patience,
    "self-correction": hesitation.self_correction,
    "not for me": addressing.not_for_me,
    "wake word": addressing.wake_word,
    "count": standing.count,
    "convert": standing.convert,
    "taboo": standing.taboo,
    "items": standing.items_skill,
    "stop": ending.stop,
    "interval": timers.interval,
    "delay": timers.delay,
    "stopwatch": watches.stopwatch,
    "silence": watches.silence,
    "countdown": timers.countdown,
    "echo words": echo.echo_words,
    "barge-in": reciting.barge_in,
    "backchannelled": reciting.backchannelled,
    "backchannelling": telling.backchannelling,
}
SKILLS: tuple[str, ...] = tuple(SAMPLERS)

# Apart from the others, which a model without eyes learns too: their lines are not in the shipped vocabulary's making,
# and what is drawn for those skills stays what it was.
SIGHT_SAMPLERS: dict[str, Sampler] = {
    "reps": exercising.reps,
    "start stop": exercising.start_stop,
    "fingers": showing.fingers,
    "posture": showing.posture,
    "appear": showing.appear,
    "asked": showing.asked,
    "comment": showing.comment,
}
SIGHT_SKILLS: tuple[str, ...] = tuple(SIGHT_SAMPLERS)
# Apart for the same reason: what a model does that has somebody to work for it.
WORK_SAMPLERS: dict[str, Sampler] = {"delegate": working.delegate, "progress": working.progress}
WORK_SKILLS: tuple[str, ...] = tuple(WORK_SAMPLERS)
ALL_SKILLS: tuple[str, ...] = (*SKILLS, *SIGHT_SKILLS, *WORK_SKILLS)
_FILES = (
    *(addressing, chat, hesitation, memory, questions, standing, stopping, stories, timers, watches),
    *(echo, recitals, interrupting, telling),
)


class Dialog(NamedTuple):
    """A script as text: what is said to the agent, and what it says, each in order."""

    skill: str
    lines: tuple[str, ...]
    answers: tuple[str, ...]


def sample_script(skill: str, rng: np.random.Generator, split: Split) -> Script:
    """A script of a skill, decided by `rng` alone."""
    sampler = {**SAMPLERS, **SIGHT_SAMPLERS, **WORK_SAMPLERS}.get(skill)
    if sampler is None:
        raise InputError("unknown skill", "sample_script", repr(skill), "one of " + ", ".join(ALL_SKILLS))
    return sampler(rng, _checked(split))


def all_lines(split: Split) -> Iterator[str]:
    """Every text a script of the split can hold, once each, in a fixed order."""
    return iter(dict.fromkeys(phrase.text for phrase in all_phrases(split)))


@cache
def all_phrases(split: Split) -> tuple[Phrase, ...]:
    """Every phrase of the split with its template and slots."""
    return tuple(phrase for file in _FILES for phrase in file.all_phrases(_checked(split)))


@cache
def sight_phrases(split: Split) -> tuple[Phrase, ...]:
    """Every phrase about sight; the scripts of sight hold others' phrases too."""
    return tuple(watching.all_phrases(_checked(split)))


@cache
def work_phrases(split: Split) -> tuple[Phrase, ...]:
    """Every phrase about work that is handed over; those scripts hold others' phrases too."""
    return tuple(working.all_phrases(_checked(split)))


def corpus(split: Split, n: int, rng: np.random.Generator) -> Iterator[Dialog]:
    """`n` scripts as text, skills in turn, answers by the oracle on evenly spoken words."""
    for index in range(n):
        skill = SKILLS[index % len(SKILLS)]
        script = sample_script(skill, rng, split)
        placed = evenly_spoken(script)
        answers = tuple(expect.text for expect in oracle(placed.spoken, placed.end_ms))
        yield Dialog(skill, tuple(line.text for line in script.lines), answers)


def _checked(split: Split) -> Split:
    if split not in SPLITS:
        raise InputError("unknown split", "scenarios", repr(split), "one of " + ", ".join(SPLITS))
    return split

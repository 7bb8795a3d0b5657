"""The skill "memory": the user's name, told once and asked for later."""

from collections.abc import Iterator
from functools import cache

import numpy as np

from microturn.data.lexicon import NAMES, PEOPLE, with_article
from microturn.data.scenarios import chat, questions, stories
from microturn.data.scenarios.draw import between, chance, line, pick, script_of
from microturn.data.script import AskName, Remember, Script
from microturn.data.splits import QUESTION, STATEMENT, Core, Phrase, Slot, Split, phrases, split_of

TELLING = (
    Core("my name is {x}"),
    Core("my name's {x}"),
    Core("i am called {x}"),
    Core("you can call me {x}"),
    Core("the name is {x}", "val"),
    Core("please call me {x}", "test"),
)
CORRECTING = (Core("my name is {y}, no, {x}"), Core("i am called {y}, no, {x}"), Core("my name's {y}, sorry, {x}"))
ASKING = (
    Core("what is my name"),
    Core("what's my name"),
    Core("do you know my name"),
    Core("do you remember my name"),
    Core("what am i called", "val"),
    Core("can you say my name", "test"),
)
OTHERS_NAMES = (
    Core("my {who}'s name is {x}"),
    Core("my {who} is called {x}"),
    Core("i have {a} called {x}"),
    Core("the name of my {who} is {x}", "val"),
    Core("my {who} has the name {x}", "test"),
)


@cache
def telling(split: Split) -> tuple[Phrase, ...]:
    """The user gives a name, or a name and another one."""
    slots = [Slot(name, {"x": name}, Remember(name)) for name in NAMES]
    pairs = [(a, NAMES[(i + step) % len(NAMES)]) for i, a in enumerate(NAMES) for step in (3, 8, 14)]
    fixed = [Slot(f"{y}-{x}", {"x": x, "y": y}, Remember(x), split_of("renamed", y, x)) for y, x in pairs]
    told = phrases(split, "name", TELLING, STATEMENT, slots, 8, lambda slot: True)
    return told + phrases(split, "renamed", CORRECTING, STATEMENT, fixed, 1)


@cache
def asking(split: Split) -> tuple[Phrase, ...]:
    """The user wants to hear the name."""
    return phrases(split, "askname", ASKING, QUESTION, [Slot("name", {}, AskName())])


@cache
def others_names(split: Split) -> tuple[Phrase, ...]:
    """Names of other people."""
    pairs = [(who, name) for who in PEOPLE for name in NAMES]
    slots = [
        Slot(f"{who}-{x}", {"who": who, "a": with_article(who), "x": x}, None, split_of("other", who, x))
        for who, x in pairs
    ]
    return phrases(split, "othername", OTHERS_NAMES, STATEMENT, slots, 1)


def memory(rng: np.random.Generator, split: Split) -> Script:
    """A name, something else, perhaps for long, and the question; in negatives only other people's names."""
    told = pick(rng, others_names(split) if (negative := chance(rng, 0.12)) else telling(split))
    lines = [line(told, between(rng, 400, 1500))]
    longest_gap_ms = 9000 if chance(rng, 0.2) else 2500
    for _ in range(between(rng, 0, 4)):
        bank = pick(rng, (others_names(split), chat.phrases_of(split), stories.stories(split, "plain")))
        lines.append(line(pick(rng, bank), between(rng, 500, longest_gap_ms)))
    if negative:
        return script_of("memory", told, [*lines, line(pick(rng, others_names(split)), 900)], negative=True)
    if chance(rng, 0.2):
        lines.append(line(questions.question(rng, split), between(rng, 600, longest_gap_ms)))
    if chance(rng, 0.15):
        lines.append(line(pick(rng, telling(split)), between(rng, 900, 2500), "other"))
    lines.append(line(pick(rng, asking(split)), between(rng, 1800, longest_gap_ms + 500)))
    if chance(rng, 0.15):
        lines.append(line(pick(rng, telling(split)), between(rng, 2000, 3000)))
        lines.append(line(pick(rng, asking(split)), between(rng, 900, 3000)))
    return script_of("memory", told, lines)


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    yield from (*telling(split), *asking(split), *others_names(split))

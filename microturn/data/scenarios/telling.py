"""The skill "backchannelling": the user tells something long, and the agent shows after each phrase that it listens."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from microturn.data.lexicon import NAMES, PEOPLE
from microturn.data.scenarios import chat, stories
from microturn.data.scenarios.draw import between, chance, line, pick, script_of
from microturn.data.scenarios.stopping import stopping
from microturn.data.script import EndTelling, Line, Script, StartTelling
from microturn.data.splits import (
    BARE,
    STATEMENT,
    STORY,
    Carriers,
    Core,
    Phrase,
    Slot,
    Split,
    hashed,
    phrases,
    prefixes,
    split_of,
)

OPENING = (
    Core("let me tell you a story"),
    Core("i want to tell you a story"),
    Core("i will tell you a story"),
    Core("let me tell you about my day"),
    Core("i want to tell you about my day"),
    Core("let me tell you about my week", "val"),
    Core("i want to tell you about my holiday", "test"),
    Core("i am going to tell you a story", "test"),
)
ENDING = (
    Core("the end"),
    Core("that was my story"),
    Core("that was my day"),
    Core("that's the end of my story"),
    Core("that was the story", "val"),
    Core("this was my story", "test"),
    Core("that's the end", "test"),
)
BEFORE_END: Carriers = prefixes(train=("", "and", "so"), val=("well",), test=("and so",))
TOLD = (
    Core("my {who} said let me tell you a story"),
    Core("i told my {who} a story"),
    Core("i want to tell my {who} a story"),
    Core("my {who} told me about the day"),
    Core("my {who} wanted to tell me a story", "val"),
    Core("let me tell my {who} about it", "test"),
)
SOMEBODY = (
    Core("{n}, let me tell you a story"),
    Core("hey {n}, let me tell you about my day"),
    Core("hello {n}, i want to tell you a story", "val"),
    Core("okay {n}, let me tell you a story", "test"),
)
HESITATIONS = ("uh", "um")


@cache
def openings(split: Split) -> tuple[Phrase, ...]:
    """The user is about to tell something."""
    return phrases(split, "starttelling", OPENING, STATEMENT, [Slot("you", {}, StartTelling())], 14, lambda slot: True)


@cache
def endings(split: Split) -> tuple[Phrase, ...]:
    """It is over."""
    return phrases(split, "endtelling", ENDING, BEFORE_END, [Slot("end", {}, EndTelling())], 12, lambda slot: True)


@cache
def told(split: Split) -> tuple[Phrase, ...]:
    """Telling that is talked about."""
    slots = [Slot(who, {"who": who}) for who in PEOPLE]
    return phrases(split, "toldtelling", TOLD, STORY, slots, 1)


@cache
def to_somebody(split: Split) -> tuple[Phrase, ...]:
    """Openings for a person who is not the agent."""
    slots = [Slot(name, {"n": name}, None, split_of("totelling", name)) for name in NAMES]
    kept = [slot for slot in slots if slot.split != "train" or hashed("totelling", slot.key) < 6_000]
    return phrases(split, "totelling", SOMEBODY, BARE, kept, 1)


@cache
def hesitant(split: Split) -> tuple[Phrase, ...]:
    """Story phrases with a filler inside: the phrase is not over there."""
    percent = 1 if split == "train" else 4
    bank = [phrase for kind in ("animals", "plain", "mentions") for phrase in stories.stories(split, kind)]
    return tuple(_stuck(p) for p in bank if hashed("hesitant", p.text) < 250 * percent and len(p.text.split()) >= 6)


def _stuck(phrase: Phrase) -> Phrase:
    words = phrase.text.split()
    place = 2 + hashed("place", phrase.text) % (len(words) - 4)
    filler = HESITATIONS[hashed("filler", phrase.text) % len(HESITATIONS)]
    text = f"{' '.join(words[:place])}, {filler}, {' '.join(words[place:])}"
    return replace(phrase, text=text, template=f"stuck:{phrase.template}", slots=f"stuck:{phrase.slots}")


def backchannelling(rng: np.random.Generator, split: Split) -> Script:
    """Something told in four to eight phrases with pauses between, and mostly an end, after which nothing is said.

    In a negative the same phrases are told to nobody, or to somebody else.
    """
    if chance(rng, 0.2):
        return _untold(rng, split)
    main = pick(rng, openings(split))
    lines = [line(main, between(rng, 400, 1500)), *_phrases(rng, split, between(rng, 4, 8))]
    if chance(rng, 0.85):
        ending = pick(rng, stopping(split) if chance(rng, 0.12) else endings(split))
        lines.append(line(ending, between(rng, 600, 1600)))
        if chance(rng, 0.5):
            lines += _phrases(rng, split, between(rng, 1, 2))
    return script_of("backchannelling", main, lines)


def _phrases(rng: np.random.Generator, split: Split, length: int) -> list[Line]:
    lines = []
    for _ in range(length):
        draw = rng.random()
        if draw < 0.2:
            bank = hesitant(split)
        elif draw < 0.35:
            bank = chat.phrases_of(split)
        else:
            bank = stories.stories(split, pick(rng, stories.KINDS))
        lines.append(line(pick(rng, bank), between(rng, 600, 1600)))
    return lines


def _untold(rng: np.random.Generator, split: Split) -> Script:
    """No opening, one that is talked about, for somebody else, or by somebody else."""
    kind = pick(rng, ("told", "somebody", "overheard"))
    main = pick(rng, {"told": told, "somebody": to_somebody, "overheard": openings}[kind](split))
    speaker = pick(rng, ("other", "tv")) if kind == "overheard" else "user"
    opening = line(main, between(rng, 400, 1500), speaker)
    lines = [opening, *_phrases(rng, split, between(rng, 3, 6))]
    if chance(rng, 0.4):
        lines.append(line(pick(rng, endings(split)), between(rng, 600, 1600)))
    return script_of("backchannelling", main, lines, negative=True)


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    yield from (*openings(split), *endings(split), *told(split), *to_somebody(split), *hesitant(split))

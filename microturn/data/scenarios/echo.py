"""The skill "echo words": the user says two to four words to be said after them."""

from collections.abc import Iterator
from functools import cache

import numpy as np

from microturn.data.lexicon import (
    ANIMALS,
    COLORS,
    FRUITS,
    GOODS,
    NAMES,
    PEOPLE,
    REMINDERS,
    THINGS_COLORED,
    THINGS_LONG,
)
from microturn.data.scenarios import chat
from microturn.data.scenarios.draw import between, chance, line, pick, script_of
from microturn.data.script import Ask, Line, Script
from microturn.data.splits import BARE, STORY, Carriers, Core, Phrase, Slot, Split, hashed, phrases, prefixes, split_of

ECHOED = tuple(
    dict.fromkeys([*COLORS, *ANIMALS, *FRUITS, *GOODS, *THINGS_COLORED, *THINGS_LONG, *REMINDERS, "tree", "river"])
)
LENGTHS = (2, 3, 3, 4)
CANONICAL = "red house tree"
MORE_ROWS = 16

ECHOING = (
    Core("repeat after me, {w}"),
    Core("say after me, {w}"),
    Core("repeat these words, {w}"),
    Core("say these words, {w}"),
    Core("repeat these words after me, {w}", "val"),
    Core("say these words after me, {w}", "test"),
    Core("repeat what i say, {w}", "test"),
)
# Nothing stands after the words, for it would be one of them.
BEFORE: Carriers = prefixes(
    train=("", "please", "okay", "can you", "now"),
    val=("okay please", "so please"),
    test=("now please", "hey can you"),
)
TOLD = (
    Core("my {who} always says repeat after me"),
    Core("my {who} told me to say the words"),
    Core("in school my {who} had to repeat everything"),
    Core("my {who} said repeat these words", "val"),
    Core("yesterday my {who} said say after me", "test"),
)
SOMEBODY = (
    Core("{n}, repeat after me, {w}"),
    Core("hey {n}, repeat after me, {w}"),
    Core("hello {n}, repeat after me, {w}", "val"),
    Core("{n}, say these words, {w}", "test"),
)


def _rows() -> Iterator[tuple[str, ...]]:
    """Rows of different words; every word comes first, most of them twice, and about as often in other places."""
    for first in ECHOED:
        for repeat in range(2):
            length = LENGTHS[hashed("echolength", first, repeat) % len(LENGTHS)]
            drawn = [ECHOED[hashed("echo", first, repeat, place) % len(ECHOED)] for place in range(8)]
            if repeat == 0 or hashed("echokept", first) < 7_000:
                yield tuple(dict.fromkeys([first, *drawn]))[:length]


def _more_rows() -> Iterator[str]:
    """Many more rows to learn from: who only knows a few hundred learns them by heart, and not to say words back."""
    for first in ECHOED:
        for repeat in range(2, MORE_ROWS):
            length = LENGTHS[hashed("echolength", first, repeat) % len(LENGTHS)]
            drawn = [ECHOED[hashed("echo", first, repeat, place) % len(ECHOED)] for place in range(8)]
            row = " ".join(tuple(dict.fromkeys([first, *drawn]))[:length])
            if split_of("echo", row) == "train":
                yield row


@cache
def echoes(split: Split) -> tuple[Phrase, ...]:
    """Words to be said again; the row of words is held out."""
    rows = [*map(" ".join, _rows()), CANONICAL]
    slots = [
        Slot(row, {"w": row}, Ask(row, "echo words"), "train" if row == CANONICAL else split_of("echo", row))
        for row in rows
    ]
    if split == "train":
        slots += [Slot(row, {"w": row}, Ask(row, "echo words"), "train") for row in _more_rows()]
    return phrases(split, "echo", ECHOING, BEFORE, slots, 1, lambda slot: slot.key == CANONICAL, 25)


def afresh(rng: np.random.Generator) -> Line:
    """Words to say again that no row above holds, one to three of them, for learning: no clip has them, so typed."""
    asked = pick(rng, echoes("train"))
    assert isinstance(asked.meaning, Ask)
    while True:
        row = " ".join(ECHOED[i] for i in rng.choice(len(ECHOED), between(rng, 1, 3), replace=False))
        if split_of("echo", row) == "train":
            return Line(asked.text.removesuffix(asked.meaning.answer) + row, meaning=Ask(row, "echo words"))


@cache
def told(split: Split) -> tuple[Phrase, ...]:
    """Talk about repeating."""
    slots = [Slot(who, {"who": who}) for who in PEOPLE]
    return phrases(split, "toldecho", TOLD, STORY, slots, 1)


@cache
def to_somebody(split: Split) -> tuple[Phrase, ...]:
    """Words for a person who is not the agent."""
    slots = []
    for index, name in enumerate(NAMES):
        for step in range(2):
            row = f"{ECHOED[(7 * index + 3 * step) % len(ECHOED)]} {ECHOED[(5 * index + 11 * step + 1) % len(ECHOED)]}"
            key = f"{name}-{row}"
            held_out = split_of("echoto", key)
            if held_out != "train" or hashed("echoto", key) < 3_000:
                slots.append(Slot(key, {"n": name, "w": row}, None, held_out))
    return phrases(split, "echoto", SOMEBODY, BARE, slots, 1)


def echo_words(rng: np.random.Generator, split: Split) -> Script:
    """One to three rows of words, perhaps with chat between; in a negative nobody asked the agent."""
    if chance(rng, 0.2):
        return _unasked(rng, split)
    asked = [pick(rng, echoes(split)) for _ in range(between(rng, 1, 3))]
    lines: list[Line] = []
    for phrase in asked:
        lines.append(line(phrase, between(rng, 400, 2000) + (2000 if lines else 0)))
        if chance(rng, 0.2):
            lines.append(line(pick(rng, chat.phrases_of(split)), between(rng, 2200, 3200)))
    return script_of("echo words", asked[0], lines, tail_ms=2800)


def _unasked(rng: np.random.Generator, split: Split) -> Script:
    kind = pick(rng, ("told", "somebody", "overheard"))
    main = pick(rng, {"told": told, "somebody": to_somebody, "overheard": echoes}[kind](split))
    speaker = pick(rng, ("other", "tv")) if kind == "overheard" else "user"
    first = line(pick(rng, chat.phrases_of(split)), between(rng, 400, 1500))
    last = line(pick(rng, chat.phrases_of(split)), between(rng, 700, 2500))
    lines = [first, line(main, between(rng, 700, 2000), speaker), last]
    return script_of("echo words", main, lines, negative=True)


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    yield from (*echoes(split), *told(split), *to_somebody(split))

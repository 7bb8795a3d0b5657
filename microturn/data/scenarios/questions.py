"""Questions with one known answer (sums, days, months, opposites, colors): the bank, and the skill "answer"."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from microturn.data.lexicon import COLOR_OF, DAYS, MONTHS, OPPOSITE_OF, PEOPLE, number_words
from microturn.data.scenarios import chat
from microturn.data.scenarios.draw import between, chance, line, pick, script_of
from microturn.data.script import Ask, Script
from microturn.data.splits import BARE, QUESTION, Core, Phrase, Slot, Split, phrases, split_of, thinned

LARGEST = 20
CANONICAL_SUMS = frozenset({(2, 2), (3, 3), (3, 4)})
KINDS = ("sum", "sum", "sum", "day", "month", "opposite", "color", "opposite", "color")

CORES: dict[str, tuple[Core, ...]] = {
    "sum": (
        Core("what is {x}"),
        Core("how much is {x}"),
        Core("what's {x}"),
        Core("i want to know what {x} is", "test"),
        Core("what number is {x}", "val"),
    ),
    "day": (
        Core("what day comes {side} {x}"),
        Core("which day comes {side} {x}"),
        Core("what day is {side} {x}"),
        Core("which day is {side} {x}", "test"),
    ),
    "month": (
        Core("what month comes {side} {x}"),
        Core("which month comes {side} {x}"),
        Core("what month is {side} {x}"),
        Core("which month is {side} {x}", "test"),
    ),
    "opposite": (
        Core("what is the opposite of {x}"),
        Core("what's the opposite of {x}"),
        Core("which word is the opposite of {x}", "test"),
    ),
    "color": (
        Core("what color is {x}"),
        Core("which color is {x}"),
        Core("what's the color of {x}"),
        Core("what is the color of {x}", "test"),
    ),
}
THIRD_PERSON = (
    Core("my {who} asked me {q}"),
    Core("the {who} asked {q}"),
    Core("i told my {who} {q}"),
    Core("in school they asked {q}", "val"),
    Core("yesterday my {who} asked me {q}", "test"),
)


@cache
def facts(kind: str) -> tuple[Slot, ...]:
    """All there is to know of one kind: fills {x} (and {side}), with the answer."""
    if kind == "sum":
        return (*_sums(), *_differences())
    if kind in ("day", "month"):
        ring = DAYS if kind == "day" else MONTHS
        steps = ((side, i, step) for side, step in (("after", 1), ("before", -1)) for i in range(len(ring)))
        return tuple(
            Slot(f"{side}-{ring[i]}", {"side": side, "x": ring[i]}, Ask(ring[(i + step) % len(ring)]))
            for side, i, step in steps
        )
    table = OPPOSITE_OF if kind == "opposite" else COLOR_OF
    return tuple(Slot(f"{kind}-{x}", {"x": x}, Ask(answer)) for x, answer in table.items())


def sum_split(a: int, b: int) -> Split | None:
    """None: covered in training. Of a held-out ordered pair the other order is always covered."""
    if a == b or (a, b) in CANONICAL_SUMS or (b, a) in CANONICAL_SUMS:
        return None
    held_out = split_of("sum", min(a, b), max(a, b))
    is_first_order = (a < b) == (split_of("order", min(a, b), max(a, b), 1) == "train")
    return held_out if held_out != "train" and is_first_order else None


def _sums() -> Iterator[Slot]:
    for a in range(LARGEST + 1):
        for b in range(LARGEST + 1 - a):
            fill = _operation(a, "plus", b)
            yield Slot(f"{a}+{b}", fill, Ask(number_words(a + b)), sum_split(a, b))


def _differences() -> Iterator[Slot]:
    for a in range(LARGEST + 1):
        for b in range(a + 1):
            fill = _operation(a, "minus", b)
            yield Slot(f"{a}-{b}", fill, Ask(number_words(a - b)))


def _operation(a: int, op: str, b: int) -> dict[str, str]:
    return {"x": f"{number_words(a)} {op} {number_words(b)}", "a": number_words(a), "op": op, "b": number_words(b)}


@cache
def questions(split: Split, kind: str) -> tuple[Phrase, ...]:
    """Every fact of a kind in some of the split's carriers."""
    per_slot = 3 if kind == "sum" else 6
    slots = facts(kind)
    if split != "train" and kind == "sum":
        slots = tuple(s for s in slots if s.split is not None) + tuple(thinned(slots, 40, split))
        slots = tuple({s.key: s for s in slots}.values())
    return phrases(split, kind, CORES[kind], QUESTION, slots, per_slot if split == "train" else 2, lambda s: True)


def question(rng: np.random.Generator, split: Split, skill: str = "answer") -> Phrase:
    """One question of any kind, to be reported under `skill`."""
    asked = pick(rng, questions(split, pick(rng, KINDS)))
    return under(asked, skill)


def under(asked: Phrase, skill: str) -> Phrase:
    """The same question, reported under another skill."""
    assert isinstance(asked.meaning, Ask)
    return replace(asked, meaning=replace(asked.meaning, skill=skill))


@cache
def third_person(split: Split) -> tuple[Phrase, ...]:
    """True questions that are only told about: "my teacher asked me what is two plus two"."""
    slots = []
    for kind in CORES:
        for fact in facts(kind):
            asked = CORES[kind][0].text.format(**fact.fill)
            for person in PEOPLE:
                slots.append(Slot(f"{person}-{fact.key}", {"who": person, "q": asked}, None, _told(person, fact.key)))
    return phrases(split, "told", THIRD_PERSON, BARE, thinned(slots, 3, "told"), 1)


def _told(person: str, key: str) -> Split:
    return split_of("told", person, key)


def answer(rng: np.random.Generator, split: Split) -> Script:
    """One to three questions, now and then with chat between them; a negative only tells about questions."""
    if chance(rng, 0.2):
        told = pick(rng, third_person(split))
        lines = [line(told, between(rng, 400, 2000)), line(pick(rng, chat.phrases_of(split)), between(rng, 600, 2000))]
        lines.append(line(pick(rng, third_person(split)), between(rng, 600, 2500)))
        return script_of("answer", told, lines, negative=True)
    asked = [question(rng, split) for _ in range(between(rng, 1, 3))]
    lines = []
    for phrase in asked:
        lines.append(line(phrase, between(rng, 400, 2000) + (1400 if lines else 0)))
        if chance(rng, 0.3):
            lines.append(line(pick(rng, chat.phrases_of(split)), between(rng, 1500, 2500)))
    return script_of("answer", asked[0], lines)


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    for kind in CORES:
        yield from questions(split, kind)
    yield from third_person(split)

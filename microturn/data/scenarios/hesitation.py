"""Requests that do not come in one piece: the skills "patience" and "self-correction"."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from microturn.data.lexicon import FILLERS
from microturn.data.scenarios import chat, questions
from microturn.data.scenarios.draw import between, chance, line, pick, said, script_of
from microturn.data.script import Ask, Delay, Interval, Line, Meaning, Script
from microturn.data.splits import Carriers, Core, Phrase, Slot, Split, hashed, phrases, prefixes, split_of

PREFIXES: Carriers = prefixes(
    train=("", "tell me", "okay", "so", "can you tell me", "hey", "please tell me"),
    val=("now tell me", "okay so", "so tell me"),
    test=("okay tell me", "so can you tell me", "hey so"),
)


@dataclass(frozen=True)
class Cut:
    """A question of a kind, with the places where the speaker may get stuck."""

    kind: str
    parts: tuple[str, ...]


CUTS = (
    Cut("sum", ("what is", "{a} {op} {b}")),
    Cut("sum", ("how much is", "{a} {op} {b}")),
    Cut("sum", ("what is {a} {op}", "{b}")),
    Cut("sum", ("what is {a}", "{op} {b}")),
    Cut("sum", ("what is", "{a} {op}", "{b}")),
    Cut("day", ("what day comes", "{side} {x}")),
    Cut("day", ("what day comes {side}", "{x}")),
    Cut("month", ("what month comes", "{side} {x}")),
    Cut("month", ("what month comes {side}", "{x}")),
    Cut("opposite", ("what is the opposite of", "{x}")),
    Cut("opposite", ("what is the opposite", "of {x}")),
    Cut("color", ("what color is", "{x}")),
)
GIVING_UP = ("never mind", "oh never mind", "forget it", "i forgot what i wanted to say", "i don't know", "no nothing")
COMMAND_WORDS = ("breathe", "stretch", "drink", "smile", "walk")


@dataclass(frozen=True)
class Broken:
    """A request in parts: `head` is its first part as a phrase, `rest` the others; it means `meaning` at the end."""

    head: Phrase
    rest: tuple[str, ...]
    meaning: Meaning


@cache
def broken_requests(split: Split) -> tuple[Broken, ...]:
    """Every fact cut in the ways of its kind, and a few reminders."""
    found = []
    for index, cut in enumerate(CUTS):
        for fact in questions.facts(cut.kind):
            assert isinstance(fact.meaning, Ask)
            if fact.split in (None, split) and (cut.kind != "sum" or hashed(split, index, fact.key) < 5000):
                meaning = replace(fact.meaning, skill="patience")
                found += _broken(split, index, cut, Slot(fact.key, fact.fill, meaning))
    return (*found, *_broken_commands(split))


def _broken(split: Split, index: int, cut: Cut, fact: Slot) -> list[Broken]:
    first, *rest = (part.format(**fact.fill) for part in cut.parts)
    assert fact.meaning is not None
    # Same head for all facts that begin alike, so that there are few clips.
    heads = phrases(split, f"cut{index}", [Core(first)], PREFIXES, [Slot(first)], 2)
    return [Broken(replace(head, slots=f"{head.slots}/{fact.key}"), tuple(rest), fact.meaning) for head in heads]


def _broken_commands(split: Split) -> Iterator[Broken]:
    for word in COMMAND_WORDS:
        for seconds in ("three", "four", "five", "six", "eight", "ten"):
            amount = {"three": 3, "four": 4, "five": 5, "six": 6, "eight": 8, "ten": 10}[seconds]
            for stuck, rest, meaning in (
                (f"remind me to {word}", f"every {seconds} seconds", Interval(word, amount)),
                (f"say {word}", f"in {seconds} seconds", Delay(word, amount)),
            ):
                heads = phrases(split, "cutcommand", [Core(stuck)], COMMAND_PREFIXES, [Slot(stuck)], 1)
                for head in heads:
                    slots = f"cutcommand:{head.template}/{seconds}"
                    yield Broken(replace(head, slots=slots), (rest,), meaning)


COMMAND_PREFIXES: Carriers = prefixes(
    train=("", "please", "okay", "can you"), val=("hey please", "okay so"), test=("so please", "okay can you")
)


def patience(rng: np.random.Generator, split: Split) -> Script:
    """One request with pauses and fillers inside, answered once; a negative gives up before its end."""
    broken = pick(rng, broken_requests(split))
    negative = chance(rng, 0.18)
    lines = [line(broken.head, between(rng, 400, 1500))]
    rest = list(broken.rest[:-1]) if negative else list(broken.rest)
    for part in rest:
        lines += [*_stuck(rng), said(part, between(rng, 300, 1200))]
    if negative:
        lines += [*_stuck(rng), said(pick(rng, GIVING_UP), between(rng, 700, 1800))]
    else:
        lines[-1] = replace(lines[-1], meaning=broken.meaning)
    if chance(rng, 0.4):
        lines.append(line(pick(rng, chat.phrases_of(split)), between(rng, 1800, 3000)))
    if not negative and isinstance(broken.meaning, Ask) and chance(rng, 0.3):
        lines.append(line(questions.question(rng, split), between(rng, 1800, 3000)))
    tail_ms = 2200 if isinstance(broken.meaning, Ask) else 9000
    return script_of("patience", broken.head, lines, negative=negative, tail_ms=tail_ms)


def _stuck(rng: np.random.Generator) -> list[Line]:
    if chance(rng, 0.6):
        return []
    return [said(pick(rng, FILLERS), between(rng, 300, 900)) for _ in range(2 if chance(rng, 0.2) else 1)]


CORRECTIONS = (
    Core("{q}, no, {s}"),
    Core("{q}, no wait, {s}"),
    Core("{q}, sorry, {s}"),
    Core("{q}, no i mean {s}"),
    Core("{q}, i mean {s}"),
    Core("{q}, no sorry, {s}", "val"),
    Core("{q}, wait no, {s}", "test"),
    Core("{q}, sorry i mean {s}", "test"),
)
RETRACTIONS = (
    Core("{q}, no, never mind"),
    Core("{q}, no, forget it"),
    Core("{q}, oh never mind", "val"),
    Core("{q}, no wait, never mind", "test"),
)
CANONICAL_CORRECTION = "2+2>3+3"


@cache
def corrections(split: Split) -> tuple[Phrase, ...]:
    """Every fact as the correction of another one of its kind."""
    slots = []
    for kind in questions.CORES:
        facts = questions.facts(kind)
        for index, fact in enumerate(facts):
            for step in (5,) if kind == "sum" else (3, 5, 7):
                slots.append(_corrected(kind, facts[(index + step * step) % len(facts)], fact))
    two, three = (next(f for f in questions.facts("sum") if f.key == key) for key in ("2+2", "3+3"))
    slots.append(replace(_corrected("sum", two, three), split="train"))
    usable = [slot for slot in slots if slot.fill["q"] != slot.fill["full"]]
    return phrases(
        split, "fixed", CORRECTIONS, PREFIXES, usable, 1, lambda s: s.key == CANONICAL_CORRECTION, 20
    )  # fmt: skip


def _corrected(kind: str, wrong: Slot, right: Slot) -> Slot:
    key = f"{wrong.key}>{right.key}"
    same_side = wrong.fill.get("side") == right.fill.get("side")
    short = right.fill["x"] if same_side else f"{right.fill['side']} {right.fill['x']}"
    core = questions.CORES[kind][0].text
    fill = {"q": core.format(**wrong.fill), "full": core.format(**right.fill), "s": short}
    assert isinstance(right.meaning, Ask)
    held_out = right.split or split_of("fixed", key)
    return Slot(key, fill, replace(right.meaning, skill="self-correction"), held_out)


@cache
def retractions(split: Split) -> tuple[Phrase, ...]:
    """Questions taken back in the same breath."""
    slots = []
    for kind in questions.CORES:
        for fact in questions.facts(kind):
            text = questions.CORES[kind][0].text.format(**fact.fill)
            if hashed("back", fact.key) < 1500:
                slots.append(Slot(fact.key, {"q": text}, None, split_of("back", fact.key)))
    return phrases(split, "back", RETRACTIONS, PREFIXES, slots, 1)


def self_correction(rng: np.random.Generator, split: Split) -> Script:
    """A corrected question, perhaps after or before a plain one; a negative is taken back."""
    negative = chance(rng, 0.15)
    main = pick(rng, retractions(split) if negative else corrections(split))
    lines = [line(main, between(rng, 400, 1800))]
    if chance(rng, 0.35):
        lines.append(line(pick(rng, chat.phrases_of(split)), between(rng, 1800, 3000)))
    if not negative and chance(rng, 0.5):
        asked = pick(rng, corrections(split)) if chance(rng, 0.5) else questions.question(rng, split)
        lines.append(line(asked, between(rng, 1800, 3000)))
    return script_of("self-correction", main, lines, negative=negative)


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say. Parts and fillers are shared by all splits."""
    shared = {*FILLERS, *GIVING_UP}
    for broken in broken_requests(split):
        yield broken.head
        shared.update(broken.rest)
    yield from (*corrections(split), *retractions(split))
    yield from (Phrase(text, "shared:part", "shared:part") for text in sorted(shared))

"""Work handed over to somebody in the background: the skills "delegate" and "progress".

What is asked for is never in the world's own knowledge, and what comes back is read, not known: results are drawn anew
each time a script is played (`afresh`), some of them words in no order at all.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np

from microturn.data.lexicon import (
    DAYS,
    FRUITS,
    GOODS,
    MONTHS,
    NAMES,
    OPPOSITE_OF,
    PEOPLE,
    PLACES,
    REMINDERS,
    THINGS_COLORED,
    WAYS,
    number_words,
    with_article,
)
from microturn.data.scenarios import chat, questions, standing, stories
from microturn.data.scenarios.draw import between, chance, line, pick, script_of
from microturn.data.scenarios.stopping import stopping
from microturn.data.script import AskProgress, Delegate, Line, NeverMind, Script
from microturn.data.splits import (
    BARE,
    COMMAND,
    QUESTION,
    STORY,
    Core,
    Phrase,
    Slot,
    Split,
    hashed,
    phrases,
    prefixes,
    split_of,
)

NOTHING = Delegate("", 0)  # in a phrase, which does not know yet what will come of it
LARGEST = 9_999
PER_OPERATION = {"times": 900, "plus": 500, "minus": 400, "divided by": 300}
SHOPS = ("shop", "library", "museum", "market", "hotel", "cafe", "bank", "school", "zoo", "pool", "office", "hospital")

RECKONING = (
    Core("how much is {x}"),
    Core("what is {x}"),
    Core("what's {x}"),
    Core("i want to know what {x} is", "test"),
    Core("what number is {x}", "val"),
)
SEEKING = (
    Core("look up {x}"),
    Core("find out {x}"),
    Core("can you look up {x}"),
    Core("please find out {x} for me"),
    Core("i need to know {x}"),
    Core("please help me find out {x}", "val"),
    Core("could you find out {x}", "test"),
    Core("look up {x} for me", "test"),
)
SOUGHT = {
    "weather": ("the weather on {day}", "how warm it is in {month}", "if it will rain on {day}"),
    "price": ("the price of {a}", "how much {a} costs"),
    "train": ("when the train {way} comes", "the next train {way}"),
    "open": ("when the {shop} opens", "how long the {shop} is open"),
    "place": ("where the {shop} is", "the way {way}"),
    "who": ("who lives {where}", "who called my {who}"),
}
TOLD = (
    Core("my {who} wanted to know {x}"),
    Core("yesterday i asked my {who} {x}"),
    Core("my {who} knows {x}"),
    Core("nobody told my {who} {x}", "val"),
    Core("my {who} found out {x}", "test"),
)
SOMEBODY = (
    Core("{n}, look up {x}"),
    Core("hey {n}, find out {x}"),
    Core("hello {n}, look up {x}", "val"),
    Core("{n}, please find out {x}", "test"),
)
PROGRESS = (
    Core("how is it going"),
    Core("are you still working on it"),
    Core("is there an answer"),
    Core("did you find it"),
    Core("how far are you"),
    Core("have you got an answer", "val"),
    Core("are you still looking for it", "test"),
    Core("did you find the answer", "test"),
)
NEVER_MIND = (
    Core("never mind"),
    Core("forget it"),
    Core("i don't need it"),
    Core("never mind that"),
    Core("you can forget that", "val"),
    Core("forget about it", "test"),
    Core("i don't need that", "test"),
)
SHORT = prefixes(
    train=("", "okay", "oh", "so", "well", "hey"),
    val=("okay so", "oh well"),
    test=("well okay", "oh okay"),
)
RESULTS = (
    Core("it will be {adj} and {adj2} on {day}"),
    Core("it is {adj} in {month}"),
    Core("it costs {n} euros"),
    Core("{n} dollars"),
    Core("the train comes at {n}"),
    Core("it is open until {n}"),
    Core("it is {where}"),
    Core("first {way} then {way2}"),
    Core("your {who} called on {day}"),
    Core("your {who} lives {where}"),
    Core("sorry, i can't find that"),
    Core("it was {n} {month}", "val"),
    Core("the {shop} is {where}", "val"),
    Core("the {shop} opens at {n} on {day}", "test"),
    Core("it is {adj} but not {adj2}", "test"),
    Core("go {way} and ask your {who}", "test"),
)
FAILURES = ("sorry, i couldn't finish that", "sorry, nobody answers", "sorry, that went wrong")
CANONICAL_SUM = "seventeen times twenty three"


@cache
def operations(split: Split) -> tuple[Slot, ...]:
    """Sums beyond the world's own: a product, sum, difference or quotient of two numbers, each pair in one split."""
    found = [Slot("17-times-23", {"x": CANONICAL_SUM}, NOTHING, "train")]
    for op, count in PER_OPERATION.items():
        for index in range(count):
            a, b = 2 + hashed(op, index, "a") % 98, 2 + hashed(op, index, "b") % 98
            if op == "divided by":
                a, b = a * (b % 11 + 2), b % 11 + 2
            elif op == "minus":
                a, b = a + b + 20, b
            elif op == "plus":
                a += 20
            key = f"{a}-{op}-{b}"
            found.append(Slot(key, {"x": f"{number_words(a)} {op} {number_words(b)}"}, NOTHING, split_of("work", key)))
    return tuple({slot.key: slot for slot in found if slot.split == split}.values())


@cache
def reckoning(split: Split) -> tuple[Phrase, ...]:
    """Requests to reckon."""
    known = {slot.fill["x"]: slot for slot in questions.facts("sum")}
    slots = [slot for slot in operations(split) if slot.fill["x"] not in known]
    return phrases(split, "reckon", RECKONING, QUESTION, slots, 2, lambda slot: slot.fill["x"] == CANONICAL_SUM)


@cache
def seeking(split: Split) -> tuple[Phrase, ...]:
    """Requests to find something out."""
    return phrases(split, "seek", SEEKING, COMMAND, [slot for slot in _sought() if slot.split == split], 2)


@cache
def told(split: Split) -> tuple[Phrase, ...]:
    """Talk about what somebody else wanted to know."""
    slots = [
        Slot(f"{who}-{slot.key}", {"who": who, **slot.fill}, None, split_of("toldwork", who, slot.key))
        for who in PEOPLE
        for slot in _sought()
        if hashed("toldwork", who, slot.key) < 800
    ]
    return phrases(split, "toldwork", TOLD, STORY, slots, 1)


@cache
def to_somebody(split: Split) -> tuple[Phrase, ...]:
    """Requests to a person who is not the agent."""
    slots = [
        Slot(f"{name}-{slot.key}", {"n": name, **slot.fill}, None, split_of("workto", name, slot.key))
        for name in NAMES
        for slot in _sought()
        if hashed("workto", name, slot.key) < 300
    ]
    return phrases(split, "workto", SOMEBODY, BARE, slots, 1)


@cache
def asking(split: Split) -> tuple[Phrase, ...]:
    """How it is going."""
    return phrases(split, "progress", PROGRESS, SHORT, [Slot("going", {}, AskProgress())], 40, lambda slot: True)


@cache
def dropping(split: Split) -> tuple[Phrase, ...]:
    """Nothing is wanted any more."""
    return phrases(split, "nevermind", NEVER_MIND, SHORT, [Slot("never", {}, NeverMind())], 40, lambda slot: True)


def _sought() -> Iterator[Slot]:
    things = [with_article(thing) for thing in (*GOODS, *FRUITS)]
    for kind, texts in SOUGHT.items():
        for place, text in enumerate(texts):
            for index in range(60):

                def drawn(many: tuple[str, ...] | list[str], index: int = index, salt: str = f"{kind}{place}") -> str:
                    return many[hashed("sought", salt, index, len(many)) % len(many)]

                filled = text.format(
                    day=drawn(DAYS), month=drawn(MONTHS), a=drawn(things), way=drawn(WAYS), shop=drawn(SHOPS),
                    where=drawn(PLACES), who=drawn(PEOPLE),
                )  # fmt: skip
                yield Slot(filled, {"x": filled}, NOTHING, split_of("seek", filled))


def result(rng: np.random.Generator, split: Split) -> str:
    """What may come back: a number, a sentence, words in no order, or that it did not work."""
    kind = rng.random()
    if kind < 0.4:
        return number_words(int(10.0 ** rng.uniform(0.7, np.log10(LARGEST))))
    if kind < 0.5:
        return pick(rng, FAILURES)
    if kind < 0.65:
        rows = (*REMINDERS, *GOODS, *THINGS_COLORED, *FRUITS, *DAYS)
        return " ".join(pick(rng, rows) for _ in range(between(rng, 2, 6)))
    core = pick(rng, [core for core in RESULTS if core.split == split] or RESULTS)
    return core.text.format(
        adj=pick(rng, tuple(OPPOSITE_OF)), adj2=pick(rng, tuple(OPPOSITE_OF)), day=pick(rng, DAYS),
        month=pick(rng, MONTHS), n=number_words(between(rng, 1, 60)), where=pick(rng, PLACES), way=pick(rng, WAYS),
        way2=pick(rng, WAYS), who=pick(rng, PEOPLE), shop=pick(rng, SHOPS),
    )  # fmt: skip


def afresh(rng: np.random.Generator, split: Split = "train") -> Delegate:
    """A result and how long it takes; now and then nothing comes for long, or ever."""
    if chance(rng, 0.08):
        return NOTHING
    longest = 14_000 if chance(rng, 0.2) else 5_500
    return Delegate(result(rng, split), between(rng, 900, longest))


def _request(rng: np.random.Generator, split: Split, gap_ms: int) -> tuple[Phrase, Line]:
    asked = pick(rng, (reckoning if chance(rng, 0.6) else seeking)(split))
    return asked, Line(asked.text, "user", gap_ms, afresh(rng, split))


def _meanwhile(rng: np.random.Generator, split: Split) -> list[Line]:
    """What the user says while work is done: talk, a question of the world, a story that is counted in, or nothing."""
    kind = pick(rng, ("nothing", "nothing", "talk", "talk", "question", "question", "count", "never mind"))
    if kind == "talk":
        return [line(pick(rng, chat.phrases_of(split)), between(rng, 900, 2500)) for _ in range(between(rng, 1, 3))]
    if kind == "question":
        return [line(questions.question(rng, split), between(rng, 1500, 3500))]
    if kind == "count":
        category = pick(rng, ("animals", "colors", "fruits"))
        first = line(pick(rng, standing.counting(split, category)), between(rng, 1500, 3000))
        story = [line(pick(rng, stories.stories(split, category)), between(rng, 400, 1800)) for _ in range(2)]
        return [first, *story, line(pick(rng, stopping(split)), between(rng, 1000, 2000))]
    if kind == "never mind":
        return [line(pick(rng, dropping(split)), between(rng, 1200, 4000))]
    return []


def delegate(rng: np.random.Generator, split: Split) -> Script:
    """One or two requests, and what is said meanwhile; in a negative nobody asked the agent."""
    if chance(rng, 0.15):
        return _unasked(rng, split)
    main, first = _request(rng, split, between(rng, 400, 2000))
    lines = [first, *_meanwhile(rng, split)]
    if chance(rng, 0.3):
        lines += [_request(rng, split, between(rng, 1500, 4000))[1], *_meanwhile(rng, split)]
    return script_of("delegate", main, lines, tail_ms=between(rng, 4000, 7500))


def _unasked(rng: np.random.Generator, split: Split) -> Script:
    kind = pick(rng, ("told", "somebody", "overheard"))
    main = pick(rng, {"told": told, "somebody": to_somebody, "overheard": seeking}[kind](split))
    speaker = pick(rng, ("other", "tv")) if kind == "overheard" else "user"
    before = line(pick(rng, chat.phrases_of(split)), between(rng, 400, 1500))
    after = line(pick(rng, told(split)), between(rng, 700, 2500))
    lines = [before, Line(main.text, speaker, between(rng, 700, 2000)), after]
    return script_of("delegate", main, lines, negative=True)


def progress(rng: np.random.Generator, split: Split) -> Script:
    """How a request is going; in a negative nothing is going on."""
    asked = line(pick(rng, asking(split)), between(rng, 1200, 4500))
    if chance(rng, 0.2):
        lines = [line(pick(rng, chat.phrases_of(split)), between(rng, 400, 1500)), asked]
        return script_of("progress", pick(rng, asking(split)), lines, negative=True)
    main, first = _request(rng, split, between(rng, 400, 2000))
    lines = [first, asked]
    if chance(rng, 0.3):
        lines.append(line(pick(rng, dropping(split)), between(rng, 1500, 3000)))
    return script_of("progress", main, lines, tail_ms=between(rng, 3000, 6500))


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    for bank in (reckoning, seeking, told, to_somebody, asking, dropping):
        yield from bank(split)

"""The story bank: short sentences with animals, colors, fruits, prices, lengths, or none of these."""

from collections.abc import Iterator, Sequence
from functools import cache

from microturn.data.lexicon import (
    ANIMALS,
    CATEGORIES,
    COLORS,
    FRUITS,
    GOODS,
    PEOPLE,
    PLACES,
    TABOO_WORDS,
    THINGS_COLORED,
    THINGS_LONG,
    WAYS,
    number_words,
    with_article,
)
from microturn.data.splits import STORY, Core, Phrase, Slot, Split, phrases, split_of, thinned

KINDS = ("animals", "colors", "fruits", "euros", "meters", "dollars", "plain", "mentions")
LARGEST_AMOUNT = 50

FRAMES: dict[str, tuple[Core, ...]] = {
    "animals": (
        Core("i saw {a} {where}"),
        Core("there was {a} {where}"),
        Core("we heard {a} {where}"),
        Core("the {n} was sleeping {where}"),
        Core("my {who} found {a} {where}"),
        Core("the {n} ran away {where}"),
        Core("two {p} were playing {where}"),
        Core("my {who} feeds the {p} {where}"),
        Core("the {n} followed the {m} {where}"),
        Core("{a} and {b} stood {where}"),
        Core("suddenly the {n} jumped up {where}"),
        Core("{a} was waiting {where}", "val"),
        Core("we took a picture of {a} {where}", "val"),
        Core("{where} we met {a}", "test"),
        Core("the {n} looked at the {m} {where}", "test"),
        Core("some {p} lived {where}", "test"),
    ),
    "colors": (
        Core("she had a {c} {t} {where}"),
        Core("the {t} {where} was {c}"),
        Core("my {who} bought a {c} {t}"),
        Core("we painted the {t} {c}"),
        Core("i saw a {c} {t} {where}"),
        Core("a {c} and {d} {t} stood {where}"),
        Core("he likes the {c} one better"),
        Core("i lost my {c} {t} {where}", "val"),
        Core("{where} there was a {c} {t}", "test"),
        Core("his {t} was {c} and old", "test"),
    ),
    "fruits": (
        Core("i ate {a} {where}"),
        Core("my {who} gave me {a}"),
        Core("the {n} was on the ground {where}"),
        Core("we bought some {p} {where}"),
        Core("she was cutting {a} {where}"),
        Core("{a} and {b} lay {where}"),
        Core("my {who} likes {p} a lot"),
        Core("i found {a} {where}", "val"),
        Core("{where} we shared {a}", "test"),
        Core("my {who} carried the {p} {where}", "test"),
    ),
    "price": (
        Core("the {t} was {n} {unit}"),
        Core("i paid {n} {unit} for the {t}"),
        Core("my {who} bought the {t} for {n} {unit}"),
        Core("they wanted {n} {unit} for the {t}"),
        Core("{n} {unit} is too much for the {t}"),
        Core("the {t} cost me {n} {unit}", "val"),
        Core("for {n} {unit} i got the {t}", "test"),
        Core("my {who} spent {n} {unit} on the {t}", "test"),
    ),
    "length": (
        Core("we walked {n} {unit} {way}"),
        Core("the {t} is {n} {unit} long"),
        Core("it was {n} {unit} from the {t}"),
        Core("my {who} jumped {n} {unit}"),
        Core("after {n} {unit} we came {way}"),
        Core("the {t} was only {n} {unit} away", "val"),
        Core("they ran {n} {unit} {way}", "test"),
        Core("a {t} of {n} {unit} is long", "test"),
    ),
    "plain": (
        Core("my {who} was waiting {where}"),
        Core("we stayed {where} all {when}"),
        Core("it was raining {where} in the {when}"),
        Core("i lost my {t} {where}"),
        Core("my {who} forgot the {t}"),
        Core("there was a {t} {where}"),
        Core("my {who} sang a song {where}"),
        Core("i wrote a letter to my {who}"),
        Core("we had no money for the {t}"),
        Core("in the {when} my {who} was {where}", "val"),
        Core("we looked for the {t} {where}", "val"),
        Core("my {who} left the {t} {where}", "test"),
        Core("all {when} we talked {where}", "test"),
    ),
    "mentions": (
        Core("my {who} talked about the {w}"),
        Core("i was thinking of the {w} with my {who}"),
        Core("the {w} made my {who} happy"),
        Core("my {who} never liked the {w}"),
        Core("i told my {who} about the {w}"),
        Core("my {who} asked about the {w}", "val"),
        Core("with my {who} i talked about the {w}", "test"),
        Core("the {w} was important to my {who}", "test"),
    ),
}
WHEN = ("morning", "evening", "night", "afternoon")
# About how many of all slot combinations are kept, in percent: this bounds the number of clips.
KEPT_PERCENT = {
    "animals": 18,
    "colors": 24,
    "fruits": 26,
    "euros": 60,
    "dollars": 12,
    "meters": 80,
    "plain": 32,
    "mentions": 45,
}


@cache
def stories(split: Split, kind: str) -> tuple[Phrase, ...]:
    """All story phrases of a kind; cues of the other categories never occur in them, except in "price" goods."""
    if kind in ("euros", "dollars"):
        slots = thinned(_prices(kind), KEPT_PERCENT[kind], kind)
        return phrases(split, kind, FRAMES["price"], STORY, slots, 1)
    if kind == "meters":
        return phrases(split, kind, FRAMES["length"], STORY, thinned(_lengths(), KEPT_PERCENT[kind], kind), 1)
    slots = {"animals": _animals, "colors": _colors, "fruits": _fruits, "plain": _plain, "mentions": _mentions}[kind]()
    return phrases(split, kind, FRAMES[kind], STORY, thinned(slots, KEPT_PERCENT[kind], kind), 1)


@cache
def amounts_to(split: Split, unit: str, largest: int) -> tuple[Phrase, ...]:
    """Price or length phrases whose amount is at most `largest`; small amounts are as frequent as large ones."""
    return tuple(p for p in stories(split, unit) if int(p.slots.rsplit("-", 1)[1]) <= largest)


@cache
def with_word(split: Split, word: str) -> tuple[Phrase, ...]:
    """Story phrases in which exactly `word` occurs."""
    return tuple(p for p in _everything(split) if word in p.text.split())


@cache
def without_word(split: Split, word: str) -> tuple[Phrase, ...]:
    """Story phrases without `word`, its plural, or words it begins."""
    return tuple(p for p in _everything(split) if word not in p.text)


@cache
def without_category(split: Split, category: str) -> tuple[Phrase, ...]:
    """Story phrases without any word of a counted category."""
    return tuple(p for p in _everything(split) if CATEGORIES[category].isdisjoint(p.text.split()))


@cache
def without_unit(split: Split, unit: str) -> tuple[Phrase, ...]:
    """Story phrases without a unit of amounts (plural)."""
    return tuple(p for p in _everything(split) if {unit, unit[:-1]}.isdisjoint(p.text.split()))


def _everything(split: Split) -> tuple[Phrase, ...]:
    return tuple(phrase for kind in KINDS for phrase in stories(split, kind))


def _creatures(table: dict[str, str], kind: str) -> Iterator[Slot]:
    names = list(table)
    for index, name in enumerate(names):
        for place_index, where in enumerate(PLACES):
            other = names[(index + 3 * place_index + 1) % len(names)]
            second = other if other != name else names[index - 1]
            who = PEOPLE[(index + place_index) % len(PEOPLE)]
            fill = {"n": name, "a": with_article(name), "p": table[name], "m": second, "b": with_article(second)}
            key = f"{name}-{where}"
            yield Slot(key, fill | {"who": who, "where": where}, None, split_of(kind, key))


def _animals() -> Iterator[Slot]:
    for repeat in range(6):  # the same pair may come in several frames
        for slot in _creatures(ANIMALS, "animals"):
            yield Slot(f"{slot.key}-{repeat}", slot.fill, None, slot.split)


def _fruits() -> Iterator[Slot]:
    for repeat in range(6):
        for slot in _creatures(FRUITS, "fruits"):
            yield Slot(f"{slot.key}-{repeat}", slot.fill, None, slot.split)


def _colors() -> Iterator[Slot]:
    for index, color in enumerate(COLORS):
        for thing_index, thing in enumerate(THINGS_COLORED):
            for repeat in range(8):
                where = PLACES[(index + thing_index + 5 * repeat) % len(PLACES)]
                who = PEOPLE[(index * 3 + thing_index + repeat) % len(PEOPLE)]
                second = COLORS[(index + 1 + thing_index % 6) % len(COLORS)]
                fill = {"c": color, "d": second, "t": thing, "where": where, "who": who}
                yield Slot(f"{color}-{thing}-{repeat}", fill, None, split_of("colors", color, thing))


def _amounts(unit: str, things: Sequence[str]) -> Iterator[Slot]:
    for amount in range(1, LARGEST_AMOUNT + 1):
        for index, thing in enumerate(things):
            if amount > 12 and _is_left_out(amount, index):
                continue
            named = unit if amount > 1 else {"euros": "euro", "dollars": "dollar", "meters": "meter"}[unit]
            fill = {"t": thing, "n": number_words(amount), "unit": named}
            fill |= {"who": PEOPLE[(amount + index) % len(PEOPLE)], "way": WAYS[(amount + index) % len(WAYS)]}
            yield Slot(f"{thing}-{amount}", fill, None, split_of(unit, thing, amount))


def _is_left_out(amount: int, index: int) -> bool:
    """Large amounts are said of a third of the things only."""
    return (amount + index) % 3 != 0


def _prices(unit: str) -> Iterator[Slot]:
    return _amounts(unit, GOODS)


def _lengths() -> Iterator[Slot]:
    return _amounts("meters", THINGS_LONG)


def _plain() -> Iterator[Slot]:
    things = sorted({*GOODS, *THINGS_COLORED, *(w for w in TABOO_WORDS if w in ("picture", "letter", "ticket"))})
    for index, where in enumerate(PLACES):
        for thing_index, thing in enumerate(things):
            who = PEOPLE[(index * 5 + thing_index) % len(PEOPLE)]
            when = WHEN[(index + thing_index) % len(WHEN)]
            key = f"{thing}-{where}"
            yield Slot(key, {"who": who, "where": where, "t": thing, "when": when}, None, split_of("plain", key))


def _mentions() -> Iterator[Slot]:
    """Every word that may be forbidden, so that none is without a sentence."""
    for index, word in enumerate(word for word in TABOO_WORDS if word not in COLORS):
        for step in range(len(PEOPLE)):
            who = PEOPLE[(index + step) % len(PEOPLE)]
            if who != word:
                yield Slot(f"{who}-{word}", {"who": who, "w": word}, None, split_of("mentions", who, word))


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    for kind in KINDS:
        yield from stories(split, kind)

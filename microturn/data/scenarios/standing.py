"""Standing instructions, answered while the user speaks: the skills "count", "convert", "taboo" and "items"."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from microturn.data.lexicon import FRUITS, GROCERIES, NAMES, PEOPLE, TABOO_WORDS, number_words
from microturn.data.scenarios import chat, questions, stopping, stories
from microturn.data.scenarios.draw import between, chance, line, pick, script_of
from microturn.data.script import Line, Script, StartConvert, StartCount, StartItems, StartTaboo
from microturn.data.splits import BARE, COMMAND, STORY, Core, Phrase, Slot, Split, hashed, phrases, split_of

RATES = (2, 3, 10)
LARGEST_RESULT = 100
CATEGORY_SINGULAR = {"animals": "animal", "colors": "color", "fruits": "fruit"}

COUNTING = (
    Core("count the {c} in my story"),
    Core("count the {c}"),
    Core("count all the {c} in my story"),
    Core("count every {s} i name"),
    Core("count the {c} i talk about"),
    Core("count each {s} in my story"),
    Core("keep counting the {c} in my story", "val"),
    Core("count how many {c} i name", "test"),
    Core("count every {s} in my story", "test"),
)
COUNTING_TOLD = (
    Core("i was counting {c} yesterday"),
    Core("my {who} can count the {c}"),
    Core("my {who} likes to count {c}"),
    Core("they count the {c} every year"),
    Core("we counted the {c} last week", "val"),
    Core("yesterday my {who} counted the {c}", "test"),
)
CONVERTING = (
    Core("tell me every {amount} in {targets}, one {source} is {rate} {targets}"),
    Core("give me every {amount} in {targets}, one {source} is {rate} {targets}"),
    Core("say every {amount} in {targets}, one {source} is {rate} {targets}"),
    Core("one {source} is {rate} {targets}, tell me every {amount} in {targets}"),
    Core("tell me each {amount} in {targets}, one {source} is {rate} {targets}"),
    Core("one {source} is {rate} {targets}, say all the {amount}s in {targets}", "val"),
    Core("say each {amount} in {targets}, one {source} is {rate} {targets}", "test"),
    Core("one {source} is {rate} {targets}, give me every {amount} in {targets}", "test"),
)
CONVERTING_TOLD = (
    Core("my {who} knows every {amount} in {targets}"),
    Core("in that country every {amount} is in {targets}"),
    Core("my {who} says one {source} is {rate} {targets}"),
    Core("i read that one {source} is {rate} {targets}", "val"),
    Core("my {who} told me every {amount} in {targets}", "test"),
)
FORBIDDING = (
    Core("say beep whenever i say {w}"),
    Core("say beep when i say {w}"),
    Core("beep whenever i say {w}"),
    Core("say beep every time i say {w}"),
    Core("whenever i say {w} say beep"),
    Core("every time i say {w} say beep", "val"),
    Core("beep every time i say {w}", "test"),
    Core("when i say {w} say beep", "test"),
)
FORBIDDING_TOLD = (
    Core("my {who} says beep whenever i say {w}"),
    Core("my {who} never says {w}"),
    Core("they told us not to say {w}"),
    Core("my {who} says {w} all the time", "val"),
    Core("yesterday my {who} would not say {w}", "test"),
)
LISTING = (
    Core("say okay after each item"),
    Core("say okay after every item"),
    Core("after each item say okay"),
    Core("say okay after each thing"),
    Core("say okay after each item on my list"),
    Core("after every item say okay", "val"),
    Core("say okay after every thing on my list", "test"),
    Core("after each thing say okay", "test"),
)
LISTING_TOLD = (
    Core("my {who} says okay after each item"),
    Core("i was reading my {who} the list"),
    Core("my {who} wrote a long list"),
    Core("my {who} forgot the list", "val"),
    Core("yesterday my {who} said okay after each item", "test"),
)
SOMEBODY = (
    Core("{n}, {start}"),
    Core("hey {n}, {start}"),
    Core("{n}, please {start}"),
    Core("hello {n}, {start}", "val"),
    Core("hey {n}, please {start}", "test"),
    Core("okay {n}, {start}", "test"),
)
QUANTITIES = ("two", "three", "four", "five", "six", "ten", "some")


@dataclass(frozen=True)
class Task:
    """One standing instruction: what makes the agent speak, what does not, and talk about it that starts nothing."""

    skill: str
    start: Phrase
    cues: Sequence[Phrase]
    others: Sequence[Phrase]
    told: Sequence[Phrase]
    gap_ms: tuple[int, int] = (250, 1500)
    cue_share: float = 0.65


@cache
def counting(split: Split, category: str) -> tuple[Phrase, ...]:
    """Instructions to count a category."""
    fill = {"c": category, "s": CATEGORY_SINGULAR[category]}
    slot = Slot(category, fill, StartCount(category))
    return phrases(split, "count", COUNTING, COMMAND, [slot], 40, lambda s: True)


@cache
def converting(split: Split, source: str, rate: int) -> tuple[Phrase, ...]:
    """Instructions to convert euros to dollars or meters to feet."""
    return phrases(split, "convert", CONVERTING, COMMAND, [_rate_slot(source, rate)], 25, lambda s: True)


def _rate_slot(source: str, rate: int) -> Slot:
    target, amount = ("dollars", "price") if source == "euros" else ("feet", "length")
    fill = {"source": source[:-1], "targets": target, "amount": amount, "rate": number_words(rate)}
    return Slot(f"{source}-{rate}", fill, StartConvert(source, target, rate))


@cache
def forbidding(split: Split) -> tuple[Phrase, ...]:
    """Instructions to beep at a word."""
    slots = [Slot(word, {"w": word}, StartTaboo(word)) for word in TABOO_WORDS]
    return phrases(split, "taboo", FORBIDDING, COMMAND, slots, 8, lambda s: True)


@cache
def listing(split: Split) -> tuple[Phrase, ...]:
    """Instructions to say okay after each item."""
    return phrases(split, "items", LISTING, COMMAND, [Slot("item", {}, StartItems())], 60, lambda s: True)


@cache
def items(split: Split) -> tuple[Phrase, ...]:
    """What is on a list: single goods (shared by all splits), and goods with a quantity."""
    single = [Phrase(name, "shared:item", "shared:item") for name in (*GROCERIES, *FRUITS.values())]
    plural = [name for name in (*GROCERIES, *FRUITS.values()) if name.endswith("s")]
    pairs = [(q, name) for q in QUANTITIES for name in plural if hashed("item", q, name) < 4500]
    many = [
        Phrase(f"{q} {name}", f"shared:{q}", f"item:{q}-{name}")
        for q, name in pairs
        if split_of("item", q, name) == split
    ]
    return (*single, *many)


@cache
def told(split: Split, skill: str) -> tuple[Phrase, ...]:
    """Talk about such an instruction that is none."""
    cores = {"count": COUNTING_TOLD, "convert": CONVERTING_TOLD, "taboo": FORBIDDING_TOLD, "items": LISTING_TOLD}[skill]
    fills: list[dict[str, str]] = {
        "count": [{"c": category} for category in CATEGORY_SINGULAR],
        "convert": [_rate_slot(source, rate).fill for source in ("euros", "meters") for rate in RATES],
        "taboo": [{"w": word} for word in TABOO_WORDS],
        "items": [{}],
    }[skill]
    who_of = PEOPLE if skill != "taboo" else PEOPLE[:3]
    slots = []
    for fill in fills:
        for who in who_of:
            key = f"{who}-{'-'.join(fill.values())}"
            held_out = split_of(skill, key) if skill != "items" else None
            slots.append(Slot(key, fill | {"who": who}, None, held_out))
    return phrases(split, f"told{skill}", cores, STORY, slots, 1 if split == "train" else 3)


def count_task(rng: np.random.Generator, split: Split) -> Task:
    category = pick(rng, tuple(CATEGORY_SINGULAR))
    start = pick(rng, counting(split, category))
    others = stories.without_category(split, category)
    return Task("count", start, stories.stories(split, category), others, told(split, "count"))


def convert_task(rng: np.random.Generator, split: Split) -> Task:
    source, rate = pick(rng, ("euros", "euros", "meters")), pick(rng, RATES)
    cues = stories.amounts_to(split, source, LARGEST_RESULT // rate)
    others = stories.without_unit(split, source)
    return Task("convert", pick(rng, converting(split, source, rate)), cues, others, told(split, "convert"))


def taboo_task(rng: np.random.Generator, split: Split) -> Task:
    start, word = pick(rng, _forbidding_with_cues(split))
    cues = stories.with_word(split, word)
    return Task("taboo", start, cues, stories.without_word(split, word), told(split, "taboo"), cue_share=0.5)


@cache
def _forbidding_with_cues(split: Split) -> tuple[tuple[Phrase, str], ...]:
    """Instructions whose word occurs in at least three story phrases of the split."""
    words = [(p, p.meaning.word) for p in forbidding(split) if isinstance(p.meaning, StartTaboo)]
    return tuple((p, word) for p, word in words if len(stories.with_word(split, word)) >= 3)


def items_task(rng: np.random.Generator, split: Split) -> Task:
    start = pick(rng, listing(split))
    return Task("items", start, items(split), chat.phrases_of(split), told(split, "items"), (900, 2200), 0.9)


TASKS: dict[str, Callable[[np.random.Generator, Split], Task]] = {
    "count": count_task,
    "convert": convert_task,
    "taboo": taboo_task,
    "items": items_task,
}


def count(rng: np.random.Generator, split: Split) -> Script:
    """Animals, colors or fruits of a story, counted."""
    return _standing(rng, split, count_task(rng, split))


def convert(rng: np.random.Generator, split: Split) -> Script:
    """Prices or lengths of a story, converted."""
    return _standing(rng, split, convert_task(rng, split))


def taboo(rng: np.random.Generator, split: Split) -> Script:
    """A word of a story, beeped."""
    return _standing(rng, split, taboo_task(rng, split))


def items_skill(rng: np.random.Generator, split: Split) -> Script:
    """A list, item by item."""
    return _standing(rng, split, items_task(rng, split))


def any_task(rng: np.random.Generator, split: Split) -> Task:
    """One of the four, all alike."""
    return pick(rng, tuple(TASKS.values()))(rng, split)


def _standing(rng: np.random.Generator, split: Split, task: Task) -> Script:
    if chance(rng, 0.22):
        return _negative(rng, split, task)
    lines = [line(task.start, between(rng, 400, 1500))]
    if chance(rng, 0.12) and task.skill != "items":
        lines = [*story(rng, task, 1, cue_share=1.0), *lines]
    told_story = story(rng, task, between(rng, 2, 6), task.cue_share) + story(rng, task, 1, cue_share=1.0)
    if chance(rng, 0.06):
        told_story += story(rng, task, between(rng, 4, 6), cue_share=0.95)
    rng.shuffle(told_story)  # type: ignore[arg-type]
    lines += told_story
    if chance(rng, 0.15):
        lines.insert(between(rng, 2, len(lines)), _interruption(rng, split, task))
    if chance(rng, 0.45):
        lines.append(line(pick(rng, stopping.stopping(split)), between(rng, 700, 1800)))
        lines += story(rng, task, between(rng, 1, 2), cue_share=0.9)
    return script_of(task.skill, task.start, lines)


def story(rng: np.random.Generator, task: Task, length: int, cue_share: float) -> list[Line]:
    """`length` sentences, each with a cue with probability `cue_share`."""
    banks = [task.cues if chance(rng, cue_share) else task.others for _ in range(length)]
    return [line(pick(rng, bank), between(rng, *task.gap_ms)) for bank in banks]


def _interruption(rng: np.random.Generator, split: Split, task: Task) -> Line:
    """Somebody else's words with cues in them, which do not count, or a question of the user in between."""
    if chance(rng, 0.5):
        return line(pick(rng, task.cues), between(rng, 600, 1500), pick(rng, ("other", "tv")))
    return line(questions.question(rng, split), between(rng, 600, 1500))


def _negative(rng: np.random.Generator, split: Split, task: Task) -> Script:
    """Cues while the task is off, not for the agent, or about something else; or the task on and no cue."""
    kind = pick(rng, ("told", "told", "overheard", "nothing", "somebody"))
    opening = [line(pick(rng, chat.phrases_of(split)), between(rng, 400, 1500))]
    after = story(rng, task, between(rng, 3, 5), cue_share=0.85)
    main = task.start
    if kind == "told":
        main = pick(rng, task.told)
        lines = [line(main, between(rng, 400, 1500)), *after]
    elif kind == "overheard":
        lines = [*opening, line(task.start, between(rng, 700, 2000), pick(rng, ("other", "tv"))), *after]
    elif kind == "somebody":
        main = pick(rng, to_somebody(split, task.skill))
        lines = [line(main, between(rng, 400, 1500)), *after]
    else:
        lines = [line(task.start, between(rng, 400, 1500)), *story(rng, task, between(rng, 3, 5), cue_share=0.0)]
    return script_of(task.skill, main, lines, negative=True)


@cache
def to_somebody(split: Split, skill: str) -> tuple[Phrase, ...]:
    """The instruction, given to a person who is not the agent."""
    starts: dict[str, Sequence[str]] = {
        "count": [f"count the {category} in my story" for category in CATEGORY_SINGULAR],
        "convert": [CONVERTING[0].text.format(**_rate_slot(s, r).fill) for s in ("euros", "meters") for r in RATES],
        "taboo": [f"say beep whenever i say {word}" for word in TABOO_WORDS],
        "items": ["say okay after each item"],
    }
    pairs = [(name, start) for name in NAMES for start in starts[skill]]
    kept = [p for p in pairs if hashed("somebody", *p) < {"taboo": 800, "convert": 6000}.get(skill, 10_000)]
    slots = [Slot(f"{n}-{start}", {"n": n, "start": start}, None, split_of("somebody", n, start)) for n, start in kept]
    return phrases(split, f"somebody{skill}", SOMEBODY, BARE, slots, 1 if split == "train" else 2)


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    yield from (*forbidding(split), *listing(split), *items(split))
    for category in CATEGORY_SINGULAR:
        yield from counting(split, category)
    for source in ("euros", "meters"):
        for rate in RATES:
            yield from converting(split, source, rate)
    for skill in TASKS:
        yield from (*told(split, skill), *to_somebody(split, skill))

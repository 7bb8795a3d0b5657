"""Who is spoken to: the skills "not for me" and "wake word"."""

from collections.abc import Iterator
from functools import cache

import numpy as np

from microturn.data.lexicon import CATEGORIES, NAMES, WAKE_NAMES
from microturn.data.scenarios import chat, questions, stories
from microturn.data.scenarios.draw import between, chance, line, pick, script_of
from microturn.data.script import AnswerEveryone, Line, Script, StartCount, WakeWord
from microturn.data.splits import (
    BARE,
    COMMAND,
    Core,
    Phrase,
    Slot,
    Split,
    hashed,
    phrases,
    split_of,
)

TO_SOMEBODY = (
    Core("hey {n}, {q}"),
    Core("{n}, {q}"),
    Core("hello {n}, {q}"),
    Core("{n}, can you tell me {q}"),
    Core("listen {n}, {q}", "val"),
    Core("okay {n}, {q}", "test"),
    Core("so {n}, {q}", "test"),
)
CALLED = (
    Core("{n}, {q}"),
    Core("{n}, tell me {q}"),
    Core("{n}, please tell me {q}"),
    Core("{n}, can you tell me {q}", "val"),
    Core("{n}, so {q}", "test"),
    Core("{n}, okay {q}", "test"),
)
CALLED_TASKS = (
    Core("{n}, {q}"),
    Core("{n}, please {q}"),
    Core("{n}, can you {q}", "val"),
    Core("{n}, could you {q}", "test"),
)
WAKING = (
    Core("only answer when i call you {n}"),
    Core("from now on only answer when i call you {n}"),
    Core("answer only when i call you {n}"),
    Core("only answer if i call you {n}"),
    Core("only answer when i say {n} first", "val"),
    Core("from now on answer only if i call you {n}", "test"),
)
RELEASING = (
    Core("answer everyone again"),
    Core("you can answer everyone again"),
    Core("answer everybody again"),
    Core("answer everyone", "val"),
    Core("from now on answer everyone again", "test"),
)
MENTIONS = (
    Core("i met {n} yesterday"),
    Core("my neighbor is called {n}"),
    Core("we talked with {n} all evening"),
    Core("{n} is a lovely name", "val"),
    Core("i like the name {n}", "test"),
)
CANONICAL_CALL = "john-2+2"


def _asked_of(names: tuple[str, ...], percent: int, salt: str) -> Iterator[Slot]:
    """name x question; sums are rarer than the rest, for there are so many."""
    for name in names:
        for kind in questions.CORES:
            for fact in questions.facts(kind):
                key = f"{name}-{fact.key}"
                kept = hashed(salt, key) < percent * (20 if kind in ("sum", "month") else 100) or key == CANONICAL_CALL
                if kept:
                    held_out: Split = "train" if key == CANONICAL_CALL else fact.split or split_of(salt, key)
                    q = questions.CORES[kind][0].text.format(**fact.fill)
                    yield Slot(key, {"n": name, "q": q}, fact.meaning, held_out)


@cache
def to_somebody(split: Split) -> tuple[Phrase, ...]:
    """Questions to people who are not the agent."""
    slots = [Slot(s.key, s.fill, None, s.split) for s in _asked_of(NAMES, 13, "to")]
    return phrases(split, "to", TO_SOMEBODY, BARE, slots, 1, lambda slot: slot.key == CANONICAL_CALL, 25)


@cache
def called(split: Split, name: str) -> tuple[Phrase, ...]:
    """Questions that begin with the wake name."""
    slots = _asked_of((name,), 30, "called")
    bank = phrases(split, "called", CALLED, BARE, slots, 1, lambda slot: False, 40)
    return tuple(questions.under(phrase, "wake word") for phrase in bank)


@cache
def called_tasks(split: Split, name: str) -> tuple[Phrase, ...]:
    """The wake name and an instruction to count, whose cues then need no name."""
    slots = [
        Slot(f"{name}-{category}", {"n": name, "q": f"count the {category} in my story"}, StartCount(category))
        for category in CATEGORIES
    ]
    return phrases(split, "calledtask", CALLED_TASKS, BARE, slots)


@cache
def waking(split: Split) -> tuple[Phrase, ...]:
    """Instructions that set the wake name; the names are covered in all splits."""
    slots = [Slot(name, {"n": name}, WakeWord(name)) for name in WAKE_NAMES]
    return phrases(split, "wake", WAKING, COMMAND, slots, 6, lambda slot: True)


@cache
def releasing(split: Split) -> tuple[Phrase, ...]:
    """Instructions that end it."""
    return phrases(split, "release", RELEASING, COMMAND, [Slot("everyone", {}, AnswerEveryone())])


@cache
def mentions(split: Split, name: str) -> tuple[Phrase, ...]:
    """The wake name inside a sentence that asks nothing."""
    return phrases(split, "mention", MENTIONS, BARE, [Slot(name, {"n": name})])


def not_for_me(rng: np.random.Generator, split: Split) -> Script:
    """Questions to others, of others and of the television, among the user's own; negatives have only the former."""
    negative = chance(rng, 0.4)
    main = pick(rng, to_somebody(split))
    lines: list[Line] = []
    if not negative:
        lines.append(line(questions.question(rng, split, "not for me"), between(rng, 400, 1500)))
    elif chance(rng, 0.5):
        lines.append(line(pick(rng, chat.phrases_of(split)), between(rng, 400, 1500)))
    lines.append(line(main, between(rng, 1800, 3000)))
    for _ in range(between(rng, 1, 3)):
        lines.append(_overheard(rng, split))
    if not negative and chance(rng, 0.7):
        lines.append(line(questions.question(rng, split, "not for me"), between(rng, 1200, 3000)))
    return script_of("not for me", main, lines, negative=negative)


def _overheard(rng: np.random.Generator, split: Split) -> Line:
    speaker = pick(rng, ("user", "other", "other", "tv", "tv"))
    if speaker == "user":
        bank = to_somebody(split) if chance(rng, 0.6) else chat.phrases_of(split)
        return line(pick(rng, bank), between(rng, 700, 2500))
    asked = questions.question(rng, split) if chance(rng, 0.7) else pick(rng, chat.phrases_of(split))
    return line(asked, between(rng, 700, 2500), speaker)


def wake_word(rng: np.random.Generator, split: Split) -> Script:
    """The wake name is set; called questions are answered, others not, until everyone is answered again."""
    main = pick(rng, waking(split))
    assert isinstance(main.meaning, WakeWord)
    name = main.meaning.name
    negative = chance(rng, 0.18)
    lines = [line(main, between(rng, 400, 1500))]
    turns = between(rng, 2, 4)
    surely_called = between(rng, 0, turns - 1)
    for turn in range(turns):
        is_called = not negative and (turn == surely_called or chance(rng, 0.45))
        lines.append(_under_wake_word(rng, split, name, is_called=is_called))
    if not negative and chance(rng, 0.12):
        task = pick(rng, called_tasks(split, name))
        assert isinstance(task.meaning, StartCount)
        lines.append(line(task, between(rng, 1800, 2600)))
        lines += [
            line(pick(rng, stories.stories(split, task.meaning.category)), between(rng, 300, 1500)) for _ in range(2)
        ]
    if not negative and chance(rng, 0.4):
        lines.append(line(pick(rng, releasing(split)), between(rng, 1800, 2600)))
        lines.append(line(questions.question(rng, split, "wake word"), between(rng, 800, 2000)))
    return script_of("wake word", main, lines, negative=negative)


def _under_wake_word(rng: np.random.Generator, split: Split, name: str, *, is_called: bool) -> Line:
    gap_ms = between(rng, 1500, 2600)
    if is_called:
        return line(pick(rng, called(split, name)), gap_ms)
    kind = pick(rng, ("plain", "plain", "somebody", "mention", "chat"))
    if kind == "plain":
        return line(questions.question(rng, split, "wake word"), gap_ms)
    bank = {
        "somebody": to_somebody(split),
        "mention": mentions(split, name),
        "chat": chat.phrases_of(split),
    }[kind]
    return line(pick(rng, bank), gap_ms)


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    yield from (*to_somebody(split), *waking(split), *releasing(split))
    for name in WAKE_NAMES:
        yield from (*called(split, name), *called_tasks(split, name), *mentions(split, name))

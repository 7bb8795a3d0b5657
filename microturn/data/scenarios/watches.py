"""How long something takes: the skills "stopwatch" (and "how long did that take") and "silence"."""

from collections.abc import Iterator
from functools import cache

import numpy as np

from microturn.data.lexicon import PEOPLE, number_words
from microturn.data.scenarios import chat, stories
from microturn.data.scenarios.draw import between, chance, line, pick, script_of
from microturn.data.scenarios.stopping import stopping
from microturn.data.scenarios.timers import spent_ms, while_waiting
from microturn.data.script import (
    AskElapsed,
    ElapsedDone,
    ElapsedStart,
    Line,
    Script,
    SilenceWatch,
    StopwatchStart,
    StopwatchStop,
)
from microturn.data.splits import COMMAND, QUESTION, STATEMENT, STORY, Core, Phrase, Slot, Split, phrases

QUIET_SECONDS = range(3, 11)
QUIET_QUESTIONS = ("are you there", "are you okay", "are you asleep", "hello")

STARTING = (
    Core("start the stopwatch"),
    Core("start a stopwatch"),
    Core("start the timer"),
    Core("start timing"),
    Core("begin timing", "val"),
    Core("start timing now", "test"),
)
STOPPING = (
    Core("stop the stopwatch"),
    Core("stop the timer"),
    Core("stop timing"),
    Core("stop your stopwatch", "val"),
    Core("stop the stopwatch now", "test"),
)
BEGINNING = (
    Core("i am starting now"),
    Core("i'm starting now"),
    Core("i am going to start now"),
    Core("i will start now"),
    Core("i start now", "val"),
    Core("i am beginning now", "test"),
)
FINISHING = (
    Core("done"),
    Core("i am done"),
    Core("i am finished"),
    Core("finished"),
    Core("i'm done now", "val"),
    Core("i am done now", "test"),
)
ASKING = (
    Core("how long did that take"),
    Core("how long did it take"),
    Core("how long was that"),
    Core("how many seconds did that take"),
    Core("how many seconds was that", "val"),
    Core("how long did that take me", "test"),
)
WATCHING = (
    Core("if i am quiet for {n} seconds ask me {q}"),
    Core("if i'm quiet for {n} seconds ask me {q}"),
    Core("when i am quiet for {n} seconds ask me {q}"),
    Core("ask me {q} if i am quiet for {n} seconds"),
    Core("if i am silent for {n} seconds ask me {q}"),
    Core("when i am silent for {n} seconds ask me {q}", "val"),
    Core("ask me {q} when i am quiet for {n} seconds", "test"),
)
SAYING_HELLO = (
    Core("if i am quiet for {n} seconds say {q}"),
    Core("when i am quiet for {n} seconds say {q}"),
    Core("if i'm quiet for {n} seconds say {q}"),
    Core("say {q} if i am quiet for {n} seconds", "test"),
    Core("if i am silent for {n} seconds say {q}", "val"),
)
TOLD = (
    Core("my {who} lost the stopwatch"),
    Core("my {who} asked how long it took"),
    Core("my {who} has a new stopwatch"),
    Core("my {who} started the stopwatch"),
    Core("my {who} was quiet for a long time"),
    Core("my {who} asked me are you there"),
    Core("my {who} stopped the stopwatch", "val"),
    Core("yesterday my {who} was silent", "test"),
    Core("my {who} bought a stopwatch", "test"),
)


@cache
def starts(split: Split) -> tuple[Phrase, ...]:
    return phrases(split, "watch", STARTING, COMMAND, [Slot("start", {}, StopwatchStart())], 30, lambda slot: True)


@cache
def stops(split: Split) -> tuple[Phrase, ...]:
    return phrases(split, "watchstop", STOPPING, COMMAND, [Slot("stop", {}, StopwatchStop())], 30, lambda slot: True)


@cache
def beginnings(split: Split) -> tuple[Phrase, ...]:
    return phrases(split, "begin", BEGINNING, STATEMENT, [Slot("begin", {}, ElapsedStart())], 20, lambda slot: True)


@cache
def finishes(split: Split) -> tuple[Phrase, ...]:
    return phrases(split, "finish", FINISHING, STATEMENT, [Slot("done", {}, ElapsedDone())], 20, lambda slot: True)


@cache
def elapsed_questions(split: Split) -> tuple[Phrase, ...]:
    return phrases(split, "elapsed", ASKING, QUESTION, [Slot("elapsed", {}, AskElapsed())], 20, lambda slot: True)


@cache
def silence_watches(split: Split) -> tuple[Phrase, ...]:
    """Seconds x question; seconds are covered in all splits, the canonical question in all of them."""
    slots = [
        Slot(f"{n}-{q}", {"n": number_words(n), "q": q}, SilenceWatch(n, q))
        for n in QUIET_SECONDS
        for q in QUIET_QUESTIONS
    ]
    asking = [slot for slot in slots if slot.fill["q"] != "hello"]
    hello = [slot for slot in slots if slot.fill["q"] == "hello"]
    asked = phrases(split, "silence", WATCHING, COMMAND, asking, 6, lambda slot: True)
    return asked + phrases(split, "hello", SAYING_HELLO, COMMAND, hello, 4)


@cache
def told(split: Split) -> tuple[Phrase, ...]:
    """Talk about watches and silence."""
    slots = [Slot(who, {"who": who}, None) for who in PEOPLE]
    return phrases(split, "toldwatch", TOLD, STORY, slots, 6)


def stopwatch(rng: np.random.Generator, split: Split) -> Script:
    """Something timed, by the stopwatch or by "i am starting now"; 2 to 20 seconds mostly."""
    variant = rng.random()
    if variant < 0.18:
        return _untimed(rng, split)
    span_ms = between(rng, 1200, 7000) if chance(rng, 0.5) else between(rng, 5000, 17_000)
    waiting = while_waiting(rng, split, span_ms)
    rest_ms = max(span_ms - spent_ms(waiting), 600)
    if variant < 0.62:
        main = pick(rng, starts(split))
        lines = [line(main, between(rng, 400, 2000)), *waiting, line(pick(rng, stops(split)), rest_ms)]
        return script_of("stopwatch", main, lines, tail_ms=2500)
    main = pick(rng, beginnings(split))
    lines = [line(main, between(rng, 400, 2000)), *waiting, line(pick(rng, finishes(split)), rest_ms)]
    if chance(rng, 0.25):
        lines.append(line(pick(rng, chat.phrases_of(split)), between(rng, 500, 2500)))
    lines.append(line(pick(rng, elapsed_questions(split)), between(rng, 400, 3000)))
    return script_of("stopwatch", main, lines, tail_ms=2500)


def _untimed(rng: np.random.Generator, split: Split) -> Script:
    """A watch that was never started, was started by others, or is only talked about; done without a question."""
    main = pick(rng, told(split))
    lines: list[Line] = [line(main, between(rng, 400, 1500))]
    kind = pick(rng, ("started by others", "never asked", "never started", "told"))
    if kind == "started by others":
        lines.append(line(pick(rng, starts(split)), between(rng, 600, 2000), "other"))
        lines.append(line(pick(rng, stops(split)), between(rng, 2000, 6000), "other"))
    elif kind == "never asked":
        lines.append(line(pick(rng, beginnings(split)), between(rng, 600, 2000)))
        lines.append(line(pick(rng, finishes(split)), between(rng, 2000, 6000)))
    elif kind == "never started":
        bank = stops(split) if chance(rng, 0.5) else elapsed_questions(split)
        lines.append(line(pick(rng, bank), between(rng, 1500, 4000)))
    lines.append(line(pick(rng, told(split)), between(rng, 700, 2500)))
    return script_of("stopwatch", main, lines, negative=True)


def silence(rng: np.random.Generator, split: Split) -> Script:
    """A watch on silence that is broken once or twice, then talked over or stopped; a negative keeps talking."""
    main = pick(rng, silence_watches(split))
    assert isinstance(main.meaning, SilenceWatch)
    limit_ms = 1000 * main.meaning.seconds
    lines = [line(main, between(rng, 400, 1500))]
    kind = rng.random()
    if kind < 0.10:
        lines = [line(pick(rng, told(split)), between(rng, 400, 1500)), *_talk(rng, split, limit_ms, 1)]
        return script_of("silence", main, lines, negative=True, tail_ms=between(rng, 4000, 9000))
    lines += _talk(rng, split, limit_ms, between(rng, 0, 3))
    if kind < 0.20:
        lines += [*_talk(rng, split, limit_ms, 2), line(pick(rng, stopping(split)), between(rng, 700, 1800))]
        return script_of("silence", main, lines, negative=True, tail_ms=limit_ms + 1500)
    for _ in range(pick(rng, (0, 1, 1, 2) if limit_ms <= 6000 else (0, 1))):
        gap_ms = limit_ms + between(rng, 1500, 3000)
        lines += [line(pick(rng, stories.stories(split, "plain")), gap_ms), *_talk(rng, split, limit_ms, 1)]
    if chance(rng, 0.2):
        lines.append(line(pick(rng, chat.phrases_of(split)), between(rng, 700, 1500), pick(rng, ("other", "tv"))))
    return script_of("silence", main, lines, tail_ms=limit_ms + between(rng, 1500, 3500))


def _talk(rng: np.random.Generator, split: Split, limit_ms: int, length: int) -> list[Line]:
    """Lines with gaps that stay below the limit."""
    banks = [stories.stories(split, pick(rng, stories.KINDS)) for _ in range(length)]
    return [line(pick(rng, bank), between(rng, 400, max(limit_ms - 1200, 500))) for bank in banks]


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    yield from (*starts(split), *stops(split), *beginnings(split), *finishes(split), *elapsed_questions(split))
    yield from (*silence_watches(split), *told(split))

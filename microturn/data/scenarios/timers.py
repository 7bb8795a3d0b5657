"""Speech on the clock: the skills "interval", "delay" (two timers, reschedule, cancel) and "countdown"."""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from microturn.data.lexicon import PEOPLE, REMINDERS, SAYABLE, number_words
from microturn.data.scenarios import chat, questions, standing, stories
from microturn.data.scenarios.draw import between, chance, line, pick, script_of
from microturn.data.scenarios.stopping import stopping
from microturn.data.script import Cancel, Countdown, Delay, Interval, Line, Reschedule, Script
from microturn.data.splits import COMMAND, STORY, Core, Phrase, Slot, Split, hashed, phrases, prefixes, split_of

ESTIMATED_WORD_MS = 340
INTERVAL_SECONDS = range(2, 21)
DELAY_SECONDS = range(3, 61)
COUNTDOWN_FROM = range(3, 16)

REMINDING = (
    Core("remind me to {w} every {n} seconds until i say stop"),
    Core("remind me to {w} every {n} seconds"),
    Core("every {n} seconds remind me to {w}"),
    Core("tell me to {w} every {n} seconds until i say stop"),
    Core("tell me to {w} every {n} seconds"),
    Core("until i say stop remind me to {w} every {n} seconds", "val"),
    Core("every {n} seconds tell me to {w}", "test"),
)
REPEATING = (
    Core("say {w} every {n} seconds until i say stop"),
    Core("say {w} every {n} seconds"),
    Core("every {n} seconds say {w}"),
    Core("until i say stop say {w} every {n} seconds", "val"),
    Core("every {n} seconds say {w} until i say stop", "test"),
)
DELAYING = (
    Core("say {w} in {n} seconds"),
    Core("in {n} seconds say {w}"),
    Core("say {w} after {n} seconds"),
    Core("after {n} seconds say {w}", "test"),
    Core("{n} seconds from now say {w}", "val"),
)
DELAYING_TO = (
    Core("say {w} in {n} seconds"),
    Core("remind me to {w} in {n} seconds"),
    Core("in {n} seconds remind me to {w}"),
    Core("tell me to {w} in {n} seconds"),
    Core("in {n} seconds tell me to {w}", "test"),
    Core("after {n} seconds remind me to {w}", "val"),
)
ADDING = (
    Core("and {w} in {n} seconds"),
    Core("and say {w} in {n} seconds"),
    Core("and then {w} in {n} seconds"),
    Core("and in {n} seconds say {w}", "val"),
    Core("and then say {w} in {n} seconds", "test"),
)
CHANGING = (
    Core("make it {n}"),
    Core("make it {n} seconds"),
    Core("make that {n}"),
    Core("no make it {n}"),
    Core("change it to {n}"),
    Core("make that {n} seconds", "val"),
    Core("change that to {n}", "test"),
    Core("no make it {n} seconds", "test"),
)
CANCELLING = (
    Core("cancel that"),
    Core("cancel it"),
    Core("cancel the timer"),
    Core("cancel the reminder"),
    Core("cancel this", "val"),
    Core("cancel that reminder", "test"),
)
COUNTING_DOWN = (
    Core("count down from {n}"),
    Core("count down from {n} to one"),
    Core("start counting down from {n}"),
    Core("do a countdown from {n}"),
    Core("give me a countdown from {n}", "test"),
    Core("count from {n} down to one", "val"),
)
TIME_TOLD = (
    Core("my {who} comes in {n} seconds"),
    Core("the bell rings every {n} seconds"),
    Core("my {who} said it took {n} seconds"),
    Core("my {who} had to {w} every {n} seconds"),
    Core("i wanted to {w} in {n} seconds"),
    Core("we counted down from {n} at the party"),
    Core("my {who} will call in {n} seconds", "val"),
    Core("my {who} told me to {w} every {n} seconds", "test"),
    Core("yesterday my {who} counted down from {n}", "test"),
)
FIRST_PERCENT = 25  # how often the canonical template carries a free pair
CANONICAL_TIMES = frozenset({"breathe-4", "stretch-6", "drink-10"})


def _is_canonical(slot: Slot) -> bool:
    return slot.key in CANONICAL_TIMES


def _timed(family: str, words: Sequence[str], seconds: Sequence[int], kept: int, what: type) -> Iterator[Slot]:
    """word x seconds, `kept` of 10,000 of them; short times more often than long ones."""
    for word in words:
        for amount in seconds:
            key = f"{word}-{amount}"
            threshold = kept if amount <= 12 else kept * 2 // 3 if amount <= 20 else kept // 4
            if hashed(family, key) < threshold or key in CANONICAL_TIMES:
                held_out: Split = "train" if key in CANONICAL_TIMES else split_of(family, key)
                yield Slot(key, {"w": word, "n": number_words(amount)}, what(word, amount), held_out)


@cache
def intervals(split: Split) -> tuple[Phrase, ...]:
    """Reminders that come again and again."""
    to_do = _timed("interval", REMINDERS, INTERVAL_SECONDS, 9000, Interval)
    to_say = _timed("interval", SAYABLE, INTERVAL_SECONDS, 6000, Interval)
    reminding = phrases(split, "interval", REMINDING, COMMAND, to_do, 1, _is_canonical, FIRST_PERCENT)
    return reminding + phrases(split, "repeat", REPEATING, COMMAND, to_say, 1, _is_canonical, FIRST_PERCENT)


@cache
def delays(split: Split) -> tuple[Phrase, ...]:
    """Reminders that come once."""
    to_do = _timed("delay", REMINDERS, DELAY_SECONDS, 9000, Delay)
    to_say = _timed("delay", SAYABLE, DELAY_SECONDS, 8000, Delay)
    reminding = phrases(split, "delayto", DELAYING_TO, COMMAND, to_do, 1, _is_canonical, FIRST_PERCENT)
    return reminding + phrases(split, "delay", DELAYING, COMMAND, to_say, 1, _is_canonical, FIRST_PERCENT)


@cache
def intervals_to(split: Split, largest: int) -> tuple[Phrase, ...]:
    """Intervals of at most `largest` seconds."""
    return tuple(p for p in intervals(split) if isinstance(p.meaning, Interval) and p.meaning.seconds <= largest)


@cache
def delays_to(split: Split, lowest: int, largest: int) -> tuple[Phrase, ...]:
    """Delays from `lowest` to `largest` seconds."""
    return tuple(p for p in delays(split) if isinstance(p.meaning, Delay) and lowest <= p.meaning.seconds <= largest)


AND = prefixes(train=("", "oh", "please"), val=("okay",), test=("so",))


@cache
def second_delays(split: Split) -> tuple[Phrase, ...]:
    """What is said to add a timer to one just set."""
    slots = [*_timed("and", REMINDERS, range(3, 21), 5500, Delay), *_timed("and", SAYABLE, range(3, 21), 3000, Delay)]
    return phrases(split, "and", ADDING, AND, slots, 1, _is_canonical, FIRST_PERCENT)


@cache
def changes(split: Split) -> tuple[Phrase, ...]:
    """New times for the last delay: seconds are covered in all splits."""
    slots = [Slot(str(n), {"n": number_words(n)}, Reschedule(n)) for n in range(3, 31)]
    return phrases(split, "change", CHANGING, AND, slots, 6, lambda slot: True)


@cache
def changes_to(split: Split, lowest: int, largest: int) -> tuple[Phrase, ...]:
    """Changes to a time from `lowest` to `largest` seconds."""
    changed = [(p, p.meaning) for p in changes(split)]
    return tuple(p for p, m in changed if isinstance(m, Reschedule) and lowest <= m.seconds <= largest)


@cache
def cancellations(split: Split) -> tuple[Phrase, ...]:
    """Ends of the last delay."""
    return phrases(split, "cancel", CANCELLING, COMMAND, [Slot("that", {}, Cancel())], 30, lambda slot: True)


@cache
def countdowns(split: Split) -> tuple[Phrase, ...]:
    """Countdowns; their starts are covered in all splits."""
    slots = [Slot(str(n), {"n": number_words(n)}, Countdown(n)) for n in COUNTDOWN_FROM]
    return phrases(split, "countdown", COUNTING_DOWN, COMMAND, slots, 12, lambda slot: True)


@cache
def told(split: Split) -> tuple[Phrase, ...]:
    """Times that nobody is to be reminded of."""
    slots = []
    for index, who in enumerate(PEOPLE):
        for n in range(3, 21):
            key = f"{who}-{n}"
            word = REMINDERS[(index + n) % len(REMINDERS)]
            slots.append(Slot(key, {"who": who, "n": number_words(n), "w": word}, None, split_of("toldtime", key)))
    return phrases(split, "toldtime", TIME_TOLD, STORY, slots, 1)


def while_waiting(rng: np.random.Generator, split: Split, span_ms: int) -> list[Line]:
    """Talk, a story with a task of its own, or silence, of about `span_ms`; at most one short line more."""
    lines: list[Line] = []
    left_ms = span_ms
    if span_ms > 9000 and chance(rng, 0.15):
        task = pick(rng, (standing.count_task, standing.taboo_task))(rng, split)
        told_story = [line(task.start, between(rng, 400, 1500)), *standing.story(rng, task, 6, cue_share=0.7)]
        while told_story and spent_ms(told_story) > span_ms:
            told_story.pop()
        return told_story
    talkative = chance(rng, 0.65)
    while talkative and left_ms > 3500:
        gap_ms = between(rng, 400, min(4000, left_ms - 2500))
        if chance(rng, 0.12) and lines:
            phrase = questions.question(rng, split)
        else:
            bank = chat.phrases_of(split) if chance(rng, 0.4) else stories.stories(split, pick(rng, stories.KINDS))
            phrase = pick(rng, bank)
        lines.append(line(phrase, gap_ms))
        left_ms -= gap_ms + ESTIMATED_WORD_MS * len(phrase.text.split())
    return lines


def spent_ms(lines: Sequence[Line]) -> int:
    """About how long the lines take, with the gaps before them."""
    return sum(item.gap_ms + ESTIMATED_WORD_MS * len(item.text.split()) for item in lines)


def interval(rng: np.random.Generator, split: Split) -> Script:
    """Two to five beats, often over the user's speech, and then mostly a stop."""
    if chance(rng, 0.15):
        return _off_the_clock(rng, split, "interval")
    main = pick(rng, intervals(split))
    assert isinstance(main.meaning, Interval)
    every_ms = 1000 * main.meaning.seconds
    beats = between(rng, 2, 5) if every_ms <= 7000 else between(rng, 1, 2)
    span_ms = min(beats * every_ms + between(rng, 300, every_ms - 300), 34_000)
    waiting = while_waiting(rng, split, span_ms)
    lines = [line(main, between(rng, 400, 1500)), *waiting]
    rest_ms = max(span_ms - spent_ms(waiting), 500)
    if chance(rng, 0.3):
        return script_of("interval", main, lines, tail_ms=rest_ms + 1000)
    lines.append(line(pick(rng, stopping(split)), rest_ms))
    return script_of("interval", main, lines, tail_ms=min(every_ms, 8000) + 1500)


def delay(rng: np.random.Generator, split: Split) -> Script:
    """One timer or two, sometimes moved or cancelled, while the user talks or waits."""
    variant = rng.random()
    if variant < 0.12:
        return _off_the_clock(rng, split, "delay")
    largest = 12 if chance(rng, 0.65) else 25 if chance(rng, 0.85) else 60
    main = pick(rng, delays_to(split, 6 if 0.30 <= variant < 0.60 else 3, largest))
    assert isinstance(main.meaning, Delay)
    lines = [line(main, between(rng, 400, 1500))]
    last_s = main.meaning.seconds
    if variant < 0.30:
        added = pick(rng, second_delays(split))
        assert isinstance(added.meaning, Delay)
        last_s = max(last_s, added.meaning.seconds + 2)
        lines.append(line(added, between(rng, 200, 1500)))
    elif variant < 0.48:
        changed = pick(rng, changes_to(split, 5, min(30, largest + 5)))
        assert isinstance(changed.meaning, Reschedule)
        last_s = max(last_s, changed.meaning.seconds)
        lines.append(line(changed, between(rng, 400, 1200)))
    elif variant < 0.60:
        lines.append(line(pick(rng, cancellations(split)), between(rng, 500, 1500)))
    waiting = while_waiting(rng, split, 1000 * last_s + 1500)
    tail_ms = max(1000 * last_s - spent_ms(waiting), 0) + between(rng, 1500, 3000)
    negative = 0.48 <= variant < 0.60
    return script_of("delay", main, [*lines, *waiting], negative=negative, tail_ms=tail_ms)


def countdown(rng: np.random.Generator, split: Split) -> Script:
    """A countdown to its end, or stopped on the way."""
    if chance(rng, 0.15):
        return _off_the_clock(rng, split, "countdown")
    main = pick(rng, countdowns(split))
    assert isinstance(main.meaning, Countdown)
    lines, span_ms = [line(main, between(rng, 400, 1500))], 1000 * main.meaning.start
    if chance(rng, 0.2):
        lines.append(line(pick(rng, chat.phrases_of(split)), between(rng, 800, 2000)))
    if chance(rng, 0.3):
        lines.append(line(pick(rng, stopping(split)), between(rng, 900, max(span_ms - 1200, 1000))))
    return script_of("countdown", main, lines, tail_ms=max(span_ms - spent_ms(lines[1:]), 1500) + 1500)


def _off_the_clock(rng: np.random.Generator, split: Split, skill: str) -> Script:
    """Times that are only told about, and timers set by others."""
    main = pick(rng, told(split))
    lines = [line(main, between(rng, 400, 1500))]
    if chance(rng, 0.5):
        bank = {"interval": intervals, "delay": delays, "countdown": countdowns}[skill](split)
        lines.append(line(pick(rng, bank), between(rng, 700, 2000), pick(rng, ("other", "tv"))))
    lines += while_waiting(rng, split, between(rng, 3000, 9000))
    silent = [item for item in lines if item.meaning is None]
    return script_of(skill, main, silent, negative=True, tail_ms=between(rng, 3000, 9000))


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    yield from (*intervals(split), *delays(split), *second_delays(split), *changes(split))
    yield from (*cancellations(split), *countdowns(split), *told(split))

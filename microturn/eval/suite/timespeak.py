"""TimeSpeak-open: eight ways to say when something should be said. Templates; how they sound: entries.py."""

from collections.abc import Callable

import numpy as np

from microturn.agent.numbers import number_words
from microturn.eval.suite.entries import Due, Forbidden, Plan, Span

WORDS = ("tea", "water", "bread", "music", "coffee", "window", "garden", "phone")
TALK = (
    "so this morning i went to the market and there was a man with a green hat and a dog",
    "my sister came to see me and we walked along the river and looked at the old boats",
    "it was a long day at work and the train was late and then it started to rain",
)


def one_shot(rng: np.random.Generator, key: str) -> Plan:
    """Remind me once."""
    word, seconds = _word(rng), _seconds(rng, 3, 20)
    spans = (Span(f"say {word} in {number_words(seconds)} seconds", "go"),)
    due = (Due("d1", "go", word, seconds),)
    return timed_plan(key, "one shot", spans, due, "d1", tail=seconds + 6.0, free=0.6 * seconds)


def interval(rng: np.random.Generator, key: str) -> Plan:
    """Again and again; one occurrence after the first counts."""
    word, seconds, count = _word(rng), _seconds(rng, 5, 8), 4
    spans = (Span(f"say {word} every {number_words(seconds)} seconds", "go"),)
    due = tuple(Due(f"d{k}", "go", word, seconds * k) for k in range(1, count + 1))
    scored = f"d{int(rng.integers(2, count))}"
    return timed_plan(key, "interval", spans, due, scored, tail=seconds * count + 4.5, free=0.6 * seconds, extra=1)


def countdown(rng: np.random.Generator, key: str) -> Plan:
    """Tell me when so much time is left."""
    seconds = _seconds(rng, 12, 20)
    left = _seconds(rng, 4, 6)
    whole, rest = number_words(seconds), number_words(left)
    spans = (Span(f"i have {whole} seconds, say {rest} left when {rest} seconds are left, the time starts now", "go"),)
    due = (Due("d1", "go", f"{rest} left", seconds - left, (f"num:{left}",)),)
    return timed_plan(key, "countdown", spans, due, "d1", tail=seconds + 4.0, free=4.0)


def elapsed(rng: np.random.Generator, key: str) -> Plan:
    """How long did it take?"""
    gap = float(rng.uniform(5.0, 15.0))
    spans = (Span("please take the time, i start now", "start"), Span("stop, how many seconds was that", "go", gap))
    took = round(gap)
    off = max(1.0, 0.1 * took)
    due = (Due("d1", "go", number_words(took), accept=(f"num:{took}~{off:g}",)),)
    return timed_plan(key, "elapsed", spans, due, "d1", tail=5.0, forbid=(Forbidden("start", 2.0, "go", -1.0),))


def silence(rng: np.random.Generator, key: str) -> Plan:
    """Speak when I have been quiet for so long."""
    seconds = _seconds(rng, 5, 10)
    word = _word(rng)
    asked = f"if i am quiet for {number_words(seconds)} seconds say {word}"
    spans = (Span(asked), Span(_talk(rng), "talk", 1.0), Span("and that was that", "go", 0.5))
    due = (Due("d1", "go", word, seconds),)
    return timed_plan(key, "silence", spans, due, "d1", tail=seconds + 4.0, free=0.6 * seconds, ack=0.9)


def deadline(rng: np.random.Generator, key: str) -> Plan:
    """Say it at the time, whether I am still talking or not."""
    seconds, word = _seconds(rng, 4, 6), _word(rng)
    asked = f"say {word} after {number_words(seconds)} seconds even if i am talking"
    talk = " and ".join(_talk(rng) for _ in range(2))
    spans = (Span(asked, "go"), Span(talk, "talk", 0.4))
    due = (Due("d1", "go", word, seconds, overlap=True),)
    return timed_plan(key, "deadline", spans, due, "d1", tail=5.0, free=0.5 * seconds, ack=0.6)


def reschedule(rng: np.random.Generator, key: str) -> Plan:
    """Not then, later: at the old time nothing may be said."""
    word, old = _word(rng), _seconds(rng, 8, 10)
    new = _seconds(rng, 9, 12)
    spans = (
        Span(f"say {word} in {number_words(old)} seconds", "old"),
        Span(f"no, make that {number_words(new)} seconds from now", "go", 2.0),
    )
    due = (Due("d1", "go", word, new),)
    return timed_plan(key, "reschedule", spans, due, "d1", tail=new + 4.5, free=new - 2.0)


def concurrent(rng: np.random.Generator, key: str) -> Plan:
    """Two timers at once; one of them counts."""
    first, second = (str(w) for w in rng.choice(WORDS, 2, replace=False))
    short, long = _seconds(rng, 8, 10), _seconds(rng, 14, 18)
    spans = (
        Span(f"say {first} in {number_words(long)} seconds", "long"),
        Span(f"and say {second} in {number_words(short)} seconds", "short", 0.2),
    )
    due = (Due("d1", "long", first, long), Due("d2", "short", second, short))
    scored = str(rng.choice(["d1", "d2"]))
    return timed_plan(key, "concurrent", spans, due, scored, tail=long + 4.5, free=4.0, mark="short", extra=1)


def cancelled(rng: np.random.Generator, key: str) -> Plan:
    """A near miss: it was asked for, and taken back. Right is to say nothing."""
    word, seconds = _word(rng), _seconds(rng, 8, 12)
    asked = f"say {word} in {number_words(seconds)} seconds"
    spans = (Span(asked, "old"), Span("no, forget it", "go", 1.5))
    return timed_plan(key, "reschedule", spans, (), None, tail=seconds + 4.0, free=1.5, name="cancelled")


TEMPLATES: tuple[Callable[[np.random.Generator, str], Plan], ...] = (
    *(one_shot, interval, countdown, elapsed, silence, deadline, reschedule, concurrent),
)
NEGATIVE: tuple[Callable[[np.random.Generator, str], Plan], ...] = (cancelled,)


def timed_plan(
    key: str,
    category: str,
    spans: tuple[Span, ...],
    due: tuple[Due, ...],
    scored: str | None,
    tail: float,
    free: float = 0.0,
    forbid: tuple[Forbidden, ...] = (),
    ack: float = 1.5,
    mark: str = "go",
    extra: int = 0,
    name: str = "",
) -> Plan:
    """free: until so long behind the mark's end nothing may be said; an acknowledgement before is free."""
    quiet = forbid
    if due and not forbid:
        quiet = (Forbidden(mark, ack + 0.3, mark, free),) if free > ack + 0.6 else ()
    elif not due:
        quiet = (Forbidden(mark, free),)
    most = len(due) + extra if due else None
    template = f"{name or category} v1"
    return Plan(key, "timespeak", category, template, spans, due, scored, quiet, most, ack, tail)


def _word(rng: np.random.Generator) -> str:
    return str(rng.choice(WORDS))


def _talk(rng: np.random.Generator) -> str:
    return str(rng.choice(TALK))


def _seconds(rng: np.random.Generator, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))

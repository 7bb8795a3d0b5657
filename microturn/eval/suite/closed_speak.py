"""TimeSpeak and CueSpeak in the closed world: eight categories each, phrases of the test split. Windows: entries.py.

What the small world has no word for (another language, grammar, facts) is replaced by what it has: see docs.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from microturn.data.lexicon import CATEGORIES, MM_HM, number_words
from microturn.data.oracle import SINGULAR
from microturn.data.scenarios import standing, stories, telling, timers, watches
from microturn.data.scenarios.draw import between, chance, pick
from microturn.data.script import Countdown, Delay, Interval, Reschedule, SilenceWatch, StartTaboo
from microturn.data.splits import Phrase
from microturn.eval.suite.cuespeak import cued_plan
from microturn.eval.suite.entries import Due, Forbidden, Plan, Span
from microturn.eval.suite.timespeak import timed_plan

SPLIT = "test"
WORD_S = 0.33
NEXT_S = 0.18  # from clip to clip: with what is quiet in the clips themselves less than the 0.3 s of a pause
AFTER_WORDS = 17
RATES = (2, 3, 10)
MM_HMS = (r"re:\b(mm|hm|hmm|uh huh|yeah|yes|okay|right|i see|wow)\b",)


def one_shot(rng: np.random.Generator, key: str) -> Plan:
    """Remind me once."""
    asked, delay = _delay(rng, 3, 15)
    due = (Due("d1", "go", delay.text, delay.seconds),)
    return _timed(key, "one shot", (Span(asked, "go"),), due, delay.seconds + 4.5, free=0.6 * delay.seconds)


def interval(rng: np.random.Generator, key: str) -> Plan:
    """Again and again; one occurrence after the first counts."""
    asked = pick(rng, [p for p in timers.intervals_to(SPLIT, 8) if _every(p).seconds >= 5])
    every, count = _every(asked), 2
    due = tuple(Due(f"d{k}", "go", every.text, every.seconds * k) for k in range(1, count + 1))
    tail, free = every.seconds * count + 4.2, 0.6 * every.seconds
    return _timed(key, "interval", (Span(asked.text, "go"),), due, tail, scored="d2", free=free, extra=1)


def countdown(rng: np.random.Generator, key: str) -> Plan:
    """Count down, one number a second; a number on the way counts."""
    asked = pick(rng, [p for p in timers.countdowns(SPLIT) if 6 <= _from(p) <= 10])
    start = _from(asked)
    due = tuple(
        Due(f"d{n}", "go", number_words(n), 0.2 + start - n, (f"num:{n}", f"kw:{number_words(n)}"))
        for n in range(start, 0, -1)
    )
    quiet = (Forbidden("go", start + 1.6),)
    scored = f"d{between(rng, 2, start - 3)}"
    return _timed(
        key, "countdown", (Span(asked.text, "go"),), due, start + 4.0, scored=scored, forbid=quiet, apart_s=0.25
    )


def elapsed(rng: np.random.Generator, key: str) -> Plan:
    """How long did it take? The words that ask take time themselves, and both their ends are right."""
    watch = chance(rng, 0.5)
    begin = pick(rng, watches.starts(SPLIT) if watch else watches.beginnings(SPLIT)).text
    ask = pick(rng, watches.stops(SPLIT) if watch else watches.elapsed_questions(SPLIT)).text
    gap = float(rng.uniform(4.0, 12.0))
    asking = WORD_S * len(ask.split())
    took, off = gap + asking / 2, max(1.0, 0.1 * gap) + asking / 2
    due = (Due("d1", "go", f"{number_words(round(took))} seconds", accept=(f"num:{took:.2f}~{off:.2f}",)),)
    quiet = (Forbidden("start", 2.0, "go", -asking),)
    return _timed(key, "elapsed", (Span(begin, "start"), Span(ask, "go", gap)), due, 4.5, forbid=quiet)


def silence(rng: np.random.Generator, key: str) -> Plan:
    """Speak when I have been quiet for so long."""
    asked = pick(rng, [p for p in watches.silence_watches(SPLIT) if 4 <= _quiet(p).seconds <= 8])
    watch = _quiet(asked)
    spans = (Span(asked.text), Span(_story(rng), "talk", 0.9), Span(_story(rng), "go", 0.5))
    due = (Due("d1", "go", watch.text, watch.seconds),)
    return _timed(key, "silence", spans, due, watch.seconds + 4.0, free=0.6 * watch.seconds, ack=0.6)


def deadline(rng: np.random.Generator, key: str) -> Plan:
    """Say it at the time, although I am still talking."""
    asked, delay = _delay(rng, 4, 7)
    talk = [Span(_story(rng), gap_s=0.5 if n == 0 else NEXT_S) for n in range(4)]
    due = (Due("d1", "go", delay.text, delay.seconds, overlap=True),)
    return _timed(key, "deadline", (Span(asked, "go"), *talk), due, 3.0, free=0.5 * delay.seconds, ack=0.6)


def reschedule(rng: np.random.Generator, key: str) -> Plan:
    """Not then, later: at the old time nothing may be said. The new time counts from the first request."""
    asked, delay = _delay(rng, 6, 8)
    change = pick(rng, timers.changes_to(SPLIT, delay.seconds + 4, delay.seconds + 7))
    assert isinstance(change.meaning, Reschedule)
    new = change.meaning.seconds
    spans = (Span(asked, "old"), Span(change.text, "go", 0.8))
    quiet = (Forbidden("old", delay.seconds - 1.0, "old", new - 1.2),)
    due = (Due("d1", "old", delay.text, new),)
    return _timed(key, "reschedule", spans, due, float(new), forbid=quiet, extra=1, ack=5.0)


def concurrent(rng: np.random.Generator, key: str) -> Plan:
    """Two timers at once; one of them counts."""
    asked, first = _delay(rng, 10, 14)
    second = pick(rng, [p for p in timers.second_delays(SPLIT) if _short(p, first.text)])
    assert isinstance(second.meaning, Delay)
    spans = (Span(asked, "long"), Span(second.text, "short", 0.4))
    due = (
        Due("d1", "long", first.text, first.seconds),
        Due("d2", "short", second.meaning.text, second.meaning.seconds),
    )
    scored = pick(rng, ("d1", "d2"))
    return _timed(key, "concurrent", spans, due, first.seconds + 2.0, scored, free=2.6, mark="short", extra=1)


def cancelled(rng: np.random.Generator, key: str) -> Plan:
    """A near miss: asked for, and taken back. Right is to say nothing."""
    asked, delay = _delay(rng, 6, 9)
    spans = (Span(asked, "old"), Span(pick(rng, timers.cancellations(SPLIT)).text, "go", 1.0))
    return timed_plan(key, "reschedule", spans, (), None, delay.seconds + 3.0, free=1.5, name="cancelled")


def only_told(rng: np.random.Generator, key: str) -> Plan:
    """A near miss: times that are talked about. Right is to say nothing."""
    spans = (Span(pick(rng, timers.told(SPLIT)).text, "go"), Span(_story(rng), gap_s=0.9))
    return timed_plan(key, "one shot", spans, (), None, 8.0, free=0.0, ack=0.0, name="only told")


def count_animals(rng: np.random.Generator, key: str) -> Plan:
    """Animals of a story."""
    return _counted(rng, key, "animals")


def count_colors(rng: np.random.Generator, key: str) -> Plan:
    """Colors of a story."""
    return _counted(rng, key, "colors")


def count_fruits(rng: np.random.Generator, key: str) -> Plan:
    """Fruits of a story."""
    return _counted(rng, key, "fruits")


def convert_prices(rng: np.random.Generator, key: str) -> Plan:
    """Euros in dollars."""
    return _converted(rng, key, "euros", "dollars")


def convert_lengths(rng: np.random.Generator, key: str) -> Plan:
    """Meters in feet."""
    return _converted(rng, key, "meters", "feet")


def taboo(rng: np.random.Generator, key: str) -> Plan:
    """A word that shall be beeped."""
    asked, word = _forbidden(rng)
    cue = pick(rng, [p.text for p in stories.with_word(SPLIT, word) if p.text.split().count(word) == 1])
    others = stories.without_word(SPLIT, word)
    spans = _over(rng, asked, others, [(cue, cue.split().index(word))])
    return cued_plan(key, "taboo", spans, (Due("c1", "cue1", "beep", overlap=True),), "c1")


def items(rng: np.random.Generator, key: str) -> Plan:
    """Okay after each thing of a list; there are pauses between the things, so who waits for one passes too."""
    things = [pick(rng, standing.items(SPLIT)).text for _ in range(4)]
    asked = pick(rng, standing.listing(SPLIT)).text
    gaps = [float(rng.uniform(1.2, 2.0)) for _ in things]
    spans = (Span(asked), *(Span(t, f"i{n}", gap) for n, (t, gap) in enumerate(zip(things, gaps, strict=True))))
    due = tuple(Due(f"c{n}", f"i{n}", "okay") for n in range(len(things)))
    return _answered(key, "continuer", spans, due)


def backchannel(rng: np.random.Generator, key: str) -> Plan:
    """Mm-hm after each phrase of what is told."""
    told = [_story(rng) for _ in range(4)]
    spans = (
        Span(pick(rng, telling.openings(SPLIT)).text),
        *(Span(t, f"i{n}", float(rng.uniform(1.0, 1.6))) for n, t in enumerate(told)),
    )
    due = tuple(Due(f"c{n}", f"i{n}", MM_HM, accept=MM_HMS) for n in range(len(told)))
    return _answered(key, "backchannel", spans, due)


def no_cue(rng: np.random.Generator, key: str) -> Plan:
    """A near miss: something to count, and nothing of it is said."""
    category = pick(rng, tuple(standing.CATEGORY_SINGULAR))
    asked = pick(rng, standing.counting(SPLIT, category)).text
    return _nothing(rng, key, asked, stories.without_category(SPLIT, category), "no cue")


def other_word(rng: np.random.Generator, key: str) -> Plan:
    """A near miss: a word is forbidden, and others are said."""
    asked, word = _forbidden(rng)
    return _nothing(rng, key, asked, stories.without_word(SPLIT, word), "other word")


TIME_TEMPLATES: tuple[Callable[[np.random.Generator, str], Plan], ...] = (
    *(one_shot, interval, countdown, elapsed, silence, deadline, reschedule, concurrent),
)
TIME_NEAR_MISSES: tuple[Callable[[np.random.Generator, str], Plan], ...] = (cancelled, only_told)
CUE_TEMPLATES: tuple[Callable[[np.random.Generator, str], Plan], ...] = (
    *(count_animals, count_colors, count_fruits, convert_prices, convert_lengths, taboo, items, backchannel),
)
CUE_NEAR_MISSES: tuple[Callable[[np.random.Generator, str], Plan], ...] = (no_cue, other_word)


def _timed(
    key: str,
    category: str,
    spans: tuple[Span, ...],
    due: tuple[Due, ...],
    tail: float,
    scored: str = "d1",
    free: float = 0.0,
    forbid: tuple[Forbidden, ...] = (),
    ack: float = 1.5,
    mark: str = "go",
    extra: int = 0,
    apart_s: float | None = None,
) -> Plan:
    plan = timed_plan(key, category, spans, due, scored, tail, free, forbid, ack, mark, extra)
    return plan if apart_s is None else replace(plan, apart_s=apart_s)


def _counted(rng: np.random.Generator, key: str, category: str) -> Plan:
    """Two cues; the second one counts."""
    words: frozenset[str] = CATEGORIES[category]
    fits = [p.text for p in stories.stories(SPLIT, category) if len(words.intersection(p.text.split())) == 1]
    single = [text for text in fits if sum(word in words for word in text.split()) == 1]
    cues = [(text, next(n for n, word in enumerate(text.split()) if word in words)) for text in _two(rng, single)]
    asked = pick(rng, standing.counting(SPLIT, category)).text
    spans = _over(rng, asked, stories.without_category(SPLIT, category), cues)
    due = (Due("c1", "cue1", "one", accept=("num:1",)), Due("c2", "cue2", "two", accept=("num:2",), overlap=True))
    return cued_plan(key, f"count {category}", spans, due, "c2")


def _converted(rng: np.random.Generator, key: str, source: str, target: str) -> Plan:
    rate = pick(rng, RATES)
    asked = pick(rng, standing.converting(SPLIT, source, rate)).text
    phrase = pick(rng, stories.amounts_to(SPLIT, source, standing.LARGEST_RESULT // rate))
    amount = int(phrase.slots.rsplit("-", 1)[1])
    unit = source if amount > 1 else SINGULAR[source]
    result = amount * rate
    spans = _over(rng, asked, stories.without_unit(SPLIT, source), [(phrase.text, phrase.text.split().index(unit))])
    due = (Due("c1", "cue1", f"{number_words(result)} {target}", accept=(f"num:{result}",), overlap=True),)
    return cued_plan(key, f"convert {source}", spans, due, "c1")


def _over(
    rng: np.random.Generator, asked: str, others: Sequence[Phrase], cues: Sequence[tuple[str, int]]
) -> tuple[Span, ...]:
    """The instruction, a story without a pause in which the cues are marked by their word, and seconds after that."""
    spans = [Span(asked), Span(pick(rng, others).text, "story", 1.3)]
    for number, (text, word) in enumerate(cues, start=1):
        spans.append(Span(text, f"cue{number}", NEXT_S, word))
        if number < len(cues):
            spans.append(Span(pick(rng, others).text, gap_s=NEXT_S))
    after = 0
    while after < AFTER_WORDS:
        text = pick(rng, others).text
        spans.append(Span(text, gap_s=NEXT_S))
        after += len(text.split())
    return tuple(spans)


def _answered(key: str, category: str, spans: tuple[Span, ...], due: tuple[Due, ...]) -> Plan:
    """Cues with pauses after them: the first one counts, for a late answer to it is early for no other."""
    return Plan(
        key, "cuespeak", category, f"{category} closed", spans, due, due[0].id, (), len(due), ack_s=0.9, tail_s=4.0
    )


def _nothing(rng: np.random.Generator, key: str, asked: str, others: Sequence[Phrase], name: str) -> Plan:
    spans = _over(rng, asked, others, [])
    return Plan(key, "cuespeak", "near miss", name, spans, (), None, (Forbidden("story", -2.0),), tail_s=4.0)


def _two(rng: np.random.Generator, texts: Sequence[str]) -> tuple[str, str]:
    first = pick(rng, texts)
    return first, pick(rng, [text for text in texts if text != first])


def _forbidden(rng: np.random.Generator) -> tuple[str, str]:
    fits = [
        (p.text, p.meaning.word)
        for p in standing.forbidding(SPLIT)
        if isinstance(p.meaning, StartTaboo)
        and any(t.text.split().count(p.meaning.word) == 1 for t in stories.with_word(SPLIT, p.meaning.word))
    ]
    return pick(rng, fits)


def _delay(rng: np.random.Generator, low: int, high: int) -> tuple[str, Delay]:
    phrase = pick(rng, timers.delays_to(SPLIT, low, high))
    assert isinstance(phrase.meaning, Delay)
    return phrase.text, phrase.meaning


def _short(phrase: Phrase, other: str) -> bool:
    return isinstance(phrase.meaning, Delay) and phrase.meaning.seconds in range(5, 9) and phrase.meaning.text != other


def _every(phrase: Phrase) -> Interval:
    assert isinstance(phrase.meaning, Interval)
    return phrase.meaning


def _from(phrase: Phrase) -> int:
    assert isinstance(phrase.meaning, Countdown)
    return phrase.meaning.start


def _quiet(phrase: Phrase) -> SilenceWatch:
    assert isinstance(phrase.meaning, SilenceWatch)
    return phrase.meaning


def _story(rng: np.random.Generator) -> str:
    return pick(rng, stories.stories(SPLIT, "plain")).text

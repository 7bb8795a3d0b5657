"""Full-Duplex-Bench v1 in the closed world: its four tasks made of phrases and voices of the test split. Seeded.

The layout is that of the published set (fixed times, one recording a sample); what differs is in docs/evaluation.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from microturn.data.lexicon import MM_HM
from microturn.data.scenarios import hesitation, interrupting, questions, recitals, telling
from microturn.data.scenarios.draw import between, chance, line, pick, said
from microturn.data.script import Ask, Recite
from microturn.data.splits import Phrase
from microturn.eval.suite.closed_sound import Cast, Plays, Take, casts, end_s, say, start_s, take
from microturn.eval.suite.entries import Speak
from microturn.eval.suite.fdb1 import BIN_S, Task
from microturn.eval.suite.fdb1_suite import Case, fdb1_suite
from microturn.eval.suite.shape import Asked, Suite

SPLIT = "test"
PER_TASK = 8
AFTER_S = 4.0
RECITAL_LETTERS = 110
BACKCHANNEL_S = (0.2, 0.8)

Making = Callable[[np.random.Generator, str, Cast, Speak], Case]


def fdb1_closed(asked: Asked) -> Suite:
    """Full-Duplex-Bench v1, made here: pauses, backchannels, turns and interruptions of the small world."""
    return fdb1_suite("fdb1-closed", "pauses, backchannels, turns, interruptions", cases(asked), asked.seed)


def cases(asked: Asked, speak: Speak = say, cast: Sequence[Cast] | None = None) -> list[Case]:
    """So many of each task, voices in turn."""
    people = cast or casts()
    made: list[Case] = []
    for task, making in enumerate((pause, listening, turn, interrupted)):
        for number in range(asked.per_category or PER_TASK):
            rng = np.random.default_rng([asked.seed, 31, task, number])
            made.append(
                making(rng, f"fdb1-closed/{making.__name__}/{number:04d}", people[len(made) % len(people)], speak)
            )
    return made


def pause(rng: np.random.Generator, key: str, cast: Cast, speak: Speak) -> Case:
    """A question that does not come in one piece."""
    broken = pick(rng, [b for b in hesitation.broken_requests(SPLIT) if isinstance(b.meaning, Ask)])
    lines = [line(broken.head, 0), *(said(part, between(rng, 600, 1200)) for part in broken.rest)]
    assert isinstance(broken.meaning, Ask)
    made = take(key, lines, cast, speak, AFTER_S)
    start, end = end_s(made.spoken[0]), end_s(made.spoken[-1])
    return _case(key, "pause_handling", made, start, end, broken.meaning.answer, long=False)


def listening(rng: np.random.Generator, key: str, cast: Cast, speak: Speak) -> Case:
    """Something told in phrases, to which one listens."""
    told = telling._phrases(rng, SPLIT, 5)  # pyright: ignore[reportPrivateUsage]  # the very phrases of that skill
    lines = [line(pick(rng, telling.openings(SPLIT)), 0), *(replace(one, gap_ms=max(900, one.gap_ms)) for one in told)]
    made = take(key, lines, cast, speak, 2.5)
    due = tuple(end_s(one) + BACKCHANNEL_S[0] for one in made.spoken[1:])
    bins = np.zeros(int(made.length_s / BIN_S) + 1)
    for at_s in due:
        bins[int(at_s / BIN_S) : int((at_s + BACKCHANNEL_S[1]) / BIN_S) + 1] = 1.0
    case = _case(key, "backchannel", made, 0.0, end_s(made.spoken[-1]), MM_HM)
    return replace(case, due_s=due, people=tuple(map(float, bins)))


def turn(rng: np.random.Generator, key: str, cast: Cast, speak: Speak) -> Case:
    """A question, or something to recite."""
    if chance(rng, 0.5):
        asked = questions.question(rng, SPLIT)
        assert isinstance(asked.meaning, Ask)
        text, long = asked.meaning.answer, False
    else:
        asked, text = pick(rng, _recitals(0, RECITAL_LETTERS))
        long = True
    made = take(key, [line(asked, 0)], cast, speak, AFTER_S)
    said_line = made.spoken[0]
    return _case(key, "smooth_turn_taking", made, start_s(said_line), end_s(said_line), text, long)


def interrupted(rng: np.random.Generator, key: str, cast: Cast, speak: Speak) -> Case:
    """A recital into which the user asks something, or for another one, at a time that was fixed before."""
    asked, recital = pick(rng, _recitals(RECITAL_LETTERS, 10_000))
    long = chance(rng, 0.5)
    into, answer = _instead(rng, recital) if long else question_into(rng, recital)
    lines = [line(asked, 0), line(into, between(rng, 3000, 4000))]
    made = take(key, lines, cast, speak, AFTER_S)
    first, second = made.spoken
    case = _case(key, "user_interruption", made, start_s(second), end_s(second), answer, long=long)
    return replace(case, before=recital, before_s=end_s(first) + 0.4)


def question_into(rng: np.random.Generator, recital: str) -> tuple[Phrase, str]:
    """A question that interrupts, with an answer that the recital does not hold."""
    words = set(recital.split())
    fits = [p for p in interrupting.asking(SPLIT) if isinstance(p.meaning, Ask) and p.meaning.answer not in words]
    asked = pick(rng, fits)
    assert isinstance(asked.meaning, Ask)
    return asked, asked.meaning.answer


def _instead(rng: np.random.Generator, recital: str) -> tuple[Phrase, str]:
    """A request for another recital, which begins with words that the first one does not begin with."""
    found = [(p, p.meaning.text) for p in interrupting.instead(SPLIT) if isinstance(p.meaning, Recite)]
    return pick(rng, [(p, text) for p, text in found if text.split()[:2] != recital.split()[:2]])


def _recitals(least: int, most: int) -> list[tuple[Phrase, str]]:
    """Requests of the split with a recital of so many letters."""
    found = [(phrase, phrase.meaning.text) for phrase in recitals.requests(SPLIT) if isinstance(phrase.meaning, Recite)]
    return [(phrase, text) for phrase, text in found if least <= len(text) < most]


def recitals_of(least: int) -> list[tuple[Phrase, str]]:
    """Requests with recitals of so many letters or more."""
    return _recitals(least, 10_000)


def _case(key: str, task: Task, made: Take, start: float, end: float, say_: str, long: bool = True) -> Case:
    user = Plays(made)
    first = " ".join(say_.split()[:2]) if long else say_
    spoken = 0.065 * len(say_) if long else 0.0
    heard = tuple(made.heard)
    return Case(key, task, user, user.ticks, start, end, (first,), say_, spoken, long=long, heard=heard)

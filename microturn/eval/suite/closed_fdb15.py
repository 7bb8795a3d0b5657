"""Full-Duplex-Bench v1.5 in the closed world: a recital, and somebody speaks over it. Seeded; test split."""

from collections.abc import Sequence

import numpy as np

from microturn.data.scenarios import addressing, interrupting, questions
from microturn.data.scenarios.draw import between, line, pick
from microturn.data.script import Ask, Backchannel
from microturn.data.splits import Phrase
from microturn.eval.suite.closed_fdb1 import SPLIT, question_into, recitals_of
from microturn.eval.suite.closed_sound import Cast, Plays, casts, end_s, say, start_s, take
from microturn.eval.suite.entries import Speak
from microturn.eval.suite.fdb15 import WANTED, Overlap, Scene
from microturn.eval.suite.fdb15_suite import Case, fdb15_suite
from microturn.eval.suite.shape import Asked, Suite

PER_SCENE = 8
LETTERS = 125
LETTER_S = 0.065
COMMON = frozenset(
    ("the", "and", "was", "had", "her", "his", "him", "she", "not", "but", "for", "all", "that", "with", "you", "are")
)


def fdb15_closed(asked: Asked) -> Suite:
    """Full-Duplex-Bench v1.5, made here: somebody speaks over a recital of the small world."""
    return fdb15_suite("fdb15-closed", "interrupted, listened to, or not spoken to at all", cases(asked))


def cases(asked: Asked, speak: Speak = say, cast: Sequence[Cast] | None = None) -> list[Case]:
    """So many of each scene, voices in turn."""
    people = cast or casts()
    made: list[Case] = []
    for place, scene in enumerate(WANTED):
        for number in range(asked.per_category or PER_SCENE):
            rng = np.random.default_rng([asked.seed, 37, place, number])
            made.append(case(rng, f"fdb15-closed/{scene}/{number:04d}", scene, people[len(made) % len(people)], speak))
    return made


def case(rng: np.random.Generator, key: str, scene: Scene, cast: Cast, speak: Speak) -> Case:
    """A request, and 3 to 4 s later somebody speaks; the recital goes on for seconds after that."""
    asked, recital = pick(rng, recitals_of(LETTERS))
    into, answer, speaker = _over(rng, scene, recital)
    length_s = LETTER_S * len(recital)
    lines = [line(asked, 0), line(into, between(rng, 3000, 4000), speaker)]
    made = take(key, lines, cast, speak, max(5.0, length_s - 3.0))
    first, second = made.spoken
    overlap = Overlap(scene, start_s(second), end_s(second), (answer,) if answer else (), _words(recital))
    user = Plays(made)
    heard = tuple(made.heard)
    return Case(key, overlap, user, user.ticks, end_s(first), recital, length_s, answer, heard)


def _over(rng: np.random.Generator, scene: Scene, recital: str) -> tuple[Phrase, str, str]:
    """What is said over it, a right answer to it, and by whom."""
    words = set(recital.split())
    if scene == "user_interruption":
        return (*question_into(rng, recital), "user")
    if scene == "user_backchannel":
        return pick(rng, [p for p in interrupting.backchannels() if isinstance(p.meaning, Backchannel)]), "", "user"
    if scene == "talking_to_other":
        return pick(rng, [p for p in addressing.to_somebody(SPLIT) if words.isdisjoint(p.text.split())]), "", "user"
    while True:
        asked = questions.question(rng, SPLIT)
        if isinstance(asked.meaning, Ask) and asked.meaning.answer not in words:
            return asked, asked.meaning.answer, pick(rng, ("other", "tv"))


def _words(recital: str) -> tuple[str, ...]:
    """Its words in order, but for those that any answer may hold: any of them is going on; the last one is its end."""
    words = recital.split()
    return (*(word for word in words[:-1] if len(word) > 2 and word not in COMMON), words[-1])

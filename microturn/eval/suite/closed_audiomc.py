"""Audio MultiChallenge in the closed world: its four axes in phrases and voices of the test split. Rules decide.

What the small world has for each: a name told and asked for later, another one in between (inference memory; nothing of
the set's cues in the sound of a voice); prices to be told in another currency, after a question about something else
(instruction retention); the same question twice (self coherence: the same answer twice); a question that corrects
itself (voice editing).
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from microturn.data.lexicon import NAMES, number_words
from microturn.data.scenarios import chat, hesitation, memory, questions, standing, stories
from microturn.data.scenarios.draw import between, line, pick
from microturn.data.script import Ask, Line, Remember
from microturn.data.splits import Phrase, Split
from microturn.eval.suite.analyze import numbers
from microturn.eval.suite.audiomc_suite import Case, Criterion, audiomc_suite
from microturn.eval.suite.closed_sound import Cast, Plays, casts, end_s, say, take
from microturn.eval.suite.entries import Speak
from microturn.eval.suite.shape import Asked, Suite

SPLIT: Split = "test"
EACH = 4
ANSWER_S = 4.5
ANYTHING = ("re:.",)
TOLD_MS, ANSWERED_MS = (1_400, 2_400), (3_000, 3_600)
KINDS = tuple(questions.CORES)


class Talk(NamedTuple):
    """Lines of the user with what is right to say after each, and what of the last reply is examined.

    part: meets some of it. cue: the word of the last line after which the reply is due; -1: its last one.
    """

    lines: Sequence[Line]
    replies: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    part: str
    cue: int = -1


def audiomc_closed(asked: Asked) -> Suite:
    """Audio MultiChallenge in the small world."""
    return audiomc_suite(
        "audiomc-closed", "conversations of several turns, and criteria for the last reply", cases(asked)
    )


def cases(asked: Asked, speak: Speak = say, cast: Sequence[Cast] | None = None) -> list[Case]:
    """So many of each axis, voices in turn."""
    people = cast or casts()
    found: list[Case] = []
    for place, (axis, making) in enumerate(AXES.items()):
        for number in range(asked.per_category or EACH):
            rng = np.random.default_rng([asked.seed, 59, place, number])
            key = f"audiomc-closed/{axis}/{number:04d}"
            found.append(_case(key, axis, making(rng), people[len(found) % len(people)], speak))
    return found


def remembered(rng: np.random.Generator) -> Talk:
    """A name, somebody else's name, a question, and what was the name?"""
    told = pick(rng, memory.telling(SPLIT))
    assert isinstance(told.meaning, Remember)
    name = told.meaning.name
    other = pick(rng, [p for p in memory.others_names(SPLIT) if name not in p.text.split()])
    named = next(word for word in NAMES if word in other.text.split())
    between_us, answer = _question(rng)
    asked = pick(rng, memory.asking(SPLIT))
    criteria = (
        Criterion(f"It says the user's name, {name}.", (f"kw:{name}",)),
        Criterion("It names nobody else.", ANYTHING, tuple(f"kw:{one}" for one in NAMES if one != name)),
    )
    lines = [_first(told), _after(rng, other), _after(rng, between_us), _after(rng, asked, answered=True)]
    return Talk(lines, ("", "", answer, name), criteria, f"{name} or {named}")


def retained(rng: np.random.Generator) -> Talk:
    """Every price in dollars: still so after a story and a question, as the user goes on talking."""
    rate = pick(rng, standing.RATES)
    asked = pick(rng, standing.converting(SPLIT, "euros", rate))
    story = pick(rng, stories.without_unit(SPLIT, "euros"))
    between_us, answer = _question(rng)
    priced = pick(rng, stories.amounts_to(SPLIT, "euros", standing.LARGEST_RESULT // rate))
    result = rate * int(priced.slots.rsplit("-", 1)[1])
    words = priced.text.replace(",", "").split()
    criteria = (
        Criterion(f"It says {result}.", (f"num:{result}",)),
        Criterion("It says that these are dollars.", ("kw:dollars", "kw:dollar")),
    )
    lines = [_first(asked), _after(rng, story), _after(rng, between_us), _after(rng, priced, answered=True)]
    whole = number_words(result)
    cue = next(n for n, word in enumerate(words) if word in ("euro", "euros"))
    return Talk(lines, ("", "", answer, f"{whole} dollars"), criteria, whole, cue)


def coherent(rng: np.random.Generator) -> Talk:
    """A question, another one, and the first one once more in other words."""
    first, again = _two_ways(rng)
    answer = _answer(first)
    other, others = _question(rng)
    while others == answer:
        other, others = _question(rng)
    criteria = (
        Criterion("It says what it said the first time.", as_in=1),
        Criterion(f"It says {answer}.", (_rule(answer),)),
    )
    lines = [_first(first), _after(rng, other, answered=True), _after(rng, again, answered=True)]
    return Talk(lines, (answer, others, answer), criteria, answer)


def edited(rng: np.random.Generator) -> Talk:
    """Small talk, and a question that is corrected in the same breath."""
    fits = [(p, wrong) for p in hesitation.corrections(SPLIT) if (wrong := _taken_back(p)) != _answer(p)]
    asked, wrong = pick(rng, fits)
    answer = _answer(asked)
    criteria = (
        Criterion(f"It answers what is asked in the end: {answer}.", (_rule(answer),)),
        Criterion("It does not answer what was taken back.", ANYTHING, (_rule(wrong),)),
    )
    lines = [_first(pick(rng, chat.phrases_of(SPLIT))), _after(rng, asked)]
    return Talk(lines, ("", answer), criteria, f"{wrong}, {answer}")


AXES: dict[str, Callable[[np.random.Generator], Talk]] = {
    "inference memory": remembered,
    "instruction retention": retained,
    "self coherence": coherent,
    "voice editing": edited,
}


def _case(key: str, axis: str, talk: Talk, cast: Cast, speak: Speak) -> Case:
    made = take(key, talk.lines, cast, speak, ANSWER_S)
    user, last = Plays(made), made.spoken[-1]
    due_s = end_s(last) if talk.cue < 0 else last.words[talk.cue].end_ms / 1000
    return Case(key, axis, user, user.ticks, tuple(made.heard), talk.criteria, talk.replies, talk.part, due_s)


def _first(phrase: Phrase) -> Line:
    return line(phrase, 0)


def _after(rng: np.random.Generator, phrase: Phrase, answered: bool = False) -> Line:
    """A line with the pause before it: long where the line before it is answered."""
    return line(phrase, between(rng, *(ANSWERED_MS if answered else TOLD_MS)))


def _question(rng: np.random.Generator) -> tuple[Phrase, str]:
    asked = questions.question(rng, SPLIT)
    return asked, _answer(asked)


def _two_ways(rng: np.random.Generator) -> tuple[Phrase, Phrase]:
    """A question in two wordings of the split."""
    while True:
        phrases = questions.questions(SPLIT, pick(rng, KINDS))
        first = pick(rng, phrases)
        others = [
            p for p in phrases if p.meaning == first.meaning and _fact(p) == _fact(first) and p.text != first.text
        ]
        if others:
            return first, pick(rng, others)


def _fact(phrase: Phrase) -> str:
    return phrase.slots.split("@", 1)[0]


def _answer(phrase: Phrase) -> str:
    assert isinstance(phrase.meaning, Ask)
    return phrase.meaning.answer


@cache
def _known() -> dict[str, str]:
    """Answers by the keys of facts."""
    facts = [fact for kind in KINDS for fact in questions.facts(kind)]
    return {fact.key: fact.meaning.answer for fact in facts if isinstance(fact.meaning, Ask)}


def _taken_back(phrase: Phrase) -> str:
    """The answer to what was asked first, of "fixed:WRONG>RIGHT@..."."""
    return _known()[_fact(phrase).partition(":")[2].partition(">")[0]]


def _rule(answer: str) -> str:
    return f"num:{int(numbers(answer)[0])}" if numbers(answer) else f"kw:{answer}"

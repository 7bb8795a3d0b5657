"""QIVD in the closed world: a question asked aloud about what lies there, or about a hand. Test looks, voices, phrases.

Four of the set's kinds: color, number, place and fingers. What is asked is in view when the question ends, which is the
moment; the small world asks nothing aloud of what happens later, nor how often something was done.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from microturn.data.lexicon import number_words
from microturn.data.scenarios import seeing, showing, watching
from microturn.data.scenarios.draw import between, line, pick
from microturn.data.script import AskFingers, AskSeen, SceneScript
from microturn.data.sight.play import COLORS, Hand, at_first
from microturn.data.sight.watcher import Watcher
from microturn.data.splits import Split
from microturn.eval.suite.closed_sight import in_scene
from microturn.eval.suite.closed_sound import Cast, Plays, casts, say
from microturn.eval.suite.entries import Speak
from microturn.eval.suite.qivd_suite import Case, qivd_suite
from microturn.eval.suite.shape import Asked, Suite

SPLIT: Split = "test"
EACH = 6
MOST = 10
SIDES = ("left", "right")


def qivd_closed(asked: Asked) -> Suite:
    """QIVD in the small world: answer what is asked about what is seen."""
    return qivd_suite("qivd-closed", "answer a question asked aloud about what is seen", cases(asked), asked.seed)


def cases(asked: Asked, speak: Speak = say, cast: Sequence[Cast] | None = None) -> list[Case]:
    """So many of each kind, voices in turn."""
    people = cast or casts()
    found: list[Case] = []
    for place, (category, sampler) in enumerate(KINDS.items()):
        for number in range(asked.per_category or EACH):
            rng = np.random.default_rng([asked.seed, 53, place, number])
            key = f"qivd-closed/{category}/{number:04d}"
            found.append(_case(key, category, sampler(rng), people[len(found) % len(people)], speak))
    return found


def fingers(rng: np.random.Generator) -> SceneScript:
    """A hand that holds up some, or none, and stays as it is."""
    asked = pick(rng, watching.asking_fingers(SPLIT))
    hand = Hand(between(rng, 0, 5))
    return seeing.scene_script(rng, SPLIT, "fingers", asked, [line(asked, between(rng, 800, 2_500))], hand)


def lying(about: str, rng: np.random.Generator) -> SceneScript:
    """Things that lie there, and one question about their color, number or side; about one that is there."""
    while True:
        script = showing.asked(rng, SPLIT)
        meaning = script.lines[0].meaning
        if script.negative or len(script.lines) > 1 or not isinstance(meaning, AskSeen) or meaning.about != about:
            continue
        if not _answer(script).startswith(("no ", "zero")):
            return script


KINDS: dict[str, Callable[[np.random.Generator], SceneScript]] = {
    "object attributes": partial(lying, "color"),
    "object counting": partial(lying, "count"),
    "object referencing": partial(lying, "side"),
    "fingers": fingers,
}


def _case(key: str, category: str, script: SceneScript, cast: Cast, speak: Speak) -> Case:
    scene = in_scene(key, script, cast, speak)
    answer, user = _answer(script), Plays(scene.take)
    if answer in COLORS or answer in SIDES:
        accept = (f"kw:{answer}",)
        refuse = tuple(f"kw:{word}" for word in (*COLORS, *SIDES) if word != answer)
    else:
        accept, refuse = (f"num:{_value(answer)}",), tuple(f"num:{n}" for n in range(MOST) if n != _value(answer))
    text = script.lines[0].text
    heard = tuple(scene.take.heard)
    return Case(key, category, user, user.ticks, scene.zero_s, text, answer, answer, accept, refuse, heard)


def _answer(script: SceneScript) -> str:
    """What a perfect watcher says, by what is there from the beginning: nothing of these scenes changes."""
    watcher = Watcher()
    meaning = script.lines[0].meaning
    assert isinstance(meaning, AskSeen | AskFingers)
    for fact in at_first(script.shot.play):
        watcher.see(fact)
    return watcher.told(meaning)[0].text


def _value(answer: str) -> int:
    return next(n for n in range(MOST) if number_words(n) == answer)

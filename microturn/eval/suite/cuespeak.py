"""CueSpeak-open: eight things to listen for while the user goes on talking. Templates; how they sound: entries.py."""

from collections.abc import Callable

import numpy as np

from microturn.agent.numbers import number_words
from microturn.eval.suite.entries import Due, Forbidden, Plan, Span

BEFORE = (
    "so yesterday i was walking through the town with my brother and",
    "well last week we went away for a few days and",
    "this summer the whole family came together and",
)
AFTER = (
    "and then we walked all the way back along the river because the weather was so good that day",
    "and after that everybody sat in the garden and talked about the old days until it was dark",
    "and later on we met some friends who wanted to show us the new place near the station",
)
FOREIGN = {"perro": "dog", "casa": "house", "libro": "book", "agua": "water", "queso": "cheese", "gato": "cat"}
GRAMMAR = {"he go": "goes", "she have": "has", "they was": "were", "we is": "are", "i has": "have"}
FACTS = {
    "berlin which is the capital of france": "germany",
    "a week which has eight days": "seven",
    "ice which is hot": "cold",
    "a spider which has six legs": "eight",
}
CLASSES = {"animals": ("dog", "horse", "cow", "sheep", "duck"), "colours": ("green", "red", "blue", "yellow", "brown")}
PLAIN = ("chair", "road", "table", "letter")
FILLERS = ("basically", "actually", "literally", "totally")
ITEMS = ("bread", "milk", "apples", "butter", "rice", "soap")


def code_switch(rng: np.random.Generator, key: str) -> Plan:
    """A word of another language: the right one in English."""
    word = _one(rng, tuple(FOREIGN))
    asked = "whenever i use a spanish word say the english one"
    return _cued(rng, key, "code switch", asked, f"we saw a big {word}", FOREIGN[word])


def grammar(rng: np.random.Generator, key: str) -> Plan:
    """A wrong form of a verb: the right one."""
    wrong = _one(rng, tuple(GRAMMAR))
    asked = "whenever my grammar is wrong say the right word"
    return _cued(rng, key, "correction", asked, f"i think {wrong}", GRAMMAR[wrong])


def fact(rng: np.random.Generator, key: str) -> Plan:
    """Something that is not so."""
    wrong = _one(rng, tuple(FACTS))
    asked = "interrupt me when i say something wrong and say what is right"
    return _cued(rng, key, "factual error", asked, f"we talked about {wrong}", FACTS[wrong])


def running_count(rng: np.random.Generator, key: str) -> Plan:
    """Count the members of a class as they come; the second one counts."""
    name = _one(rng, tuple(CLASSES))
    first, second = (str(w) for w in rng.choice(CLASSES[name], 2, replace=False))
    spans = (
        Span(f"count the {name} in my story"),
        Span(_one(rng, BEFORE), "story", 2.2),
        Span(f"there was a {first}", "one"),
        Span("and we looked at it for quite a long time until in the end we saw the"),
        Span(second, "two"),
        *_after(rng),
    )
    due = (Due("c1", "one", "one", accept=("num:1",)), Due("c2", "two", "two", accept=("num:2",), overlap=True))
    return cued_plan(key, "running count", spans, due, "c2")


def conversion(rng: np.random.Generator, key: str) -> Plan:
    """Euros to dollars at one point one."""
    euros = 10 * int(rng.integers(2, 40))
    dollars = euros * 11 // 10
    asked = "whenever i say a price in euros tell me dollars at one point one"
    cue = f"the hotel was {number_words(euros)} euros"
    return _cued(rng, key, "conversion", asked, cue, number_words(dollars), (f"num:{dollars}",))


def translation(rng: np.random.Generator, key: str) -> Plan:
    """Phrases of one language, said at once in another."""
    word = _one(rng, tuple(FOREIGN))
    asked = "say every spanish phrase that you hear in english at once"
    return _cued(
        rng, key, "translation", asked, f"and he said mi {word}", f"my {FOREIGN[word]}", (f"kw:{FOREIGN[word]}",)
    )


def taboo(rng: np.random.Generator, key: str) -> Plan:
    """A word that I should not use."""
    word = _one(rng, FILLERS)
    return _cued(rng, key, "taboo", f"say beep whenever i say {word}", f"it was {word}", "beep")


def continuer(rng: np.random.Generator, key: str) -> Plan:
    """A sound after each item, while the list goes on."""
    first, second = (str(w) for w in rng.choice(ITEMS, 2, replace=False))
    spans = (
        Span("say yes after each thing on my shopping list"),
        Span(_one(rng, BEFORE), "story", 2.2),
        Span(f"we need {first}", "one"),
        Span("of the kind that we always have on sunday mornings and then of course some"),
        Span(second, "two"),
        *_after(rng),
    )
    due = (Due("c1", "one", "yes"), Due("c2", "two", "yes", overlap=True))
    return cued_plan(key, "continuer", spans, due, "c2")


def no_taboo(rng: np.random.Generator, key: str) -> Plan:
    """A near miss: other words than the one that was named. Right is to say nothing."""
    word, other = (str(w) for w in rng.choice(FILLERS, 2, replace=False))
    spans = (
        Span(f"say beep whenever i say {word}"),
        Span(f"{_one(rng, BEFORE)} it was {other}", "story", 2.2),
        *_after(rng),
    )
    return Plan(key, "cuespeak", "taboo", "no taboo v1", spans, (), None, (Forbidden("story", -4.0),))


def no_count(rng: np.random.Generator, key: str) -> Plan:
    """A near miss: nothing of the class is in the story."""
    spans = (
        Span(f"count the {_one(rng, tuple(CLASSES))} in my story"),
        Span(f"{_one(rng, BEFORE)} there was a {_one(rng, PLAIN)}", "story", 2.2),
        *_after(rng),
    )
    return Plan(key, "cuespeak", "running count", "no count v1", spans, (), None, (Forbidden("story", -4.0),))


TEMPLATES: tuple[Callable[[np.random.Generator, str], Plan], ...] = (
    *(code_switch, grammar, fact, running_count, conversion, translation, taboo, continuer),
)
NEGATIVE: tuple[Callable[[np.random.Generator, str], Plan], ...] = (no_taboo, no_count)


def _cued(
    rng: np.random.Generator, key: str, category: str, asked: str, cue: str, say: str, accept: tuple[str, ...] = ()
) -> Plan:
    spans = (Span(asked), Span(_one(rng, BEFORE), "story", 2.2), Span(cue, "cue"), *_after(rng))
    return cued_plan(key, category, spans, (Due("c1", "cue", say, accept=accept, overlap=True),), "c1")


def cued_plan(key: str, category: str, spans: tuple[Span, ...], due: tuple[Due, ...], scored: str) -> Plan:
    # Nothing may be said over the story's beginning, and no more often than there is reason to.
    quiet = (Forbidden("story", -2.0, "story", -0.2),)
    return Plan(key, "cuespeak", category, f"{category} v1", spans, due, scored, quiet, len(due))


def _after(rng: np.random.Generator) -> tuple[Span, ...]:
    """The user goes on for four seconds and more, so that who waits for a pause comes too late."""
    return (Span(_one(rng, AFTER)), Span("and so on", gap_s=0.5))


def _one(rng: np.random.Generator, of: tuple[str, ...]) -> str:
    return str(rng.choice(of))

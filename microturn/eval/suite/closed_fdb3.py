"""Full-Duplex-Bench v3 in the small world: sums, broken sums and lengths, which have to be handed over. Seeded.

Two functions, those of the embedded agent, so that a model with it beside can be measured without a network. Arguments
are right where they give the right result, and so are words.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from microturn.agent.numbers import leading_number, number_words
from microturn.agent.tools import units
from microturn.agent.tools.arithmetic import calculate
from microturn.data.scenarios import working
from microturn.data.scenarios.draw import between, pick
from microturn.data.script import Line
from microturn.eval.suite.closed_sound import Cast, Plays, casts, end_s, say, take
from microturn.eval.suite.entries import Speak
from microturn.eval.suite.fdb3_suite import Case, calling_suite
from microturn.eval.suite.offered import Call, Declared, Offered, parameters
from microturn.eval.suite.shape import Asked, Suite

SPLIT = "test"
EACH = 8
AFTER_S = 12.0
PAUSE_MS = (600, 1_300)
LENGTHS = (("meters", "feet"), ("feet", "meters"))
STANDING = "Call a function for every sum and every measure, at once, and say what it gives. Ask nothing back."


def fdb3_closed(asked: Asked) -> Suite:
    """Full-Duplex-Bench v3, made here: sums, broken sums and lengths to be handed over."""
    return calling_suite("fdb3-closed", "sums and lengths handed over", cases(asked))


def cases(asked: Asked, speak: Speak = say, cast: Sequence[Cast] | None = None) -> list[Case]:
    """So many of each kind, voices in turn."""
    people = cast or casts()
    made: list[Case] = []
    for kind, making in enumerate((whole, broken, lengths)):
        for number in range(asked.per_category or EACH):
            rng = np.random.default_rng([asked.seed, 37, kind, number])
            lines, call = making(rng)
            made.append(_case(f"fdb3-closed/{making.__name__}/{number:04d}", lines, call, people, len(made), speak))
    return made


def whole(rng: np.random.Generator) -> tuple[list[Line], Call]:
    """A sum in one piece."""
    text, expression = _sum(rng)
    return [Line(text)], Call("reckon", {"expression": expression})


def broken(rng: np.random.Generator) -> tuple[list[Line], Call]:
    """A sum with a pause before its second number."""
    text, expression = _sum(rng)
    operation = next(name for name in working.PER_OPERATION if f" {name} " in text)
    first, second = text.split(f" {operation} ", 1)
    lines = [Line(f"{first} {operation}"), Line(second, gap_ms=between(rng, *PAUSE_MS))]
    return lines, Call("reckon", {"expression": expression})


def lengths(rng: np.random.Generator) -> tuple[list[Line], Call]:
    """So many of one measure in another."""
    source, target = pick(rng, LENGTHS)
    amount = number_words(between(rng, 2, 40))
    return [Line(f"what is {amount} {source} in {target}")], Call(
        "convert_units", {"amount": amount, "source": source, "target": target}
    )


def result(call: Call) -> Fraction | None:
    """What a call comes to; None for one that comes to nothing."""
    given = {name: str(value) for name, value in call.args.items()}
    try:
        if call.name == "reckon":
            return calculate(given["expression"]).value
        amount = leading_number(given["amount"].lower().replace("-", " ").split())
        return units.convert(amount.value, given["source"], given["target"]) if amount.words else None
    except (KeyError, ValueError):
        return None


def answer(call: Call) -> str:
    """The same in words, as the embedded agent gives it."""
    value = result(call)
    if value is None:
        return "i do not know how much that is"
    if call.name == "reckon":
        return calculate(str(call.args["expression"])).text
    return units.spoken(value, str(call.args["target"]))


def _same(expected: Call, given: Call) -> bool:
    wanted, came = result(expected), result(given)
    return wanted is not None and wanted == came


OFFERED = Offered(
    STANDING,
    (
        Declared("reckon", 'A sum such as "17 * 23".', parameters({"expression": "string"})),
        Declared(
            "convert_units",
            'So much of one measure in another: "3", "miles", "feet".',
            parameters({"amount": "string", "source": "string", "target": "string"}),
        ),
    ),
    answer,
)


def _case(key: str, lines: list[Line], call: Call, people: Sequence[Cast], place: int, speak: Speak) -> Case:
    made = take(key, lines, people[place % len(people)], speak, AFTER_S)
    user = Plays(made)
    domain = key.split("/")[1]
    words = answer(call)
    asked = (user, user.ticks, end_s(made.spoken[-1]), (call,), words, OFFERED)
    return Case(key, domain, "easy", *asked, (f"kw:{words}",), tuple(made.heard), _same)


def _sum(rng: np.random.Generator) -> tuple[str, str]:
    """A request of the test split, and what is to be reckoned in it."""
    phrase = pick(rng, working.reckoning(SPLIT))
    return phrase.text, max((s.fill["x"] for s in working.operations(SPLIT) if s.fill["x"] in phrase.text), key=len)

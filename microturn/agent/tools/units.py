"""Units of measure, converted exactly by pint. Money lives in currency.py."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

from microturn.agent.numbers import LARGEST, is_round, number_words
from microturn.core.errors import MissingDependency

UNIT_CHARACTERS = 40


class NoUnit(ValueError):
    """A name that is no unit, or two units that measure different things; the message is plain words."""


def convert(amount: Fraction, source: str, target: str) -> Fraction:
    """So much of one unit in another, exactly: 3 "miles" in "feet" is 15,840. "miles per hour", "square meters" too.

    NoUnit; MissingDependency without pint.
    """
    pint: Any = _pint()
    registry = _registry()
    try:
        value = registry.Quantity(amount, _unit(source)).to(_unit(target)).magnitude
    except pint.DimensionalityError as error:
        raise NoUnit(f"{plain(source)} and {plain(target)} do not measure the same") from error
    return Fraction(value)


def spoken(value: Fraction, unit: str) -> str:
    """As it is said: "fifteen thousand eight hundred forty feet", "about three point two eight one feet"."""
    if abs(value) >= LARGEST:
        raise NoUnit("that number is too big for me")
    places = 3 if abs(value) < 1000 else 1
    about = "" if is_round(value, places) else "about "
    return f"{about}{number_words(value, places)} {plain(unit)}"


def is_unit(name: str) -> bool:
    """Whether this names a unit."""
    try:
        _unit(name)
    except NoUnit:
        return False
    return True


def plain(unit: str) -> str:
    """The name as it was said, without anything but letters."""
    return " ".join(re.findall(r"[a-z]+", unit.lower()))


def _unit(name: str) -> Any:
    text = plain(name)
    if not text or len(name) > UNIT_CHARACTERS:
        raise NoUnit("that is no unit that i know")
    text = re.sub(r"\bdegrees?\b ?(?=[a-z])", "", text)
    text = re.sub(r"^(celsius|fahrenheit)$", lambda scale: f"degree_{scale[1].title()}", text)
    text = re.sub(r"\bsquare ([a-z]+)", r"\1**2", text)
    text = re.sub(r"\bcubic ([a-z]+)", r"\1**3", text)
    text = re.sub(r" (?:per|an) ", " / ", text)
    text = re.sub(r"\b(\w*)metre(s?)\b", r"\1meter\2", text).replace("litre", "liter")
    pint: Any = _pint()
    try:
        return _registry().parse_units(text.replace(" feet", " foot"))
    except (pint.UndefinedUnitError, pint.DefinitionSyntaxError, ValueError, TypeError, AttributeError) as error:
        raise NoUnit(f"i do not know the unit {plain(name)}") from error


@lru_cache(maxsize=1)
def _registry() -> Any:
    """Half a second to make, so it is made when the first unit is asked for, and once."""
    return _pint().UnitRegistry(non_int_type=Fraction)


def _pint() -> Any:
    try:
        import pint
    except ImportError as error:
        raise MissingDependency("pint", "converting units", "pip install 'microturn[agent]'") from error
    return pint

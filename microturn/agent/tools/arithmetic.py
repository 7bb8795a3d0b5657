"""Arithmetic over spoken or written expressions, in exact fractions. Units and money live elsewhere."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from types import MappingProxyType

from microturn.agent.numbers import LARGEST, is_round, leading_number, number_words

EXPRESSION_CHARACTERS = 300
_DEEPEST = 20

_PHRASES = (
    ("to the power of", "^"),
    ("raised to", "^"),
    ("multiplied by", "*"),
    ("divided by", "/"),
    ("the square root of", "root"),
    ("square root of", "root"),
    ("percent of", "% *"),
    ("per cent of", "% *"),
    ("percent", "%"),
    ("half of", "half *"),
    ("twice", "two *"),
    ("double", "two *"),
    ("times", "*"),
    ("plus", "+"),
    ("over", "/"),
    ("squared", "^ 2"),
    ("cubed", "^ 3"),
)
_SIGNS = MappingProxyType({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "**": "^"})  # noqa: RUF001  as written
_LISTS: Mapping[str, Callable[[Fraction, Fraction], Fraction]] = MappingProxyType(
    {
        "sum": lambda left, right: left + right,
        "product": lambda left, right: left * right,
        "difference": lambda left, right: left - right,
        "quotient": lambda left, right: _quotient(left, right),
    }
)


class NoExpression(ValueError):
    """What was given is no arithmetic."""


class NoValue(ValueError):
    """The arithmetic has no value that can be said; the message is plain words."""


@dataclass(frozen=True)
class Value:
    """exact: False where it is a root that was rounded to nine places; text: as it is said."""

    value: Fraction
    exact: bool = True

    @property
    def text(self) -> str:
        """In words: "three hundred ninety one", "about one point four one four"."""
        rounded = not self.exact or not is_round(self.value)
        return ("about " if rounded else "") + number_words(self.value)


def calculate(expression: str) -> Value:
    """The value of "seventeen times twenty three", "(2 + 3) * 4", "15 percent of 80", "the sum of two and nine".

    NoExpression where it is none, has no operator, or is longer than 300 characters; NoValue where there is no value.
    """
    if len(expression) > EXPRESSION_CHARACTERS:
        raise NoExpression(f"more than {EXPRESSION_CHARACTERS} characters")
    return _Parser(_tokens(expression)).whole()


def _tokens(expression: str) -> list[str]:
    text = expression.lower()
    for sign, plain in _SIGNS.items():
        text = text.replace(sign, plain)
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    text = re.sub(r"(?<=\d)\s*x\s*(?=\d)", " * ", text)
    for phrase, sign in _PHRASES:
        text = re.sub(rf"\b{phrase}\b", f" {sign} ", text)
    text = re.sub(r"([-+*/^%()=?])", r" \1 ", text)
    return [word.rstrip(".,!;:") for word in text.split() if word.rstrip(".,!;:") not in ("", "=", "?")]


class _Parser:
    """Recursive descent; `exact` and `operators` are found out on the way."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens, self._at, self._depth = list(tokens), 0, 0
        self._exact, self._operators = True, 0

    def whole(self) -> Value:
        value = self._sum()
        if self._at < len(self._tokens) or not self._operators:
            raise NoExpression("no arithmetic")
        return Value(_bounded(value), self._exact)

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _took(self, *words: str) -> str:
        word = self._next()
        if word and word in words:
            self._at += 1
            return word
        return ""

    def _sum(self) -> Fraction:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NoExpression("too deep")
        value = self._product()
        while sign := self._took("+", "-", "minus"):
            self._operators += 1
            right = self._product()
            value = _bounded(value + right if sign == "+" else value - right)
        self._depth -= 1
        return value

    def _product(self) -> Fraction:
        value = self._power()
        while sign := self._took("*", "/"):
            self._operators += 1
            right = self._power()
            value = _bounded(value * right if sign == "*" else _quotient(value, right))
        return value

    def _power(self) -> Fraction:
        value = self._one()
        while self._took("^"):
            self._operators += 1
            self._took("the")
            value = _powered(value, self._one())
        while self._took("%"):
            self._operators += 1
            value /= 100
        return value

    def _one(self) -> Fraction:
        if self._took("-", "minus"):
            return -self._power()
        if self._took("root"):
            self._operators += 1
            return self._root(self._power())
        if self._took("("):
            value = self._sum()
            if not self._took(")"):
                raise NoExpression("a bracket is not closed")
            return value
        self._took("the")
        if name := self._took(*_LISTS):
            return self._listed(name)
        read = leading_number(self._tokens[self._at :])
        if not read.words:
            raise NoExpression("no number")
        self._at += read.words
        return read.value

    def _listed(self, name: str) -> Fraction:
        if not self._took("of", "between"):
            raise NoExpression("no numbers")
        self._operators += 1
        value = self._product()
        if self._next() != "and":
            raise NoExpression("one number only")
        while self._took("and"):
            value = _bounded(_LISTS[name](value, self._product()))
        return value

    def _root(self, value: Fraction) -> Fraction:
        if value < 0:
            raise NoValue("a negative number has no square root")
        top, bottom = isqrt(value.numerator), isqrt(value.denominator)
        if top**2 == value.numerator and bottom**2 == value.denominator:
            return Fraction(top, bottom)
        self._exact = False
        return Fraction(isqrt(value.numerator * 10**18 // value.denominator), 10**9)


def _quotient(left: Fraction, right: Fraction) -> Fraction:
    if right == 0:
        raise NoValue("nothing can be divided by zero")
    return left / right


def _powered(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or abs(exponent) > 64:
        raise NoValue("that power is too much for me")
    if base == 0 and exponent < 0:
        raise NoValue("nothing can be divided by zero")
    return _bounded(base ** int(exponent))


def _bounded(value: Fraction) -> Fraction:
    if abs(value) >= LARGEST:
        raise NoValue("that number is too big for me")
    if value.denominator.bit_length() > 4_000:
        raise NoValue("that number is too small for me")
    return value

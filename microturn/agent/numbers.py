"""Numbers as words and back: "seventeen" is 17, 391 is "three hundred ninety one". Exact; no arithmetic."""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
ORDINALS = {
    **{"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8},
    **{"ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15},
    **{"sixteenth": 16, "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30},
}
LARGEST = 10**15

_SMALL = {word: value for value, word in enumerate(ONES)} | {
    word: value * 10 for value, word in enumerate(TENS) if word
}
_SCALE_OF = {word: value for value, word in SCALES}
_DIGITS = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?|\.\d+")


class Read(NamedTuple):
    """A number at the beginning of some words, and how many words it took (0: there is none)."""

    value: Fraction
    words: int


def number_words(value: int | Fraction, places: int = 3) -> str:
    """The number as it is said, at most `places` digits after the point: "three point five", "minus two".

    One of 10**15 and more is said digit by digit.
    """
    exact = Fraction(value)
    sign = "minus " if exact < 0 else ""
    digits = f"{round(abs(exact) * 10**places):0{places + 1}d}"
    whole, after = int(digits[: len(digits) - places]), digits[len(digits) - places :].rstrip("0")
    if not whole and not after:
        return ONES[0]
    point = f" point {' '.join(ONES[int(digit)] for digit in after)}" if after else ""
    return f"{sign}{_whole_words(whole)}{point}"


def is_round(value: Fraction, places: int = 3) -> bool:
    """Whether `number_words` says all of it."""
    return (value * 10**places).denominator == 1


def leading_number(words: Sequence[str]) -> Read:
    """The number that `words` (lower case) begin with.

    Digits, "twenty three", "one hundred and five", "two point five", "minus four", "a dozen", "half".
    """
    if words and words[0] in ("minus", "negative") and len(words) > 1:
        read = leading_number(words[1:])
        return Read(-read.value, read.words + 1 if read.words else 0)
    read = _digits(words) if words and _DIGITS.fullmatch(words[0]) else _spelled(words)
    return _with_rest(words, read)


def without_digits(text: str) -> str:
    """The text with every number that stands alone as words: "391 km" is "three hundred ninety one km"."""
    return re.sub(rf"(?<![\w.,:/-])-?(?:{_DIGITS.pattern})(?!\w|[.,:/-]\d)", lambda found: _said(found[0]), text)


def _said(digits: str) -> str:
    value = Fraction(digits.replace(",", ""))
    return number_words(value, 6)


def _whole_words(n: int) -> str:
    if n >= LARGEST:
        return " ".join(ONES[int(digit)] for digit in str(n))
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (f" {ONES[n % 10]}" if n % 10 else "")
    for unit, word in (*SCALES, (100, "hundred")):
        if n >= unit:
            rest = f" {_whole_words(n % unit)}" if n % unit else ""
            return f"{_whole_words(n // unit)} {word}{rest}"
    raise AssertionError(n)


def _digits(words: Sequence[str]) -> Read:
    value, taken = Fraction(words[0].replace(",", "")), 1
    while taken < len(words) and words[taken] in (*_SCALE_OF, "hundred"):
        value, taken = value * _SCALE_OF.get(words[taken], 100), taken + 1
    return Read(value, taken)


def _spelled(words: Sequence[str]) -> Read:
    """A whole number in words: each scale closes a group; within a group hundreds, tens and ones must go down."""
    total = group = taken = 0
    room = LARGEST  # what may still be added within this group
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ""
        if word in _SMALL and (small := _SMALL[word]) < room and (room > 1 or taken == 0):
            group, room, taken = group + small, (10 if small >= 20 else 1), index + 1
        elif word in ("a", "an") and taken == 0 and following in (*_SCALE_OF, "hundred", "dozen"):
            group, room = 1, 1
        elif word == "hundred" and 0 < group < 100:
            group, room, taken = group * 100, 100, index + 1
        elif word == "dozen" and 0 < group < 100:
            return Read(Fraction(total + group * 12), index + 1)
        elif word in _SCALE_OF and 0 < group < 1000 and (total == 0 or total % (_SCALE_OF[word] * 1000) == 0):
            total, group, room, taken = total + group * _SCALE_OF[word], 0, 1000, index + 1
        elif (
            word == "and"
            and taken == index
            and taken
            and words[index - 1] in ("hundred", *_SCALE_OF)
            and following in _SMALL
        ):
            continue
        elif word == "half" and taken == 0:
            return Read(Fraction(1, 2), 1)
        else:
            break
    return Read(Fraction(total + group), taken)


def _with_rest(words: Sequence[str], read: Read) -> Read:
    """ "point two five" or "and a half" behind a number."""
    rest = list(words[read.words :])
    if not read.words or not rest:
        return read
    if rest[:3] == ["and", "a", "half"]:
        return Read(read.value + Fraction(1, 2), read.words + 3)
    if rest[0] != "point":
        return read
    digits = ""
    for word in rest[1:]:
        if word in ONES[:10]:
            digits += str(ONES.index(word))
        elif word.isdigit():
            digits += word
        else:
            break
    after = Fraction(int(digits), 10 ** len(digits)) if digits else Fraction(0)
    return Read(read.value + after, read.words + 1 + _words_of_digits(rest[1:])) if digits else read


def _words_of_digits(words: Sequence[str]) -> int:
    return next((n for n, word in enumerate(words) if word not in ONES[:10] and not word.isdigit()), len(words))

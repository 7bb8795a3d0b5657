"""JSON that clients send, to values that can be stored and sent on. What the values mean lives in the codecs."""

from math import isfinite
from typing import cast

from pydantic_core import from_json


def parsed(raw: str | bytes) -> object:
    """The JSON value of a message; ValueError, in a few words, for anything else.

    Refused are also what `json` would read and nobody could be sent again: NaN, infinity, numbers too large for a float
    (RFC 8259, 6), halves of surrogate pairs (8.2), and nesting of more than 200 levels.
    """
    value = cast("object", from_json(raw, allow_inf_nan=False))
    if not _finite(value):
        raise ValueError("a number is too large")
    return value


def _finite(value: object) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, cast("dict[str, object]", value).values()))
    return not isinstance(value, list) or all(map(_finite, cast("list[object]", value)))

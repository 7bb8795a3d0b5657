"""Strict configuration: plain mappings into frozen dataclasses and back. No file formats, no defaults of its own.

Supported field types: bool, int, float, str, None, Any, Literal, unions of these, list, tuple, dict with str keys,
and nested dataclasses. A whole number is accepted where a float is wanted; a bool never is a number.
"""

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from microturn.core.errors import ConfigError

LONGEST_SHOWN = 80
ConfigType = TypeVar("ConfigType")


def from_dict(cls: type[ConfigType], mapping: Mapping[str, Any], where: str = "config") -> ConfigType:
    """Build the dataclass `cls` from a mapping.

    Raises ConfigError, naming the key by its path from `where`, for an unknown key, a missing key or a wrong type.
    """
    if not isinstance(cast("object", mapping), Mapping):
        raise ConfigError(f"a {cls.__name__}", where, _shown(mapping), "a mapping")
    known = {field.name: field for field in fields(cast("Any", cls)) if field.init}
    _refuse_unknown(mapping, list(known), where)
    _refuse_missing(mapping, known, where)
    hints = get_type_hints(cls)
    return cls(**{key: _parse(value, hints[key], f"{where}.{key}") for key, value in mapping.items()})


def to_dict(config: Any) -> Any:
    """A dataclass as nested dicts, lists and plain values: what JSON can hold and `from_dict` reads back."""
    if is_dataclass(config):
        return {field.name: to_dict(getattr(config, field.name)) for field in fields(config) if field.init}
    if isinstance(config, Mapping):
        return {key: to_dict(value) for key, value in cast("Mapping[str, Any]", config).items()}
    if isinstance(config, list | tuple):
        return [to_dict(item) for item in cast("Sequence[Any]", config)]
    return config


def _refuse_unknown(mapping: Mapping[str, Any], known: list[str], where: str) -> None:
    for key in mapping:
        if key not in known:
            # Keys come from strangers too: one of megabytes takes seconds to compare.
            near = get_close_matches(str(key)[:LONGEST_SHOWN], known, n=1)
            hint = f"{near[0]!r} perhaps; known are " if near else "one of "
            raise ConfigError(
                "unknown key", where, repr(str(key)[:LONGEST_SHOWN]), hint + (", ".join(known) or "no keys at all")
            )


def _refuse_missing(mapping: Mapping[str, Any], known: Mapping[str, Field[Any]], where: str) -> None:
    needed = [name for name, field in known.items() if field.default is MISSING and field.default_factory is MISSING]
    missing = [name for name in needed if name not in mapping]
    if missing:
        raise ConfigError(
            "missing key " + ", ".join(missing), where, ", ".join(mapping) or "no keys", ", ".join(needed)
        )


def _parse(value: Any, hint: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _parse_union(value, get_args(hint), where)
    if origin is Literal:
        if any(value == choice and type(value) is type(choice) for choice in get_args(hint)):
            return value
    elif origin is tuple and isinstance(value, list | tuple):
        return _parse_tuple(cast("Sequence[Any]", value), get_args(hint), where)
    elif origin is list and isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        return [_parse(item, get_args(hint)[0], f"{where}[{index}]") for index, item in enumerate(items)]
    elif origin in (dict, Mapping) and isinstance(value, Mapping):
        return _parse_mapping(cast("Mapping[Any, Any]", value), get_args(hint)[1], where)
    elif is_dataclass(hint):
        return value if isinstance(value, cast("type", hint)) else from_dict(cast("type[Any]", hint), value, where)
    elif origin is None and _is_plain(value, hint):
        return float(value) if hint is float else value
    raise ConfigError("wrong type", where, _shown(value), _named(hint))


def _is_plain(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    if hint is None or hint is type(None):
        return value is None
    if hint in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, int | float) if hint is float else isinstance(value, hint)


def _parse_union(value: Any, choices: tuple[Any, ...], where: str) -> Any:
    nested: ConfigError | None = None
    for choice in choices:
        try:
            return _parse(value, choice, where)
        except ConfigError as error:
            if is_dataclass(choice) and isinstance(value, Mapping):
                nested = error
    wanted = " or ".join(_named(choice) for choice in choices)
    raise nested or ConfigError("wrong type", where, _shown(value), wanted)


def _parse_tuple(value: Sequence[Any], hints: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if len(hints) == 2 and hints[1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(hints) != len(value):
        raise ConfigError("wrong length", where, f"{len(value)} items", f"{len(hints)} items")
    pairs = zip(value, hints, strict=True)
    return tuple(_parse(item, hint, f"{where}[{index}]") for index, (item, hint) in enumerate(pairs))


def _parse_mapping(value: Mapping[Any, Any], hint: Any, where: str) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise ConfigError("wrong type of a key", where, _shown(key), "str")
    return {key: _parse(item, hint, f"{where}.{key}") for key, item in value.items()}


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def _named(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(hint))
    return hint.__name__ if isinstance(hint, type) and get_origin(hint) is None else str(hint)

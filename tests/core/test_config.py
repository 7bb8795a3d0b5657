"""Strict configuration: what is taken, and what the refusals say."""

import pickle
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from microturn.core.config import from_dict, to_dict
from microturn.core.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    width: int
    rate: float = 1.0
    mode: Literal["fast", "slow"] = "fast"


@dataclass(frozen=True)
class Outer:
    inner: Inner
    name: str = "x"
    sizes: tuple[int, ...] = (1, 2)
    pair: tuple[int, str] = (1, "a")
    limit: int | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    many: list[Inner] = field(default_factory=list[Inner])
    table: dict[str, Inner] = field(default_factory=dict[str, Inner])
    either: Inner | None = None


def test_a_config_comes_back_from_its_dict() -> None:
    config = Outer(Inner(3), sizes=(4,), limit=7, many=[Inner(1)], table={"a": Inner(2)}, either=Inner(9))
    assert from_dict(Outer, to_dict(config)) == config


def test_a_whole_number_is_taken_for_a_float() -> None:
    rate = from_dict(Inner, {"width": 1, "rate": 2}).rate
    assert (rate, type(rate)) == (2.0, float)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"inner": {"widht": 1}}, r"config.inner: unknown key: got 'widht'; right is 'width' perhaps"),
        ({"inner": {"rate": 1.0}}, r"config.inner: missing key width: got rate"),
        ({}, r"config: missing key inner: got no keys"),
        ({"inner": {"width": "3"}}, r"config.inner.width: wrong type: got str '3'; right is int"),
        ({"inner": {"width": True}}, r"config.inner.width: wrong type: got bool True; right is int"),
        ({"inner": {"width": 1.5}}, r"config.inner.width: wrong type: got float 1.5; right is int"),
        ({"inner": {"width": 1, "mode": "fats"}}, r"config.inner.mode: .* one of 'fast', 'slow'"),
        ({"inner": 5}, r"config.inner: a Inner: got int 5; right is a mapping"),
        ({"inner": {"width": 1}, "sizes": [1, "b"]}, r"config.sizes\[1\]: wrong type: got str 'b'"),
        ({"inner": {"width": 1}, "pair": [1]}, r"config.pair: wrong length: got 1 items; right is 2 items"),
        ({"inner": {"width": 1}, "limit": "no"}, r"config.limit: .* right is int or NoneType"),
        ({"inner": {"width": 1}, "table": {"a": {}}}, r"config.table.a: missing key width"),
        ({"inner": {"width": 1}, "either": {"depth": 1}}, r"config.either: unknown key: got 'depth'"),
        ({"inner": {"width": 1}, "many": {}}, r"config.many: wrong type"),
    ],
)
def test_a_wrong_config_is_refused_by_name(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_dict(Outer, mapping)


def test_an_error_survives_the_way_between_processes() -> None:
    error = ConfigError("unknown key", "config", "'a'", "b")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_an_error_is_one_line() -> None:
    assert "\n" not in str(ConfigError("a\nb", "c", "d\n\ne", "f"))

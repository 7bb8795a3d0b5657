"""JSON of strangers: what is taken can be stored and sent on."""

import json

import pytest

from microturn.gateway.parsing import parsed


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{",
        "NaN",
        '{"a": Infinity}',
        '{"a": [1e999]}',
        '{"a": {"b": -1e400}}',
        '{"a": "\\ud800"}',
        "[" * 100_000,
        '{"a":' * 400 + "1" + "}" * 400,
        b'"\xff"',
    ],
)
def test_what_nobody_could_be_sent_again_is_refused(raw: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(raw)


@pytest.mark.parametrize("raw", ['{"a": [1e308, -0.0, 1e-999]}', '"\\ud83d\\ude00"', "9" * 400, "[[[]]]", '{"": null}'])
def test_all_else_comes_as_json_has_it(raw: str) -> None:
    assert parsed(raw) == json.loads(raw)
    json.dumps(parsed(raw), ensure_ascii=False, allow_nan=False).encode()

"""Full-Duplex-Bench v3 (Lin et al. 2026, arXiv 2604.04847): tools called in speech with hesitations. Loader and scores.

Pure functions over calls; the suite: fdb3_suite.py. Layout: EXAMPLE_SPEAKER/{input.wav, metadata.json}, the latter a
scenario as in the set's benchmark_data_v2.json. Arguments are matched by rules, where its authors ask a language model:
numbers within 5 %, days however they are written, words without case and signs, "$RESULT_0..." stands for anything that
was given.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from microturn.core.errors import InputError
from microturn.core.events import parse_object
from microturn.eval.suite.figures import Share, share
from microturn.eval.suite.offered import Call
from microturn.media.av import read_audio
from microturn.media.pcm import Pcm

NEAR = 0.05
SHORT_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS = {name: number for number, name in enumerate(SHORT_MONTHS, start=1)}
READ_ONLY = frozenset(
    (
        *("search_flights", "get_card_benefits", "get_exchange_rate", "search_apartments"),
        *("calculate_commute", "track_order", "search_products"),
    )
)
TOOLS = READ_ONLY | {"book_flight", "update_identity_doc", "modify_autopay", "update_search_filter", "add_to_cart"}


class Sample(NamedTuple):
    """One recording: what should be called, in order, and what the last answer should tell."""

    id: str
    domain: str
    difficulty: str
    folder: Path
    expected: tuple[Call, ...]
    meaning: str

    def sound(self) -> Pcm:
        """What the user says, float32 [N] at 16 kHz, from any rate."""
        return read_audio(self.folder / "input.wav")


class Called(NamedTuple):
    """f1: of names, each as often as it was called; passed: all of them, no other, all arguments right.

    passed_reading: the same where further calls that only read do no harm.
    """

    f1: float
    arguments: float | None
    passed: bool
    passed_reading: bool


class Quality(NamedTuple):
    """Of those that spoke, as published, and of all."""

    conditional: Share
    unconditional: Share
    spoke: Share


def load_v3(root: Path) -> list[Sample]:
    """All samples under `root`, in order of their names."""
    found: list[Sample] = []
    for path in sorted(root.glob("*/metadata.json")):
        row = parse_object(path.read_bytes(), str(path))
        try:
            calls = tuple(Call(str(one["function"]), dict(one["args"])) for one in row["expected_tool_calls"])
            meaning = str(row["dialogue"][-1]["ai"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            right = "expected_tool_calls [function, args], dialogue [user, ai]"
            raise InputError("not a scenario", path, f"{type(error).__name__} {error}", right) from error
        same = (str(row.get("domain", "")), str(row.get("difficulty", "")))
        found.append(Sample(path.parent.name, *same, path.parent, calls, meaning))
    if not found:
        raise InputError("no samples", root, "no */metadata.json", "the unpacked fdb_v3_data_released")
    return found


def alike_by_rules(expected: Call, given: Call) -> bool:
    """Whether a call has the arguments of another, by `arguments_match`."""
    return arguments_match(expected.args, given.args)


def scored(
    expected: Sequence[Call], calls: Sequence[Call], alike: Callable[[Call, Call], bool] = alike_by_rules
) -> Called:
    """Calls of one sample; of several calls of one name each expected one takes the one that fits it best.

    alike: whether the second, of the same name, has the arguments of the first.
    """
    wanted, given = Counter(c.name for c in expected), Counter(c.name for c in calls)
    hits = (wanted & given).total()
    f1 = 2 * hits / (wanted.total() + given.total()) if wanted or given else 1.0
    left = list(calls)
    right = 0
    for one in expected:
        fits = next((c for c in left if c.name == one.name and alike(one, c)), None)
        taken = fits or next((c for c in left if c.name == one.name), None)
        right += fits is not None
        if taken is not None:
            left.remove(taken)
    whole = right == len(expected)
    reading = whole and all(call.name in READ_ONLY for call in left)
    return Called(f1, right / hits if hits else None, whole and not left, reading)


def arguments_match(expected: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Every expected argument is there and the same; further ones do no harm."""
    return all(key in given and _same(value, given[key]) for key, value in expected.items())


def quality(fulfilled: Sequence[bool | None]) -> Quality:
    """Of each sample whether what was said fulfils its intent, None where nothing was said."""
    spoke = [one for one in fulfilled if one is not None]
    right = sum(spoke)
    return Quality(share(right, len(spoke)), share(right, len(fulfilled)), share(len(spoke), len(fulfilled)))


def pass_at_1(found: Sequence[Called]) -> Share:
    """As published."""
    return share(sum(one.passed for one in found), len(found))


def _same(expected: Any, given: Any) -> bool:
    if isinstance(expected, str) and expected.startswith("$"):
        return given not in (None, "")
    if isinstance(expected, Mapping) and isinstance(given, Mapping):
        return arguments_match(cast("Mapping[str, Any]", expected), cast("Mapping[str, Any]", given))
    if isinstance(expected, list):
        wanted = cast("list[Any]", expected)
        got = cast("list[Any]", given) if isinstance(given, list) else []
        return len(wanted) == len(got) and all(map(_same, wanted, got))
    one, two = _number(expected), _number(given)
    if one is not None and two is not None:
        return abs(one - two) <= NEAR * abs(one)
    wanted, came = _day(_words(expected)), _day(_words(given))
    if wanted is not None and came is not None:
        return wanted[1:] == came[1:] and (None in (wanted[0], came[0]) or wanted[0] == came[0])
    return _words(expected) == _words(given)


def _day(words: str) -> tuple[int | None, int, int] | None:
    """Year, where it is told, month and day of "2026 08 20", "august 20th", "20 of august 2026"; None for no day."""
    iso = re.fullmatch(r"(\d{4}) (\d{1,2}) (\d{1,2})", words)
    if iso:
        return int(iso[1]), int(iso[2]), int(iso[3])
    read = re.fullmatch(r"(?:the )?(?:([a-z]+) (\d{1,2})|(\d{1,2}) (?:of )?([a-z]+))(?: (\d{4}))?", _cardinal(words))
    month = MONTHS.get((read[1] or read[4])[:3]) if read else None
    if read is None or month is None:
        return None
    return int(read[5]) if read[5] else None, month, int(read[2] or read[3])


def _cardinal(words: str) -> str:
    return re.sub(r"(\d)(?:st|nd|rd|th)\b", r"\1", words)


def _number(value: Any) -> float | None:
    """Of a number, or of a text that is one with a sign of money or a per cent; truth values are none."""
    if isinstance(value, bool):
        return None
    text = re.sub(r"[,$€%\s]", "", str(value))
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None


def _words(value: Any) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", str(value).lower()))

"""Whether words mean what was expected: rules first, a language model where there is none. It sees no times."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from microturn.core.errors import InputError
from microturn.eval.scorers import plain
from microturn.eval.suite.analyze import numbers

VOTES = 3
PROMPT = """Somebody should have said: {meaning}
They said: {text}
Does what they said mean the same? Answer with one word, YES or NO."""


class Judge(Protocol):
    """Says whether a text means the same; None: it could not tell, which voids the scenario."""

    name: str

    def same(self, meaning: str, text: str) -> bool | None:
        """Whether `text` means `meaning`."""
        ...


class NoJudge:
    """Takes nothing on itself: what rules do not decide is void."""

    name = "rules only"

    def same(self, meaning: str, text: str) -> bool | None:
        """None."""
        return None


class VotingJudge:
    """A language model asked three times, its votes kept in a file by prompt, model and text.

    ask: prompt to answer, at temperature 0; an answer that is neither YES nor NO, or an error of it, voids the vote.
    """

    def __init__(self, model: str, ask: Callable[[str], str], cache: Path, votes: int = VOTES) -> None:
        self.name, self._ask, self._cache, self._votes = model, ask, cache, votes
        self._kept: dict[str, bool | None] = {}
        if cache.exists():
            rows: Any = json.loads(cache.read_text(encoding="utf-8"))
            self._kept = cast("dict[str, bool | None]", rows)

    def same(self, meaning: str, text: str) -> bool | None:
        """The majority of the votes; None where half of them or more failed."""
        whole = "\n".join((hashlib.sha256(PROMPT.encode()).hexdigest(), self.name, meaning, text))
        key = hashlib.sha256(whole.encode()).hexdigest()
        if key not in self._kept:
            votes = [self._vote(meaning, text) for _ in range(self._votes)]
            yes, no = votes.count(True), votes.count(False)
            self._kept[key] = None if 2 * max(yes, no) <= self._votes else yes > no
            self._cache.write_text(json.dumps(self._kept, indent=0), encoding="utf-8")
        return self._kept[key]

    def _vote(self, meaning: str, text: str) -> bool | None:
        try:
            answer = self._ask(PROMPT.format(meaning=meaning, text=text)).strip().upper().rstrip(".")
        except (OSError, ValueError):
            return None
        return {"YES": True, "NO": False}.get(answer)


def accepted(accept: Sequence[str], meaning: str, text: str, judge: Judge) -> bool | None:
    """Whether any acceptor takes the text. Only where there is none the judge is asked."""
    if not accept:
        return judge.same(meaning, text)
    return any(_accepts(rule, text) for rule in accept)


def _accepts(rule: str, text: str) -> bool:
    kind, _, value = rule.partition(":")
    if kind == "num":
        wanted, _, off_by = value.partition("~")
        return any(abs(number - float(wanted)) <= float(off_by or 0.0) + 1e-9 for number in numbers(text))
    if kind == "kw":
        return f" {plain(value)} " in f" {plain(text)} "
    if kind == "re":
        return re.search(value, text, re.IGNORECASE) is not None
    raise InputError("acceptor", "accept", rule, "num:NUMBER, kw:WORDS or re:PATTERN")

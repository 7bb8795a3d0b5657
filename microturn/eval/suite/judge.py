"""Whether words mean what was expected: rules first, a language model where there is none. It sees no times.

Every prompt is a constant with the answers that are allowed; votes are kept in a file by prompt, model and what was
filled in. Asking a server: judge_server.py.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from microturn.core.errors import InputError
from microturn.eval.scorers import plain
from microturn.eval.suite.analyze import numbers

VOTES = 3


class Prompt(NamedTuple):
    """What a judge is asked, with {fields}, and the answers that it may give, each one word."""

    name: str
    text: str
    answers: tuple[str, ...]


SAME = Prompt(
    "same",
    """Somebody should have said: {meaning}
They said: {text}
Does what they said mean the same? Answer with one word, YES or NO.""",
    ("YES", "NO"),
)
CORRECT = Prompt(
    "correct",
    """Question: {question}
Right answer: {answer}
Somebody's answer: {text}
Does the final answer that they give agree with the right one? Answer with one word, CORRECT or INCORRECT.""",
    ("CORRECT", "INCORRECT"),
)
RUBRIC = Prompt(
    "rubric",
    """A conversation:
{conversation}
The last reply: {text}
A criterion for the last reply: {criterion}
Does the last reply meet it? Answer with one word, YES or NO.""",
    ("YES", "NO"),
)
REFUSED = Prompt(
    "refused",
    """Somebody was asked: {question}
They said: {text}
Did they refuse, in whole? Who helps with any part of it has not refused. Answer with one word, YES or NO.""",
    ("YES", "NO"),
)
FULFILLED = Prompt(
    "fulfilled",
    """An assistant was expected to say something like: {meaning}
It said: {text}
Does what it said fulfil the same intent, in whole? Part of it is not enough. Answer with one word, YES or NO.""",
    ("YES", "NO"),
)
ARGUMENTS = Prompt(
    "arguments",
    """A function was to be called: {function}
With these arguments: {expected}
It was called with these: {given}
Do they mean the same? Spelling, formats of dates, names that are cut short, numbers within 5 % and further arguments do
not matter; a value that begins with $ stands for any that was given before. Answer with one word, YES or NO.""",
    ("YES", "NO"),
)
HANDLED = Prompt(
    "handled",
    """Somebody spoke while an assistant was speaking.
The assistant was saying: {before}
Then somebody said: {overlap}
After that the assistant said: {after}
Which is true of the first new thing that the assistant said after that? Answer with one word:
C_RESPOND: it answers what somebody said.
C_RESUME: it goes on with what it was saying.
C_UNCERTAIN_HANDLING: it asks to repeat, or is not sure what was said.
C_UNKNOWN: it says nothing, or something that belongs to neither.""",
    ("C_RESPOND", "C_RESUME", "C_UNCERTAIN_HANDLING", "C_UNKNOWN"),
)


class Judge(Protocol):
    """Answers prompts; None: it could not tell, which voids the scenario."""

    name: str

    def chosen(self, prompt: Prompt, fields: Mapping[str, str]) -> str | None:
        """One of the prompt's answers."""
        ...


class NoJudge:
    """Takes nothing on itself: what rules do not decide is void."""

    name = "rules only"

    def chosen(self, prompt: Prompt, fields: Mapping[str, str]) -> str | None:
        """None."""
        return None


class VotingJudge:
    """A language model asked three times, its votes kept in a file.

    ask: prompt to answer, at temperature 0; an answer that is not allowed, or an error of it (OSError, ValueError),
    voids the vote. What failed is asked again the next time.
    """

    def __init__(self, model: str, ask: Callable[[str], str], cache: Path, votes: int = VOTES) -> None:
        self.name, self._ask, self._cache, self._votes = model, ask, cache, votes
        self._kept: dict[str, str] = {}
        if cache.exists():
            rows: Any = json.loads(cache.read_text(encoding="utf-8"))
            self._kept = cast("dict[str, str]", rows)

    def chosen(self, prompt: Prompt, fields: Mapping[str, str]) -> str | None:
        """The majority of the votes; None where no answer has more than half of them."""
        filled = prompt.text.format_map(fields)
        whole = "\n".join((hashlib.sha256(prompt.text.encode()).hexdigest(), self.name, str(self._votes), filled))
        key = hashlib.sha256(whole.encode()).hexdigest()
        if key in self._kept:
            return self._kept[key]
        votes = [self._vote(prompt, filled) for _ in range(self._votes)]
        for answer in prompt.answers:
            if 2 * votes.count(answer) > self._votes:
                self._kept[key] = answer
                self._keep()
                return answer
        return None

    def _vote(self, prompt: Prompt, filled: str) -> str | None:
        try:
            said = self._ask(filled).strip().strip("*.\"'` \n").upper()
        except (OSError, ValueError):
            return None
        return said if said in prompt.answers else None

    def _keep(self) -> None:
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._cache.with_name(self._cache.name + ".part")
        unfinished.write_text(json.dumps(self._kept, indent=0), encoding="utf-8")
        unfinished.replace(self._cache)


def same(judge: Judge, meaning: str, text: str) -> bool | None:
    """Whether `text` means `meaning`; None where the judge failed."""
    return yes(judge.chosen(SAME, {"meaning": meaning, "text": text}))


def yes(answer: str | None) -> bool | None:
    """An answer as a truth value: the first one that a prompt allows is the good one."""
    return None if answer is None else answer in ("YES", "CORRECT")


def prompt_file(path: Path, like: Prompt) -> Prompt:
    """A prompt of others, read from where the user has it: its licence may not let it stand here.

    It has the fields and the answers of `like`; InputError where a field is missing.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("cannot read a prompt", path, error.strerror or "an error", "a text file") from error
    missing = [field for field in re.findall(r"{(\w+)}", like.text) if f"{{{field}}}" not in text]
    if missing:
        raise InputError("fields missing in a prompt", path, ", ".join(missing), "each once, in braces")
    return Prompt(f"{like.name} of {path.name}", text, like.answers)


def accepted(accept: Sequence[str], meaning: str, text: str, judge: Judge) -> bool | None:
    """Whether any acceptor takes the text. Only where there is none the judge is asked."""
    if not accept:
        return same(judge, meaning, text)
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

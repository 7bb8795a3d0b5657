"""The agent that needs no key and no network: it reads a task by rules and calls one tool. It knows what it cannot do.

Rules over words are fine here: this is a tool, and no part of who speaks when. What no rule reads needs a language
model, and it says so.
"""

import asyncio
import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from microturn.agent.context import Context
from microturn.agent.delegation import Result
from microturn.agent.job import AgentFailure, Report, Task
from microturn.agent.numbers import ONES, TENS, leading_number
from microturn.agent.show import Card
from microturn.agent.speakable import speakable
from microturn.agent.toolbox import NOTHING_FOUND, Tool, Toolbox
from microturn.agent.tools.arithmetic import NoExpression
from microturn.agent.tools.currency import is_currency
from microturn.agent.tools.units import is_unit

TASK_CHARACTERS = 600
RECKONED = (*ONES, *filter(None, TENS), "hundred", "thousand", "times", "plus", "minus", "divided", "by")
LIKENESS = 0.72


@dataclass(frozen=True)
class Call:
    """Which tool, with what."""

    tool: str
    args: dict[str, str]


Rule = Callable[[str], Call | None]


class EmbeddedAgent:
    """Implements `BackgroundAgent` over a toolbox, which it owns."""

    def __init__(self, box: Toolbox | None = None) -> None:
        self.box = box or Toolbox()

    async def run(self, task: Task, context: Context, report: Report) -> Result:
        """Answer in a few words; AgentFailure "needs_model" for what no tool of this machine does."""
        tools = {tool.name: tool for tool in self.box.tools(task.owner)}
        for text in (*reversed(task.corrections), task.text):
            for call in calls(text):
                if call.tool in tools and (said := await _called(tools[call.tool], call, report)) is not None:
                    report.show(Card(text, (said,)))
                    return Result(speakable(said))
        raise AgentFailure("needs_model", task.text)

    async def close(self) -> None:
        """Let go of the files."""
        self.box.close()


def calls(text: str) -> list[Call]:
    """What a task may mean, the likeliest first; nothing where no rule reads it."""
    plain = _plain(text)
    found = (rule(plain) for rule in RULES) if plain else ()
    return [call for call in found if call is not None]


async def _called(tool: Tool, call: Call, report: Report) -> str | None:
    """What the tool says, also of what it cannot do; None where it was not meant after all."""

    async def work() -> str:
        return await asyncio.to_thread(tool.call, **call.args)

    try:
        said = await report.use(tool.name, call.args, work, tool.side_effect)
    except NoExpression:
        return None
    except ValueError as error:
        return str(error)
    return None if said == NOTHING_FOUND else said


_POLITE = re.compile(
    r"^(?:please|hey|okay|so|now|um|uh|can you|could you|would you|will you|i want to know|i would like to know|tell me"
    r"|i need to know|do you know|find out|work out|figure out)\s+"
    r"|\s+(?:please|now|for me)$"
)


def _plain(text: str) -> str:
    text = " ".join(text[:TASK_CHARACTERS].lower().replace("’", "'").split()).rstrip("?.! ")  # noqa: RUF001
    while (shorter := _POLITE.sub("", text)) != text:
        text = shorter
    return text


def _note(text: str) -> Call | None:
    pattern = r"(?:make|take|write|add) (?:a |me a )?note(?: of| that|:| to)? (.+)|note(?: that|:)? (.+)"
    found = re.fullmatch(pattern + r"|write down(?: that)? (.+)|write (.+) down|remember that (.+)", text)
    if found:
        return Call("add_note", {"text": next(group for group in found.groups() if group)})
    if re.fullmatch(r"(?:what are|read|list|show)(?: me)?(?: all)?(?: of)?(?: my| the)? notes|what did i note", text):
        return Call("list_notes", {})
    cleared = re.fullmatch(r"(?:delete|clear|forget|remove|throw away)(?: all)?(?: of)?(?: my| the)? notes", text)
    return Call("clear_notes", {}) if cleared else None


_WHEN = (
    r"in (?:a|an|half an|[\w.]+(?: [\w.]+){0,3}) (?:second|minute|hour|day|week)s?"
    r"|(?:(?:today|tomorrow|(?:on |next )?\w+day|on [\w ]{3,30}) )?at [\w: ]+"
)


def _reminder(text: str) -> Call | None:
    if re.fullmatch(r"(?:what are|read|list|show)(?: me)?(?: all)?(?: of)?(?: my| the)? reminders", text):
        return Call("list_reminders", {})
    found = re.fullmatch(rf"remind me (?P<when>{_WHEN}) (?:to|that|of|about) (?P<what>.+)", text) or re.fullmatch(
        rf"remind me (?:to |that |of |about )?(?P<what>.+?) (?P<when>{_WHEN})", text
    )
    return Call("remind", {"text": found["what"], "when": found["when"]}) if found else None


def _conversion(text: str) -> Call | None:
    """Units or money: an amount, what it is in, what it is wanted in."""
    for pattern in (
        r"(?:how much|how many|what) (?P<target>.+?) (?:is|are|do|does|makes?|equals?)(?: there)? (?P<rest>.+)",
        r"(?:convert|change|exchange|turn|how much is|how much are|what is|what's|what are|how many is)?\s*"
        r"(?P<rest>.+) (?:to|in|into|as) (?P<target>.+)",
    ):
        if (found := re.fullmatch(pattern, text)) is not None:
            rest = re.sub(r"^(?:in|is|are) ", "", found["rest"]).removesuffix(" make").removesuffix(" have")
            if (call := _converted(rest, found["target"])) is not None:
                return call
    return None


def _converted(rest: str, target: str) -> Call | None:
    words = rest.split()
    read = leading_number(words)
    if not read.words and words[:1] in (["a"], ["an"], ["one"]):
        amount, source = "1", " ".join(words[1:])
    elif read.words:
        amount, source = " ".join(words[: read.words]), " ".join(words[read.words :]).removeprefix("of ")
    else:
        return None
    args: dict[str, Any] = {"amount": amount, "source": source, "target": target}
    if is_currency(source) and is_currency(target):
        return Call("exchange_money", args)
    return Call("convert_units", args) if is_unit(source) and is_unit(target) else None


def _time(text: str) -> Call | None:
    found = re.fullmatch(r"(?:what time is it|what is the time|what's the time|the time)(?: now)?(?: in (.+))?", text)
    if found:
        return Call("tell_time", {"city": found[1] or ""})
    if re.fullmatch(r"(?:what is|what's) the date(?: today)?|what (?:day|date) is (?:it|today)(?: today)?", text):
        return Call("tell_date", {"day": "today"})
    until = re.fullmatch(r"how (?:many days|long)(?: is it)?(?: are there)?(?: until| till| to| before) (.+)", text)
    if until:
        return Call("days_until", {"day": until[1]})
    day = re.fullmatch(
        r"(?:what|which) (?:day|date|weekday)(?: of the week)? (?:is|was|will be) (.+)|when is (.+)", text
    )
    return Call("tell_date", {"day": day[1] or day[2]}) if day else None


def _arithmetic(text: str) -> Call | None:
    asking = r"^(?:how much (?:is|are)|how much|what (?:number )?is|what's|what are|calculate|compute|reckon|what)\s+"
    asked = re.sub(asking, "", text)
    return Call("reckon", {"expression": asked.removesuffix(" is")})


def _misheard(text: str) -> Call | None:
    """Arithmetic in a transcript that spells some words wrong: the longest run of words like those of sums."""
    near = [difflib.get_close_matches(word, RECKONED, 1, LIKENESS) for word in text.split()]
    runs = " ".join(found[0] if found else "|" for found in near).split("|")
    longest = max(runs, key=lambda run: len(run.split())).strip()
    return Call("reckon", {"expression": longest}) if longest and longest != text else None


def _search(text: str) -> Call | None:
    """Everything else may stand in the user's documents; a tool that finds nothing was not meant."""
    pattern = r"(?:search|look|look up|look for|find|search for|what do|what does)(?: in| through)?(?: my| the)?"
    found = re.fullmatch(pattern + r"(?: documents?| files?)?(?: say| for| about)*\s+(.+)", text)
    return Call("search_documents", {"query": found[1] if found else text})


RULES: tuple[Rule, ...] = (_note, _reminder, _conversion, _time, _arithmetic, _misheard, _search)

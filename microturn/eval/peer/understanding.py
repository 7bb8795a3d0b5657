"""From words that a recogniser gave to what the user means: rules on key words, which bear a misheard word beside them.

The knowledge and the kinds of meaning are those of the world (`microturn.data.lexicon`, `microturn.data.script`), so
that a cascade knows what our model was taught. Rules are wider than the phrases of training, which they were made from.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from microturn.agent.numbers import leading_number
from microturn.data import script as mean
from microturn.data.lexicon import (
    BACKCHANNELS,
    COLOR_OF,
    DAYS,
    FILLERS,
    MONTHS,
    NAMES,
    OPPOSITE_OF,
    PEOPLE,
    REMINDERS,
    SAYABLE,
    WAKE_NAMES,
    number_words,
)
from microturn.data.scenarios.recitals import LISTS, STORIES
from microturn.data.script import Ask, Meaning

Groups = Mapping[str, str]
Rule = tuple[re.Pattern[str], Callable[[Groups], Meaning | None]]

CORRECTED = re.compile(r"\b(?:no wait|wait no|no i mean|sorry i mean|i mean|no sorry|no|sorry)\b")
REPLACED_WORDS = 4
TAKEN_BACK = re.compile(r"\b(?:never mind|forget it|i forgot what i wanted to say|no nothing)$")
OPENERS = frozenset(["okay", "so", "hey", "hello", "please", "now", "well", "and", "oh", "listen", "then", *FILLERS])
SMALL = frozenset(["the", "a", "an", "and", "hey", "so", "in", *FILLERS])
TOLD = re.compile(
    rf"\bmy (?:{'|'.join(PEOPLE)})(?:'s)?\b|\b(?:i told|they told|they count|we counted|we count|i was counting|"
    r"i wanted to|in school|in that country|i read that|he asked|she asked|they asked|the \w+ asked|we had to|"
    r"did not stop|bell rings|was reading|we met|i met|train will|i want to tell my)\b"
)
NAMED = frozenset([*REMINDERS, *SAYABLE])  # what one is reminded of; more words beside it were misheard
QUIET_NAMES = frozenset([*NAMES, *WAKE_NAMES])
SIDES = {"after": 1, "before": -1}
AMOUNTS = {"price": "euros", "length": "meters"}
PLURAL = {"euro": "euros", "dollar": "dollars", "meter": "meters", "foot": "feet"}


def number_of(words: str) -> int | None:
    """The whole number that `words` begin with, or None."""
    read = leading_number(words.split())
    return int(read.value) if read.words and read.value.denominator == 1 else None


def meant(text: str, wake_name: str | None = None, pending: bool = False) -> Meaning | None:
    """What one line means to the agent; None for talk. pending: a reminder is set, so "forget it" takes that back."""
    if _is_backchannel(text.split()):
        return mean.Backchannel()
    words = [word for word in text.split() if word not in FILLERS]
    plain = " ".join(words)
    always = next((found for part in _corrected(plain) if (found := _first(_ALWAYS, part)) is not None), None)
    if always is not None:
        return always
    called = _called(words)
    if wake_name is not None and called != wake_name:
        return None
    if wake_name is None and called is not None and not plain.endswith("is a lovely name"):
        return None
    if TAKEN_BACK.search(plain):
        return mean.Cancel() if pending else None
    if pending and (moved := _moved(words)) is not None:
        return moved
    for part in _corrected(plain):
        if TOLD.search(part):
            continue
        found = _first(_RULES, part)
        if found is not None:
            return found
    return None


def _is_backchannel(words: Sequence[str]) -> bool:
    """A sign of listening, also with a small word that a recogniser made of its beginning: "the mm hm"."""
    return any(" ".join(words[skipped:]) in BACKCHANNELS for skipped in (0, 1) if not set(words[:skipped]) - SMALL)


def _called(words: Sequence[str]) -> str | None:
    """The name that a line begins with, behind at most two small words."""
    for word in words[:3]:
        if word in QUIET_NAMES:
            return word
        if word not in OPENERS:
            return None
    return None


def _moved(words: Sequence[str]) -> Meaning | None:
    """ "no ... eleven seconds" while a reminder is set, whatever was made of the words between."""
    if words[:1] != ["no"] or "seconds" not in words:
        return None
    seconds = _last_number(" ".join(words[: words.index("seconds")]))
    return mean.Reschedule(seconds) if seconds else None


def _corrected(plain: str) -> list[str]:
    """The line as it was corrected, the likeliest first: "what is two plus two no three" is "what is two plus three".

    What stands behind the correction may be whole, or take the place of the last few words before it.
    """
    head, *_, tail = [part.strip() for part in CORRECTED.split(plain)] if CORRECTED.search(plain) else ["", ""]
    if not head or not tail:
        return [plain]
    words = head.split()
    replaced = [" ".join([*words[:-n], tail]) for n in range(1, min(REPLACED_WORDS, len(words) - 1) + 1)]
    return [tail, *replaced, plain]


def _first(rules: Sequence[Rule], plain: str) -> Meaning | None:
    for pattern, made in rules:
        for found in pattern.finditer(plain):
            meaning = made(found.groupdict(default=""))
            if meaning is not None:
                return meaning
    return None


def _name(groups: Groups) -> Meaning | None:
    return mean.Remember(groups["x"]) if groups["x"] in QUIET_NAMES else None


def _wake(groups: Groups) -> Meaning | None:
    return mean.WakeWord(groups["x"]) if groups["x"] in WAKE_NAMES else None


def _sum(groups: Groups) -> Meaning | None:
    left, right = _last_number(groups["a"]), number_of(groups["b"])
    if left is None or right is None:
        return None
    value = left + right if groups["op"] == "plus" else left - right
    return Ask(number_words(value)) if 0 <= value < 10_000 else None


def _last_number(words: str) -> int | None:
    spelled = words.split()
    for length in range(min(6, len(spelled)), 0, -1):
        tail = spelled[-length:]
        read = leading_number(tail)
        if read.words == len(tail) and read.value.denominator == 1:
            return int(read.value)
    return None


def _neighbour(groups: Groups) -> Meaning | None:
    ring = DAYS if groups["x"] in DAYS else MONTHS
    return Ask(ring[(ring.index(groups["x"]) + SIDES[groups["side"]]) % len(ring)])


def _opposite(groups: Groups) -> Meaning | None:
    return Ask(OPPOSITE_OF[groups["x"]]) if groups["x"] in OPPOSITE_OF else None


def _color(groups: Groups) -> Meaning | None:
    said = groups["x"].split()
    things = {thing.split()[-1]: color for thing, color in COLOR_OF.items()}
    return next((Ask(things[word]) for word in said if word in things), None)


def _count(groups: Groups) -> Meaning | None:
    stem = groups["c"].rstrip("s")
    return mean.StartCount(f"{stem}s")


def _convert(groups: Groups) -> Meaning | None:
    source, target = PLURAL[groups["source"]], groups["target"]
    rate = number_of(groups["rate"])
    return mean.StartConvert(source, target, rate) if rate else None


def _timed(kind: Callable[[str, int], Meaning]) -> Callable[[Groups], Meaning | None]:
    def made(groups: Groups) -> Meaning | None:
        seconds, words = _last_number(groups["n"]), groups["w"].split()
        text = next((word for word in words if word in NAMED), " ".join(words))
        return kind(text, seconds) if seconds and text else None

    return made


def _change(groups: Groups) -> Meaning | None:
    seconds = number_of(groups["n"])
    return mean.Reschedule(seconds) if seconds else None


def _left(groups: Groups) -> Meaning | None:
    whole, left = number_of(groups["a"]), number_of(groups["n"])
    return mean.Delay(f"{groups['n']} left", whole - left) if whole and left and left < whole else None


def _silence(groups: Groups) -> Meaning | None:
    seconds, text = number_of(groups["n"]), groups["w"].strip()
    return mean.SilenceWatch(seconds, text) if seconds and text else None


def _countdown(groups: Groups) -> Meaning | None:
    start = number_of(groups["n"])
    return mean.Countdown(start) if start else None


def _count_to(groups: Groups) -> Meaning | None:
    start, stop = number_of(groups["a"]) if groups["a"] else 1, number_of(groups["b"])
    if start is None or stop is None or not start < stop <= start + 60:
        return None
    return mean.Recite(" ".join(number_words(n) for n in range(start, stop + 1)))


def _list(groups: Groups) -> Meaning | None:
    return next((mean.Recite(text) for key, text in LISTS.items() if key.split()[1] == groups["x"]), None)


def _story(groups: Groups) -> Meaning | None:
    told = next((text for key, text in STORIES.items() if key.split()[1] in groups["x"].split()), None)
    return mean.Recite(" ".join((told or next(iter(STORIES.values()))).split()))


@cache
def _rule(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


NUMBER = r"(?P<n>[a-z ]+?)"
WHEN = r"(?:whenever|when|every time|each time)"
QUIET = rf"(?:if|when) (?:i am|i'm|i) (?:quiet|silent) for {NUMBER} seconds?"
POLITE = "okay|so|hello|well|hey|please|you can"
DO = r"(?:say|remind me to|tell me to)"

# Understood without the wake name.
_ALWAYS: tuple[Rule, ...] = (
    (_rule(r"\banswer (?:everyone|everybody)\b|\banswer every one\b"), lambda g: mean.AnswerEveryone()),
    (_rule(r"\b(?:answer|if|when)\b.*\bi (?:call you|say) (?P<x>\w+)"), _wake),
    (
        _rule(
            r"^(?:(?:okay|so|please|now|you can|oh|no|that's enough) )*"
            r"(?:stop|wait|hold on|that's enough)(?: (?:now|please|wait|it))*$"
        ),
        lambda g: mean.StopAll(),
    ),
    (_rule(rf"^(?:(?:{POLITE}) )*(?:my name is|my name's|i am called|call me) (?P<x>\w+)"), _name),
    (
        _rule(
            r"^(?:(?:and|so|well|okay) )*(?:the end|that's the end.*|"
            r"(?:that|this) was (?:my|the) (?:story|day|week|holiday))$"
        ),
        lambda g: mean.EndTelling(),
    ),
    (
        _rule(r"\bi(?: am|'m| will)?(?: going to)? (?:start|starting|begin|beginning) now\b"),
        lambda g: mean.ElapsedStart(),
    ),
    (_rule(rf"^(?:(?:{POLITE}|i am|i'm|now) )*(?:done|finished)(?: now)?$"), lambda g: mean.ElapsedDone()),
)
_RULES: tuple[Rule, ...] = (
    (
        _rule(r"\b(?P<a>[a-z ]+) (?P<op>plus|minus) (?P<b>[a-z ]+)"),
        _sum,
    ),
    (_rule(rf"\b(?P<side>after|before) (?P<x>{'|'.join((*DAYS, *MONTHS))})\b"), _neighbour),
    (_rule(r"\bopposite(?: of)?(?: the)? (?P<x>\w+)"), _opposite),
    (_rule(r"\b(?:stop (?:the |your )?(?:stopwatch|timer|timing))\b"), lambda g: mean.StopwatchStop()),
    (_rule(r"\b(?:start (?:the |a )?(?:stopwatch|timer|timing)|(?:begin|start) timing|take the time)\b"),
     lambda g: mean.StopwatchStart()),
    (_rule(r"\bhow (?:long|many seconds) (?:did|was|has)\b"), lambda g: mean.AskElapsed()),
    (_rule(r"\bcancel\b"), lambda g: mean.Cancel()),
    (_rule(r"\b(?:count down|counting down|countdown) (?:from )?(?P<n>[a-z ]+?)(?: to one)?$"), _countdown),
    (_rule(r"\bcount from (?P<n>[a-z ]+) down to one\b"), _countdown),
    (_rule(r"\bcount(?:ing)?\b.*\b(?P<c>animals?|colors?|fruits?)\b"), _count),
    (_rule(r"\b(?:count|counting)(?: up)? from (?P<a>[a-z ]+?) to (?P<b>[a-z ]+?)$"), _count_to),
    (_rule(r"\bstart (?:at|from) (?P<a>[a-z ]+?) and count to (?P<b>[a-z ]+?)$"), _count_to),
    (_rule(r"\b(?:count|counting)(?: up)?(?P<a>) to (?P<b>[a-z ]+?)$"), _count_to),
    (_rule(r"\bone (?P<source>euro|meter) is (?P<rate>\w+) (?P<target>dollars|feet)\b"), _convert),
    (_rule(rf"\b{WHEN} i say (?P<w>\w+)(?= say beep|$| please| now)"), lambda g: mean.StartTaboo(g["w"])),
    (_rule(r"\bsay okay after (?:each|every)\b|\bafter (?:each|every) (?:item|thing).* say okay\b"),
     lambda g: mean.StartItems()),
    (_rule(rf"\bi have (?P<a>[a-z ]+?) seconds say {NUMBER} left\b"), _left),
    (_rule(rf"{QUIET} (?:ask me|say) (?P<w>.+?)(?: please| now)*$"), _silence),
    (_rule(rf"\b(?:ask me|say) (?P<w>.+?) {QUIET}"), _silence),
    (_rule(rf"\bevery {NUMBER} seconds? {DO} (?P<w>.+?)(?: until.*| please| now)*$"), _timed(mean.Interval)),
    (_rule(rf"\b{DO} (?P<w>[a-z' ]+?) every {NUMBER} seconds?\b"), _timed(mean.Interval)),
    (_rule(r"\b(?:make|change) (?:it|that)(?: to)? (?P<n>[a-z ]+?)(?: seconds.*| please| now)*$"), _change),
    (_rule(rf"\b(?:in|after) {NUMBER} seconds? {DO} (?P<w>.+?)(?: please| now| even.*)*$"), _timed(mean.Delay)),
    (_rule(rf"\b{NUMBER} seconds?(?: from now)? {DO} (?P<w>.+?)(?: please| now)*$"), _timed(mean.Delay)),
    (_rule(rf"\b{DO} (?P<w>[a-z' ]+?) (?:in|after) {NUMBER} seconds?\b"), _timed(mean.Delay)),
    (_rule(rf"^(?:(?:oh|please|okay|so) )*and (?:then )?(?P<w>[a-z']+) in {NUMBER} seconds?\b"), _timed(mean.Delay)),
    (_rule(r"\b(?:repeat|say)(?: these words)?(?: what i say)?(?: after me| these words| what i say) (?P<w>.+)$"),
     lambda g: Ask(g["w"], "echo words")),
    (_rule(r"\b(?:tell you)\b"), lambda g: mean.StartTelling()),
    (_rule(r"\bstory (?:about|of) (?P<x>.+)$"), _story),
    (_rule(r"\btell (?:me|us)? ?(?:a|the)? ?(?:short )?story(?P<x>)\b"), _story),
    (_rule(r"\b(?:list|name|say|tell me)(?: all)? the (?P<x>days|months|colors|fruits)\b"), _list),
    (_rule(r"\b(?:what|know|remember|say|tell)\b.*\b(?:my name|i called)\b"), lambda g: mean.AskName()),
    (_rule(r"\bcolor(?: of| is)? (?P<x>.+)$"), _color),
)  # fmt: skip

"""The agent recites: the skills "barge-in" (it yields) and "backchannelled" (it goes on)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from microturn.data.scenarios import chat, questions
from microturn.data.scenarios.draw import between, chance, line, pick, script_of
from microturn.data.scenarios.interrupting import asking, backchannels, holding, instead
from microturn.data.scenarios.recitals import long_requests, recital_ms, requests, to_somebody, told
from microturn.data.scenarios.stopping import stopping
from microturn.data.scenarios.timers import spent_ms
from microturn.data.script import Line, Recite, Script
from microturn.data.splits import Phrase, Split

ANSWERED_IN_MS = 400  # from the request's end to the recital's begin, about
FIRST_MS, LAST_MS = 1_200, 6_000  # when an interruption comes, from the request's end
REST_MS = 700  # so much of a recital is left at least when it is spoken into


def barge_in(rng: np.random.Generator, split: Split) -> Script:
    """A recital into which the user says a stop or a new request; some go on, alone or while other people speak.

    In a negative nobody asked the agent for a recital, and nothing is to be ended.
    """
    if chance(rng, 0.18):
        return _unasked(rng, split, "barge-in")
    asked = pick(rng, requests(split))
    lines = [line(asked, between(rng, 400, 1500))]
    variant = rng.random()
    if variant < 0.14:
        return script_of("barge-in", asked, lines, tail_ms=_left_ms(asked) + 1500)
    if variant < 0.28:
        lines += _overheard(rng, split, asked)
        return script_of("barge-in", asked, lines, tail_ms=_left_ms(asked, lines[1:]) + 1500)
    lines += _interrupted(rng, split, asked)
    if isinstance(lines[-1].meaning, Recite):
        again = Phrase(lines[-1].text, "", "", lines[-1].meaning)
        if chance(rng, 0.5):
            return script_of("barge-in", asked, lines, tail_ms=_left_ms(again) + 1500)
        lines.append(line(_ending(rng, split), _moment_ms(rng, again)))
    elif chance(rng, 0.25):
        lines.append(line(questions.question(rng, split, "barge-in"), between(rng, 1500, 2800)))
    return script_of("barge-in", asked, lines, tail_ms=2500)


def backchannelled(rng: np.random.Generator, split: Split) -> Script:
    """A recital into which the user says "mm hm", "right" or coughs, that goes on; sometimes it is stopped later.

    In a negative the same words come while nothing is recited.
    """
    if chance(rng, 0.18):
        return _unasked(rng, split, "backchannelled")
    asked = pick(rng, long_requests(split))
    assert isinstance(asked.meaning, Recite)
    asked = replace(asked, meaning=replace(asked.meaning, skill="backchannelled"))
    lines = [line(asked, between(rng, 400, 1500))]
    for number in range(between(rng, 1, 3)):
        left_ms = _left_ms(asked, lines[1:]) - REST_MS
        if number == 0 or left_ms > 1500:
            gap_ms = between(rng, 900, min(3500, max(left_ms - 600, 1000)))
            lines.append(line(pick(rng, backchannels()), gap_ms))
    left_ms = _left_ms(asked, lines[1:])
    if left_ms > 3000 and chance(rng, 0.2):
        lines.append(line(_ending(rng, split), between(rng, 900, left_ms - 2 * REST_MS)))
        left_ms = 1000
    return script_of("backchannelled", asked, lines, tail_ms=left_ms + 1500)


def _left_ms(asked: Phrase, since: Sequence[Line] = ()) -> int:
    """About how much of the recital is to come, from the request's end, after the lines `since`."""
    assert isinstance(asked.meaning, Recite)
    return max(ANSWERED_IN_MS + recital_ms(asked.meaning.text) - spent_ms(since), 0)


def _moment_ms(rng: np.random.Generator, asked: Phrase) -> int:
    return between(rng, FIRST_MS, max(FIRST_MS, min(LAST_MS, _left_ms(asked) - REST_MS)))


def _interrupted(rng: np.random.Generator, split: Split, asked: Phrase) -> list[Line]:
    """An interruption of any kind, sometimes after a sign of listening."""
    moment_ms = _moment_ms(rng, asked)
    lines: list[Line] = []
    if moment_ms > 3500 and chance(rng, 0.4):
        lines.append(line(pick(rng, backchannels()), between(rng, 900, 1800)))
        moment_ms = max(moment_ms - spent_ms(lines), 700)
    draw = rng.random()
    if draw < 0.4:
        spoken = _ending(rng, split)
    elif draw < 0.7:
        spoken = pick(rng, asking(split))
    elif draw < 0.8:
        spoken = questions.question(rng, split, "barge-in")
    else:
        spoken = pick(rng, [phrase for phrase in instead(split) if phrase.meaning != asked.meaning])
    return [*lines, line(spoken, moment_ms)]


def _ending(rng: np.random.Generator, split: Split) -> Phrase:
    return pick(rng, holding(split) if chance(rng, 0.25) else stopping(split))


def _overheard(rng: np.random.Generator, split: Split, asked: Phrase) -> list[Line]:
    """One or two lines of other people or the television, none of which is for the agent."""
    lines: list[Line] = []
    for _ in range(between(rng, 1, 2)):
        draw = rng.random()
        bank = asking(split) if draw < 0.25 else stopping(split) if draw < 0.4 else chat.phrases_of(split)
        gap_ms = between(rng, 900, 2500) if lines else min(_moment_ms(rng, asked), 3000)
        lines.append(line(pick(rng, bank), gap_ms, pick(rng, ("other", "tv"))))
    return lines


def _unasked(rng: np.random.Generator, split: Split, skill: str) -> Script:
    """A recital that is only talked about or asked of others, and what would end it or let it go on."""
    kind = pick(rng, ("told", "somebody", "overheard"))
    main = pick(rng, {"told": told, "somebody": to_somebody, "overheard": requests}[kind](split))
    speaker = pick(rng, ("other", "tv")) if kind == "overheard" else "user"
    lines = [line(pick(rng, chat.phrases_of(split)), between(rng, 400, 1500))] if chance(rng, 0.5) else []
    lines.append(line(main, between(rng, 700, 2000), speaker))
    if skill == "backchannelled":
        lines += [line(pick(rng, backchannels()), between(rng, 700, 2500)) for _ in range(between(rng, 1, 3))]
    elif chance(rng, 0.5):
        lines.append(line(_ending(rng, split), between(rng, FIRST_MS, LAST_MS)))
    lines.append(line(pick(rng, chat.phrases_of(split)), between(rng, 700, 2500)))
    return script_of(skill, main, lines, negative=True)

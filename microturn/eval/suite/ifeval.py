"""IFEval (Zhou et al. 2023, arXiv 2311.07911), spoken and typed: the published input file. The rules: ifeval_rules.py.

What the endpoint writes of what it says is scored, since lines and asterisks do not survive being heard; where another
listener is asked for, what that one understood is scored beside it. Final: the mean of the four published accuracies,
as VoiceBench has it. How long an answer may take is our choice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from microturn.core.chunk import Chunk
from microturn.core.clock import TICK_MS
from microturn.core.errors import InputError
from microturn.core.events import parse_object
from microturn.core.participant import Participant
from microturn.data.script import Line as ScriptLine
from microturn.eval.suite.analyze import Listener, TextChannel, segments, utterances
from microturn.eval.suite.closed_sound import Cast, Plays, casts, end_s, say, take
from microturn.eval.suite.endpoint import Line, Session
from microturn.eval.suite.entries import Speak
from microturn.eval.suite.figures import share
from microturn.eval.suite.ifeval_oracle import written
from microturn.eval.suite.ifeval_rules import Instruction, checked, loose, strict
from microturn.eval.suite.judge import Judge
from microturn.eval.suite.published_suites import some
from microturn.eval.suite.shape import Asked, Heard, Label, Row, Scored, Suite, Told, Window, plain
from microturn.eval.suite.spoken_form import spoken_form
from microturn.eval.suite.timing import Timed, response_latency, tally
from microturn.eval.suite.together import together
from microturn.eval.suite.trace import Trace, playout

FILE = "input_data.jsonl"
TYPED_TICK = 5
LATE_S = 3.5
ANSWER_S, WORD_S, LONGEST_S = 30.0, 0.5, 300.0


class Prompt(NamedTuple):
    """One line of the file."""

    key: str
    text: str
    instructions: tuple[Instruction, ...]

    @property
    def answer_s(self) -> float:
        """How long its answer may take: longer where many words are asked for."""
        wanted = [one.given for one in self.instructions if one.kind == "length_constraints:number_words"]
        most = max((int(given["num_words"]) for given in wanted), default=0)
        return min(LONGEST_S, ANSWER_S + WORD_S * most)


@dataclass(frozen=True, eq=False)
class Case:
    """A prompt as a session. end_s: when it has been asked."""

    id: str
    prompt: Prompt
    user: Participant
    ticks: int
    end_s: float
    heard: tuple[Heard, ...] = ()


class Types:
    """A user who types a text once and says nothing."""

    def __init__(self, text: str) -> None:
        self._text = text

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """The text, a second after the session begins."""
        return Chunk(text=(self._text,)) if tick == TYPED_TICK else Chunk()


def load_ifeval(path: Path) -> list[Prompt]:
    """All prompts of the file, or of input_data.jsonl in the folder; InputError says which line is none."""
    path = path / FILE if path.is_dir() else path
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError("cannot be read", path, str(error), f"the set's {FILE}") from error
    found = [_prompt(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise InputError("no prompts", path, "an empty file", f"the set's {FILE}")
    return found


def ifeval_voice(asked: Asked, speak: Speak = say, cast: Cast | None = None) -> Suite:
    """IFEval, spoken: the prompts of input_data.jsonl in the voices of the evaluation."""
    speakers = [cast] if cast else casts()
    cases: list[Case] = []
    for number, prompt in enumerate(_prompts(asked)):
        key = f"ifeval-voice/{prompt.key}"
        line = ScriptLine(spoken_form(prompt.text))
        made = take(key, [line], speakers[number % len(speakers)], speak, prompt.answer_s)
        user = Plays(made)
        cases.append(Case(key, prompt, user, user.ticks, end_s(made.spoken[0]), tuple(made.heard)))
    return _suite("ifeval-voice", "instructions that can be verified, spoken", cases)


def ifeval_text(asked: Asked) -> Suite:
    """IFEval, typed: the prompts of input_data.jsonl as they are written."""
    cases: list[Case] = []
    for prompt in _prompts(asked):
        ticks = TYPED_TICK + round(1000 * prompt.answer_s) // TICK_MS
        key = f"ifeval-text/{prompt.key}"
        cases.append(Case(key, prompt, Types(prompt.text), ticks, TYPED_TICK * TICK_MS / 1000))
    return _suite("ifeval-text", "instructions that can be verified, typed", cases)


def ifeval(asked: Asked) -> Suite:
    """IFEval, both spoken and typed."""
    return together("ifeval", "instructions that can be verified", [ifeval_voice(asked), ifeval_text(asked)])


class Answered(NamedTuple):
    """Of each instruction of a prompt, whether it was followed."""

    kinds: tuple[str, ...]
    strict: tuple[bool, ...]
    loose: tuple[bool, ...]


def answered(prompt: Prompt, text: str) -> Answered:
    """What a text follows."""
    every = prompt.instructions
    return Answered(
        tuple(one.kind for one in every),
        tuple(strict(text, one) for one in every),
        tuple(loose(text, one) for one in every),
    )


def accuracies(found: Sequence[Answered]) -> dict[str, Any]:
    """The four published accuracies, their mean, and each kind by itself, strict."""
    told: dict[str, Any] = {}
    for name, of in (("strict", [one.strict for one in found]), ("loose", [one.loose for one in found])):
        told[f"prompts, {name}"] = share(sum(map(all, of)), len(of))
        told[f"instructions, {name}"] = share(sum(map(sum, of)), sum(map(len, of)))
    rates = [one.rate for one in told.values()]
    kinds: dict[str, list[bool]] = {}
    for one in found:
        for kind, followed in zip(one.kinds, one.strict, strict=True):
            kinds.setdefault(kind, []).append(followed)
    by_kind = {kind: share(sum(rows), len(rows)) for kind, rows in sorted(kinds.items())}
    return {"final": sum(rates) / len(rates) if None not in rates else None, **told, "kinds": by_kind}


def _suite(name: str, what: str, cases: Sequence[Case]) -> Suite:
    by_id = {case.id: case for case in cases}

    def score(traces: Sequence[Trace], listener: Listener, judge: Judge) -> Scored:
        said = {trace.id: utterances(trace, listener) for trace in traces}
        sure = [trace for trace in traces if not trace.why_void]
        texts = {t.id: written_of(t, by_id[t.id].end_s) for t in sure}
        figures = accuracies([answered(by_id[t.id].prompt, texts[t.id]) for t in sure])
        if listener.name != TextChannel.name:
            heard = {t.id: " ".join(u.text for u in said[t.id] if u.end_s > by_id[t.id].end_s) for t in sure}
            figures["as heard"] = accuracies([answered(by_id[t.id].prompt, heard[t.id]) for t in sure])
        timed = {t.id: _latency(t, by_id[t.id]) for t in traces}
        figures["response"] = tally([timed[t.id] for t in sure])
        figures["void"] = len(traces) - len(sure)
        rows: list[Row] = [_row(by_id[t.id], t, texts.get(t.id), timed[t.id]) for t in traces]
        labels = {c.id: Label(c.heard, [Window(c.end_s, 0.2 * c.ticks, c.prompt.text[:60])]) for c in cases}
        return Scored(figures["final"], plain(figures), rows, said, labels)

    return Suite(name, what, [Session(c.id, c.user, c.ticks) for c in cases], _fakes(cases), score)


def _fakes(cases: Sequence[Case]) -> Mapping[str, Mapping[str, Sequence[Line]]]:
    """The late oracle is right too: nothing here is asked for at a time."""

    def lines(say: Callable[[Case], list[Line]]) -> dict[str, list[Line]]:
        return {case.id: say(case) for case in cases}

    right = {case.id: written(case.prompt.instructions) for case in cases}
    return {
        "oracle": lines(lambda case: [Line(case.end_s + 0.4, right[case.id])]),
        "late-oracle": lines(lambda case: [Line(case.end_s + 0.4 + LATE_S, right[case.id])]),
        "silent": lines(lambda case: []),
        "babbler": lines(lambda case: [Line(0.2 * n, "and so on,", 0.2) for n in range(case.ticks)]),
    }


def written_of(trace: Trace, after_s: float) -> str:
    """What the endpoint told of what it said after a moment, with its own lines and signs."""
    return "".join(text.text for text in trace.texts if text.kind == "said" and text.at_s >= after_s).strip()


def _row(case: Case, trace: Trace, text: str | None, timed: Timed) -> Told:
    if text is None:
        return Told(case.id, "prompt", None, f"void: {trace.why_void}", "void")
    if not text:
        return Told(case.id, "prompt", False, "nothing said", "silent")
    found = answered(case.prompt, text)
    missed = [kind for kind, followed in zip(found.kinds, found.strict, strict=True) if not followed]
    why = f"not followed: {', '.join(missed)}; {text[:120]!r}" if missed else "all followed"
    return Told(case.id, "prompt", not missed, why, timed.status, timed.seconds)


def _latency(trace: Trace, case: Case) -> Timed:
    return response_latency(segments(playout(trace).pcm), case.end_s, trace.length_s)


def _prompts(asked: Asked) -> list[Prompt]:
    if asked.data is None or not asked.data.exists():
        raise InputError("no data", "--data", str(asked.data), f"the set's {FILE}, or its folder")
    return some([("all", prompt) for prompt in load_ifeval(asked.data)], asked)


def _prompt(line: str, where: str) -> Prompt:
    row = parse_object(line, where)
    try:
        kinds, given = list(row["instruction_id_list"]), list(row["kwargs"])
        every = tuple(checked(str(k), dict(g), where) for k, g in zip(kinds, given, strict=True))
        return Prompt(str(row["key"]), str(row["prompt"]), every)
    except (KeyError, TypeError, ValueError) as error:
        right = "key, prompt, and as many instruction_id_list as kwargs"
        raise InputError("not a prompt", where, f"{type(error).__name__} {error}", right) from error

"""What a scenario is before it sounds: lines, what they mean to the agent, their place in time. No audio, no labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, get_args

from microturn.data.sight.play import Shot, Staged, shot_from_json, shot_to_json

SPEAKERS = ("user", "other", "tv")


@dataclass(frozen=True)
class Ask:
    """A question (or command) with one known answer; `skill` is the one it is reported under."""

    answer: str
    skill: str = "answer"


@dataclass(frozen=True)
class Remember:
    """The user's name from now on."""

    name: str


@dataclass(frozen=True)
class AskName:
    """Answered by the last remembered name; not at all when there is none."""


@dataclass(frozen=True)
class StartCount:
    """Count the words of a category ("animals", "colors", "fruits") from one."""

    category: str


@dataclass(frozen=True)
class StartConvert:
    """Say every amount of `source` in `target` (plural words): one source is `rate` targets."""

    source: str
    target: str
    rate: int


@dataclass(frozen=True)
class StartTaboo:
    """Say "beep" whenever `word` is said."""

    word: str


@dataclass(frozen=True)
class StartItems:
    """Say "okay" after each short line that names an item."""


@dataclass(frozen=True)
class StopAll:
    """Ends every standing instruction, pending timer, silence watch and countdown; the stopwatch goes on."""


@dataclass(frozen=True)
class Interval:
    """Say `text` every `seconds` until stopped."""

    text: str
    seconds: int


@dataclass(frozen=True)
class Delay:
    """Say `text` once, in `seconds`."""

    text: str
    seconds: int


@dataclass(frozen=True)
class Reschedule:
    """The last pending delay gets `seconds`, counted from its own start; from now where that moment is past."""

    seconds: int


@dataclass(frozen=True)
class Cancel:
    """Drops the last pending delay."""


@dataclass(frozen=True)
class StopwatchStart:
    """Starts the stopwatch (again)."""


@dataclass(frozen=True)
class StopwatchStop:
    """Answered by the seconds since the stopwatch was started; not at all when it is not running."""


@dataclass(frozen=True)
class ElapsedStart:
    """The user begins something that is going to be asked about."""


@dataclass(frozen=True)
class ElapsedDone:
    """The user has finished it; nothing is said yet."""


@dataclass(frozen=True)
class AskElapsed:
    """Answered by the seconds between start and done (or now, where no done was said)."""


@dataclass(frozen=True)
class SilenceWatch:
    """Say `text` whenever the user has been quiet for `seconds`; again only after the user spoke again."""

    seconds: int
    text: str


@dataclass(frozen=True)
class Countdown:
    """Say `start` and the numbers below it down to one, one a second."""

    start: int


@dataclass(frozen=True)
class WakeWord:
    """From now on only lines that begin with `name` are answered."""

    name: str


@dataclass(frozen=True)
class AnswerEveryone:
    """Ends the wake word."""


@dataclass(frozen=True)
class Recite:
    """Say the long `text` after the turn, until a user's line begins whose meaning is not Backchannel."""

    text: str
    skill: str = "barge-in"


@dataclass(frozen=True)
class StartTelling:
    """The user tells a story: say "mm-hm" after each line of theirs that has no meaning."""


@dataclass(frozen=True)
class EndTelling:
    """The story is over: no "mm-hm" from now on."""


@dataclass(frozen=True)
class Backchannel:
    """The user shows that they listen, or coughs: nothing is said, and nothing that is being said ends."""


@dataclass(frozen=True)
class StartReps:
    """Say the running number as each repetition of `motion` is completed."""

    motion: str


@dataclass(frozen=True)
class StartBouts:
    """Say "start" when `motion` begins and "stop" when it ends."""

    motion: str


@dataclass(frozen=True)
class AskFingers:
    """How many fingers are held up now."""


@dataclass(frozen=True)
class StartFingers:
    """Say how many fingers are held up at each change; `now`: also at once."""

    now: bool = True


@dataclass(frozen=True)
class StartPosture:
    """Say "sit up" when the user slouches, again only after they sat straight."""


@dataclass(frozen=True)
class StartAppear:
    """Say its name whenever a thing of this color and shape comes into view."""

    color: str
    shape: str


@dataclass(frozen=True)
class AskSeen:
    """What color things of a shape have, how many there are, or on which side: answered by what is in view."""

    about: Literal["color", "count", "side"]
    shape: str


@dataclass(frozen=True)
class StartComment:
    """Say a short phrase at each change in view."""


@dataclass(frozen=True)
class Delegate:
    """Too hard to answer at once: handed over. `result` comes back as text `after_ms` later, "" for never."""

    result: str
    after_ms: int


@dataclass(frozen=True)
class AskProgress:
    """How what was handed over is going; not answered at all where nothing is being worked at."""


@dataclass(frozen=True)
class NeverMind:
    """No result of what was handed over is wanted any more."""


Meaning = (
    Ask | Remember | AskName | StartCount | StartConvert | StartTaboo | StartItems | StopAll | Interval | Delay
    | Reschedule | Cancel | StopwatchStart | StopwatchStop | ElapsedStart | ElapsedDone | AskElapsed | SilenceWatch
    | Countdown | WakeWord | AnswerEveryone | Recite | StartTelling | EndTelling | Backchannel
    | StartReps | StartBouts | AskFingers | StartFingers | StartPosture | StartAppear | AskSeen | StartComment
    | Delegate | AskProgress | NeverMind
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One utterance. `gap_ms`: silence before it, after the line before. `meaning` attaches to the end of the line;
    None is a story, a filler, a sentence not finished yet, or anything that is not for the agent."""

    text: str
    speaker: str = "user"
    gap_ms: int = 600
    meaning: Meaning | None = None


@dataclass(frozen=True)
class Script:
    """Who says what when. `negative`: made so that its `skill` has nothing (or nothing more) to say."""

    skill: str
    template: str
    slots: str
    negative: bool
    lines: tuple[Line, ...]
    tail_ms: int


@dataclass(frozen=True)
class SceneScript(Script):
    """A script with something to see, from before its first line to its end."""

    shot: Shot


_MEANINGS = {kind.__name__: kind for kind in get_args(Meaning)}


def script_to_json(script: Script) -> dict[str, Any]:
    """Plain values that JSON can hold; `script_from_json` reads them back."""
    lines = [
        [line.text, line.speaker, line.gap_ms, line.meaning and [type(line.meaning).__name__, vars(line.meaning)]]
        for line in script.lines
    ]
    scene = {"shot": shot_to_json(script.shot)} if isinstance(script, SceneScript) else {}
    return vars(script) | {"lines": lines} | scene


def script_from_json(data: dict[str, Any]) -> Script:
    """The script that `script_to_json` gave."""
    fields = dict(data)
    lines = tuple(
        Line(text, speaker, gap_ms, meaning and _MEANINGS[meaning[0]](**meaning[1]))
        for text, speaker, gap_ms, meaning in fields.pop("lines")
    )
    if "shot" in fields:
        return SceneScript(lines=lines, shot=shot_from_json(fields.pop("shot")), **fields)
    return Script(lines=lines, **fields)


class TimedWord(Protocol):
    """A word and its place in time, in milliseconds; `voices.WordTime` is one."""

    @property
    def word(self) -> str: ...
    @property
    def start_ms(self) -> int: ...
    @property
    def end_ms(self) -> int: ...


@dataclass(frozen=True)
class Spoken:
    """A line placed in the session: word times count from its beginning. One entry a word of the line's text."""

    speaker: str
    line: Line
    words: tuple[TimedWord, ...]


class Result(NamedTuple):
    """What comes back of something handed over: text, and when."""

    at_ms: int
    text: str


class PlainWord(NamedTuple):
    """The simplest TimedWord."""

    word: str
    start_ms: int
    end_ms: int


class Placed(NamedTuple):
    """A whole script in time."""

    spoken: list[Spoken]
    end_ms: int


def evenly_spoken(script: Script, word_ms: int = 330) -> Placed:
    """The script as somebody would speak it who gives every word `word_ms`: for text-only use and tests."""
    now_ms, spoken = 0, []
    for line in script.lines:
        now_ms += line.gap_ms
        said = line.text.replace(",", "").split()
        words = [PlainWord(w, now_ms + i * word_ms, now_ms + (i + 1) * word_ms) for i, w in enumerate(said)]
        spoken.append(Spoken(line.speaker, line, tuple(words)))
        now_ms += len(said) * word_ms
    return Placed(spoken, now_ms + script.tail_ms)


def staged(script: Script, line_ends_ms: Sequence[int], start_ms: int, end_ms: int) -> tuple[Staged, ...]:
    """What is seen of a script whose lines end at `line_ends_ms`, one each, in a session; nothing without a shot."""
    if not isinstance(script, SceneScript):
        return ()
    return (Staged(script.shot, start_ms, line_ends_ms[script.shot.after], end_ms),)


def spoken_at(start_ms: int, line: Line, ends_ms: Sequence[int]) -> Spoken:
    """The line beginning at `start_ms`, its words ending at `ends_ms`, with no silence between them."""
    said = line.text.replace(",", "").split()
    if len(said) != len(ends_ms):
        raise ValueError(f"spoken_at: {len(said)} words in {line.text!r}, {len(ends_ms)} ends; one end a word is right")
    starts_ms = [start_ms, *ends_ms[:-1]]
    words = tuple(PlainWord(*timed) for timed in zip(said, starts_ms, ends_ms, strict=True))
    return Spoken(line.speaker, line, words)


def results(spoken: Sequence[Spoken]) -> list[Result]:
    """Everything that comes back in a session, in order, whether it is still wanted or not."""
    handed_over = [
        (said.words[-1].end_ms, said.line.meaning)
        for said in spoken
        if said.speaker == "user" and isinstance(said.line.meaning, Delegate) and said.line.meaning.result
    ]
    return sorted(Result(end_ms + task.after_ms, task.result) for end_ms, task in handed_over)

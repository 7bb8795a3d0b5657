"""Annotation files of published sets of videos, as their authors lay them out. No video, no scores.

RepCount-A (Hu et al. 2022, arXiv 2204.01018), ProactiveVideoQA (arXiv 2507.09313), Charades (Sigurdsson et al. 2016,
arXiv 1604.01753) and Charades-STA (Gao et al. 2017, arXiv 1705.02101). None of these sets comes with this package.
Columns and keys that are not named here are passed over; what is named must be there: InputError.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from microturn.core.errors import InputError


class Span(NamedTuple):
    """From one moment to another."""

    start_s: float
    end_s: float


class RepCount(NamedTuple):
    """A clip with its repetitions: `rep_frames` are (first, last) frame numbers, `count` is what the file says.

    The two agree in most rows of the published files, not in all.
    """

    name: str
    kind: str
    count: int
    rep_frames: tuple[tuple[int, int], ...]

    def spans(self, fps: float) -> tuple[Span, ...]:
        """The repetitions in seconds; the file does not know its videos' frame rates."""
        return tuple(Span(first / fps, last / fps) for first, last in self.rep_frames)


class Turn(NamedTuple):
    """What a conversation says at a moment of the video: the question, or a subtitle."""

    role: str
    content: str
    time_s: float


class Reply(NamedTuple):
    """An answer: `related` is where the video shows it, `reply` when it is right to say it."""

    content: str
    related: Span
    reply: Span


class ProactiveQuestion(NamedTuple):
    """A video with its question and all right answers. `duration_s` is None where the file does not tell."""

    question_id: str
    video: str
    duration_s: float | None
    conversation: tuple[Turn, ...]
    answers: tuple[Reply, ...]

    @property
    def question(self) -> str:
        """The first thing that is asked."""
        return next((turn.content for turn in self.conversation if turn.role == "user"), "")


class Moment(NamedTuple):
    """A sentence, or a class of action ("c092"), and where in a video it happens."""

    video: str
    text: str
    span: Span


def read_repcount(path: Path) -> list[RepCount]:
    """`annotation/{train,valid,test}.csv`: type, name, count, L1, L2, ...: pairs of frame numbers, empty at the end."""
    return [_repcount(row, f"{path}:{line}") for line, row in _rows(path, ("type", "name", "count", "L1"))]


def read_proactive(path: Path) -> list[ProactiveQuestion]:
    """`{WEB,EGO,TV,VAD}/anno.json`: a list of questions; a question has at least one right answer."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("cannot be read", path, str(error), "a JSON file that is a list") from error
    if not isinstance(data, list):
        raise InputError("not a list", path, type(data).__name__, "a list of questions")
    return [_proactive(entry, f"{path}[{index}]") for index, entry in enumerate(data)]


def read_charades(path: Path) -> list[Moment]:
    """`Charades_v1_{train,test}.csv`: every action of every video, the column being "c092 11.90 21.20;c147 ..."."""
    found: list[Moment] = []
    for line, row in _rows(path, ("id", "actions")):
        for action in filter(None, row["actions"].split(";")):
            kind, *times = action.split()
            found.append(Moment(row["id"], kind, _span(times, f"{path}:{line} actions")))
    return found


def read_charades_classes(path: Path) -> dict[str, str]:
    """`Charades_v1_classes.txt`: a code and what it stands for on each line."""
    lines = (line.partition(" ") for line in _text(path).splitlines() if line.strip())
    return {code: name for code, _, name in lines}


def read_charades_sta(path: Path) -> list[Moment]:
    """`charades_sta_{train,test}.txt`: "VIDEO start end##sentence" on each line."""
    found: list[Moment] = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if line.strip():
            head, marks, sentence = line.partition("##")
            video, *times = head.split() or [""]
            if not marks or not video:
                raise InputError("not a sentence with its times", f"{path}:{number}", line, "VIDEO start end##sentence")
            found.append(Moment(video, sentence.strip(), _span(times, f"{path}:{number}")))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError("cannot be read", path, str(error), "a text file in UTF-8") from error


def _rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a table with the number of their line (a quoted field may hold several)."""
    reader = csv.DictReader(_text(path).splitlines(keepends=True))
    missing = [name for name in needed if name not in (reader.fieldnames or ())]
    if missing:
        came = ", ".join((reader.fieldnames or ["nothing"])[:8])
        raise InputError("columns missing", path, came, "a table with " + ", ".join(missing))
    for row in reader:
        yield reader.line_num, {name: value or "" for name, value in row.items() if name}


def _repcount(row: Mapping[str, str], where: str) -> RepCount:
    marks = [_number(row[name], where) for name in row if _is_mark(name) and row[name].strip()]
    frames = [int(mark) for mark in marks]
    if len(frames) % 2:
        raise InputError("a repetition without its end", where, f"{len(frames)} marks", "a start and an end for each")
    pairs = tuple(zip(frames[::2], frames[1::2], strict=True))
    return RepCount(row["name"], row["type"], int(_number(row["count"], where)), pairs)


def _is_mark(column: str) -> bool:
    return column.startswith("L") and column[1:].isdigit()


def _number(text: object, where: str) -> float:
    try:
        return float(str(text))
    except ValueError as error:
        raise InputError("not a number", where, repr(text), "a number") from error


def _span(times: Sequence[object], where: str) -> Span:
    if len(times) != 2:
        raise InputError("not a start and an end", where, " ".join(map(str, times)), "two times in seconds")
    return Span(_number(times[0], where), _number(times[1], where))


def _proactive(entry: Any, where: str) -> ProactiveQuestion:
    try:
        turns = tuple(Turn(t["role"], t["content"], _number(t["time"], where)) for t in entry["conversation"])
        answers = tuple(
            Reply(a["content"], _span(a["related_timespan"], where), _span(a["reply_timespan"], where))
            for a in entry["answer"]
        )
        duration_s = None if entry.get("duration") is None else _number(entry["duration"], where)
        return ProactiveQuestion(str(entry["question_id"]), entry["video"], duration_s, turns, answers)
    except (KeyError, TypeError, AttributeError) as error:
        right = "video, question_id, conversation [role, content, time], answer [content, related_, reply_timespan]"
        raise InputError("not a question", where, f"{type(error).__name__} {error}", right) from error

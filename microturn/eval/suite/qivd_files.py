"""QIVD, the Qualcomm Interactive Video Dataset (Pourreza et al. 2025, arXiv 2503.19356): its files. No scores.

It is published twice, and a folder of either will do. Qualcomm's own download: labels.json, a list of objects with id,
video, question, answer, short_answer, timestamp ("00:04.4") and category, and videos/. On Hugging Face
(Qualcomm-AI-Research/QIVD): metadata.parquet, whose video_file_name is a path below the folder. The keys of the first
are those that public programs read; of the second such programs name id, video_file_name, question and answer only, so
the others are looked for under the names of the first and of FiftyOne's copy (answer_timestamp). Nobody here could look
at either file: what does not fit is told, and nothing is guessed.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from microturn.core.errors import InputError
from microturn.eval.suite.parquet import rows

LABELS, TABLE = "labels.json", "metadata.parquet"
VIDEO = ("video", "video_file_name")
MOMENT = ("timestamp", "answer_timestamp")


class Clip(NamedTuple):
    """A clip in which a question is asked aloud. moment_s: from when on the clip has shown enough to answer it."""

    id: str
    category: str
    video: Path
    question: str
    answer: str
    short: str
    moment_s: float


def load_qivd(root: Path) -> list[Clip]:
    """All clips in the order of the file; InputError for what is missing in it, or a video that is not there."""
    if (root / LABELS).is_file():
        path, found = root / LABELS, _labels(root / LABELS)
    elif (root / TABLE).is_file():
        path = root / TABLE
        optional = ("video", "short_answer", *MOMENT, "category")
        found = list(rows([path], ("id", "video_file_name", "question", "answer"), optional))
    else:
        raise InputError("no annotations", root, "neither of both", f"{LABELS} or {TABLE}")
    return [_clip(row, root, f"{path}[{number}]") for number, row in enumerate(found)]


def seconds(text: object, where: str) -> float:
    """Of "00:04.4", "4.4" or a number; InputError for anything else, and for a time before the beginning."""
    try:
        value = 0.0
        for part in str(text).split(":"):
            value = 60 * value + float(part)
    except ValueError as error:
        raise InputError("not a time", where, repr(text), "minutes:seconds") from error
    if not 0 <= value < float("inf"):
        raise InputError("not a time in a clip", where, repr(text), "minutes:seconds")
    return value


def _labels(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("cannot be read", path, str(error), "a JSON file that is a list") from error
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in cast("list[Any]", data)):
        raise InputError("not a list of objects", path, "something else", "a list of labels")
    return cast("list[dict[str, Any]]", data)


def _clip(row: Mapping[str, Any], root: Path, where: str) -> Clip:
    name = str(_first(row, VIDEO, where))
    video = next((path for path in (root / "videos" / name, root / name) if path.is_file()), None)
    if video is None:
        raise InputError("no video", where, name, "a file in videos/")
    moment_s = seconds(_first(row, MOMENT, where), where)
    texts = [str(_first(row, (key,), where)) for key in ("id", "category", "question", "answer")]
    return Clip(texts[0], texts[1], video, texts[2], texts[3], str(row.get("short_answer") or ""), moment_s)


def _first(row: Mapping[str, Any], names: Sequence[str], where: str) -> Any:
    found = next((row[name] for name in names if row.get(name) is not None), None)
    if found is None:
        raise InputError("a label lacks something", where, ", ".join(map(str, row)), " or ".join(names))
    return found

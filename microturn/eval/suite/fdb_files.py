"""The published layouts of Full-Duplex-Bench v1 and v1.5, read from a folder that the user has. No scores.

v1: TASK_FOLDER/ID/input.wav with pause.json, turn_taking.json, interrupt.json or transcription.json; v1.5:
SCENE/ID/{input.wav, clean_input.wav, metadata.json}. Where output.json lies beside them (words of a model's answer, as
the set's own recogniser writes it) it is read too. Neither set is part of this repository.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple, cast

from microturn.core.errors import InputError
from microturn.core.events import parse_object
from microturn.eval.suite.analyze import Word
from microturn.eval.suite.fdb1 import Task
from microturn.eval.suite.fdb15 import WANTED, Overlap
from microturn.media.av import read_audio
from microturn.media.pcm import Pcm

FOLDERS: dict[str, Task] = {
    "candor_pause_handling": "pause_handling",
    "synthetic_pause_handling": "pause_handling",
    "icc_backchannel": "backchannel",
    "candor_turn_taking": "smooth_turn_taking",
    "synthetic_user_interruption": "user_interruption",
}
ANNOTATION: dict[Task, str] = {
    "pause_handling": "pause.json",
    "smooth_turn_taking": "turn_taking.json",
    "user_interruption": "interrupt.json",
}


class Sample1(NamedTuple):
    """A sample of v1. span: of the pause, the turn's end or the interruption; people: bins of the ICC sample."""

    id: str
    task: Task
    folder: Path
    span: tuple[float, float] | None
    people: tuple[float, ...] = ()

    def sound(self) -> Pcm:
        """What the user says, float32 [N] at 16 kHz, from any rate."""
        return read_audio(self.folder / "input.wav")


class Sample15(NamedTuple):
    """A sample of v1.5; it is held twice, with the overlap and without."""

    id: str
    overlap: Overlap
    folder: Path

    def sound(self, clean: bool = False) -> Pcm:
        """What the user says, with what is said over it or without, float32 [N] at 16 kHz."""
        return read_audio(self.folder / ("clean_input.wav" if clean else "input.wav"))


def load_v1(root: Path) -> tuple[list[Sample1], list[str]]:
    """All samples under `root`, by task folder and id, and what is missing in those left out."""
    samples: list[Sample1] = []
    lacking: list[str] = []
    for name, task in FOLDERS.items():
        people = _people(root, task)
        for folder in _folders(root / name):
            needed = [folder / "input.wav"] + ([folder / ANNOTATION[task]] if task in ANNOTATION else [])
            gone = [str(path.relative_to(root)) for path in needed if not path.is_file()]
            if gone or (task == "backchannel" and folder.name not in people):
                lacking += gone or [f"{name}/{folder.name} in icc_gt_distribution.json"]
                continue
            span = _span(folder / ANNOTATION[task]) if task in ANNOTATION else None
            samples.append(Sample1(f"{name}/{folder.name}", task, folder, span, people.get(folder.name, ())))
    if not samples:
        raise InputError("no samples", root, "none of " + ", ".join(FOLDERS), "the unpacked data of v1")
    return samples, lacking


def load_v15(root: Path) -> tuple[list[Sample15], list[str]]:
    """All samples under `root`, and what is missing in those left out."""
    samples: list[Sample15] = []
    lacking: list[str] = []
    for scene in WANTED:
        for folder in _folders(root / scene):
            needed = [folder / name for name in ("input.wav", "clean_input.wav", "metadata.json")]
            gone = [str(path.relative_to(root)) for path in needed if not path.is_file()]
            if gone:
                lacking += gone
                continue
            path = folder / "metadata.json"
            row = parse_object(path.read_bytes(), str(path))
            start_s, end_s = _pair(row.get("timestamps"), path)
            overlap = Overlap(scene, start_s, end_s, text=str(row.get("current_turn_text", "")))
            samples.append(Sample15(f"{scene}/{folder.name}", overlap, folder))
    if not samples:
        raise InputError("no samples", root, "none of " + ", ".join(WANTED), "the unpacked data of v1.5")
    return samples, lacking


def read_output(path: Path) -> list[Word]:
    """output.json: words with times, those without an end left out as the set's scripts do."""
    rows = parse_object(path.read_bytes(), str(path)).get("chunks")
    if not isinstance(rows, list):
        raise InputError("chunks", path, type(rows).__name__, "a list of words with timestamps")
    words: list[Word] = []
    for row in cast("list[dict[str, Any]]", rows):
        start_s, end_s = row["timestamp"]
        if start_s is not None and end_s is not None:
            words.append(Word(float(start_s), float(end_s), str(row["text"]).strip()))
    return words


def _folders(root: Path) -> list[Path]:
    return sorted((path for path in root.glob("*") if path.is_dir()), key=lambda path: (len(path.name), path.name))


def _people(root: Path, task: Task) -> dict[str, tuple[float, ...]]:
    path = root / "icc_gt_distribution.json"
    if task != "backchannel" or not path.is_file():
        return {}
    return {key: tuple(map(float, bins)) for key, bins in parse_object(path.read_bytes(), str(path)).items()}


def _span(path: Path) -> tuple[float, float]:
    try:
        rows: Any = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError("not JSON", path, str(error), "a list with a timestamp in its first row") from error
    if not isinstance(rows, list) or not rows:
        raise InputError(
            "annotation", path, str(type(cast("object", rows))), "a list with a timestamp in its first row"
        )
    return _pair(cast("list[dict[str, Any]]", rows)[0].get("timestamp"), path)


def _pair(value: Any, path: Path) -> tuple[float, float]:
    pair = cast("list[Any]", value) if isinstance(value, list) else []
    if len(pair) != 2 or not all(isinstance(x, int | float) for x in pair):
        raise InputError("timestamps", path, repr(cast("object", value)), "two numbers, seconds")
    return float(pair[0]), float(pair[1])

"""Audio MultiChallenge (Gosai et al. 2025, arXiv 2512.14865): its conversations and criteria. No scores.

A folder holds the Parquet files of ScaleAI/audiomc on Hugging Face, themselves or below data/: id, axis, rubric,
user_turn_K_audio (48 kHz) and user_turn_K_transcript for K of 1 to 8, assistant_turn_K_transcript up to 7. Columns are
those of the set's data card; that `rubric` is a JSON list of texts is what public programs make of it. Tables made of
such a program's copy of all texts gave the published 452 conversations and 1,712 criteria; the files themselves, 5 GB
with their sounds, could not be looked at here.

Sounds lie inside the tables, from which none can be taken quickly. So those that are asked for are unpacked once, as
they are, beside them: turns/ID/user_turn_K.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from microturn.core.errors import InputError
from microturn.eval.suite.parquet import rows

MOST_TURNS = 8
UNPACKED = "turns"


class Turn(NamedTuple):
    """What the user says, as sound and as text, and what the set's assistant replied, "" to the last turn."""

    sound: Path
    said: str
    reply: str


class Conversation(NamedTuple):
    """Two to eight turns; the reply to the last one is examined, by one criterion after the other."""

    id: str
    axis: str
    turns: tuple[Turn, ...]
    rubric: tuple[str, ...]


def load_audiomc(root: Path) -> list[Conversation]:
    """All conversations in order; no sound is read. InputError for what is missing in a row."""
    optional = [f"user_turn_{k}_transcript" for k in range(2, MOST_TURNS + 1)]
    optional += [f"assistant_turn_{k}_transcript" for k in range(1, MOST_TURNS)]
    found = rows(_tables(root), ("id", "axis", "rubric", "user_turn_1_transcript"), optional)
    return [_conversation(row, root, f"{root}[{number}]") for number, row in enumerate(found)]


def unpack(root: Path, wanted: Sequence[Conversation]) -> None:
    """Write the sounds of these conversations where their turns say, but for those that are there already."""
    missing = {turn.sound for one in wanted for turn in one.turns if not turn.sound.is_file()}
    if not missing:
        return
    for number in range(1, MOST_TURNS + 1):  # a column at a time: a whole row group of one is unpacked in memory
        column = f"user_turn_{number}_audio"
        for row in rows(_tables(root), ("id",), (column,)):
            path = _sound(root, str(row["id"]), number)
            if path in missing:
                _write(path, _bytes(row.get(column), root, f"{row['id']} {column}"))
                missing.discard(path)
    if missing:
        raise InputError("turns without a sound", root, str(min(missing)), "a sound for each turn")


def _tables(root: Path) -> list[Path]:
    found = sorted(root.glob("*.parquet")) or sorted(root.glob("data/*.parquet"))
    if not found:
        raise InputError("no conversations", root, "no *.parquet", "the downloaded set")
    return found


def _sound(root: Path, id: str, number: int) -> Path:
    if not id.replace("-", "").replace("_", "").isalnum():  # it becomes the name of a folder
        raise InputError("no name of a conversation", root, repr(id), "letters and digits")
    return root / UNPACKED / id / f"user_turn_{number}"


def _conversation(row: Mapping[str, Any], root: Path, where: str) -> Conversation:
    id = str(row["id"])
    said = [str(row.get(f"user_turn_{k}_transcript") or "").strip() for k in range(1, MOST_TURNS + 1)]
    last = max((k for k, text in enumerate(said, start=1) if text), default=0)
    if not last:
        raise InputError("a conversation without turns", where, id, "user_turn_1_transcript")
    replies = [str(row.get(f"assistant_turn_{k}_transcript") or "").strip() for k in range(1, last)]
    turns = zip(range(1, last + 1), said, [*replies, ""], strict=False)
    axis = str(row["axis"]).replace("_", " ").lower()
    return Conversation(id, axis, tuple(Turn(_sound(root, id, k), *texts) for k, *texts in turns), _rubric(row, where))


def _rubric(row: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """A list, or the JSON of one."""
    told = str(row["rubric"])[:80]
    try:
        value: Any = json.loads(row["rubric"]) if isinstance(row["rubric"], str) else row["rubric"]
    except ValueError as error:
        raise InputError("criteria that cannot be read", where, told, "a JSON list of texts") from error
    found = cast("list[Any]", value) if isinstance(value, list) else []
    texts = tuple(one.strip() for one in found if isinstance(one, str) and one.strip())
    if not texts or len(texts) != len(found):
        raise InputError("criteria that are no texts", where, told, "a list of texts, one at least")
    return texts


def _bytes(sound: Mapping[str, Any] | None, root: Path, where: str) -> bytes:
    """Of a sound as the datasets library writes it: {"bytes", "path"}, the path counting where there are no bytes."""
    data, name = (sound["bytes"], str(sound["path"])) if sound else (None, "")
    if data:
        return bytes(data)
    if not (root / name).is_file():
        raise InputError("a turn without a sound", where, name or "nothing", "the bytes of a sound, or its file")
    return (root / name).read_bytes()


def _write(path: Path, data: bytes) -> None:
    unfinished = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError as error:
        raise InputError("cannot be unpacked", path, error.strerror or "an error", "a folder to write in") from error

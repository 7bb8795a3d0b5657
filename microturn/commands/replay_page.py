"""One recording as one page: sound, pictures, both sides on one time axis, no other file, no network. Looks:
replay.html."""

import base64
import json
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from microturn.commands.page import PLACE
from microturn.core.recording import stereo_blocks
from microturn.gateway.exports import thumbnail
from microturn.gateway.kept import KeptSession
from microturn.gateway.view import phrases
from microturn.media.av import write_audio

PICTURES = 300  # more would make the page heavy; they are left out evenly


def write_replay_page(path: Path, kept: KeptSession, shown: dict[str, Any]) -> Path:
    """Write the page and give its path back. shown: the recording as `view.drawn` gives it."""
    keys = ("id", "protocol", "model", "duration_ms", "created_at", "notes", "level_ms", "overlaps", "typed", "stops")
    data: dict[str, Any] = {key: shown[key] for key in keys}
    data["latency"] = [row["late_ms"] for row in shown["latency_ms"]]
    data["sides"] = {
        side: {"phrases": phrases(own["words"]), "levels": own["levels"]} for side, own in shown["sides"].items()
    }
    frames = shown["frames"]
    step = max(1, -(-len(frames) // PICTURES))
    data["frames"] = [[frame["at_ms"], _picture(kept, frame["tick"])] for frame in frames[::step]]
    data["audio"] = base64.b64encode(_mp3(kept.folder)).decode("ascii")
    page = files("microturn.commands").joinpath("replay.html").read_text(encoding="utf-8")
    assert page.count(PLACE) == 1
    # In a script element only "</" could end the data early.
    path.write_text(page.replace(PLACE, json.dumps(data).replace("</", "<\\/")), encoding="utf-8")
    return path


def _picture(kept: KeptSession, tick: int) -> str:
    return base64.b64encode(thumbnail(kept, tick) or b"").decode("ascii")


def _mp3(folder: Path) -> bytes:
    """mp3, because every browser plays and seeks it."""
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "both.mp3"
        write_audio(path, np.concatenate(list(stereo_blocks(folder))))
        return path.read_bytes()

"""Conversations as one page: sound, both sides on one time axis, no other file, no network. Looks: page.html."""

import base64
import json
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from microturn.commands.held import IN_FULL, Talk, counted, end_s
from microturn.core.clock import SAMPLE_RATE_HZ, TICK_MS
from microturn.eval.marks import Mark
from microturn.media.av import write_audio
from microturn.media.jpeg import encode_jpeg
from microturn.model.sampling import BIASES

PEAK_SAMPLES = 640  # 40 ms: about a pixel of the drawn wave
FILM_COLUMNS = 12
PLACE = "/*DATA*/"
WHAT = {
    "answer": "Questions, and sentences that ask for nothing. Right is the answer after the turn, and silence else.",
    "self-correction": "The user corrects a question while asking it. Right is the answer to the corrected one alone.",
    "count": "The user tells a story and does not stop. Right is the number at the moment each thing is named.",
    "convert": "Every amount is said in the other unit at once, while the user goes on.",
    "interval": "A word is said again and again, on the beat, until the user says stop.",
    "not for me": "Some questions are for somebody else, or come from another voice or a television. Right is silence.",
    "memory": "A name is said once and asked for later.",
    "reps": "The camera shows somebody who exercises. Right is the number as each repetition is completed.",
    "appear": "Things come into the camera's view. Right is the name of the one that was asked for, at once.",
}
GROUPS = {
    "synthetic": "a synthetic voice that training never had",
    "natural": "a voice synthesised from pieces of a person's recordings, never in training",
}


def write_page(path: Path, talks: Sequence[Talk], notes: Mapping[str, Any]) -> Path:
    """Write the page and give its path back."""
    marks = [mark for talk in talks for mark in talk.marks]
    data = {
        "summary": counted(marks, IN_FULL),
        "model": ", ".join(f"{key} {notes[key]}" for key in ("step", *BIASES) if key in notes),
        "tick_s": TICK_MS / 1000,
        "voice": any(talk.said_pcm is not None for talk in talks),
        "talks": [_talk(talk) for talk in talks],
    }
    page = files("microturn.commands").joinpath("page.html").read_text(encoding="utf-8")
    assert page.count(PLACE) == 1
    # In a script element only "</" could end the data early.
    path.write_text(page.replace(PLACE, json.dumps(data).replace("</", "<\\/")), encoding="utf-8")
    return path


def _talk(talk: Talk) -> dict[str, Any]:
    return {
        "skill": talk.skill,
        "what": WHAT.get(talk.skill, ""),
        "voice": talk.voice.id,
        "group": talk.voice.group,
        "group_in_words": GROUPS[talk.voice.group],
        "seconds": len(talk.pcm) / SAMPLE_RATE_HZ,
        "score": counted(talk.marks),
        "audio": base64.b64encode(_mp3(_sides(talk))).decode("ascii"),
        "peaks": _peaks(talk.pcm),
        "said_peaks": [] if talk.said_pcm is None else _peaks(talk.said_pcm),
        "sounding": [list(word) for word in talk.sounding],
        "lines": [
            {"who": spoken.speaker, "words": [[w.word, w.start_ms / 1000, w.end_ms / 1000] for w in spoken.words]}
            for spoken in talk.spoken
        ],
        "heard": [[heard.text, end_s(heard.tick)] for heard in talk.heard],
        "marks": [_mark(mark) for mark in talk.marks],
        "film": _film(talk.film),
    }


def _mark(mark: Mark) -> dict[str, Any]:
    row: dict[str, Any] = {"verdict": mark.verdict, "at": end_s(mark.tick)}
    if mark.said is not None:
        row["said"] = mark.said.text
    if mark.expected is not None:
        row |= {"expected": mark.expected.text, "due": end_s(mark.expected.tick)}
    if mark.said is not None and mark.expected is not None:
        row["ticks"] = mark.said.tick - mark.expected.tick
    return row


def _film(film: Sequence[np.ndarray | None]) -> dict[str, Any] | None:
    """All pictures in one, a tick each, row by row; where none came, the one before."""
    first = next((picture for picture in film if picture is not None), None)
    if first is None:
        return None
    height, width, _ = first.shape
    whole = np.zeros((-(-len(film) // FILM_COLUMNS) * height, FILM_COLUMNS * width, 3), np.uint8)
    last = np.zeros_like(first)
    for tick, picture in enumerate(film):
        last = last if picture is None else picture
        top, left = tick // FILM_COLUMNS * height, tick % FILM_COLUMNS * width
        whole[top : top + height, left : left + width] = last
    jpeg = base64.b64encode(encode_jpeg(whole)).decode("ascii")
    return {"jpeg": jpeg, "columns": FILM_COLUMNS, "width": width, "height": height}


def _sides(talk: Talk) -> np.ndarray:
    """The user alone [N], or user left and model right [N, 2]."""
    return talk.pcm if talk.said_pcm is None else np.stack([talk.pcm, talk.said_pcm], axis=1)


def _peaks(pcm: np.ndarray) -> list[int]:
    """Loudest sample of every 40 ms, 0 to 100, relative to the loudest of all."""
    whole = np.abs(np.pad(pcm, (0, -len(pcm) % PEAK_SAMPLES))).reshape(-1, PEAK_SAMPLES).max(1)
    return np.rint(100 * whole / max(float(whole.max()), 1e-6)).astype(int).tolist()


def _mp3(pcm: np.ndarray) -> bytes:
    """mp3, because every browser plays and seeks it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "user.mp3"
        write_audio(path, pcm)
        return path.read_bytes()

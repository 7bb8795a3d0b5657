"""Lines of several speakers as one sound with exact times, and a user who says and shows it. The closed world's voices.

Every line is synthesised alone and placed by its gap, so all times are exact by construction and need no aligner.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS
from microturn.core.wav import to_float, to_int16
from microturn.data.script import Line, PlainWord, Spoken
from microturn.data.sight.film import Film
from microturn.data.voices import Clip, Prosody, fits_user, synthesize, voice, voices
from microturn.eval.suite.entries import LEAD_S, NOISE_DBFS, Speak
from microturn.eval.suite.shape import Heard
from microturn.media.pcm import Pcm

SOFTER_DB = {"user": 0.0, "other": 4.0, "tv": 8.0}


class Cast(NamedTuple):
    """Who speaks: voice ids of the user and of everybody else."""

    user: str
    other: str


@dataclass(frozen=True, eq=False)
class Take:
    """pcm: float32 [N] at 16 kHz, whole ticks, a low noise under it; spoken: lines with absolute word times.

    film: what the camera shows, None without one.
    """

    pcm: Pcm
    spoken: tuple[Spoken, ...]
    film: Film | None = None

    @property
    def heard(self) -> list[Heard]:
        """The lines for a timeline."""
        return [Heard(start_s(said), end_s(said), said.line.text, said.speaker) for said in self.spoken]

    @property
    def length_s(self) -> float:
        """Of the whole."""
        return len(self.pcm) / SAMPLE_RATE_HZ


class Plays:
    """A user who says a take and holds what is seen before the camera."""

    def __init__(self, take: Take) -> None:
        self._take = take

    @property
    def ticks(self) -> int:
        """Micro-turns until it is over."""
        return len(self._take.pcm) // CHUNK_SAMPLES

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """Sound and picture of this tick."""
        if tick >= self.ticks:
            return Chunk()
        at = tick * CHUNK_SAMPLES
        frame = self._take.film(tick) if self._take.film is not None else None
        return Chunk(self._take.pcm[at : at + CHUNK_SAMPLES], frame)


def take(key: str, lines: Sequence[Line], cast: Cast, speak: Speak, tail_s: float) -> Take:
    """Say lines one after the other, each `gap_ms` after the word before it; `tail_s`: what follows the last word.

    The same key, lines and voices give the same samples, but for the hair's breadth of espeak-ng.
    """
    now_ms = round(1000 * LEAD_S)
    spoken: list[Spoken] = []
    clips: list[tuple[int, Pcm]] = []
    for number, line in enumerate(lines):
        clip = speak(cast.user if line.speaker == "user" else cast.other, line.text)
        at_ms = now_ms + (line.gap_ms if number else 0)
        words = tuple(PlainWord(w.word, at_ms + w.start_ms, at_ms + w.end_ms) for w in clip.words)
        spoken.append(Spoken(line.speaker, line, words))
        softer = np.float32(10.0 ** (-SOFTER_DB[line.speaker] / 20.0))
        clips.append((at_ms * SAMPLE_RATE_HZ // 1000, clip.pcm.astype(np.float32) * softer))
        now_ms = words[-1].end_ms
    ticks = -(-round(now_ms + 1000 * tail_s) // TICK_MS)
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]))
    pcm = rng.standard_normal(ticks * CHUNK_SAMPLES, dtype=np.float32) * np.float32(10.0 ** (NOISE_DBFS / 20.0))
    for at, sound in clips:
        fits = sound[: len(pcm) - at]
        pcm[at : at + len(fits)] += fits
    return Take(to_float(to_int16(np.clip(pcm, -1.0, 1.0))), tuple(spoken))


def filmed(made: Take, film: Film) -> Take:
    """The same take with a camera."""
    return replace(made, film=film)


def start_s(said: Spoken) -> float:
    """When the first word of a line begins."""
    return said.words[0].start_ms / 1000


def end_s(said: Spoken) -> float:
    """When the last word of a line ends."""
    return said.words[-1].end_ms / 1000


def say(voice_id: str, text: str) -> Clip:
    """A voice of the evaluation says a text."""
    return synthesize(voice(voice_id), text)


def casts() -> list[Cast]:
    """Voices of the test split in turn, each with another one beside it."""
    ids = [one.id for one in voices("test") if fits_user(one, Prosody())]
    return [Cast(one, ids[(number + 1) % len(ids)]) for number, one in enumerate(ids)]

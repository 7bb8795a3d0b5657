"""The agent's own voice: what each text sounds like, in whole ticks, and when its words begin. For training only.

A model that speaks has its own voice in its weights; this is where it learns it from. Nothing here runs with the model.
Shapes: N samples at 16 kHz, F mel frames of 20 ms, C = 80 channels.
"""

import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS
from microturn.data.speech import FADE_MS, SPEECH_LEVEL_DB, TAIL_MS, frame_levels_db
from microturn.data.voices import AGENT_VOICE, Clip, WordTime, synthesize, voice
from microturn.media.mel import log_mel_db

LEAD_MS = 15
RELEASE_DB = -38.0
_FRAME_MS = 5
_FORMAT = f"{AGENT_VOICE} {SPEECH_LEVEL_DB} {LEAD_MS} {TAIL_MS} {RELEASE_DB} 1"


@dataclass(frozen=True, eq=False)
class AgentClip:
    """A text as the agent says it. `words`: one a word of the text, commas dropped; times from the clip's start.

    pcm: float32 [N], N a multiple of 3,200, -26 dBFS while it sounds: the first word begins 15 ms after the start,
    zeros follow the last one's release. mel_db: float32 [F, C], F = 10 a tick, causal from silence (`log_mel_db`).
    """

    pcm: np.ndarray
    mel_db: np.ndarray
    words: tuple[WordTime, ...]

    @property
    def ticks(self) -> int:
        """How many micro-turns it takes."""
        return len(self.pcm) // CHUNK_SAMPLES


class AgentVoice:
    """Says texts and remembers the last `remembered` of them; in `folder` too where there is one, for every process.

    The same text has the same samples each time. A folder may be shared by processes that fill it at once.
    """

    def __init__(self, folder: Path | None = None, remembered: int = 1024) -> None:
        self._folder, self._remembered = folder, remembered
        self._clips: OrderedDict[str, AgentClip] = OrderedDict()

    def say(self, text: str) -> AgentClip:
        """The clip of `text`: lower-case words, commas where the voice should pause. Raises as `synthesize` does."""
        clip = self._clips.pop(text, None) or self._kept(text)
        self._clips[text] = clip
        if len(self._clips) > self._remembered:
            self._clips.popitem(last=False)
        return clip

    def ticks(self, text: str) -> int:
        """How many micro-turns `text` sounds."""
        return self.say(text).ticks

    def _kept(self, text: str) -> AgentClip:
        if self._folder is None:
            return _spoken(text)
        path = self._folder / f"{hashlib.sha256(f'{_FORMAT} {text}'.encode()).hexdigest()[:24]}.npz"
        if not path.exists():
            _write(path, _spoken(text))
        return _read(path)


@lru_cache(maxsize=1)
def agent_voice() -> AgentVoice:
    """The one that this process shares where nobody brings their own."""
    return AgentVoice()


def _spoken(text: str) -> AgentClip:
    clip = _trimmed(synthesize(voice(AGENT_VOICE), text))
    pcm = np.pad(clip.pcm, (0, -len(clip.pcm) % CHUNK_SAMPLES))
    return AgentClip(pcm, log_mel_db(pcm), clip.words)


def _trimmed(clip: Clip) -> Clip:
    """From 15 ms before the first word to the end of the last one's release, at most 60 ms after the word."""
    levels_db = frame_levels_db(clip.pcm, SAMPLE_RATE_HZ)
    sounding = np.flatnonzero(levels_db > SPEECH_LEVEL_DB + RELEASE_DB)
    last = clip.words[-1]
    begin_ms = max(0, clip.words[0].start_ms - LEAD_MS)
    release_ms = (int(sounding[-1]) + 1) * _FRAME_MS + FADE_MS
    end_ms = min(max(last.start_ms + _FRAME_MS, release_ms), last.end_ms + TAIL_MS)
    pcm = clip.pcm[_samples(begin_ms) : _samples(end_ms)].copy()
    ramp = np.linspace(0.0, 1.0, _samples(FADE_MS), endpoint=False, dtype=np.float32)
    pcm[: len(ramp)] *= ramp
    pcm[-len(ramp) :] *= ramp[::-1]
    length_ms = end_ms - begin_ms
    words = [
        replace(word, start_ms=word.start_ms - begin_ms, end_ms=min(word.end_ms - begin_ms, length_ms))
        for word in clip.words
    ]
    return Clip(pcm, tuple(words))


def _samples(ms: int) -> int:
    return ms * CHUNK_SAMPLES // TICK_MS


def _write(path: Path, clip: AgentClip) -> None:
    """Whole or not at all, whoever else is writing the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.stem}-{os.getpid()}.unfinished")
    times_ms = np.array([(word.start_ms, word.end_ms) for word in clip.words], np.int64)
    with unfinished.open("wb") as file:
        np.savez(file, pcm=clip.pcm, mel_db=clip.mel_db, words=[word.word for word in clip.words], times_ms=times_ms)
    unfinished.replace(path)


def _read(path: Path) -> AgentClip:
    with np.load(path) as kept:
        times = zip(kept["words"].tolist(), kept["times_ms"].tolist(), strict=True)
        words = tuple(WordTime(word, start_ms, end_ms) for word, (start_ms, end_ms) in times)
        return AgentClip(kept["pcm"], kept["mel_db"], words)

"""One long conversation in one session: does it stay as loud, as fast and as prompt, and does its own echo stir it?

A block of scripts is spoken over and over, the same sound each time, so that what differs between the first block and
the last one is the model's doing. Labels come from one oracle over the whole.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS
from microturn.data.oracle import Expect, oracle
from microturn.data.render import RenderConfig, render
from microturn.data.scenarios import sample_script
from microturn.data.script import PlainWord, Spoken
from microturn.data.splits import Split
from microturn.data.voices import Prosody, Voice
from microturn.engine.api import Engine, InputChunk, SessionSpec
from microturn.engine.participant import said_chunk
from microturn.eval.echo import OwnEcho
from microturn.eval.said import SaidLog
from microturn.eval.scorers import Said, counted, figures
from microturn.eval.spoken import SoundTick, onset_ms, spoken_counts
from microturn.media.mel import MelConfig, MelStream, quantize
from microturn.media.pcm import Pcm
from microturn.media.text import TextTokenizer
from microturn.model.sampling import SamplingConfig

# Skills that leave nothing switched on, so that one script does not cast a spell on the next.
SKILLS = ("answer", "self-correction", "patience", "echo words", "countdown", "barge-in", "backchannelled", "stopwatch")
PAUSE_MS = 1_000
Length = Callable[[str], int]


@dataclass(frozen=True, eq=False)
class Block:
    """Some minutes of talk: pcm float32 [N], whole ticks; its lines with times from its own start."""

    pcm: Pcm
    spoken: tuple[Spoken, ...]

    @property
    def ticks(self) -> int:
        """How long it is."""
        return len(self.pcm) // CHUNK_SAMPLES


class Heard(NamedTuple):
    """One tick. took_ms: CPU time of the engine's call; level: mean square of its sound, None while silent."""

    took_ms: float
    level: float | None
    onset_ms: float | None
    resident_bytes: int


@dataclass(frozen=True)
class BlockFigures:
    """One block as it went. level_db: of its own sound; words_per_s: written in a second of own sound.

    silent_ms, speaking_ms: medians of the CPU time of a tick; resident_mb: of the process at the end of the block.
    """

    event_f1: float
    false_per_min: float
    level_db: float | None
    words_per_s: float | None
    silent_ms: float | None
    speaking_ms: float | None
    resident_mb: float
    extra_answers: int


def block_of(voice: Voice, seconds: float, seed: int, split: Split = "test") -> Block:
    """Scripts of the skills in turn, spoken by one voice without noise, until they fill so many seconds."""
    rng, config = np.random.default_rng(seed), replace(RenderConfig(), spoken=True)
    sounds: list[Pcm] = []
    spoken: list[Spoken] = []
    at_ms = 0
    while at_ms < seconds * 1000:
        one = render(sample_script(SKILLS[len(sounds) // 2 % len(SKILLS)], rng, split), voice, Prosody(), rng, config)
        sounds += [one.pcm, np.zeros(PAUSE_MS * SAMPLE_RATE_HZ // 1000, np.float32)]
        spoken += [moved(line, at_ms) for line in one.spoken]
        at_ms += one.end_ms + PAUSE_MS
    return Block(np.concatenate(sounds), tuple(spoken))


def moved(line: Spoken, by_ms: int) -> Spoken:
    """The same line, so much later."""
    words = (PlainWord(w.word, w.start_ms + by_ms, w.end_ms + by_ms) for w in line.words)
    return replace(line, words=tuple(words))


def expected(block: Block, times: int, length: Length) -> list[Expect]:
    """What is due when the block is spoken so many times in a row."""
    block_ms = block.ticks * TICK_MS
    spoken = [moved(line, block_ms * n) for n in range(times) for line in block.spoken]
    return oracle(spoken, block_ms * times, length)


class Conversation:
    """A session that hears a block again and again. echo_db: its own sound comes back so loud, None: never."""

    def __init__(
        self,
        engine: Engine,
        tokenizer: TextTokenizer,
        mel: MelConfig,
        sampling: SamplingConfig,
        echo_db: float | None = None,
        resident_bytes: Callable[[], int] = lambda: 0,
    ) -> None:
        self._engine, self._tokenizer, self._mel = engine, tokenizer, MelStream(mel)
        self._ref = engine.open(SessionSpec(seed=0, sampling=sampling))
        self._echo = None if echo_db is None else OwnEcho(echo_db, np.random.default_rng(0))
        self._resident_bytes = resident_bytes
        self._log, self._played = SaidLog(), None
        self.ticks: list[Heard] = []

    @property
    def said(self) -> Sequence[Said]:
        """All it has said."""
        return self._log.said

    def hear(self, pcm: Pcm) -> None:
        """The next sound, float32 [N] in whole ticks."""
        for first in range(0, len(pcm), CHUNK_SAMPLES):
            self._tick(pcm[first : first + CHUNK_SAMPLES])

    def close(self) -> None:
        """End the session."""
        self._engine.close(self._ref)

    def _tick(self, pcm: Pcm) -> None:
        if self._echo is not None:
            pcm = np.clip(pcm + self._echo.push(self._played), -1.0, 1.0)
        chunk = InputChunk(len(self.ticks), quantize(self._mel.push(pcm), self._mel.config))
        began = time.thread_time()
        result = self._engine.turn(self._ref, chunk)
        took_ms = 1000.0 * (time.thread_time() - began)
        said = said_chunk(result, self._tokenizer)
        self._log.take(len(self.ticks), said)
        self._played = said.pcm
        level = None if said.pcm is None else float(np.mean(np.square(said.pcm)))
        onset = None if said.pcm is None else onset_ms(said.pcm)
        self.ticks.append(Heard(took_ms, level, onset, self._resident_bytes()))


def block_figures(talk: Conversation, block: Block, times: int, length: Length) -> list[BlockFigures]:
    """The figures of each time the block was spoken."""
    expects = expected(block, times, length)
    return [_figures(talk, block, n, expects) for n in range(times)]


def _figures(talk: Conversation, block: Block, number: int, expects: Sequence[Expect]) -> BlockFigures:
    first = number * block.ticks
    here = talk.ticks[first : first + block.ticks]
    said = [one._replace(tick=one.tick - first) for one in talk.said if first <= one.tick < first + block.ticks]
    due = [_earlier(e, first) for e in expects if first <= e.tick < first + block.ticks]
    sounds = [SoundTick(t, h.onset_ms, h.took_ms) for t, h in enumerate(here) if h.level is not None]
    levels = [h.level for h in here if h.level is not None]
    words = sum(len(one.text.split()) for one in said)
    events = figures([counted(said, due, block.ticks)])
    counts = spoken_counts(said, sounds, due, block.spoken, block.ticks)
    return BlockFigures(
        event_f1=events.event_f1,
        false_per_min=events.false_per_min,
        level_db=10.0 * float(np.log10(np.mean(levels))) if levels else None,
        words_per_s=words / (len(levels) * TICK_MS / 1000) if levels else None,
        silent_ms=_median([h.took_ms for h in here if h.level is None]),
        speaking_ms=_median([h.took_ms for h in here if h.level is not None]),
        resident_mb=here[-1].resident_bytes / 2**20,
        extra_answers=counts.extra_answers,
    )


def _earlier(expect: Expect, ticks: int) -> Expect:
    cut = None if expect.cut is None else expect.cut - ticks
    return replace(expect, tick=expect.tick - ticks, cut=cut)


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None

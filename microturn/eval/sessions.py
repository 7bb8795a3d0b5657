"""Many scenarios heard at once on one engine, on the fast clock. The tick path is the live one; nothing here decides.

When a session ends the next scenario takes its slot, so that the batch stays full.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from microturn.core.clock import CHUNK_SAMPLES, TICK_MS, tick_of
from microturn.data.oracle import Expect
from microturn.data.render import Rendered
from microturn.data.script import Spoken, results
from microturn.data.sight.play import Staged
from microturn.engine.api import Engine, InputChunk, SessionRef, SessionSpec, TurnResult
from microturn.engine.embedded import EmbeddedEngine
from microturn.engine.participant import said_chunk
from microturn.eval.echo import OwnEcho
from microturn.eval.said import SaidLog
from microturn.eval.scenarios import WorldScenario, rendered, user_words
from microturn.eval.scorers import Said
from microturn.eval.spoken import SoundTick, onset_ms
from microturn.media.mel import MelConfig, MelStream, quantize
from microturn.media.pcm import Pcm
from microturn.media.picture import Frame, fitted
from microturn.media.text import Control, Runs, TextTokenizer
from microturn.model.config import InteractionConfig, SightConfig
from microturn.model.interaction import InteractionModel
from microturn.model.sampling import SamplingConfig

Progress = Callable[[int, int], None]
Frames = Callable[[int], Frame | None]
ECHO_SALT = 15  # rooms of the echo are drawn apart from what the scenario drew


@dataclass(frozen=True)
class HearConfig:
    """How scenarios are heard: sessions at a time, settings of the decision, a folder that keeps sounds.

    `echo_db`: the model's own sound comes back into every session through a room, so loud; None: it never does.
    """

    batch: int = 8
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    cache: Path | None = None
    echo_db: float | None = None


class Outcome(NamedTuple):
    """What came of one scenario. words: what the user said; heard: the transcript.

    lines: all that was spoken to the model; sounds: the ticks in which it sounded, none for a model without a voice;
    staged: the shots that its camera showed, in the session's time, whether the model has sight or not.
    """

    scenario: WorldScenario
    said: tuple[Said, ...]
    heard: tuple[str, ...]
    expects: tuple[Expect, ...]
    words: tuple[str, ...]
    ticks: int
    lines: tuple[Spoken, ...] = ()
    sounds: tuple[SoundTick, ...] = ()
    staged: tuple[Staged, ...] = ()


def outcomes(
    model: InteractionModel,
    tokenizer: TextTokenizer,
    scenarios: Sequence[WorldScenario],
    config: HearConfig = HearConfig(),
    progress: Progress = lambda done, total: None,
) -> list[Outcome]:
    """Let the model hear every scenario, in the scenarios' order; `progress(done, total)` counts scenarios."""
    engine = EmbeddedEngine(model, tokenizer.vocab_size, slots=config.batch)
    waiting = enumerate(scenarios)
    done: dict[int, Outcome] = {}
    live: list[_Live] = list(_opened(engine, tokenizer, waiting, config, config.batch, model.config))
    while live:
        began = time.perf_counter()
        results = engine.turns([session.request() for session in live])
        compute_ms = 1000.0 * (time.perf_counter() - began)
        for session, result in zip(live, results, strict=True):
            session.take(result, tokenizer, compute_ms)
        ended = [session for session in live if session.ended]
        for session in ended:
            engine.close(session.ref)
            done[session.index] = session.outcome()
            progress(len(done), len(scenarios))
        live = [session for session in live if not session.ended]
        live += _opened(engine, tokenizer, waiting, config, len(ended), model.config)
    return [done[index] for index in range(len(scenarios))]


class _Live:
    """One session while it lasts."""

    def __init__(
        self,
        index: int,
        scenario: WorldScenario,
        ref: SessionRef,
        sound: Rendered,
        mel: MelConfig,
        echo: OwnEcho | None,
        film: Frames,
        tokenizer: TextTokenizer,
    ) -> None:
        self.index, self.ref = index, ref
        self._scenario, self._sound, self._mel, self._echo = scenario, sound, MelStream(mel), echo
        self._film = film
        self._texts: dict[int, Runs] = {}
        for result in results(sound.spoken):
            run = (int(Control.RESULT), *tokenizer.encode(result.text))
            self._texts[tick_of(result.at_ms)] = (*self._texts.get(tick_of(result.at_ms), ()), run)
        self._tick = 0
        self._said = SaidLog()
        self._played: Pcm | None = None
        self._sounds: list[SoundTick] = []
        self._heard: list[str] = []

    @property
    def ended(self) -> bool:
        return self._tick * TICK_MS >= self._sound.end_ms

    def request(self) -> tuple[SessionRef, InputChunk]:
        first = self._tick * CHUNK_SAMPLES
        pcm = self._sound.pcm[first : first + CHUNK_SAMPLES]
        if self._echo is not None:
            pcm = np.clip(pcm + self._echo.push(self._played), -1.0, 1.0)
        levels = quantize(self._mel.push(pcm), self._mel.config)
        return self.ref, InputChunk(self._tick, levels, self._texts.get(self._tick, ()), self._film(self._tick))

    def take(self, result: TurnResult, tokenizer: TextTokenizer, compute_ms: float) -> None:
        chunk = said_chunk(result, tokenizer)
        self._said.take(self._tick, chunk)
        self._played = chunk.pcm
        if chunk.pcm is not None:
            self._sounds.append(SoundTick(self._tick, onset_ms(chunk.pcm), compute_ms))
        for event in chunk.events:
            if event.kind == "heard":
                first, *rest = event.text.split()
                if event.data and event.data.get("joins") and self._heard:
                    self._heard[-1] += first
                else:
                    self._heard.append(first)
                self._heard += rest
        self._tick += 1

    def outcome(self) -> Outcome:
        sound, words = self._sound, tuple(user_words(self._sound))
        said, heard = tuple(self._said.said), tuple(self._heard)
        staged = () if sound.film is None else sound.film.staged
        sounds = tuple(self._sounds)
        return Outcome(self._scenario, said, heard, sound.expects, words, self._tick, sound.spoken, sounds, staged)


def _opened(
    engine: Engine,
    tokenizer: TextTokenizer,
    waiting: Iterator[tuple[int, WorldScenario]],
    config: HearConfig,
    count: int,
    model: InteractionConfig,
) -> Iterator[_Live]:
    """Up to `count` new sessions; a scenario's place in the list is its random seed."""
    for _, (index, scenario) in zip(range(count), waiting, strict=False):
        ref = engine.open(SessionSpec(seed=index, sampling=config.sampling))
        rng = np.random.default_rng([scenario.seed, ECHO_SALT])
        echo = None if config.echo_db is None else OwnEcho(config.echo_db, rng)
        sound = rendered(scenario, config.cache)
        film = frames_of(sound, model.sight, scenario.blind)
        yield _Live(index, scenario, ref, sound, model.mel, echo, film, tokenizer)


def frames_of(sound: Rendered, sight: SightConfig | None, blind: bool = False) -> Frames:
    """The frame of a tick, uint8 [H, W, 3] in the model's grid or None; `blind`: black, and there when it would be."""
    film = sound.film
    if film is None or sight is None:
        return lambda tick: None
    black = np.zeros((sight.height, sight.width, 3), np.uint8)

    def frame(tick: int) -> Frame | None:
        picture = film(tick)
        if picture is None or blind:
            return None if picture is None else black
        return fitted(picture, sight.height, sight.width)

    return frame

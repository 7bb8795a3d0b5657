"""Many scenarios heard at once on one engine, on the fast clock. The tick path is the live one; nothing here decides.

When a session ends the next scenario takes its slot, so that the batch stays full.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from microturn.core.clock import CHUNK_SAMPLES, TICK_MS
from microturn.data.oracle import Expect
from microturn.data.render import Rendered
from microturn.engine.api import Engine, InputChunk, SessionRef, SessionSpec, TurnResult
from microturn.engine.embedded import EmbeddedEngine
from microturn.engine.participant import said_chunk
from microturn.eval.scenarios import WorldScenario, rendered, user_words
from microturn.eval.scorers import Said
from microturn.media.mel import MelConfig, MelStream, quantize
from microturn.media.text import TextTokenizer
from microturn.model.interaction import InteractionModel
from microturn.model.sampling import SamplingConfig

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class HearConfig:
    """How scenarios are heard: sessions at a time, settings of the decision, a folder that keeps sounds."""

    batch: int = 8
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    cache: Path | None = None


class Outcome(NamedTuple):
    """What came of one scenario. words: what the user said; heard: the transcript."""

    scenario: WorldScenario
    said: tuple[Said, ...]
    heard: tuple[str, ...]
    expects: tuple[Expect, ...]
    words: tuple[str, ...]
    ticks: int


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
    live: list[_Live] = list(_opened(engine, waiting, config, config.batch, model.config.mel))
    while live:
        for session, result in zip(live, engine.turns([session.request() for session in live]), strict=True):
            session.take(result, tokenizer)
        ended = [session for session in live if session.ended]
        for session in ended:
            engine.close(session.ref)
            done[session.index] = session.outcome()
            progress(len(done), len(scenarios))
        live = [session for session in live if not session.ended]
        live += _opened(engine, waiting, config, len(ended), model.config.mel)
    return [done[index] for index in range(len(scenarios))]


class _Live:
    """One session while it lasts."""

    def __init__(self, index: int, scenario: WorldScenario, ref: SessionRef, sound: Rendered, mel: MelConfig) -> None:
        self.index, self.ref = index, ref
        self._scenario, self._sound, self._mel = scenario, sound, MelStream(mel)
        self._tick = 0
        self._said: list[Said] = []
        self._heard: list[str] = []

    @property
    def ended(self) -> bool:
        return self._tick * TICK_MS >= self._sound.end_ms

    def request(self) -> tuple[SessionRef, InputChunk]:
        first = self._tick * CHUNK_SAMPLES
        levels = quantize(self._mel.push(self._sound.pcm[first : first + CHUNK_SAMPLES]), self._mel.config)
        return self.ref, InputChunk(self._tick, levels)

    def take(self, result: TurnResult, tokenizer: TextTokenizer) -> None:
        for event in said_chunk(result, tokenizer).events:
            joins = bool(event.data and event.data.get("joins"))
            if event.kind == "say":
                self._said.append(Said(event.tick, event.text, joins))
            elif event.kind == "heard":
                first, *rest = event.text.split()
                if joins and self._heard:
                    self._heard[-1] += first
                else:
                    self._heard.append(first)
                self._heard += rest
        self._tick += 1

    def outcome(self) -> Outcome:
        words, expects = user_words(self._sound), self._sound.expects
        return Outcome(self._scenario, tuple(self._said), tuple(self._heard), expects, tuple(words), self._tick)


def _opened(
    engine: Engine, waiting: Iterator[tuple[int, WorldScenario]], config: HearConfig, count: int, mel: MelConfig
) -> Iterator[_Live]:
    """Up to `count` new sessions; a scenario's place in the list is its random seed."""
    for _, (index, scenario) in zip(range(count), waiting, strict=False):
        ref = engine.open(SessionSpec(seed=index, sampling=config.sampling))
        yield _Live(index, scenario, ref, rendered(scenario, config.cache), mel)

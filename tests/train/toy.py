"""A world of two words: a tokenizer of numbers, silent streams with given labels, and clips made of tones."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from microturn.data.history import ALL_RIGHT, HistoryConfig, drawn_history
from microturn.data.oracle import Expect
from microturn.data.scenarios import SIGHT_SKILLS
from microturn.data.script import Ask, Line, PlainWord, SceneScript, Script, StartFingers
from microturn.data.sight.play import Hand, Shot, Shown
from microturn.data.stream import HeardWord, Stream, Typed
from microturn.media.text import TextTokenizer
from microturn.model.config import SightConfig, VoiceConfig
from microturn.recipes.tiny import toy
from microturn.train.config import TrainConfig

LINES = ("what is two plus two", "hello there", "is it late")
SKILLS = ("answer", "not for me")
RIGHT = ALL_RIGHT


@dataclass(frozen=True)
class ToneClip:
    """One frame of 100 ms a word and a tone that is the speaker's."""

    mel_u8: np.ndarray
    words: tuple[PlainWord, ...]


@dataclass(frozen=True)
class ToneClips:
    """Three speakers, of whom everybody can say everything; `asked` keeps who was asked for what."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def speakers(self, group: str | None = None) -> Sequence[str]:
        return ("ann@1.000", "bob@1.000", "cid@1.000")

    def scripts(self, speaker: str) -> Sequence[Script]:
        asks = Line(LINES[0], meaning=Ask("four"))
        others = (Line(LINES[1], "other"), Line(LINES[2], "tv"))
        return (
            Script("answer", "a", "a", False, (asks,), 1_500),
            Script("not for me", "n", "n", True, (*others, asks), 1_500),
        )

    def say(self, speaker: str, text: str, rng: np.random.Generator, unlike: str = "") -> ToneClip | None:
        self.asked.append((speaker, text, unlike))
        words = text.split()
        mel_u8 = np.full((5 * len(words), 80), 60, np.uint8)
        mel_u8[:, "abc".index(speaker[0]) * 20 : 20 + "abc".index(speaker[0]) * 20] = 150
        return ToneClip(mel_u8, tuple(PlainWord(w, 100 * i, 100 * i + 90) for i, w in enumerate(words)))

    def bank(self, speaker: str, skill: str) -> Sequence[str]:
        return ()


@dataclass(frozen=True)
class SeenClips(ToneClips):
    """The same speakers; one of them says a line of something to see too."""

    def scripts(self, speaker: str) -> Sequence[Script]:
        hand = Shot(Hand(1, (Shown(1_000, 2), Shown(3_000, 4))), "train", 5)
        asks = Line(LINES[1], meaning=StartFingers())
        scene = SceneScript("fingers", "f", "f", False, (asks,), 5_000, hand)
        return (*super().scripts(speaker), scene) if speaker.startswith("ann") else super().scripts(speaker)


def toy_tokenizer() -> TextTokenizer:
    """Every word of the toy world is a token."""
    return TextTokenizer.train([*LINES, "four five six seven"] * 3, 600)


def toy_config(steps: int = 4) -> TrainConfig:
    """A step in milliseconds; fp32, so that sums differ little between processes."""
    config = replace(toy(steps), bf16=False, streams=2)
    return replace(config, optim=replace(config.optim, warmup_steps=1))


def seeing_config(steps: int = 4) -> TrainConfig:
    """A toy with sight; half of its steps show something."""
    config = toy_config(steps)
    blind = replace(config.mix, skills=dict.fromkeys(SIGHT_SKILLS, 0.0))
    seen = replace(config.mix, skills={"not for me": 0.0, "answer": 0.2}, camera_share=0.3, with_scenes=True)
    model = replace(config.model, sight=SightConfig(widths=(8, 8, 16)))
    return replace(config, model=model, mix=blind, seeing=seen, seeing_share=0.5)


def spoken_config(steps: int = 4) -> TrainConfig:
    """A toy with a voice."""
    config = toy_config(steps)
    voice = VoiceConfig(own_width=16, decoder_width=16, decoder_layers=1, flow_width=16, flow_blocks=1, vocoder_width=8)
    return replace(config, model=replace(config.model, voice=voice), mix=replace(config.mix, spoken=True))


def silent_stream(
    expects: Sequence[Expect] = (),
    typed: Sequence[Typed] = (),
    heard: Sequence[HeardWord] = (),
    ticks: int = 80,
    history: HistoryConfig = RIGHT,
) -> Stream:
    """Levels count upwards with the frames, so that each can be recognised."""
    levels = (np.arange(ticks * 10)[:, None] % 16).repeat(80, 1).astype(np.uint8)
    said = drawn_history(expects, history, np.random.default_rng(0))
    return Stream(levels, tuple(heard), tuple(expects), tuple(typed), history=said)

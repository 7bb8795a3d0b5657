"""A toy model that has something to say, a stub tokenizer, and sessions driven through an engine."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from microturn.engine.api import Engine, InputChunk, SessionRef, SessionSpec, TurnResult
from microturn.engine.embedded import EmbeddedEngine
from microturn.media.text import N_CONTROL, Control
from microturn.model.config import BackboneConfig, InteractionConfig, VoiceConfig
from microturn.model.interaction import InteractionModel, init_weights
from microturn.model.sampling import SamplingConfig

VOCAB = 64
CONFIG = InteractionConfig(
    backbone=BackboneConfig(
        width=64, layers=2, heads=4, kv_heads=2, head_dim=16, local_heads=4, local_kv_heads=2, local_head_dim=16,
        window=16, global_layers=(1,), global_window=48, rel_extent=32, mlp_width=96,
    ),
    vocab_size=VOCAB + 8, frame_width=16, stem_width=32, heard_layer=1, text_per_tick=2, typed_per_tick=3,
)  # fmt: skip
SPOKEN = replace(
    CONFIG,
    voice=VoiceConfig(
        own_width=24, decoder_width=16, decoder_layers=2, decoder_heads=2, decoder_window=8, flow_width=16,
        flow_blocks=2, flow_evals=2, vocoder_width=8, vocoder_layers=1,
    ),
)  # fmt: skip
# At this bias the toy model is silent in most ticks and says one token or two in the others.
TALKATIVE = SamplingConfig(temperature=1.0, listen_bias=4.5)


# And one with a voice says something now and then and goes on for a few ticks.
SPEAKING = SamplingConfig(temperature=1.0, listen_bias=4.0, stop_bias=2.5)


class NumberTokenizer:
    """Stands in for TextTokenizer where words do not matter: "17 23" is the ids 17 and 23."""

    vocab_size = VOCAB

    def encode(self, text: str) -> list[int]:
        return [int(word) for word in text.split()]

    def decode(self, ids: Sequence[int]) -> str:
        return " ".join(str(index) for index in ids if index >= N_CONTROL)

    def starts_word(self, index: int) -> bool:
        return index % 2 == 0


def toy_model(seed: int = 0, config: InteractionConfig = CONFIG) -> InteractionModel:
    """Every weight random, also those that training starts at zero."""
    model = InteractionModel(config)
    init_weights(model, seed)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if not parameter.any():
            parameter.data.normal_(0.0, 0.15, generator=generator)
    return model.eval()


def toy_engine(slots: int = 4, config: InteractionConfig = CONFIG) -> EmbeddedEngine:
    return EmbeddedEngine(toy_model(config=config), VOCAB, slots=slots, keep_logits=True)


def levels(seed: int, ticks: int) -> np.ndarray:
    shape = (ticks, CONFIG.frames_per_tick, CONFIG.mel.n_mels)
    return np.random.default_rng(seed).integers(0, CONFIG.mel.n_levels, shape, np.uint8)


def typed(*ids: int) -> tuple[int, ...]:
    return (int(Control.USER), *ids)


def chunks(seed: int, ticks: int) -> list[InputChunk]:
    """Random sound, now and then typed text, one text longer than a tick takes, silence in between."""
    made = [InputChunk(tick, dmel) for tick, dmel in enumerate(levels(seed, ticks))]
    made[1] = replace(made[1], text=(typed(20, 21),))
    made[4] = replace(made[4], text=(typed(*range(30, 37)), typed(40)))
    made[5] = replace(made[5], dmel=None)
    return made


def spec(seed: int) -> SessionSpec:
    return SessionSpec(seed=seed, sampling=TALKATIVE)


def run(engine: Engine, ref: SessionRef, inputs: Sequence[InputChunk]) -> list[TurnResult]:
    return [engine.turn(ref, chunk) for chunk in inputs]


def alone(seed: int, ticks: int) -> list[TurnResult]:
    """What session `seed` gives on an engine of its own."""
    engine = toy_engine(slots=1)
    return run(engine, engine.open(spec(seed)), chunks(seed, ticks))


def spoken_model() -> InteractionModel:
    """Goes on speaking more often than it writes; of its words some begin to sound and some do not."""
    model = toy_model(config=SPOKEN)
    assert model.voice is not None
    model.decision.weight.data[int(Control.SPEAK)] *= 6.0
    model.voice.begins.weight.data *= 4.0
    return model


def spoken_engine(slots: int = 4) -> EmbeddedEngine:
    return EmbeddedEngine(spoken_model(), VOCAB, slots=slots, keep_logits=True)


def spoken_spec(seed: int) -> SessionSpec:
    return SessionSpec(seed=seed, sampling=SPEAKING)


def spoken_alone(seed: int, ticks: int) -> list[TurnResult]:
    engine = spoken_engine(slots=1)
    return run(engine, engine.open(spoken_spec(seed)), chunks(seed, ticks))


def assert_same(got: Sequence[TurnResult], wanted: Sequence[TurnResult]) -> None:
    assert [(r.seq, r.said, r.heard, r.committed) for r in got] == [
        (r.seq, r.said, r.heard, r.committed) for r in wanted
    ]
    for mine, theirs in zip(got, wanted, strict=True):
        if mine.logits is not None and theirs.logits is not None:
            np.testing.assert_allclose(mine.logits, theirs.logits, atol=1e-4)
    assert_same_sound(got, wanted)


def assert_same_sound(got: Sequence[TurnResult], wanted: Sequence[TurnResult]) -> None:
    assert [(r.own is None, r.begun, r.unsaid) for r in got] == [(r.own is None, r.begun, r.unsaid) for r in wanted]
    for mine, theirs in zip(got, wanted, strict=True):
        if mine.pcm is not None and theirs.pcm is not None and mine.own is not None and theirs.own is not None:
            np.testing.assert_allclose(mine.pcm, theirs.pcm, atol=1e-4)
            assert np.abs(mine.own.astype(int) - theirs.own).max() <= 1  # a value between two levels may fall to either

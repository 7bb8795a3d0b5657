"""The voice: whole utterances equal ticks one by one; what it keeps, what it counts, what it forgets."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from microturn.core.errors import ConfigError
from microturn.media.text import Control
from microturn.model.config import InteractionConfig, VoiceConfig
from microturn.model.flow import LAST_FRAMES
from microturn.model.voice import NEAR, SILENCE, Utterances, Voice, VoiceBlock, VoiceState, init_voice
from microturn.recipes.tiny import toy
from tests.model.stepping import randomize

TOY = VoiceConfig(
    decoder_width=32, decoder_layers=2, decoder_heads=2, decoder_window=7, flow_width=24, flow_blocks=2,
    vocoder_width=16, vocoder_layers=1,
)  # fmt: skip
PAD = int(Control.PAD)
WRITTEN: tuple[tuple[int, ...], ...] = ((20, 21), (), (22,), (23, 24), (), (), (25,), (), ())


def config(**changes: object) -> InteractionConfig:
    return replace(toy().model, voice=replace(TOY, **changes))


def toy_voice(seed: int = 0, **changes: object) -> Voice:
    voice = Voice(config(**changes)).eval()
    randomize(voice, seed)
    return voice


def run(voice: Voice, written: Sequence[Sequence[int]] = WRITTEN, hidden_NU: Tensor | None = None) -> list[VoiceBlock]:
    blocks: list[VoiceBlock] = []
    state = voice.begin()
    for tick, tokens in enumerate(written):
        hidden = None if hidden_NU is None else hidden_NU[tick]
        blocks.append(voice.step(state, tokens, hidden, noise_seed=5))
        state = blocks[-1].state
    return blocks


def as_read(voice: Voice, blocks: Sequence[VoiceBlock], written: Sequence[Sequence[int]]) -> Utterances:
    """The same utterance as the training forward reads it, given what the steps made and counted."""
    states = [voice.begin(), *(block.state for block in blocks)]
    tokens = [token for tick in written for token in tick]
    near, order, place = [], [], []
    for tick, new in enumerate(written):
        order += range(len(order) - tick, len(order) - tick + len(new))
        place.append(len(order))
        order.append(len(tokens) + tick)
        near.append([states[tick].current, *states[tick].waiting, *new, *[PAD] * NEAR][:NEAR])
    before = torch.stack([state.block_FC for state in states[:-1]])
    ages = [state.age for state in states[:-1]]
    rows = (tokens, near, ages, order, place)
    token_B, near_B, age_B, order_B, place_B = (torch.tensor(row)[None] for row in rows)
    return Utterances(token_B, before[None], near_B, age_B, order_B, place_B)


@torch.no_grad()
@pytest.mark.parametrize("with_hidden", [False, True])
def test_ticks_one_by_one_are_the_whole_utterance(with_hidden: bool) -> None:
    voice = toy_voice(flow_evals=0)
    hidden_NU = torch.randn(len(WRITTEN), 64, generator=torch.Generator().manual_seed(1)) if with_hidden else None
    blocks = run(voice, WRITTEN, hidden_NU)
    utterances = as_read(voice, blocks, WRITTEN)
    cond_NU = voice(utterances, None if hidden_NU is None else hidden_NU[None])[0]
    last = utterances.before_BNFC[0, :, -LAST_FRAMES:]
    whole = voice.flow.predict_direct(cond_NU, last).clamp(-1.0, 1.0)
    torch.testing.assert_close(torch.stack([block.state.block_FC for block in blocks]), whole, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_utterances_of_a_batch_do_not_touch_each_other() -> None:
    voice = toy_voice(flow_evals=0)
    blocks = run(voice)
    one = as_read(voice, blocks, WRITTEN)
    other = Utterances(*(torch.cat([part, part.flip(1)]) for part in one))
    torch.testing.assert_close(voice(other)[0], voice(one)[0], atol=1e-5, rtol=1e-4)


def test_a_block_is_a_tick_of_sound() -> None:
    block = run(toy_voice())[0]
    assert block.levels.dtype == torch.uint8 and block.levels.shape == block.mel_db.shape == (10, 80)
    assert block.pcm.shape == (3_200,) and block.pcm.dtype == block.mel_db.dtype == torch.float32
    assert float(block.mel_db.min()) >= -86.0 and float(block.mel_db.max()) <= -26.0


def test_what_was_said_before_the_window_is_forgotten() -> None:
    """Layers stack: two layers of 7 positions reach 13 positions back."""
    voice = toy_voice(flow_evals=0)
    state = run(voice, [(20,), *[()] * 20])[-1].state
    assert state.k_AHPD.shape == (2, 2, 6, 16)


def test_the_same_seed_and_tick_give_the_same_noise_and_others_do_not() -> None:
    voice, state = toy_voice(flow_noise=1.0), toy_voice().begin()
    one, same, other = (voice.step(state, (20,), noise_seed=seed).mel_db for seed in (5, 5, 6))
    assert torch.equal(one, same) and not torch.allclose(one, other)
    later = voice.step(replace(state, ticks=3), (20,), noise_seed=5).mel_db
    assert not torch.allclose(one, later)


def test_a_step_leaves_its_state_as_it_was() -> None:
    voice = toy_voice()
    state = run(voice)[3].state
    first = voice.step(state, (30,), noise_seed=1)
    voice.step(state, (31, 32), noise_seed=2)
    again = voice.step(state, (30,), noise_seed=1)
    assert torch.equal(first.mel_db, again.mel_db) and torch.equal(first.pcm, again.pcm)


def forced(voice: Voice, logits: Sequence[float]) -> Voice:
    """Whatever is said, waiting tokens begin by these logits."""
    with torch.no_grad():
        voice.begins.weight.zero_()
        voice.begins.bias.copy_(torch.tensor(logits))
    return voice


def counted(voice: Voice, written: Sequence[Sequence[int]]) -> list[tuple[int, int, int, tuple[int, ...]]]:
    """Begun, current token, its age, and who waits, after each tick."""
    states: list[VoiceState] = [block.state for block in run(voice, written)]
    return [(state.begun, state.current, state.age, state.waiting) for state in states]


def test_tokens_begin_in_order_and_one_that_waits_keeps_the_later_ones_waiting() -> None:
    only_one = forced(toy_voice(), (1.0, -1.0, 1.0, 1.0, 1.0, 1.0))
    assert counted(only_one, ((20, 21), (22,), (), ())) == [
        (1, 20, 0, (21,)), (2, 21, 0, (22,)), (3, 22, 0, ()), (3, 22, 1, ()),
    ]  # fmt: skip


def test_nothing_has_begun_where_every_token_waits() -> None:
    none = forced(toy_voice(), (-1.0,) * 6)
    assert counted(none, ((20,), (21,))) == [(0, PAD, 1, (20,)), (0, PAD, 2, (20, 21))]


def test_fresh_weights_do_not_heed_the_backbone_yet() -> None:
    voice = Voice(config())
    init_voice(voice, 0)
    hidden_NU = torch.randn(len(WRITTEN), 64)
    for plain, told in zip(run(voice), run(voice, WRITTEN, hidden_NU), strict=True):
        assert torch.equal(plain.mel_db, told.mel_db)


def test_an_utterance_begins_in_silence() -> None:
    state = toy_voice().begin()
    assert bool((state.block_FC == SILENCE).all()) and state.begun == state.length == 0


def test_a_model_without_a_voice_has_no_shapes_for_one() -> None:
    with pytest.raises(ConfigError, match="voice"):
        Voice(toy().model)

"""A tick's input as positions: sound by matrix product and by look-up, order, tick and clock."""

from dataclasses import replace

import torch

from microturn.model.config import BackboneConfig, InteractionConfig, VoiceConfig
from microturn.model.fusion import LONGEST_PERIOD_S, SHORTEST_PERIOD_S, Fusion, clock_features
from tests.model.stepping import randomize

TOY = InteractionConfig(
    backbone=BackboneConfig(width=16, layers=1, global_layers=(0,)),
    vocab_size=20,
    sound_tokens=2,
    frame_width=8,
    stem_width=12,
    clock_features=6,
    heard_layer=1,
)
SPOKEN = replace(TOY, voice=VoiceConfig(own_width=12))
TICKS = 3


def fusion(config: InteractionConfig = TOY) -> Fusion:
    made = Fusion(config)
    randomize(made, seed=6)
    return made.requires_grad_(False)


def levels(batch: int = 2, positions: int = TICKS * TOY.sound_tokens) -> torch.Tensor:
    shape = (batch, positions, TOY.frames_per_token, TOY.mel.n_mels)
    return torch.randint(0, TOY.mel.n_levels, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(7))


def seconds(batch: int = 2) -> torch.Tensor:
    return torch.arange(TICKS).expand(batch, -1) * 0.2


def test_one_hot_product_is_table_look_up() -> None:
    stem = fusion().sound
    torch.testing.assert_close(stem.embed_frames(levels()), stem.embed_frames_by_lookup(levels()), atol=1e-4, rtol=0)


def test_every_level_of_every_channel_has_its_own_embedding() -> None:
    stem = fusion().sound
    changed = levels()
    changed[0, 0, 0, 79] = (changed[0, 0, 0, 79] + 1) % TOY.mel.n_levels
    different = (stem.embed_frames(levels()) != stem.embed_frames(changed)).any(-1)
    assert different.sum() == 1


def test_every_sound_position_is_told_the_time_and_the_first_that_a_tick_begins() -> None:
    made = fusion()
    at_start, later = made.embed_sound(levels(), seconds()), made.embed_sound(levels(), seconds() + 100.0)
    assert (at_start != later).any(-1).all()
    made.tick.zero_()
    differs = (at_start != made.embed_sound(levels(), seconds())).any(-1)
    assert differs.tolist() == [[True, False] * TICKS] * 2


def test_positions_stand_in_the_order_of_the_index() -> None:
    made = fusion()
    tokens = torch.tensor([[5, 6, 7], [8, 9, 10]])
    order = torch.tensor([[0, 1, 6, 2, 3, 7, 8, 4, 5], [6, 0, 1, 2, 3, 7, 4, 5, 8]])
    positions = made(levels(), seconds(), tokens, order)
    sound, text = made.embed_sound(levels(), seconds()), made.embed_text(tokens)
    torch.testing.assert_close(positions[0, 2], text[0, 0])
    torch.testing.assert_close(positions[0, 7:], sound[0, 4:])
    torch.testing.assert_close(positions[1, 0], text[1, 0])
    torch.testing.assert_close(positions[1, 8], text[1, 2])


def own_levels(batch: int = 2, positions: int = 2) -> torch.Tensor:
    shape = (batch, positions, TOY.frames_per_tick, TOY.mel.n_mels)
    return torch.randint(0, TOY.mel.n_levels, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(9))


def test_own_blocks_are_indexed_behind_the_tokens() -> None:
    made = fusion(SPOKEN)
    tokens = torch.tensor([[5, 6, 7], [8, 9, 10]])
    order = torch.tensor([[9, 0, 1, 6, 10, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 10, 9, 8]])
    positions = made(levels(), seconds(), tokens, order, own_levels())
    assert made.own is not None
    own = made.own(own_levels())
    torch.testing.assert_close(positions[0, [0, 4]], own[0])
    torch.testing.assert_close(positions[1, [7, 6]], own[1])
    torch.testing.assert_close(positions[0, 3], made.embed_text(tokens)[0, 0])


def test_every_level_of_an_own_block_matters_and_its_mark_is_added() -> None:
    stem = fusion(SPOKEN).own
    assert stem is not None
    changed = own_levels()
    changed[0, 1, 9, 79] = (changed[0, 1, 9, 79] + 1) % TOY.mel.n_levels
    assert (stem(own_levels()) != stem(changed)).any(-1).tolist() == [[False, True], [False, False]]
    marked = stem(own_levels())
    mark = stem.mark.clone()
    stem.mark.zero_()
    torch.testing.assert_close(marked - stem(own_levels()), mark.expand_as(marked))


def test_a_model_without_a_voice_has_no_place_for_own_blocks() -> None:
    order = torch.arange(9).expand(2, -1)
    tokens = torch.tensor([[5, 6, 7], [8, 9, 10]])
    assert torch.equal(
        fusion()(levels(), seconds(), tokens, order),
        fusion()(levels(), seconds(), tokens, order, own_levels()),
    )
    assert not [name for name, _ in fusion().named_parameters() if "own" in name]


def test_the_clock_turns_once_in_its_shortest_and_its_longest_period() -> None:
    count = 24
    at = clock_features(torch.tensor([0.0, SHORTEST_PERIOD_S / 4, LONGEST_PERIOD_S / 4]), count)
    assert at.shape == (3, count)
    torch.testing.assert_close(at[0], torch.cat([torch.zeros(12), torch.ones(12)]))
    torch.testing.assert_close(at[1, 0], torch.tensor(1.0))
    torch.testing.assert_close(at[2, 11], torch.tensor(1.0))


def test_ticks_a_day_into_a_session_can_still_be_told_apart() -> None:
    day_s = 86_400.0
    at = clock_features(torch.tensor([day_s, day_s + 0.2], dtype=torch.float64), 24)
    start = clock_features(torch.tensor([0.0, 0.2]), 24)
    turned = at[1, 0] * at[0, 12] - at[0, 0] * at[1, 12]
    torch.testing.assert_close(turned, start[1, 0], atol=1e-4, rtol=0)
    assert (at[0] - at[1]).abs().max() > 0.5

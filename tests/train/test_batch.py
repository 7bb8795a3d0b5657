"""Streams to tensors: order of positions, what is taught where, what happens when there is too much text."""

from dataclasses import replace

import numpy as np
import pytest

from microturn.data.history import History, Saying, as_text
from microturn.data.oracle import Expect
from microturn.data.stream import HeardWord, Stream, Typed
from microturn.media.text import Control
from microturn.model.config import SightConfig, VoiceConfig
from microturn.train.batch import (
    NO_TARGET,
    Batch,
    BatchConfig,
    heard_targets,
    make_batch,
    said_by_tick,
)
from tests.train.toy import RIGHT, silent_stream, toy_config, toy_tokenizer

TOKENIZER = toy_tokenizer()
MODEL = toy_config().model
CONFIG = BatchConfig(ticks=80, text_slots=32)
SPOKEN = replace(MODEL, voice=VoiceConfig())
N_SOUND = 80 * MODEL.sound_tokens
OWN = N_SOUND + CONFIG.text_slots  # index of the first own block
LISTEN, SPEAK = int(Control.LISTEN), int(Control.SPEAK)
FOUR, FIVE, SIX = TOKENIZER.encode("four five six")


def batch_of(*streams: Stream, config: BatchConfig = CONFIG) -> Batch:
    return make_batch(streams, TOKENIZER, MODEL, config, np.random.default_rng(0))


def positions(batch: Batch, row: int = 0) -> list[tuple[str, int]]:
    """Every position as ("sound", index) or ("token", id), padding left out."""
    tokens = batch.tokens_BX[row].tolist()
    order = batch.order_BT[row].tolist()
    used = 1 + max(place for place, index in enumerate(order) if index < N_SOUND)
    while used < len(order) and order[used] != order[-1]:
        used += 1
    return [("sound", i) if i < N_SOUND else ("token", tokens[i - N_SOUND]) for i in order[:used]]


def spoken(*sayings: Saying, due: dict[int, str] | None = None) -> Stream:
    """A stream in which the agent's own levels are the number of the tick, so that each can be recognised."""
    own = np.arange(80).repeat(10)[:, None].repeat(80, 1).astype(np.uint8)
    return replace(silent_stream(), history=History(sayings, due or {}, frozenset()), own_levels=own)


def spoken_batch(*streams: Stream, own_slots: int = 16) -> Batch:
    config = replace(CONFIG, own_slots=own_slots)
    return make_batch(streams, TOKENIZER, SPOKEN, config, np.random.default_rng(0))


def by_tick(batch: Batch) -> dict[int, tuple[int, float]]:
    """Target and weight of each tick's last input position."""
    order, decide, weight = batch.order_BT[0].tolist(), batch.decide_BT[0].tolist(), batch.decide_weight_BT[0].tolist()
    rows = zip(order, decide, weight, strict=True)
    return {index // 2: (target, round(weight, 3)) for index, target, weight in rows if index < N_SOUND and index % 2}


def decided(batch: Batch, row: int = 0) -> list[int]:
    """Targets of the positions that decide, in order."""
    return [target for target in batch.decide_BT[row].tolist() if target != NO_TARGET]


def test_a_tick_is_its_sound_then_what_was_typed_then_what_is_said() -> None:
    stream = silent_stream([Expect(3, "four five", "answer")], [Typed(3, "hello there")])
    found = positions(batch_of(stream))
    hello, there = TOKENIZER.encode("hello there")
    at = found.index(("sound", 7))
    wanted = [Control.USER, hello, there, FOUR, FIVE]
    assert found[at + 1 : at + 6] == [("token", int(token)) for token in wanted]
    assert found[at + 6] == ("sound", 8)
    assert [place for kind, place in found if kind == "sound"] == list(range(N_SOUND))


def test_the_last_position_of_the_input_decides_and_each_word_decides_the_next() -> None:
    batch = batch_of(silent_stream([Expect(1, "four five six", "answer")]))
    assert batch.decide_BT[0, :8].tolist() == [NO_TARGET, LISTEN, NO_TARGET, FOUR, FIVE, NO_TARGET, NO_TARGET, SIX]
    assert batch.decide_BT[0, 8].item() == LISTEN  # the third word stands in tick 2, which has room for another


def test_a_typed_tick_is_decided_after_its_last_token() -> None:
    batch = batch_of(silent_stream([Expect(0, "four", "answer")], [Typed(0, "hello")]))
    assert batch.decide_BT[0, :5].tolist() == [NO_TARGET, NO_TARGET, NO_TARGET, FOUR, LISTEN]


def test_a_result_has_its_own_marker_and_what_does_not_fit_in_a_tick_goes_on_in_the_next() -> None:
    four = TOKENIZER.encode("four")
    long = " ".join(["four"] * 10)
    found = positions(batch_of(silent_stream([], [Typed(3, long, True)])))
    at, then = found.index(("sound", 7)), found.index(("sound", 9))
    assert found[at + 1 : at + 10] == [("token", int(token)) for token in (Control.RESULT, *four * 8)]
    assert found[then + 1 : then + 4] == [("token", int(token)) for token in (Control.RESULT, *four * 2)]


def test_what_hands_over_is_a_token_before_its_first_word() -> None:
    batch = batch_of(silent_stream([Expect(1, "four five", "delegate", hands_over=True)]))
    assert batch.decide_BT[0, 1:8].tolist() == [LISTEN, NO_TARGET, Control.DELEGATE, FOUR, NO_TARGET, NO_TARGET, FIVE]


def test_words_weigh_more_than_silence_and_far_silence_least() -> None:
    batch = batch_of(silent_stream([Expect(20, "four", "answer")]))
    weights = dict(zip(batch.order_BT[0].tolist(), batch.decide_weight_BT[0].tolist(), strict=True))
    assert (weights[41], weights[39], weights[1]) == (3.0, 1.0, pytest.approx(0.3))


def test_text_beyond_the_slots_ends_the_targets_but_never_the_sound() -> None:
    many = [Expect(tick, "four five", "count") for tick in range(40)]
    batch = batch_of(silent_stream(many))
    found = positions(batch)
    assert sum(kind == "token" for kind, _ in found) == 32
    assert sum(kind == "sound" for kind, _ in found) == N_SOUND
    assert decided(batch) == [FOUR, FIVE] * 16
    assert batch.decide_weight_BT[batch.decide_BT == NO_TARGET].sum() == 0


def test_a_text_goes_on_in_the_next_ticks_and_waits_for_the_one_before() -> None:
    expects = [Expect(2, "four five six", "count"), Expect(3, "six five four", "count")]
    said = [as_text(expect) for expect in expects]
    assert said_by_tick(said, TOKENIZER, 2) == {
        2: [FOUR, FIVE],
        3: [SIX, SIX],
        4: [FIVE, FOUR],
    }


def test_a_wrong_word_is_heard_by_the_model_and_the_right_one_is_taught() -> None:
    heard = Saying(10, ("five",), (0,))
    for due, target in (("four", FOUR), ("", LISTEN)):
        stream = replace(silent_stream(), history=History((heard,), {10: due}, frozenset()))
        batch = batch_of(stream)
        at = positions(batch).index(("token", FIVE))
        assert batch.decide_BT[0, at - 1 : at + 1].tolist() == [target, NO_TARGET]
        assert batch.decide_BT[0, at + 2].item() == LISTEN


def test_heard_words_stand_where_they_ended_and_only_move_forward() -> None:
    words = [HeardWord(500, "four"), HeardWord(520, "hello"), HeardWord(530, "five"), HeardWord(15_990, "six")]
    targets = heard_targets(silent_stream(heard=words), TOKENIZER, N_SOUND, 100)
    assert targets == {5: FOUR, 6: TOKENIZER.encode("hello")[0], 7: FIVE}
    assert list(targets) == sorted(targets)


def test_the_transcript_is_taught_at_sound_positions_alone() -> None:
    batch = batch_of(silent_stream([Expect(2, "four", "a")], heard=[HeardWord(900, "five")]))
    is_sound = batch.order_BT[0] < N_SOUND
    assert (batch.heard_BT[0][is_sound] != NO_TARGET).all()
    assert (batch.heard_BT[0][~is_sound] == NO_TARGET).all()
    assert (batch.heard_BT[0] == FIVE).sum() == 1


def test_shapes_do_not_depend_on_what_is_said() -> None:
    quiet, busy = silent_stream(), silent_stream([Expect(t, "four five", "a") for t in range(30)])
    batch = batch_of(quiet, busy)
    assert batch.order_BT.shape == batch.decide_BT.shape == batch.heard_weight_BT.shape == (2, N_SOUND + 32)
    assert batch.levels_BSPC.shape == (2, N_SOUND, MODEL.frames_per_token, 80)
    assert batch.levels_BSPC[0, :, :, 0].flatten().tolist() == [frame % 16 for frame in range(800)]
    assert batch.seconds_BN.diff(dim=1).allclose(batch.seconds_BN.new_tensor(0.2))


def test_unsaid_words_are_taught_from_their_tick_on_and_stand_nowhere() -> None:
    batch = batch_of(silent_stream([Expect(3, "four", "count")], history=replace(RIGHT, mute_share=1.0)))
    assert all(kind == "sound" for kind, _ in positions(batch))
    decides = batch.decide_BT[0, 1 : 2 * 12 : 2].tolist()
    assert decides == [LISTEN] * 3 + [FOUR] * 4 + [NO_TARGET] * 3 + [LISTEN] * 2
    assert batch.decide_weight_BT[0, 7].item() == CONFIG.say_weight


def test_late_words_are_taught_in_every_tick_until_they_are_said() -> None:
    history = replace(RIGHT, late_share=1.0, catch_up_ticks=2)
    batch = batch_of(silent_stream([Expect(3, "four", "count")], history=history))
    assert positions(batch)[10] == ("token", FOUR)  # after the sound of ticks 0 to 4
    assert decided(batch)[:6] == [LISTEN, LISTEN, LISTEN, FOUR, FOUR, LISTEN]


def test_what_a_tick_sounded_stands_before_the_sound_of_the_next() -> None:
    batch = spoken_batch(spoken(Saying(3, ("four", "five"), (0, 1), 3)))
    assert batch.order_BT[0, 6:17].tolist() == [6, 7, N_SOUND, OWN, 8, 9, N_SOUND + 1, OWN + 1, 10, 11, OWN + 2]
    assert batch.order_BT[0, 17:19].tolist() == [12, 13]
    assert batch.own_BOPC[0, :4, 0, 0].tolist() == [3, 4, 5, 0]
    assert batch.own_BOPC.shape == (1, 16, 10, 80)


def test_while_it_sounds_it_is_taught_to_speak_and_then_to_listen() -> None:
    batch = spoken_batch(spoken(Saying(3, ("four", "five", "six"), (0, 0, 2), 4)))
    taught = [target for target, _ in by_tick(batch).values()]
    assert taught[2:9] == [LISTEN, FOUR, SPEAK, SIX, SPEAK, LISTEN, LISTEN]
    words = {int(batch.tokens_BX[0, place]): place for place in range(3)}
    targets = dict(zip(batch.order_BT[0].tolist(), batch.decide_BT[0].tolist(), strict=True))
    assert [targets[N_SOUND + words[w]] for w in (FOUR, FIVE, SIX)] == [FIVE, NO_TARGET, SPEAK]


def test_going_on_weighs_as_little_as_silence_but_near_a_beginning_and_a_stop() -> None:
    stream = spoken(Saying(10, ("four",), (0,), 30))
    weights = {tick: w for tick, (_, w) in by_tick(spoken_batch(stream, own_slots=40)).items()}
    quiet, near = CONFIG.listen_weight, CONFIG.near_weight
    assert [weights[t] for t in (4, 5, 10, 15, 16, 34, 35, 40, 45, 46)] == pytest.approx(
        [quiet, near, CONFIG.say_weight, near, quiet, quiet, near, near, near, quiet]
    )


def test_a_stop_that_is_due_is_taught_whatever_is_said() -> None:
    stream = spoken(Saying(3, ("four", "five"), (0, 3), 8), due={6: "", 7: ""})
    batch = spoken_batch(stream)
    assert [by_tick(batch)[tick][0] for tick in range(5, 9)] == [SPEAK, LISTEN, LISTEN, SPEAK]
    after_five = batch.order_BT[0].tolist().index(N_SOUND + 1)
    assert batch.decide_BT[0, after_five].item() == NO_TARGET


def test_own_voice_beyond_the_slots_ends_the_targets_but_never_the_sound() -> None:
    stream = spoken(Saying(3, ("four",), (0,), 10), Saying(20, ("five",), (0,), 3))
    batch = spoken_batch(stream, own_slots=4)
    order = batch.order_BT[0].tolist()
    assert [i for i in order if i < N_SOUND] == list(range(N_SOUND))
    assert [i for i in order if i >= OWN] == list(range(OWN, OWN + 4))
    assert [tick for tick, (target, _) in by_tick(batch).items() if target != NO_TARGET] == list(range(8))
    assert N_SOUND + 1 not in order[: order.index(N_SOUND - 1)]


def test_a_model_without_a_voice_is_taught_the_words_alone() -> None:
    batch = batch_of(spoken(Saying(3, ("four", "five"), (0, 1), 3)))
    assert batch.own_BOPC.shape == (1, 0, 10, 80)
    assert decided(batch)[:8] == [LISTEN, LISTEN, LISTEN, FOUR, LISTEN, FIVE, LISTEN, LISTEN]


def test_an_own_block_is_what_the_model_is_given() -> None:
    batch = spoken_batch(spoken(Saying(3, ("four",), (0,), 3)))
    assert [tensor.shape[0] for tensor in batch.inputs] == [1] * 6
    assert batch.inputs[-2] is batch.own_BOPC


def test_what_a_picture_shows_is_read_off_its_position() -> None:
    model = replace(MODEL, sight=SightConfig(widths=(8, 8, 16)))
    pictures = np.random.default_rng(0).integers(0, 255, (80, 80, 80, 3), dtype=np.uint8)
    stream = replace(
        silent_stream(), frames=lambda tick: pictures[tick] if tick > 3 else None, in_view=lambda tick: ("four", "five")
    )
    batch = make_batch([stream], TOKENIZER, model, BatchConfig(80, 32), np.random.default_rng(0))
    shown = batch.view_BTW[0, :, 0] != NO_TARGET
    seen_from = N_SOUND + 32
    pictured = (batch.order_BT[0] >= seen_from) & (batch.order_BT[0] < seen_from + 80)
    assert shown.tolist() == pictured.tolist() and shown.sum() == 76
    assert {tuple(row[:3].tolist()) for row in batch.view_BTW[0][shown]} == {(FOUR, FIVE, NO_TARGET)}
    nothing = replace(stream, in_view=lambda tick: ())
    padded = make_batch([nothing], TOKENIZER, model, BatchConfig(80, 32), np.random.default_rng(0))
    assert set(padded.view_BTW[0][shown][:, 0].tolist()) == {int(Control.PAD)}
    untold = make_batch(
        [replace(stream, in_view=None)], TOKENIZER, model, BatchConfig(80, 32), np.random.default_rng(0)
    )
    assert (untold.view_BTW == NO_TARGET).all()

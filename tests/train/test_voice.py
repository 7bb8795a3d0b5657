"""Training of the voice alone: what a batch says, and a run that is repeatable, resumable and learns."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from microturn.core.errors import InputError
from microturn.data.sayings import Sayings
from microturn.media.text import TextTokenizer
from microturn.model.voice import Voice
from microturn.model.voice_file import load_voice, save_voice
from microturn.train import voice as training
from microturn.train.utterances import Laid, Take, UtteranceConfig, lay_out, make_voice_batch
from microturn.train.voice import Takes, VoiceTrainConfig, VoiceTrainer
from tests.model.test_voice import config as toy_shapes
from tests.train.toy import toy_tokenizer

PLAIN = UtteranceConfig(chain_share=0.0, early_share=0.0, late_share=0.0, astray_share=0.0)
WORDS = ("two", "plus", "four", "five")


def take(words: Sequence[str], starts_ms: Sequence[int], ticks: int) -> Take:
    """Sound that counts its ticks from -1 upwards."""
    levels = np.arange(ticks, dtype=np.float16)[:, None, None] / 10.0 - 1.0
    return Take(np.broadcast_to(levels, (ticks, 10, 80)), tuple(words), tuple(starts_ms))


def takes() -> list[Take]:
    """A tone of its own for each word, two ticks long."""
    found = []
    for index, word in enumerate(WORDS):
        blocks = np.full((2, 10, 80), -0.9, np.float16)
        blocks[:, :, 20 * index : 20 * index + 20] = 0.7
        found.append(Take(blocks, (word,), (15,)))
    return found


def train_config(**changes: Any) -> VoiceTrainConfig:
    config = VoiceTrainConfig(
        model=toy_shapes(), utterance=PLAIN, utterances=4, bucket_steps=2, own_from=2, bf16=False, save_every=2
    )
    return replace(config, optim=replace(config.optim, warmup_steps=1, decay_steps=0), **changes)


def trainer(folder: Path, **changes: Any) -> VoiceTrainer:
    config, tokenizer = train_config(**changes), toy_tokenizer()
    said = Sayings(WORDS, np.full(len(WORDS), 1 / len(WORDS)))
    return VoiceTrainer(config, Takes(config, said, takes(), tokenizer), tokenizer, folder)


def test_a_word_is_written_when_the_one_before_begins_to_sound() -> None:
    one = lay_out([take(WORDS[:3], (15, 430, 790), 5)], toy_tokenizer(), 2, PLAIN, None)
    assert one.written == [0, 0, 2] and one.begins == [0, 2, 3]
    assert toy_tokenizer().decode(one.tokens) == "two plus four"


def test_more_tokens_than_a_tick_holds_are_written_later_and_never_sound_before() -> None:
    tokenizer = toy_tokenizer()
    pieces = len(tokenizer.encode("plusfour"))
    one = lay_out([take(("plusfour",), (15,), 6)], tokenizer, 2, PLAIN, None)
    assert pieces > 2 and one.written == [n // 2 for n in range(pieces)] and one.begins == one.written


def test_texts_in_a_row_are_one_utterance() -> None:
    parts = [take(("two",), (15,), 2), take(("plus", "four"), (15, 210), 3)]
    one = lay_out(parts, toy_tokenizer(), 2, PLAIN, None)
    assert len(one.blocks_NFC) == 5 and one.written == [0, 2, 2] and one.begins == [0, 2, 3]


def test_words_off_the_rule_still_come_before_their_sound() -> None:
    shaky = replace(PLAIN, early_share=0.5, late_share=0.5)
    parts, rng = [take(WORDS, (15, 300, 700, 1_500), 9)], np.random.default_rng(0)
    drawn = [lay_out(parts, toy_tokenizer(), 2, shaky, rng) for _ in range(50)]
    assert all(w <= b for one in drawn for w, b in zip(one.written, one.begins, strict=True))
    assert {one.written[2] for one in drawn} == {1, 2}, "tick 0 is full"
    assert {one.written[3] for one in drawn} == {2, 4}


def laid() -> list[Laid]:
    tokenizer = toy_tokenizer()
    long = lay_out([take(WORDS[:3], (15, 430, 790), 5)], tokenizer, 2, PLAIN, None)
    return [long, lay_out([take(("five",), (15,), 2)], tokenizer, 2, PLAIN, None)]


def test_a_batch_tells_what_sounds_what_waits_and_what_begins() -> None:
    batch = make_voice_batch(laid(), PLAIN, None)
    two, plus, four = toy_tokenizer().encode("two plus four")
    told = [[0, two, plus], [two, plus, 0], [two, plus, four], [plus, four, 0], [four, 0, 0]]
    assert batch.utterances.near_BNK[0].tolist() == told
    assert batch.utterances.age_BN[0].tolist() == [0, 0, 1, 0, 0]
    begins = [[1, 0], [0], [1, 0], [1], []]
    rows = zip(batch.begins_BNJ[0], batch.waits_BNJ[0], strict=True)
    assert [begin[wait].int().tolist() for begin, wait in rows] == begins
    assert batch.valid_BN.sum(1).tolist() == [5, 2]


def test_the_block_before_is_the_one_of_the_tick_before() -> None:
    batch = make_voice_batch(laid(), PLAIN, None)
    assert torch.equal(batch.utterances.before_BNFC[0, 1:], batch.blocks_BNFC[0, :-1])
    assert bool((batch.utterances.before_BNFC[:, 0] == -1.0).all())


def test_blocks_stand_after_the_words_of_their_tick() -> None:
    batch = make_voice_batch(laid(), PLAIN, None)
    assert batch.utterances.order_BT[0].tolist() == [0, 1, 3, 4, 2, 5, 6, 7]
    assert batch.utterances.place_BN[0].tolist() == [2, 3, 5, 6, 7]


def run_to(step: int, one: VoiceTrainer, steps: int = 6) -> VoiceTrainer:
    one.run(steps, lambda now, shown: one.stop() if now == step else None)
    return one


def trained(voice: Voice) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in voice.state_dict().items() if not name.startswith("vocoder.")}


def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(tmp_path: Path) -> None:
    whole = run_to(5, trainer(tmp_path / "whole"))
    run_to(3, trainer(tmp_path / "cut"))
    resumed = trainer(tmp_path / "cut")
    assert resumed.resume() and resumed.step == 3
    run_to(5, resumed)
    for mine, theirs in ((resumed.voice, whole.voice), (resumed.average, whole.average)):
        for name, wanted in trained(theirs).items():
            assert torch.equal(mine.state_dict()[name], wanted), name


def test_the_voice_learns_to_say_its_words_from_what_it_heard_itself_say(tmp_path: Path) -> None:
    one = trainer(tmp_path, ema=0.9, own_from=20)
    one.run(150, lambda step, shown: None)
    voice, _, tokenizer, notes = load_voice(tmp_path / "voice.safetensors")
    assert notes["step"] == 150
    for word, wanted in zip(WORDS, takes(), strict=True):
        state, made = voice.begin(), []
        for written in (tokenizer.encode(word), []):
            block = voice.step(state, written)
            state = block.state
            made.append(state.block_FC.numpy())
        assert np.abs(np.stack(made) - wanted.blocks_NFC).mean() < 0.15, word
        assert state.begun == 1


def test_a_run_ends_when_its_minutes_are_over_and_saves(tmp_path: Path) -> None:
    one = trainer(tmp_path)
    one.run(5, lambda step, shown: None, minutes=0.0)
    assert one.step == 0 and trainer(tmp_path).resume()


def test_every_step_is_logged(tmp_path: Path) -> None:
    trainer(tmp_path).run(2, lambda step, shown: None)
    rows = [json.loads(row) for row in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2] and all(row["direct"] > 0 for row in rows)


def test_a_save_that_is_killed_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = run_to(1, trainer(tmp_path))

    def killed(state: Any, path: Path) -> None:
        path.write_bytes(b"half a state")
        raise KeyboardInterrupt

    monkeypatch.setattr(training.torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        one.save()
    resumed = trainer(tmp_path)
    assert resumed.resume() and resumed.step == 1


def test_the_state_of_another_voice_is_refused(tmp_path: Path) -> None:
    run_to(1, trainer(tmp_path))
    with pytest.raises(InputError, match="another voice"):
        trainer(tmp_path, model=toy_shapes(flow_width=32)).resume()


def test_a_voice_survives_its_file_without_its_vocoder(tmp_path: Path) -> None:
    voice, tokenizer = Voice(toy_shapes()), toy_tokenizer()
    save_voice(tmp_path / "voice.safetensors", voice, toy_shapes(), tokenizer, {"step": 3})
    read = load_voice(tmp_path / "voice.safetensors")
    assert read.notes == {"step": 3} and read.config == toy_shapes()
    assert isinstance(read.tokenizer, TextTokenizer) and read.tokenizer.dumps() == tokenizer.dumps()
    for name, wanted in trained(voice).items():
        assert torch.equal(read.voice.state_dict()[name], wanted), name


def test_a_file_that_is_no_voice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "voice.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match="not a readable voice"):
        load_voice(tmp_path / "voice.safetensors")

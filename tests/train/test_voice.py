"""Training of the voice alone: what it is told while it learns, and a run that is repeatable, resumable and learns."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from microturn.core.errors import InputError
from microturn.data.sayings import Sayings
from microturn.media.text import Control
from microturn.model.voice import Voice
from microturn.model.voice_file import load_voice
from microturn.train import voice as training
from microturn.train.utterances import Take
from microturn.train.voice import Takes, VoiceTrainConfig, VoiceTrainer, own_blocks
from tests.model.test_voice import config as toy_shapes
from tests.train.test_utterances import PLAIN, WORDS
from tests.train.toy import toy_tokenizer


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


def test_a_voice_in_training_hears_itself_and_the_silence_before(tmp_path: Path) -> None:
    one = trainer(tmp_path, noise=0.0, drop_share=0.0, forget_share=0.0)
    batch = next(one.takes.since(0))
    heard = one.heard(batch, 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(heard.before_BNFC, own_blocks(one.voice, batch.utterances))
    assert bool((heard.before_BNFC[:, 0] == -1.0).all())
    true = one.heard(batch, 0.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(true.before_BNFC, batch.utterances.before_BNFC)


def test_forgotten_tokens_are_gone_from_the_sequence_but_what_sounds_is_told(tmp_path: Path) -> None:
    one = trainer(tmp_path, forget_share=1.0)
    batch = next(one.takes.since(0))
    heard = one.heard(batch, 0.0, torch.Generator().manual_seed(0))
    assert bool((heard.tokens_BX == int(Control.PAD)).all())
    assert torch.equal(heard.near_BNK, batch.utterances.near_BNK)

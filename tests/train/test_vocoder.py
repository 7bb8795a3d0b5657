import json
from pathlib import Path

import numpy as np
import pytest
import torch

from microturn.media.mel import dequantize, log_mel_db
from microturn.model.vocoder import VocoderConfig, load_vocoder
from microturn.train.vocoder import (
    VocoderTrainConfig,
    VocoderTrainer,
    draw_batch,
    spoken_clips,
    train_vocoder,
    training_texts,
)
from tests.train.hums import hums

SMALL = VocoderTrainConfig(
    vocoder=VocoderConfig(width=16, layers=2), batch=2, frames=20, warm_up=2, lr=1e-2, bf16=False
)


def test_the_loss_falls(tmp_path: Path) -> None:
    trainer = VocoderTrainer(SMALL, hums(), tmp_path)
    batch = draw_batch(trainer.clips, 0, SMALL)
    first = trainer.train_step(batch, 30)
    for _ in range(20):
        last = trainer.train_step(batch, 30)
    assert last["log"] < 0.7 * first["log"] and last["mel"] < 0.7 * first["mel"]


def test_a_run_in_two_parts_is_the_run_in_one(tmp_path: Path) -> None:
    shown: list[int] = []
    for folder, parts in (("one", (6,)), ("two", (3, 6))):
        (tmp_path / folder).mkdir()
        clips = hums()
        np.savez(tmp_path / folder / "clips.npz", pcm=clips.pcm, samples=np.diff(clips.ends, prepend=0))
        for stop in parts:
            trainer = VocoderTrainer(SMALL, clips, tmp_path / folder)
            trainer.resume()
            while trainer.step < stop:
                trainer.train_step(draw_batch(clips, trainer.step, SMALL), 6)
            trainer.save()
    one, two = (load_vocoder(tmp_path / folder / "vocoder.safetensors").state_dict() for folder in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    train_vocoder(SMALL, tmp_path / "two", steps=8, progress=lambda step, figures: shown.append(step))
    assert shown == [7, 8]
    assert [json.loads(line)["step"] for line in (tmp_path / "two/log.jsonl").read_text().splitlines()] == [7, 8]


def test_no_minutes_give_no_steps_but_a_saved_state(tmp_path: Path) -> None:
    trainer = VocoderTrainer(SMALL, hums(), tmp_path)
    trainer.run(30, minutes=0.0)
    assert trainer.step == 0 and load_vocoder(tmp_path / "vocoder.safetensors").config == SMALL.vocoder


def test_a_piece_is_the_sound_of_its_frames_late_by_the_delay() -> None:
    config = VocoderTrainConfig(vocoder=SMALL.vocoder, frames=20, batch=1, noise_db=0.0)
    delay, checked = config.vocoder.delay_samples, 0
    for step in range(8):
        mel_BFC, pcm_BN = draw_batch(hums(), step, config)
        early = np.append(pcm_BN[0, delay:].numpy(), np.zeros(delay, np.float32))
        frames = slice(2, 20 - 2)  # whose windows lie inside the piece
        again = log_mel_db(early)[frames].clip(-86.0, -26.0)
        given = mel_BFC[0, frames].clamp(-86.0, -26.0).numpy()
        step_db = 4.0 if np.isin(given, dequantize(np.arange(16))).all() else 0.01
        loud = again > -80.0
        checked += loud.sum()
        assert np.abs(given - again)[loud].max() <= 0.5 * step_db + 0.01
    assert checked > 1_000


def test_what_is_trained_on_has_answers_and_lines_and_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microturn.train.vocoder.DIALOGS", 100)
    texts = training_texts(40, seed=0)
    assert len(texts) == len(set(texts)) == 40
    assert texts == training_texts(40, seed=0) != training_texts(40, seed=1)


def test_clips_are_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["seventy feet", "hello"]
    monkeypatch.setattr("microturn.train.vocoder.training_texts", lambda count, seed: texts)
    said = spoken_clips(tmp_path / "clips.npz", SMALL)
    assert len(said.ends) == 2 and said.ends[-1] == len(said.pcm) and np.abs(said.clip(1)).max() > 1_000
    texts.clear()
    again = spoken_clips(tmp_path / "clips.npz", SMALL)
    assert np.array_equal(said.pcm, again.pcm) and np.array_equal(said.ends, again.ends)


def test_the_ear_learns_the_pitch(tmp_path: Path) -> None:
    trainer = VocoderTrainer(SMALL, hums(), tmp_path)
    cents = [trainer.train_step(draw_batch(trainer.clips, step, SMALL), 30)["cents"] for step in range(60)]
    assert np.mean(cents[-10:]) < 0.5 * np.mean(cents[:5])


def test_the_pitch_of_a_step_is_that_of_the_frames_not_of_the_late_sound(tmp_path: Path) -> None:
    time_s = np.arange(6_400) / 16_000
    pcm = 0.1 * np.sign(np.sin(2.0 * np.pi * (100.0 * time_s + 50.0 * time_s**2))).astype(np.float32)
    trainer, delay = VocoderTrainer(SMALL, hums(), tmp_path), SMALL.vocoder.delay_samples
    late = torch.from_numpy(np.append(np.zeros(delay, np.float32), pcm)[: len(pcm)])[None]
    pitch = trainer._pitch(late)
    middle_s = (np.arange(40) + 0.5) * 160 / 16_000
    inside = slice(4, 34)
    assert pitch.voiced_BT[0, inside].all()
    assert np.abs(pitch.hz_BT[0].numpy() - (100.0 + 100.0 * middle_s))[inside].max() < 2.0

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from microturn.core.clock import CHUNK_SAMPLES
from microturn.core.errors import ConfigError, InputError
from microturn.eval.sound import border_ratio, mel_error_db
from microturn.media.mel import MelConfig, log_mel_db
from microturn.model.excitation import excitation
from microturn.model.pitch import pitch_hz
from microturn.model.vocoder import Vocoder, VocoderConfig, load_vocoder, save_vocoder
from microturn.train.vocoder import VocoderTrainConfig, VocoderTrainer, draw_batch
from tests.train.hums import hums

MEL = MelConfig()
SMALL = VocoderConfig(width=24, layers=2)
TICKS = 8


@pytest.fixture(scope="module")
def vocoder(tmp_path_factory: pytest.TempPathFactory) -> Vocoder:
    """Thirty steps on hums: enough to hum, not more."""
    config = VocoderTrainConfig(vocoder=SMALL, batch=4, frames=20, warm_up=1, lr=1e-2, bf16=False)
    trainer = VocoderTrainer(config, hums(), tmp_path_factory.mktemp("vocoder"))
    for step in range(30):
        trainer.train_step(draw_batch(trainer.clips, step, config), 30)
    return trainer.vocoder.eval()


@pytest.fixture
def mel_db() -> torch.Tensor:
    """Frames of a hum with noise, [10 * TICKS, 80]."""
    rng = np.random.default_rng(0)
    time_s = np.arange(TICKS * CHUNK_SAMPLES) / MEL.sample_rate_hz
    pcm = 0.1 * np.sin(2.0 * math.pi * 151.0 * time_s) + rng.normal(0.0, 0.01, len(time_s))
    return torch.from_numpy(log_mel_db(pcm.astype(np.float32)))


@torch.no_grad()
def in_steps(vocoder: Vocoder, mel_db: torch.Tensor, frames: int) -> torch.Tensor:
    state, pieces = vocoder.begin(), []
    for piece in mel_db.split(frames):
        pcm, state = vocoder.step(piece, state)
        pieces.append(pcm)
    return torch.cat(pieces)


@pytest.mark.parametrize("frames", [10, 1, 7])
def test_frames_that_arrive_in_steps_sound_as_the_whole(vocoder: Vocoder, mel_db: torch.Tensor, frames: int) -> None:
    with torch.no_grad():
        whole = vocoder(mel_db[None])[0]
    assert whole.std() > 1e-3
    torch.testing.assert_close(in_steps(vocoder, mel_db, frames), whole, atol=1e-5, rtol=0.0)


def test_every_tick_gives_one_block(vocoder: Vocoder, mel_db: torch.Tensor) -> None:
    state = vocoder.begin()
    for piece in mel_db.split(10):
        pcm, state = vocoder.step(piece, state)
        assert pcm.shape == (CHUNK_SAMPLES,)


def test_a_frame_changes_nothing_that_was_given_before_it(vocoder: Vocoder, mel_db: torch.Tensor) -> None:
    other = mel_db.clone()
    other[40:] = MEL.low_db
    with torch.no_grad():
        kept, changed = (vocoder(m[None])[0] for m in (mel_db, other))
    assert torch.equal(kept[: 40 * MEL.hop_samples], changed[: 40 * MEL.hop_samples])
    assert not torch.equal(kept[40 * MEL.hop_samples :], changed[40 * MEL.hop_samples :])


def test_borders_of_blocks_are_like_any_other_place(vocoder: Vocoder, mel_db: torch.Tensor) -> None:
    assert border_ratio(in_steps(vocoder, mel_db, 10).numpy()) < 2.0


def test_blocks_that_forget_their_state_click(vocoder: Vocoder, mel_db: torch.Tensor) -> None:
    with torch.no_grad():
        blocks = [vocoder(piece[None])[0] for piece in mel_db.split(10)]
    assert border_ratio(torch.cat(blocks).numpy()) > 3.0


def test_filters_that_change_nothing_give_the_excitation_late_by_the_delay() -> None:
    vocoder, config = Vocoder(SMALL), SMALL
    bins, subframes = config.window_samples // 2 + 1, 40
    state = vocoder.begin()
    pulses_BEN, _ = excitation(
        torch.full((1, subframes), 120.0), vocoder.noise, config.hop_samples, MEL.sample_rate_hz, state.excitation
    )
    excitation_BEN = torch.cat([state.excitation_BEN, pulses_BEN], dim=2)
    envelopes = torch.cat([torch.zeros(1, subframes, bins), torch.full((1, subframes, bins), -60.0)], dim=2)
    given, _ = vocoder._sound(envelopes, excitation_BEN, state.overlap_BOH)
    sound = given[0, config.delay_samples :]
    torch.testing.assert_close(sound, pulses_BEN[0, 0, : len(sound)], atol=1e-3, rtol=0.0)
    assert config.delay_samples / MEL.sample_rate_hz <= 0.025


def test_training_may_set_the_pitch(vocoder: Vocoder, mel_db: torch.Tensor) -> None:
    with torch.no_grad():
        spoken = vocoder.at_pitch(mel_db[None], torch.full((1, 2 * len(mel_db)), 200.0))
        heard = vocoder.at_pitch(mel_db[None], pitch_hz(spoken.pitch_BTP))
        whole = vocoder(mel_db[None])
    assert torch.equal(heard.pcm_BN, whole) and not torch.equal(spoken.pcm_BN, whole)


def test_half_the_precision_sounds_nearly_the_same(vocoder: Vocoder, mel_db: torch.Tensor) -> None:
    coarse = copy.deepcopy(vocoder).bfloat16()
    whole, rounded = in_steps(vocoder, mel_db, 10), in_steps(coarse, mel_db, 10)
    assert rounded.dtype == torch.float32 and not torch.equal(rounded, whole)
    assert mel_error_db(rounded.numpy(), whole.numpy()) < 2.0


def test_levels_beyond_the_range_sound_as_its_ends(vocoder: Vocoder, mel_db: torch.Tensor) -> None:
    with torch.no_grad():
        clipped = vocoder(mel_db.clamp(MEL.low_db, MEL.high_db)[None])
        assert torch.equal(vocoder(mel_db[None]), clipped)


def test_a_saved_vocoder_loads_as_it_was(vocoder: Vocoder, mel_db: torch.Tensor, tmp_path: Path) -> None:
    save_vocoder(tmp_path / "vocoder.safetensors", vocoder, {"step": 30})
    loaded = load_vocoder(tmp_path / "vocoder.safetensors")
    assert loaded.config == SMALL
    with torch.no_grad():
        assert torch.equal(loaded(mel_db[None]), vocoder(mel_db[None]))


def test_another_file_is_no_vocoder(tmp_path: Path) -> None:
    path = tmp_path / "vocoder.safetensors"
    with pytest.raises(InputError, match="not a readable vocoder"):
        load_vocoder(path)
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="not a readable vocoder"):
        load_vocoder(path)


def test_windows_must_overlap() -> None:
    with pytest.raises(ConfigError, match="320 or more"):
        VocoderConfig(window_samples=300)

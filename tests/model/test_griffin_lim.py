import numpy as np
import pytest
import torch

from microturn.eval.sound import border_ratio, mel_error_db
from microturn.media.mel import MelConfig, log_mel_db, mel_filters_KC
from microturn.model.griffin_lim import griffin_lim, unmixed
from tests.train.hums import hums

MEL = MelConfig()


@pytest.fixture
def pcm() -> np.ndarray:
    return (hums(1).pcm / 32_767.0).astype(np.float32)


def test_it_sounds_like_what_the_frames_were_measured_from(pcm: np.ndarray) -> None:
    said = griffin_lim(torch.from_numpy(log_mel_db(pcm)), MEL).numpy()
    assert said.shape == pcm.shape
    assert mel_error_db(said, pcm) < 0.5 * mel_error_db(np.roll(pcm, 4_000), pcm)
    assert border_ratio(said) < 3.0


def test_more_iterations_come_nearer(pcm: np.ndarray) -> None:
    mel = torch.from_numpy(log_mel_db(pcm))
    errors = [mel_error_db(griffin_lim(mel, MEL, iterations=n).numpy(), pcm) for n in (1, 30)]
    assert errors[1] < errors[0]


def test_the_same_seed_gives_the_same_sound(pcm: np.ndarray) -> None:
    mel = torch.from_numpy(log_mel_db(pcm))
    one, again, other = (griffin_lim(mel, MEL, iterations=2, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_unmixed_bins_have_the_mel_they_came_from(pcm: np.ndarray) -> None:
    mel_db = torch.from_numpy(log_mel_db(pcm))[10:40]
    bins_KF = unmixed(mel_db, MEL)
    again_db = 10.0 * (bins_KF.T @ torch.from_numpy(mel_filters_KC(MEL)) + 1e-12).log10()
    assert bool((bins_KF >= 0.0).all())
    assert (again_db - mel_db)[mel_db > -60.0].abs().mean() < 1.0

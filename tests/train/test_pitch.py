import numpy as np
import pytest
import torch

from microturn.train.pitch import pitch_of


def buzz(hz: float, seconds: float = 0.4) -> np.ndarray:
    time_s = np.arange(int(seconds * 16_000)) / 16_000
    return 0.05 * sum(np.cos(2.0 * np.pi * hz * k * time_s) for k in range(1, 20))


@pytest.mark.parametrize("hz", [70.0, 101.3, 155.0, 220.0])
def test_the_pitch_of_a_buzz_is_found(hz: float) -> None:
    pitch = pitch_of(torch.from_numpy(buzz(hz)).float()[None], 160, 16_000)
    inside = slice(4, -4)
    assert pitch.voiced_BT[0, inside].all()
    assert (pitch.hz_BT[0, inside] - hz).abs().max() < 0.5


def test_noise_and_silence_have_no_voice() -> None:
    noise = 0.1 * torch.randn(1, 6_400, generator=torch.Generator().manual_seed(0))
    assert pitch_of(noise, 160, 16_000).voiced_BT.float().mean() < 0.1
    silent = pitch_of(torch.zeros(1, 6_400), 160, 16_000)
    assert not silent.voiced_BT.any() and bool(silent.hz_BT.isfinite().all())


def test_what_has_no_pitch_holds_the_one_before_it() -> None:
    pcm = np.concatenate([np.zeros(3_200), buzz(120.0), np.zeros(3_200)])
    pitch = pitch_of(torch.from_numpy(pcm).float()[None], 160, 16_000)
    assert not pitch.voiced_BT[0, [2, -2]].any()
    torch.testing.assert_close(pitch.hz_BT[0, [2, -2]], torch.tensor([120.0, 120.0]), atol=2.0, rtol=0.0)

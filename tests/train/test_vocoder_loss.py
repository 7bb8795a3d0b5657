import torch
from torch import Tensor

from microturn.media.mel import MelConfig
from microturn.train.vocoder_loss import VocoderLoss


def loss() -> VocoderLoss:
    return VocoderLoss((256, 512), convergence_weight=0.1, mel=MelConfig())


def noise(seed: int) -> Tensor:
    return 0.1 * torch.randn(2, 4_000, generator=torch.Generator().manual_seed(seed))


def test_a_sound_is_nowhere_from_itself() -> None:
    assert all(part.item() < 1e-6 for part in loss()(noise(0), noise(0)))


def test_twice_as_loud_is_log_two_away() -> None:
    parts = loss()(2.0 * noise(0), noise(0))
    torch.testing.assert_close(parts.log, torch.tensor(2.0).log(), atol=0.01, rtol=0.0)
    torch.testing.assert_close(parts.mel, torch.tensor(2.0).log(), atol=0.01, rtol=0.0)


def test_the_sign_of_a_sound_does_not_matter() -> None:
    assert all(part.item() < 1e-5 for part in loss()(-noise(0), noise(0)))


def test_silence_has_a_gradient() -> None:
    said = torch.zeros(1, 4_000, requires_grad=True)
    loss()(said, noise(0)[:1]).total.backward()
    assert said.grad is not None and bool(said.grad.isfinite().all())

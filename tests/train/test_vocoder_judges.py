import pytest
import torch
from torch import Tensor

from microturn.train.vocoder_judges import Judges, favour, judges_loss


@pytest.fixture
def judges() -> Judges:
    torch.manual_seed(0)
    return Judges((256,), (2, 3), channels=4)


def hum(noise: float = 0.0) -> Tensor:
    time_s = torch.arange(4_000) / 16_000
    pcm = 0.1 * torch.sin(2.0 * torch.pi * 150.0 * time_s)
    return (pcm + noise * torch.randn(2, 4_000, generator=torch.Generator().manual_seed(0))).contiguous()


def test_every_window_and_period_has_a_judge(judges: Judges) -> None:
    verdicts = judges(hum())
    assert len(verdicts) == 3 and all(len(verdict.features) == 4 for verdict in verdicts)


def test_judges_learn_to_tell_two_sounds_apart(judges: Judges) -> None:
    optimizer = torch.optim.AdamW(judges.parameters(), 3e-3)
    losses: list[float] = []
    for _ in range(30):
        loss = judges_loss(judges(hum(0.02)), judges(hum()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(2.0, abs=0.3) and losses[-1] < 0.7 * losses[0]
    assert favour(judges(hum()), judges(hum())).opinion < favour(judges(hum(0.02)), judges(hum())).opinion


def test_matching_is_nothing_for_the_right_sound_and_has_a_gradient_for_another(judges: Judges) -> None:
    assert favour(judges(hum()), judges(hum())).matching == 0.0
    said = hum(0.02).requires_grad_()
    favour(judges(said), judges(hum())).matching.backward()
    assert said.grad is not None and said.grad.abs().max() > 0.0

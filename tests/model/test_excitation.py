import torch

from microturn.model.excitation import excitation, minimum_phase, pulses, silent_start, white_noise

DEVICE = torch.device("cpu")


def test_both_kinds_have_unit_power() -> None:
    made, _ = excitation(torch.full((1, 400), 100.0), white_noise(), 160, 16_000, silent_start(1, 100.0, DEVICE))
    assert made.shape == (1, 2, 64_000)
    torch.testing.assert_close(made.square().mean(dim=2), torch.ones(1, 2), atol=0.05, rtol=0.0)


def test_pulses_come_as_often_as_the_pitch_says() -> None:
    made, _ = excitation(torch.full((1, 100), 100.0), white_noise(), 160, 16_000, silent_start(1, 100.0, DEVICE))
    tops = (made[0, 0] > 0.9 * made[0, 0].max()).nonzero()[:, 0]
    assert len(tops) == 100 and set(tops.diff().tolist()) == {160}


def test_pieces_go_on_where_the_last_one_ended() -> None:
    generator = torch.Generator().manual_seed(0)
    pitch_hz = 80.0 + 100.0 * torch.rand(2, 40, generator=generator)
    state = silent_start(2, 110.0, DEVICE)
    whole, _ = excitation(pitch_hz, white_noise(), 160, 16_000, state)
    pieces = []
    for part in pitch_hz.split(7, dim=1):
        made, state = excitation(part, white_noise(), 160, 16_000, state)
        pieces.append(made)
    torch.testing.assert_close(torch.cat(pieces, dim=2), whole, atol=1e-6, rtol=0.0)


def test_a_last_bit_of_pitch_changes_nothing() -> None:
    state = silent_start(1, 110.0, DEVICE)
    one, _ = excitation(torch.full((1, 400), 100.0), white_noise(), 160, 16_000, state)
    other, _ = excitation(torch.full((1, 400), 100.001), white_noise(), 160, 16_000, state)
    assert torch.equal(one, other)


def test_a_whole_cycle_is_a_top_and_not_a_division_by_zero() -> None:
    around = pulses(torch.tensor([0.0, 1e-7, 1.0 - 1e-7], dtype=torch.float64), torch.tensor(70.0))
    assert bool(around.isfinite().all())
    torch.testing.assert_close(around, around[:1].expand(3), rtol=1e-3, atol=0.0)


def test_minimum_phase_keeps_the_magnitude_and_puts_the_energy_first() -> None:
    bins = torch.linspace(0.0, 1.0, 257)
    log_magnitude = 1.5 * torch.cos(6.0 * bins) - bins
    filtered = minimum_phase(log_magnitude)
    torch.testing.assert_close(filtered.abs().log(), log_magnitude, atol=1e-4, rtol=0.0)
    response, symmetric = torch.fft.irfft(filtered), torch.fft.irfft(log_magnitude.exp())
    assert response[:8].square().sum() > symmetric[:8].square().sum()
    assert response[:64].square().sum() > 0.99 * response.square().sum()

import math

import torch

from microturn.model.pitch import BINS, HIGHEST_HZ, LOWEST_HZ, MIDDLE_HZ, PitchEar, bin_octaves, pitch_hz


def test_bins_span_the_range() -> None:
    hz = MIDDLE_HZ * 2.0 ** bin_octaves()
    assert len(hz) == BINS and math.isclose(hz[0], LOWEST_HZ, rel_tol=1e-5)
    assert math.isclose(hz[-1], HIGHEST_HZ, rel_tol=1e-5)


def test_a_pitch_between_two_bins_is_told_as_such() -> None:
    octaves = bin_octaves()
    logits = torch.full((1, 1, BINS), -9.0)
    logits[0, 0, 20:22] = 9.0
    right = MIDDLE_HZ * 2.0 ** (0.5 * (octaves[20] + octaves[21]))
    torch.testing.assert_close(pitch_hz(logits)[0, 0], right)


def test_a_far_second_choice_does_not_pull() -> None:
    logits = torch.full((1, 1, BINS), -9.0)
    logits[0, 0, 5], logits[0, 0, 50] = 4.0, 3.9
    torch.testing.assert_close(pitch_hz(logits)[0, 0], MIDDLE_HZ * 2.0 ** bin_octaves()[5])


def test_loudness_does_not_change_what_is_heard() -> None:
    torch.manual_seed(0)
    ear, mel_BFC = PitchEar(2), 0.3 * torch.randn(1, 12, 80)
    torch.testing.assert_close(ear(mel_BFC), ear(mel_BFC + 0.2), atol=1e-4, rtol=0.0)
    assert ear(mel_BFC).shape == (1, 16, BINS)

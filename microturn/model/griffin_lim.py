"""The vocoder's untrained twin: mel frames to sound by Griffin and Lim's iteration, over a whole clip at once.

Griffin and Lim 1984, "Signal estimation from modified short-time Fourier transform", with the momentum of Perraudin,
Balazs and Søndergaard 2013. It knows no voice, so it shows what the mel frames alone hold; it does not stream.
Shapes: F mel frames, C mel channels, K spectrum bins, T spectra (two a mel frame), N samples.
"""

import torch
from torch import Tensor

from microturn.media.mel import MelConfig, mel_filters_KC

HOPS_PER_FRAME = 2
UNMIX_ITERATIONS = 60
MOMENTUM = 0.99
SMALLEST = 1e-12


def griffin_lim(mel_FC: Tensor, config: MelConfig = MelConfig(), iterations: int = 60, seed: int = 0) -> Tensor:
    """Sound whose spectra fit these frames best: float [F, C] in dB to float32 [F * hop_samples], without delay.

    Phases begin at random, drawn from `seed`.
    """
    samples = len(mel_FC) * config.hop_samples
    window = torch.hann_window(config.window_samples)
    hop = config.hop_samples // HOPS_PER_FRAME
    magnitude_KT = _resampled(unmixed(mel_FC, config), samples // hop + 1, config).sqrt() * (window.sum() / 2.0)
    generator = torch.Generator().manual_seed(seed)
    phase_KT = 2.0 * torch.pi * torch.rand(magnitude_KT.shape, generator=generator)
    guess_KT = torch.polar(magnitude_KT, phase_KT)
    last_KT = torch.zeros_like(guess_KT)
    for _ in range(iterations):
        pcm_N = torch.istft(guess_KT, config.window_samples, hop, window=window, length=samples)
        real_KT = torch.stft(pcm_N, config.window_samples, hop, window=window, pad_mode="constant", return_complex=True)
        ahead_KT = real_KT + MOMENTUM / (1.0 + MOMENTUM) * (real_KT - last_KT)
        guess_KT, last_KT = magnitude_KT * ahead_KT / (ahead_KT.abs() + SMALLEST), real_KT
    return torch.istft(guess_KT, config.window_samples, hop, window=window, length=samples)


def unmixed(mel_FC: Tensor, config: MelConfig = MelConfig()) -> Tensor:
    """Power in spectrum bins, never negative, whose mel comes nearest: [F, C] in dB to [K, F].

    Multiplicative steps of non-negative least squares (Lee and Seung 2000, with the mel filters held fixed).
    """
    filters_KC = torch.from_numpy(mel_filters_KC(config))
    power_FC = 10.0 ** (mel_FC.float() / 10.0)
    wanted_FK = power_FC @ filters_KC.T
    bins_FK = wanted_FK / (filters_KC.sum(dim=1) + SMALLEST)
    for _ in range(UNMIX_ITERATIONS):
        bins_FK = bins_FK * wanted_FK / (bins_FK @ filters_KC @ filters_KC.T + SMALLEST**2)
    return bins_FK.T


def _resampled(power_KF: Tensor, spectra: int, config: MelConfig) -> Tensor:
    """[K, F] to [K, T]: mel frame f ends with sample (f + 1) * hop, spectrum t lies around sample t * hop / 2."""
    middle = config.hop_samples - config.window_samples / 2.0
    samples_T = torch.arange(spectra) * (config.hop_samples // HOPS_PER_FRAME)
    places_T = ((samples_T - middle) / config.hop_samples).clamp(0.0, power_KF.shape[1] - 1.0)
    before_T, share_T = places_T.floor().long(), places_T.frac()
    log_KF = (power_KF + SMALLEST).log()
    after_T = (before_T + 1).clamp(max=power_KF.shape[1] - 1)
    return torch.lerp(log_KF[:, before_T], log_KF[:, after_T], share_T).exp()

"""The vocoder: mel frames to sound, causal and streaming, with a constant delay. Its training is train/vocoder.py's.

Causal ConvNeXt blocks and overlap-add as in Vocos (Siuzdak 2023, arXiv 2306.00814), but the net does not invent phases:
an ear gives the pitch, the blocks give two spectral envelopes, and the sound is a train of pulses and a noise, each
filtered by one of them with minimum phase (Liu, Chen and Yu 2020, "Neural homomorphic vocoder"). So the voice keeps in
step with itself across blocks, with no judge in training that asks for it.
Shapes: B clips, F mel frames, C mel channels, T sub-frames (two a mel frame), D width, K spectrum bins, N samples,
H samples of a hop, E kinds of excitation, P pitch bins.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from microturn.core.config import from_dict, to_dict
from microturn.core.errors import ConfigError, InputError
from microturn.media.mel import MelConfig
from microturn.model.excitation import ExcitationState, excitation, minimum_phase, silent_start, white_noise
from microturn.model.pitch import FRAMES, MIDDLE_HZ, PitchEar, pitch_hz

SUBFRAMES = 2
KERNEL = 7
FRAME_KERNEL = 3
WIDENING = 2
MAX_LOG_MAGNITUDE = 3.0
FIRST_LOG_MAGNITUDE = -4.0
SILENCE = -1.0
FORMAT = "microturn-vocoder-1"


@dataclass(frozen=True)
class VocoderConfig:
    """Shapes of a vocoder. The window of a sub-frame's spectrum ends where the sub-frame ends: that is the delay."""

    width: int = 192
    layers: int = 8
    window_samples: int = 512
    mel: MelConfig = field(default_factory=MelConfig)

    def __post_init__(self) -> None:
        if self.window_samples < 2 * self.hop_samples:
            came = f"window_samples = {self.window_samples}"
            raise ConfigError("windows do not overlap", "VocoderConfig", came, f"{2 * self.hop_samples} or more")

    @property
    def hop_samples(self) -> int:
        """Samples of a sub-frame."""
        return self.mel.hop_samples // SUBFRAMES

    @property
    def delay_samples(self) -> int:
        """Output sample n is sample n - delay of the sound that the mel frames were measured from."""
        return self.window_samples - self.hop_samples


class VocoderState(NamedTuple):
    """What a clip leaves behind: the last mel frames [B, 4, C] and inputs of every convolution [B, kernel - 1, D]; the
    last samples of the excitation; the sound that later windows still add to, [B, windows' overlap in hops, H]."""

    pasts: tuple[Tensor, ...]
    excitation: ExcitationState
    excitation_BEN: Tensor
    overlap_BOH: Tensor


class Spoken(NamedTuple):
    """Sound [B, N], and what the ear heard: logits of pitch bins [B, T, P]."""

    pcm_BN: Tensor
    pitch_BTP: Tensor


class Vocoder(nn.Module):
    """Mel in dB to sound. A whole clip and any cutting of it into steps give the same samples."""

    noise: Tensor

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        self.config = config
        width, bins = config.width, config.window_samples // 2 + 1
        self.embed = nn.Linear(FRAME_KERNEL * config.mel.n_mels, SUBFRAMES * width)
        self.embed_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(_Block(width, 1.0 / config.layers) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.envelopes = nn.Linear(width, 2 * bins)
        nn.init.normal_(self.envelopes.weight, std=0.02)
        nn.init.constant_(self.envelopes.bias, FIRST_LOG_MAGNITUDE)
        self.ear = PitchEar(SUBFRAMES)
        self.register_buffer("noise", white_noise(), persistent=False)

    def forward(self, mel_BFC: Tensor) -> Tensor:
        """Whole clips from their first frame: mel float [B, F, C] in dB to sound float32 [B, F * hop_samples]."""
        return self._continued(mel_BFC, self.begin(mel_BFC.shape[0]))[0].pcm_BN

    def at_pitch(self, mel_BFC: Tensor, pitch_hz_BT: Tensor) -> Spoken:
        """Whole clips at the pitch in Hz of every sub-frame, for training: what the ear hears does not sound."""
        return self._continued(mel_BFC, self.begin(mel_BFC.shape[0]), pitch_hz_BT)[0]

    def begin(self, clips: int = 1) -> VocoderState:
        """The state before the first frame: silence has been heard and said."""
        weight, config = self.embed.weight, self.config
        frames = weight.new_full((clips, FRAMES - 1, config.mel.n_mels), SILENCE)
        pasts = [weight.new_zeros(clips, KERNEL - 1, config.width) for _ in self.blocks]
        overlapping = -(-config.window_samples // config.hop_samples) - 1
        return VocoderState(
            (frames, *pasts),
            silent_start(clips, MIDDLE_HZ, weight.device),
            weight.new_zeros(clips, 2, config.delay_samples, dtype=torch.float32),
            weight.new_zeros(clips, overlapping, config.hop_samples, dtype=torch.float32),
        )

    def step(self, mel_FC: Tensor, state: VocoderState) -> tuple[Tensor, VocoderState]:
        """The next frames of one clip, float [F, C] in dB: as much sound, float32 [F * hop_samples]."""
        spoken, state = self._continued(mel_FC[None], state)
        return spoken.pcm_BN[0], state

    def _continued(
        self, mel_BFC: Tensor, state: VocoderState, pitch_hz_BT: Tensor | None = None
    ) -> tuple[Spoken, VocoderState]:
        recent_BFC = torch.cat([state.pasts[0], self._normalised(mel_BFC)], dim=1)
        pitch_BTP = self.ear(recent_BFC)
        envelopes_BTK, pasts = self._envelopes(recent_BFC, state.pasts[1:])
        if pitch_hz_BT is None:
            pitch_hz_BT = pitch_hz(pitch_BTP)
        rate_hz, hop, delay = self.config.mel.sample_rate_hz, self.config.hop_samples, self.config.delay_samples
        new_BEN, excited = excitation(pitch_hz_BT, self.noise, hop, rate_hz, state.excitation)
        excitation_BEN = torch.cat([state.excitation_BEN, new_BEN], dim=2)
        pcm_BN, overlap_BOH = self._sound(envelopes_BTK, excitation_BEN, state.overlap_BOH)
        kept = (recent_BFC[:, 1 - FRAMES :], *pasts)
        return Spoken(pcm_BN, pitch_BTP), VocoderState(kept, excited, excitation_BEN[:, :, -delay:], overlap_BOH)

    def _envelopes(self, recent_BFC: Tensor, pasts: tuple[Tensor, ...]) -> tuple[Tensor, list[Tensor]]:
        """Log magnitudes of the filters of pulses and noise, [B, T, 2 K], and what the next frames need."""
        stacked = recent_BFC[:, FRAMES - FRAME_KERNEL :].unfold(1, FRAME_KERNEL, 1).flatten(2)
        hidden_BTD = self.embed_norm(self.embed(stacked).unflatten(2, (SUBFRAMES, -1)).flatten(1, 2))
        kept: list[Tensor] = []
        for block, past_BTD in zip(self.blocks, pasts, strict=True):
            recent_BTD = torch.cat([past_BTD, hidden_BTD], dim=1)
            hidden_BTD = block(recent_BTD)
            kept.append(recent_BTD[:, 1 - KERNEL :])
        return self.envelopes(self.norm(hidden_BTD)), kept

    def _normalised(self, mel_BFC: Tensor) -> Tensor:
        """Clipped to the range that the levels cover, so that levels and exact values look alike; -1 to 1."""
        low_db, high_db = self.config.mel.low_db, self.config.mel.high_db
        scaled_BFC = 2.0 * (mel_BFC.clamp(low_db, high_db) - low_db) / (high_db - low_db) - 1.0
        return scaled_BFC.to(self.embed.weight.dtype)

    def _sound(self, envelopes_BTK: Tensor, excitation_BEN: Tensor, overlap_BOH: Tensor) -> tuple[Tensor, Tensor]:
        """Filtered windows added where they overlap; what later windows still add to is held back.

        In float32 whatever the weights are: a coarse window would be heard at every hop.
        """
        size, hop = self.config.window_samples, self.config.hop_samples
        window, envelope_H = _window(self.config, envelopes_BTK.device)
        of_pulses_BTK, of_noise_BTK = envelopes_BTK.float().clamp(max=MAX_LOG_MAGNITUDE).chunk(2, dim=2)
        pulses_BTK, noise_BTK = torch.fft.rfft(excitation_BEN.unfold(2, size, hop) * window).unbind(1)
        bins_BTK = minimum_phase(of_pulses_BTK) * pulses_BTK + of_noise_BTK.exp() * noise_BTK
        hops_BTOH = _hops(torch.fft.irfft(bins_BTK, n=size) * window, hop)
        subframes, overlapping = hops_BTOH.shape[1], overlap_BOH.shape[1]
        summed_BTH = F.pad(overlap_BOH, (0, 0, 0, subframes))
        for later in range(overlapping + 1):
            summed_BTH = summed_BTH + F.pad(hops_BTOH[:, :, later], (0, 0, later, overlapping - later))
        return (summed_BTH[:, :subframes] / envelope_H).flatten(1), summed_BTH[:, subframes:]


class _Block(nn.Module):
    """ConvNeXt: a depthwise convolution over time, then an inverted bottleneck, added with a learnt scale."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, KERNEL, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, WIDENING * width)
        self.narrow = nn.Linear(WIDENING * width, width)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, recent_BTD: Tensor) -> Tensor:
        """[B, kernel - 1 + T, D] to [B, T, D]."""
        mixed_BTD = self.conv(recent_BTD.transpose(1, 2)).transpose(1, 2)
        return recent_BTD[:, KERNEL - 1 :] + self.scale * self.narrow(F.gelu(self.widen(self.norm(mixed_BTD))))


def _window(config: VocoderConfig, device: torch.device) -> tuple[Tensor, Tensor]:
    """The window [window_samples], and the sum of its squares where windows overlap, [H]."""
    window = torch.hann_window(config.window_samples, device=device)
    return window, _hops(window**2, config.hop_samples).sum(dim=-2)


def _hops(windows: Tensor, hop_samples: int) -> Tensor:
    """[..., window] to [..., hops of a window, H], the last one filled up with zeros."""
    missing = -windows.shape[-1] % hop_samples
    return F.pad(windows, (0, missing)).unflatten(-1, (-1, hop_samples))


def save_vocoder(path: Path, vocoder: Vocoder, notes: dict[str, float]) -> None:
    """Weights, config and notes in one safetensors file, written atomically."""
    metadata = {"format": FORMAT, "config": json.dumps(to_dict(vocoder.config)), "notes": json.dumps(notes)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    save_file({k: v.contiguous() for k, v in vocoder.state_dict().items()}, partial, metadata=metadata)
    partial.replace(path)


def load_vocoder(path: Path) -> Vocoder:
    """A vocoder ready to sound; an InputError says what is wrong with a file that is none."""
    right = f"a {FORMAT} safetensors file made by the vocoder's training"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError("not a readable vocoder", path, f"{error}", right) from error
    if metadata.get("format") != FORMAT:
        raise InputError("not a vocoder", path, f"format {metadata.get('format')!r}", right)
    vocoder = Vocoder(from_dict(VocoderConfig, json.loads(metadata["config"])))
    vocoder.load_state_dict(tensors)
    return vocoder.eval()

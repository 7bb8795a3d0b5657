"""Training of the vocoder on the agent's own voice: what is said, the pieces of a step, the loop.

Its losses are vocoder_loss.py's, its shape model/vocoder.py's.
Shapes: B pieces, F mel frames, C mel channels, N samples.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from microturn.core.errors import ConfigError
from microturn.data.agent import AgentVoice
from microturn.data.scenarios import all_lines, corpus
from microturn.media.mel import dequantize, log_mel_db, quantize
from microturn.model.pitch import MIDDLE_HZ, bin_octaves, pitch_hz
from microturn.model.vocoder import Vocoder, VocoderConfig, save_vocoder
from microturn.train.part import PartTrainer, Show
from microturn.train.pitch import Pitch, pitch_of
from microturn.train.vocoder_loss import VocoderLoss

DIALOGS = 4_000
FULL_SCALE = 32_767.0
BETAS = (0.8, 0.99)


@dataclass(frozen=True)
class VocoderTrainConfig:
    """`clips` are said once and kept; a step takes `batch` pieces of `frames` mel frames.

    Its input is made to look like mel that a model gives: `noise_db` at most is added to half of the pieces, half are
    rounded to the front end's levels, all are `gain_db` (lowest, highest) louder. Convergence and the ear's pitch count
    by their weights, the other losses by one.
    """

    vocoder: VocoderConfig = field(default_factory=VocoderConfig)
    clips: int = 4_000
    batch: int = 16
    frames: int = 60
    lr: float = 2e-3
    warm_up: int = 100
    clip_norm: float = 5.0
    convergence_weight: float = 0.1
    pitch_weight: float = 0.2
    noise_db: float = 3.0
    gain_db: tuple[float, float] = (-6.0, 3.0)
    windows: tuple[int, ...] = (256, 512, 1024, 2048)
    ema: float = 0.998
    save_every: int = 200
    seed: int = 0
    bf16: bool = True

    def __post_init__(self) -> None:
        for name in ("clips", "batch", "frames", "save_every"):
            if getattr(self, name) < 1:
                raise ConfigError("too few", f"VocoderTrainConfig.{name}", getattr(self, name), "1 or more")


def train_vocoder(
    config: VocoderTrainConfig,
    folder: Path,
    steps: int,
    minutes: float = math.inf,
    progress: Show = lambda step, shown: None,
) -> Vocoder:
    """Train to `steps`, to SIGTERM or SIGINT, or for `minutes`, from where `folder` stopped; averaged weights.

    Leaves vocoder.safetensors there, what is needed to go on (resume.pt, clips.npz), and log.jsonl with all figures.
    `progress` is called after every step with its figures.
    """
    clips = spoken_clips(folder / "clips.npz", config)
    trainer = VocoderTrainer(config, clips, folder)
    trainer.resume()
    trainer.run(steps, progress, minutes)
    return trainer.average


class Pieces(NamedTuple):
    """mel_BFC: float32, as a model might give it; pcm_BN: float32, what it stands for, delayed as the vocoder is."""

    mel_BFC: Tensor
    pcm_BN: Tensor


class Clips(NamedTuple):
    """pcm: int16, all clips one after another; ends: where each one ends."""

    pcm: np.ndarray
    ends: np.ndarray

    def clip(self, index: int) -> np.ndarray:
        """int16 [N], a view."""
        return self.pcm[self.ends[index - 1] if index else 0 : self.ends[index]]


def spoken_clips(path: Path, config: VocoderTrainConfig) -> Clips:
    """What the agent's voice says of the training split, from `path` where it has been said before."""
    if not path.exists():
        agent = AgentVoice()
        clips = [agent.say(text).pcm for text in training_texts(config.clips, config.seed)]
        pcm = np.rint(np.clip(np.concatenate(clips), -1.0, 1.0) * FULL_SCALE).astype(np.int16)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name("partial-" + path.name)
        np.savez(partial, pcm=pcm, samples=[len(clip) for clip in clips])
        partial.replace(path)
    with np.load(path) as stored:
        return Clips(stored["pcm"], np.cumsum(stored["samples"]))


def training_texts(count: int, seed: int) -> list[str]:
    """Answers of the agent first of all, then lines of users, whose words are more varied; `count` at most."""
    rng = np.random.default_rng(seed)
    answers = {answer for dialog in corpus("train", DIALOGS, rng) for answer in dialog.answers}
    lines = list(dict.fromkeys(all_lines("train")))
    rng.shuffle(lines)
    chosen = [*sorted(answers)[: count // 2], *lines]
    return chosen[:count]


class VocoderTrainer(PartTrainer[Vocoder, Pieces]):
    """One run of the vocoder; lives as long as it."""

    name = "vocoder"

    def __init__(self, config: VocoderTrainConfig, clips: Clips, folder: Path) -> None:
        torch.manual_seed(config.seed)
        self.config, self.clips = config, clips
        self.vocoder = Vocoder(config.vocoder)
        self.losses = VocoderLoss(config.windows, config.convergence_weight, config.vocoder.mel)
        optimizer = torch.optim.AdamW(self.vocoder.parameters(), config.lr, BETAS, weight_decay=0.01)
        super().__init__(config, self.vocoder, Vocoder(config.vocoder).eval(), [optimizer], folder)

    @property
    def clip_norm(self) -> float:
        return self.config.clip_norm

    def batches(self) -> Iterator[Pieces]:
        return (draw_batch(self.clips, step, self.config) for step in count(self.step))

    def rate(self, steps: int) -> float:
        share = lr_share(self.step, steps, self.config)
        for group in self.optimizers[0].param_groups:
            group["lr"] = self.config.lr * share
        return share

    def loss(self, batch: Pieces) -> tuple[Tensor, dict[str, Tensor]]:
        config = self.config
        pitch = self._pitch(batch.pcm_BN)
        with self.precision():
            spoken = self.vocoder.at_pitch(batch.mel_BFC, pitch.hz_BT)
        # Windows that began before the piece are missing from its first samples.
        skipped = config.vocoder.window_samples
        parts = self.losses(spoken.pcm_BN[:, skipped:], batch.pcm_BN[:, skipped:])
        shown = {**parts._asdict(), "cents": pitch_error_cents(spoken.pitch_BTP, pitch)}
        return parts.total + config.pitch_weight * pitch_loss(spoken.pitch_BTP, pitch), shown

    def _pitch(self, pcm_BN: Tensor) -> Pitch:
        """Of the sound as it was before the vocoder's delay, but for its end, which holds the last one."""
        config = self.config.vocoder
        late = pitch_of(pcm_BN, config.hop_samples, config.mel.sample_rate_hz)
        shift = config.delay_samples // config.hop_samples
        hz_BT = torch.cat([late.hz_BT[:, shift:], late.hz_BT[:, -1:].expand(-1, shift)], dim=1)
        return Pitch(hz_BT, torch.nn.functional.pad(late.voiced_BT[:, shift:], (0, shift)))

    def write(self) -> None:
        save_vocoder(self.folder / "vocoder.safetensors", self.average, {"step": self.step})


def pitch_loss(pitch_BTP: Tensor, pitch: Pitch) -> Tensor:
    """Cross-entropy of the ear's bins where there is a voice, with a right answer that is a bin wide (CREPE)."""
    octaves_P = bin_octaves(pitch_BTP.device)
    far_BTP = (octaves_P - (pitch.hz_BT / MIDDLE_HZ).log2()[..., None]) / (octaves_P[1] - octaves_P[0])
    right_BTP = (-0.5 * far_BTP.square()).softmax(dim=-1)
    entropy_BT = -(right_BTP * pitch_BTP.float().log_softmax(dim=-1)).sum(dim=-1)
    return (entropy_BT * pitch.voiced_BT).sum() / pitch.voiced_BT.sum().clamp(min=1)


def pitch_error_cents(pitch_BTP: Tensor, pitch: Pitch) -> Tensor:
    """Mean distance of the ear's pitch from the right one where there is a voice."""
    cents_BT = 1_200.0 * (pitch_hz(pitch_BTP.detach()) / pitch.hz_BT).log2().abs()
    return (cents_BT * pitch.voiced_BT).sum() / pitch.voiced_BT.sum().clamp(min=1)


def lr_share(step: int, steps: int, config: VocoderTrainConfig) -> float:
    """Linear to 1 over the warm-up, then a half cosine to a fiftieth at the last of `steps`."""
    if step < config.warm_up:
        return (step + 1) / config.warm_up
    done = min(1.0, (step - config.warm_up) / max(1, steps - config.warm_up))
    return 0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * done))


def draw_batch(clips: Clips, step: int, config: VocoderTrainConfig) -> Pieces:
    """Pieces of `step`."""
    rng = np.random.default_rng([config.seed, step])
    pairs = [_piece(clips, rng, config) for _ in range(config.batch)]
    return Pieces(*(torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True)))


def _piece(clips: Clips, rng: np.random.Generator, config: VocoderTrainConfig) -> tuple[np.ndarray, np.ndarray]:
    """A stretch of a random clip with silence around it, at any offset of its frames."""
    vocoder, mel = config.vocoder, config.vocoder.mel
    hop, samples = mel.hop_samples, config.frames * mel.hop_samples
    past_frames = -(-max(vocoder.delay_samples, mel.window_samples - hop) // hop)
    past = past_frames * hop
    clip = clips.clip(int(rng.integers(len(clips.ends))))
    padded = np.pad(clip, (past + hop, samples + hop))
    first = int(rng.integers(max(hop, len(clip) + 2 * hop - samples)))
    gain = 10.0 ** (rng.uniform(*config.gain_db) / 20.0) / FULL_SCALE
    pcm = (gain * padded[first : first + past + samples]).astype(np.float32)
    mel_FC = log_mel_db(pcm, mel)[past_frames:]
    return worn(mel_FC, rng, config), pcm[past - vocoder.delay_samples :][:samples]


def worn(mel_FC: np.ndarray, rng: np.random.Generator, config: VocoderTrainConfig) -> np.ndarray:
    """Mel dB with noise, and rounded to the levels of the front end: each for every other piece."""
    mel = config.vocoder.mel
    if rng.random() < 0.5:
        mel_FC = mel_FC + rng.normal(0.0, rng.uniform(0.0, config.noise_db), mel_FC.shape)
    if rng.random() < 0.5:
        mel_FC = dequantize(quantize(mel_FC, mel), mel)
    return mel_FC.astype(np.float32)

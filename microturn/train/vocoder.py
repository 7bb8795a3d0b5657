"""Training of the vocoder on the agent's own voice: what is said, the pieces of a step, the loop.

Its losses are vocoder_loss.py's, its shape model/vocoder.py's.
Shapes: B pieces, F mel frames, C mel channels, N samples.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from microturn.core.errors import ConfigError
from microturn.data.agent import AgentVoice
from microturn.data.scenarios import all_lines, corpus
from microturn.media.mel import dequantize, log_mel_db, quantize
from microturn.model.pitch import MIDDLE_HZ, bin_octaves, pitch_hz
from microturn.model.vocoder import Vocoder, VocoderConfig, save_vocoder
from microturn.train.distributed import on_stop_signals
from microturn.train.pitch import Pitch, pitch_of
from microturn.train.vocoder_loss import VocoderLoss

Show = Callable[[int, Mapping[str, float]], None]

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
    steps: int = 2_000
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
    config: VocoderTrainConfig, folder: Path, steps: int, minutes: float = math.inf, progress: Show | None = None
) -> Vocoder:
    """Train to `steps`, to SIGTERM or SIGINT, or for `minutes`, from where `folder` stopped; averaged weights.

    Leaves vocoder.safetensors there, what is needed to go on (resume.pt, clips.npz), and log.jsonl with all figures.
    `progress` is called after every step with its figures.
    """
    clips = spoken_clips(folder / "clips.npz", config)
    trainer = VocoderTrainer(replace(config, steps=steps), clips, folder)
    trainer.resume()
    trainer.run(progress or (lambda step, shown: None), minutes)
    return trainer.average


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


@dataclass
class VocoderTrainer:
    """One run; lives as long as it."""

    config: VocoderTrainConfig
    clips: Clips
    folder: Path
    step: int = 0
    stopping: bool = False

    def __post_init__(self) -> None:
        torch.manual_seed(self.config.seed)
        self.vocoder = Vocoder(self.config.vocoder)
        self.average = Vocoder(self.config.vocoder).requires_grad_(False).eval()
        self.average.load_state_dict(self.vocoder.state_dict())
        self.losses = VocoderLoss(self.config.windows, self.config.convergence_weight, self.config.vocoder.mel)
        self.optimizer = torch.optim.AdamW(self.vocoder.parameters(), self.config.lr, BETAS, weight_decay=0.01)

    def run(self, show: Show, minutes: float) -> None:
        """Step and save until done, asked to stop, or out of time; saves at the end either way."""
        deadline_s = time.monotonic() + 60.0 * minutes
        with on_stop_signals(self.stop):
            while self.step < self.config.steps and not self.stopping and time.monotonic() < deadline_s:
                began_s = time.monotonic()
                shown = self.train_step(*draw_batch(self.clips, self.step, self.config))
                self._tell(show, shown | {"step_s": time.monotonic() - began_s})
                if self.step % self.config.save_every == 0:
                    self.save()
            self.save()

    def stop(self) -> None:
        """End the run after the step that is under way."""
        self.stopping = True

    def train_step(self, mel_BFC: Tensor, pcm_BN: Tensor) -> dict[str, float]:
        """One optimizer step; returns what to show."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = config.lr * lr_share(self.step, config)
        pitch = self._pitch(pcm_BN)
        with self.precision():
            spoken = self.vocoder.at_pitch(mel_BFC, pitch.hz_BT)
        # Windows that began before the piece are missing from its first samples.
        skipped = config.vocoder.window_samples
        said_BN, right_BN = spoken.pcm_BN[:, skipped:], pcm_BN[:, skipped:]
        parts = self.losses(said_BN, right_BN)
        shown = {name: value.item() for name, value in parts._asdict().items()}
        shown["cents"] = pitch_error_cents(spoken.pitch_BTP, pitch)
        total = parts.total + config.pitch_weight * pitch_loss(spoken.pitch_BTP, pitch)
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.vocoder.parameters(), config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._update_average()
        self.step += 1
        return shown | {"norm": norm.item()}

    def _pitch(self, pcm_BN: Tensor) -> Pitch:
        """Of the sound as it was before the vocoder's delay, but for its end, which holds the last one."""
        config = self.config.vocoder
        late = pitch_of(pcm_BN, config.hop_samples, config.mel.sample_rate_hz)
        shift = config.delay_samples // config.hop_samples
        hz_BT = torch.cat([late.hz_BT[:, shift:], late.hz_BT[:, -1:].expand(-1, shift)], dim=1)
        return Pitch(hz_BT, torch.nn.functional.pad(late.voiced_BT[:, shift:], (0, shift)))

    def precision(self) -> torch.autocast:
        """bf16 products with fp32 weights, or plain fp32."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16)

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.config.ema, (self.step + 1) / (self.step + 20))
        kept: list[Tensor] = list(self.average.parameters())
        new: list[Tensor] = list(self.vocoder.parameters())
        torch._foreach_lerp_(kept, new, 1.0 - keep)

    def save(self) -> None:
        """State to resume from, and the averaged weights; both are replaced only when the new ones are whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        models = {"vocoder": self.vocoder.state_dict(), "average": self.average.state_dict()}
        partial = self.folder / "resume.pt.partial"
        torch.save({"step": self.step, "optimizer": self.optimizer.state_dict(), **models}, partial)
        partial.replace(self.folder / "resume.pt")
        save_vocoder(self.folder / "vocoder.safetensors", self.average, {"step": self.step})

    def resume(self) -> bool:
        """Go on from the folder's last state, if there is one."""
        path = self.folder / "resume.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        self.vocoder.load_state_dict(state["vocoder"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        return True

    def _tell(self, show: Show, shown: Mapping[str, float]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step} | {k: round(v, 4) for k, v in shown.items()}) + "\n")
        show(self.step, shown)


def pitch_loss(pitch_BTP: Tensor, pitch: Pitch) -> Tensor:
    """Cross-entropy of the ear's bins where there is a voice, with a right answer that is a bin wide (CREPE)."""
    octaves_P = bin_octaves(pitch_BTP.device)
    far_BTP = (octaves_P - (pitch.hz_BT / MIDDLE_HZ).log2()[..., None]) / (octaves_P[1] - octaves_P[0])
    right_BTP = (-0.5 * far_BTP.square()).softmax(dim=-1)
    entropy_BT = -(right_BTP * pitch_BTP.float().log_softmax(dim=-1)).sum(dim=-1)
    return (entropy_BT * pitch.voiced_BT).sum() / pitch.voiced_BT.sum().clamp(min=1)


def pitch_error_cents(pitch_BTP: Tensor, pitch: Pitch) -> float:
    """Mean distance of the ear's pitch from the right one where there is a voice."""
    cents_BT = 1_200.0 * (pitch_hz(pitch_BTP.detach()) / pitch.hz_BT).log2().abs()
    return (cents_BT * pitch.voiced_BT).sum().item() / max(1, int(pitch.voiced_BT.sum()))


def lr_share(step: int, config: VocoderTrainConfig) -> float:
    """Linear to 1 over the warm-up, then a half cosine to a fiftieth at the last step."""
    if step < config.warm_up:
        return (step + 1) / config.warm_up
    done = min(1.0, (step - config.warm_up) / max(1, config.steps - config.warm_up))
    return 0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * done))


def draw_batch(clips: Clips, step: int, config: VocoderTrainConfig) -> tuple[Tensor, Tensor]:
    """Pieces of `step`: mel float32 [B, F, C] as a model might give it, and the sound it stands for, delayed as the
    vocoder is, float32 [B, N]."""
    rng = np.random.default_rng([config.seed, step])
    pairs = [_piece(clips, rng, config) for _ in range(config.batch)]
    mel_BFC, pcm_BN = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
    return mel_BFC, pcm_BN


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

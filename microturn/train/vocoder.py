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
from microturn.model.vocoder import Vocoder, VocoderConfig, save_vocoder
from microturn.train.distributed import on_stop_signals
from microturn.train.vocoder_judges import Judges, favour, judges_loss
from microturn.train.vocoder_loss import VocoderLoss

Show = Callable[[int, Mapping[str, float]], None]

DIALOGS = 4_000
FULL_SCALE = 32_767.0
BETAS = (0.8, 0.99)


@dataclass(frozen=True)
class VocoderTrainConfig:
    """`clips` are said once and kept; a step takes `batch` pieces of `frames` mel frames.

    Its input is made to look like mel that a model gives: `noise_db` at most is added to half of the pieces, half are
    rounded to the front end's levels, all are `gain_db` (lowest, highest) louder. From step `judged_from` on judges
    take part, with pieces of `judged_batch`; their weight and that of matching their features are beside the losses'.
    """

    vocoder: VocoderConfig = field(default_factory=VocoderConfig)
    clips: int = 4_000
    batch: int = 16
    frames: int = 60
    steps: int = 3_500
    judged_from: int = 2_200
    judged_batch: int = 8
    judge_windows: tuple[int, ...] = (512, 1024)
    judge_periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    judge_lr: float = 8e-4
    opinion_weight: float = 0.1
    matching_weight: float = 0.2
    lr: float = 2e-3
    warm_up: int = 100
    clip_norm: float = 5.0
    complex_weight: float = 0.05
    noise_db: float = 3.0
    gain_db: tuple[float, float] = (-6.0, 3.0)
    windows: tuple[int, ...] = (256, 512, 1024)
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
        self.losses = VocoderLoss(self.config.windows, self.config.complex_weight, self.config.vocoder.mel)
        self.optimizer = torch.optim.AdamW(self.vocoder.parameters(), self.config.lr, BETAS, weight_decay=0.01)
        self.judges = Judges(self.config.judge_windows, self.config.judge_periods)
        self.judges_optimizer = torch.optim.AdamW(self.judges.parameters(), self.config.judge_lr, BETAS)

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
        with self.precision():
            said_BN = self.vocoder(mel_BFC)
        # Windows that began before the piece are missing from its first samples.
        skipped = config.vocoder.window_samples
        said_BN, right_BN = said_BN[:, skipped:], pcm_BN[:, skipped:]
        parts = self.losses(said_BN, right_BN)
        shown = {name: value.item() for name, value in parts._asdict().items()}
        total = parts.total
        if self.step >= config.judged_from:
            pleasing, figures = self._judged(said_BN, right_BN)
            total, shown = total + pleasing, shown | figures
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.vocoder.parameters(), config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._update_average()
        self.step += 1
        return shown | {"norm": norm.item()}

    def precision(self) -> torch.autocast:
        """bf16 products with fp32 weights, or plain fp32."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16)

    def _judged(self, said_BN: Tensor, right_BN: Tensor) -> tuple[Tensor, dict[str, float]]:
        """One step of the judges, and then what the vocoder is to minimise to please them."""
        config = self.config
        with self.precision():
            of_right = self.judges(right_BN)
            loss = judges_loss(self.judges(said_BN.detach()), of_right)
        self.judges_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.judges_optimizer.step()
        self.judges.requires_grad_(False)
        with self.precision():
            pleased = favour(self.judges(said_BN), of_right)
        self.judges.requires_grad_(True)
        figures = {"judges": loss.item(), "opinion": pleased.opinion.item(), "matching": pleased.matching.item()}
        return config.opinion_weight * pleased.opinion + config.matching_weight * pleased.matching, figures

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.config.ema, (self.step + 1) / (self.step + 20))
        kept: list[Tensor] = list(self.average.parameters())
        new: list[Tensor] = list(self.vocoder.parameters())
        torch._foreach_lerp_(kept, new, 1.0 - keep)

    def save(self) -> None:
        """State to resume from, and the averaged weights; both are replaced only when the new ones are whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        nets = {"vocoder": self.vocoder, "average": self.average, "judges": self.judges}
        models = {name: net.state_dict() for name, net in nets.items()}
        partial = self.folder / "resume.pt.partial"
        optimizers = {"optimizer": self.optimizer.state_dict(), "judges_optimizer": self.judges_optimizer.state_dict()}
        torch.save({"step": self.step, **models, **optimizers}, partial)
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
        self.judges.load_state_dict(state["judges"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.judges_optimizer.load_state_dict(state["judges_optimizer"])
        self.step = state["step"]
        return True

    def _tell(self, show: Show, shown: Mapping[str, float]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step} | {k: round(v, 4) for k, v in shown.items()}) + "\n")
        show(self.step, shown)


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
    pieces = config.batch if step < config.judged_from else config.judged_batch
    pairs = [_piece(clips, rng, config) for _ in range(pieces)]
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

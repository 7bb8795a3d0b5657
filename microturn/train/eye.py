"""The eye learns apart: from pairs of frames to what they show. No sound, no sequence; the backbone comes later.

A stem that folds patches has to find out by itself what a limb or a star is. In conversation pictures are spoken of
some ten times in a minute; here each of thousands is asked everything (docs/decisions/0022). What it is asked
with, the readout, is thrown away.
Shapes: B glances, P pairs of each, Q things that are so or not, A amounts, U model width.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import AdamW
from torch.utils.data import DataLoader, Dataset

from microturn.core.config import from_dict, to_dict
from microturn.core.errors import InputError
from microturn.data.glance import AMOUNTS, NUMBERS, TOLD, WORDS, draw_glance
from microturn.data.sight import view
from microturn.data.splits import Split
from microturn.model.checkpoint import load_checkpoint
from microturn.model.config import InteractionConfig, SightConfig
from microturn.model.interaction import InteractionModel
from microturn.model.sight import SightStem
from microturn.train.optim import Muon, OptimConfig, lr_share, set_lr
from microturn.train.part import PartTrainer, Show
from microturn.train.render import AHEAD, leave_signals_to_the_trainer

WEIGHTS = "eye.safetensors"
FORMAT = "microturn-eye-1"
SALT = 17
CHOICES = {
    "fingers": NUMBERS,
    "posture": (view.BENT, view.STRAIGHT),
    "motion": (*view.MOTIONS.values(), view.REST),
    "way": (view.THERE, view.BACK),
}
# Eight shapes in eight colors on two sides take longest to tell apart.
SHARES = {"appear": 3.0, "asked": 3.0, "comment": 2.0}


@dataclass(frozen=True)
class EyeTrainConfig:
    """Everything that decides the run but for its length. `glances` a step, of `pairs` pairs each.

    `shares`: how often the play of a skill is shown, 1 where nothing is said.
    """

    model: InteractionConfig = field(default_factory=lambda: InteractionConfig(sight=SightConfig()))
    optim: OptimConfig = field(
        default_factory=lambda: OptimConfig(muon_lr=4e-3, adam_lr=2e-3, warmup_steps=100, decay_steps=2_000)
    )
    glances: int = 48
    pairs: int = 6
    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))
    amounts_weight: float = 4.0
    told_weight: float = 20.0
    ema: float = 0.995
    save_every: int = 200
    seed: int = 0
    bf16: bool = True
    render_workers: int = 1


class GlanceBatch(NamedTuple):
    """frames_BFHWC: uint8, F = P + 1; told_BPQ and amounts_BPA as in `Glance`."""

    frames_BFHWC: Tensor
    told_BPQ: Tensor
    amounts_BPA: Tensor

    @property
    def pairs_BPFHWC(self) -> Tensor:
        """uint8 [B, P, 2, H, W, 3], the older frame first."""
        return torch.stack([self.frames_BFHWC[:, :-1], self.frames_BFHWC[:, 1:]], dim=2)


@dataclass(frozen=True)
class Glances(Dataset[GlanceBatch]):
    """Batch of step i at index i; it depends on the seed and the step alone."""

    glances: int
    pairs: int
    seed: int
    split: Split = "train"
    shares: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, index: int) -> GlanceBatch:
        rng = np.random.default_rng([self.seed, index, SALT])
        drawn = [draw_glance(rng, self.split, self.pairs, self.shares) for _ in range(self.glances)]
        return GlanceBatch(*(torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)))

    def since(self, step: int, workers: int) -> Iterator[GlanceBatch]:
        """Batches of `step` and all later ones, in order, whoever renders them."""
        steps = range(step, 1 << 31)
        if not workers:
            return (self[index] for index in steps)
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=steps,
            num_workers=workers,
            prefetch_factor=AHEAD,
            worker_init_fn=leave_signals_to_the_trainer,
            multiprocessing_context="fork",
        )
        return iter(loader)


class Eye(nn.Module):
    """The stem, and what it is asked with while it learns: one linear map of its positions."""

    def __init__(self, config: InteractionConfig) -> None:
        super().__init__()
        assert config.sight is not None, "an eye without a SightConfig"
        width, eps = config.backbone.width, config.backbone.norm_eps
        self.stem = SightStem(config.sight, width, eps)
        self.readout = nn.Linear(width * config.sight_tokens, len(TOLD) + len(AMOUNTS))

    def forward(self, pairs_BPFHWC: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of TOLD and amounts, [B, P, Q] and [B, P, A]."""
        positions_BIU = self.stem(pairs_BPFHWC)
        asked = self.readout(positions_BIU.unflatten(1, (pairs_BPFHWC.shape[1], -1)).flatten(2)).float()
        return asked[..., : len(TOLD)], asked[..., len(TOLD) :]


def eye_losses(eye: Eye, batch: GlanceBatch) -> dict[str, Tensor]:
    """Mean log loss of what is so or not, and mean squared error of the amounts that there are."""
    logits_BPQ, guessed_BPA = eye(batch.pairs_BPFHWC)
    known_BPA = ~batch.amounts_BPA.isnan()
    off_BPA = torch.where(known_BPA, guessed_BPA - batch.amounts_BPA.nan_to_num(), 0.0)
    return {
        "told": F.binary_cross_entropy_with_logits(logits_BPQ, batch.told_BPQ),
        "amounts": off_BPA.square().sum() / known_BPA.sum().clamp(min=1),
    }


@torch.no_grad()
def eye_scores(eye: Eye, batches: Sequence[GlanceBatch]) -> dict[str, float]:
    """How much is right: numbers of fingers, postures, motions, ways (there or back), things (F1 of what, in which
    color, on which side), and by how much depths are wrong (root of the mean square)."""
    both = [(*eye(batch.pairs_BPFHWC), batch) for batch in batches]
    logits_NQ = torch.cat([logits.flatten(0, 1) for logits, _, _ in both])
    told_NQ = torch.cat([batch.told_BPQ.flatten(0, 1) for _, _, batch in both])
    off_N = torch.cat([(guessed - batch.amounts_BPA)[..., 0].flatten() for _, guessed, batch in both])
    found = {name: _right(logits_NQ, told_NQ, words) for name, words in CHOICES.items()}
    seen_NQ, there_NQ = logits_NQ[:, len(WORDS) :] > 0, told_NQ[:, len(WORDS) :] > 0
    hits, wrong = float((seen_NQ & there_NQ).sum()), float((seen_NQ ^ there_NQ).sum())
    found["things"] = 2.0 * hits / max(2.0 * hits + wrong, 1.0)
    return found | {"depth off": float(off_N[~off_N.isnan()].square().mean().sqrt())}


def _right(logits_NQ: Tensor, told_NQ: Tensor, words: Sequence[str]) -> float:
    """Share in which the likeliest of `words` is the one that is so, where exactly one is."""
    places = [TOLD.index(word) for word in words]
    one_N = told_NQ[:, places].sum(-1) == 1
    same_N = logits_NQ[:, places].argmax(-1) == told_NQ[:, places].argmax(-1)
    return float(same_N[one_N].float().mean())


class EyeTrainer(PartTrainer[Eye, GlanceBatch]):
    """One run of the eye; lives as long as it."""

    name = "eye"

    def __init__(self, config: EyeTrainConfig, folder: Path) -> None:
        self.config = config
        self.eye = Eye(config.model)
        _init(self.eye, config.seed)
        hidden = [p for p in self.eye.stem.parameters() if p.ndim == 2 and p is not self.eye.stem.places]
        rest = [p for p in self.eye.parameters() if not any(p is matrix for matrix in hidden)]
        adam = AdamW(rest, lr=config.optim.adam_lr, betas=config.optim.adam_betas, weight_decay=0.0)
        super().__init__(config, self.eye, Eye(config.model), [Muon(hidden, config.optim), adam], folder)

    def batches(self) -> Iterator[GlanceBatch]:
        config = self.config
        glances = Glances(config.glances, config.pairs, config.seed, shares=config.shares)
        return glances.since(self.step, config.render_workers)

    def rate(self, steps: int) -> float:
        share = lr_share(self.step, steps, self.config.optim)
        set_lr(self.optimizers, self.config.optim, share)
        return share

    def loss(self, batch: GlanceBatch) -> tuple[Tensor, dict[str, Tensor]]:
        with self.precision():
            losses = eye_losses(self.eye, batch)
        return self.config.told_weight * losses["told"] + self.config.amounts_weight * losses["amounts"], losses

    def validate(self, glances: int = 160) -> dict[str, float]:
        """Scores of the averaged eye on looks of the val split."""
        split: Split = "val"
        return eye_scores(self.average, [Glances(glances // 4, self.config.pairs, 0, split)[i] for i in range(4)])

    def write(self) -> None:
        save_eye(self.folder / WEIGHTS, self.average.stem, self.config.model)

    def begin_with(self, model: InteractionModel) -> None:
        """Begin a new run with the eye of a model; what it is asked with is fresh. InputError where there is none, or
        one of other shapes."""
        sight, fits = model.fusion.sight, self.config.model
        came = sight and (sight.config, model.config.backbone.width)
        if sight is None or came != (fits.sight, fits.backbone.width):
            wanted = f"{fits.sight} before a model of width {fits.backbone.width}"
            raise InputError("no eye to begin with", "--from", "no sight" if came is None else f"{came}", wanted)
        for eye in (self.eye, self.average):
            eye.stem.load_state_dict(sight.state_dict())


@torch.no_grad()
def _init(eye: Eye, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in eye.stem.parameters():
        if parameter.ndim == 2 and parameter is not eye.stem.places:
            parameter.normal_(0.0, 1.0 / math.sqrt(parameter.shape[-1]), generator=generator)
    eye.readout.weight.zero_()
    eye.readout.bias[: len(TOLD)].fill_(-3.0)  # most things are not so
    eye.readout.bias[len(TOLD) :].zero_()


def save_eye(path: Path, stem: SightStem, config: InteractionConfig) -> None:
    """A file with a stem and its shapes; replaced when the new one is whole."""
    partial = path.with_name(path.name + ".partial")
    metadata = {"format": FORMAT, "sight": json.dumps(to_dict(stem.config)), "width": str(config.backbone.width)}
    save_file({k: v.contiguous() for k, v in stem.state_dict().items()}, partial, metadata=metadata)
    partial.replace(path)


def load_eye(path: Path, config: InteractionConfig) -> dict[str, Tensor]:
    """The tensors of a stem that fits into a model of `config`; InputError for any other file."""
    right = "an eye made by `microturn train --stage eye`"
    if not path.is_file():
        raise InputError("no such eye", path, "nothing" if not path.exists() else "a folder", right)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError("not a readable eye", path, f"{error}", right) from error
    if metadata.get("format") != FORMAT:
        raise InputError("not an eye", path, f"format {metadata.get('format')!r}", right)
    sight = from_dict(SightConfig, json.loads(metadata["sight"]))
    came = sight, int(metadata["width"])
    if came != (config.sight, config.backbone.width):
        wanted = f"{config.sight} before a model of width {config.backbone.width}"
        raise InputError("an eye of other shapes", path, f"{came[0]} before one of width {came[1]}", wanted)
    return tensors


def train_eye(
    config: EyeTrainConfig,
    folder: Path,
    steps: int,
    minutes: float = math.inf,
    progress: Show = lambda step, shown: None,
    weights: Path | None = None,
) -> Path:
    """Train in `folder`, going on with what is there, to `steps` or for `minutes`; the path of the averaged stem.

    `weights`: a checkpoint with whose eye a new run begins. A run that is stopped loses nothing that was saved. Raises
    InputError where the folder's state is of other shapes.
    """
    trainer = EyeTrainer(config, folder)
    if not trainer.resume() and weights is not None:
        trainer.begin_with(load_checkpoint(weights).model)
    trainer.run(steps, progress, minutes)
    return folder / WEIGHTS

"""The training loop, one for a laptop and a cluster: take streams, step, save, go on where it stopped."""

import json
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from microturn.data.mixture import Clips, MixConfig, build_stream
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import save_checkpoint
from microturn.model.config import InteractionConfig
from microturn.model.interaction import InteractionModel, init_weights
from microturn.train.batch import Batch, BatchConfig, make_batch
from microturn.train.distributed import Processes
from microturn.train.loss import LossWeights, losses
from microturn.train.optim import OptimConfig, average_gradients, lr_share, make_optimizers, set_lr


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run, but for the clips and the folder."""

    model: InteractionConfig = field(default_factory=InteractionConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    mix: MixConfig = field(default_factory=MixConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    heard_weight: float = 0.5
    streams: int = 4
    steps: int = 4_000
    ema: float = 0.998
    save_every: int = 200
    seed: int = 0
    bf16: bool = True
    compile: bool = True


@dataclass
class Trainer:
    """One process's share of a run; lives as long as the run."""

    config: TrainConfig
    clips: Clips
    tokenizer: TextTokenizer
    folder: Path
    processes: Processes
    step: int = 0
    stopping: bool = False

    def __post_init__(self) -> None:
        device = self.processes.device
        self.model = InteractionModel(self.config.model).to(device)
        init_weights(self.model, self.config.seed)
        self.average = InteractionModel(self.config.model).to(device).requires_grad_(False)
        self.average.load_state_dict(self.model.state_dict())
        self.optimizers = make_optimizers(self.model, self.config.optim, self.processes.rank, self.processes.world)
        self.forward: Callable[..., Any] = torch.compile(self.model) if self.config.compile else self.model

    def batch(self, step: int) -> Batch:
        """The batch of a step depends on seed, step and rank alone."""
        rng = np.random.default_rng([self.config.seed, step, self.processes.rank])
        streams = [build_stream(self.clips, rng, self.config.mix, self.config.model.mel) for _ in range(self.config.streams)]
        made = make_batch(streams, self.tokenizer, self.config.model, self.config.batch, rng)
        return Batch(*(t.to(self.processes.device) for t in made))

    def precision(self) -> AbstractContextManager[Any]:
        """bf16 products with fp32 weights, or plain fp32."""
        return torch.autocast(self.processes.device, torch.bfloat16) if self.config.bf16 else nullcontext()

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One optimizer step; returns what to show."""
        share = lr_share(self.step, self.config.steps, self.config.optim)
        set_lr(self.optimizers, self.config.optim, share)
        with self.precision():
            hidden, tapped = self.forward(*batch[:4])
            loss = losses(self.model, batch, LossWeights(heard=self.config.heard_weight), hidden, tapped)
        loss.total.backward()
        average_gradients(self.model, self.processes.world)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optim.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self._update_average()
        self.step += 1
        return {"decide": float(loss.decide), "heard": float(loss.heard), "norm": float(norm), "lr": share}

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.config.ema, (self.step + 1) / (self.step + 20))
        kept, new = list(self.average.parameters()), list(self.model.parameters())
        torch._foreach_lerp_(kept, new, 1.0 - keep)

    def save(self) -> None:
        """State to resume from, and the averaged weights as a checkpoint; only rank 0 writes."""
        if self.processes.rank != 0:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
        }
        partial = self.folder / "resume.pt.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "resume.pt")
        notes = {"step": self.step, "streams": self.config.streams * self.processes.world}
        save_checkpoint(self.folder / "model.safetensors", self.average, self.tokenizer, notes)

    def resume(self) -> bool:
        """Go on from the folder's last state, if there is one."""
        path = self.folder / "resume.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.processes.device, weights_only=True)
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        return True

    def run(self, show: Callable[[int, dict[str, float]], None]) -> None:
        """Train to `config.steps`, or to SIGTERM or SIGINT; saves at the end either way."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        while self.step < self.config.steps and not self.processes.any(self.stopping):
            began = time.monotonic()
            batch = self.batch(self.step)
            rendered = time.monotonic()
            shown = self.train_step(batch)
            shown |= {"render_s": rendered - began, "step_s": time.monotonic() - began}
            self._log(shown)
            show(self.step, shown)
            if self.step % self.config.save_every == 0:
                self.save()
        self.save()

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _log(self, shown: dict[str, float]) -> None:
        if self.processes.rank == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "log.jsonl").open("a") as file:
                file.write(json.dumps({"step": self.step} | {k: round(v, 4) for k, v in shown.items()}) + "\n")

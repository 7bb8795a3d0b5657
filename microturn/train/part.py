"""The loop of a part that is trained by itself, before the conversation: step, average, save, go on from there."""

import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from microturn.core.errors import InputError
from microturn.train.distributed import on_stop_signals
from microturn.train.optim import load_moments

Show = Callable[[int, Mapping[str, float]], None]
BatchT = TypeVar("BatchT")
Part = TypeVar("Part", bound=nn.Module)


class PartConfig(Protocol):
    """What this loop reads of a run's config. `ema`: share of the averaged weights kept each step."""

    @property
    def ema(self) -> float: ...
    @property
    def save_every(self) -> int: ...
    @property
    def bf16(self) -> bool: ...


class PartTrainer(ABC, Generic[Part, BatchT]):
    """One run of a part; lives as long as it. `average` is what a run is for, `part` what is stepped."""

    name: ClassVar[str]
    """Of the part: in messages, and in the state to resume from."""

    def __init__(
        self, config: PartConfig, part: Part, average: Part, optimizers: Sequence[Optimizer], folder: Path
    ) -> None:
        self.settings, self.part, self.average, self.folder = config, part, average.requires_grad_(False), folder
        self.optimizers = list(optimizers)
        self.step = 0
        self.stopping = False
        average.load_state_dict(part.state_dict())

    @abstractmethod
    def batches(self) -> Iterator[BatchT]:
        """The batches of `step` and all later ones; which one belongs to a step depends on the seed and it alone."""

    @abstractmethod
    def loss(self, batch: BatchT) -> tuple[Tensor, dict[str, Tensor]]:
        """What is minimised, and what to show of it."""

    @abstractmethod
    def rate(self, steps: int) -> float:
        """Set the rates of this step of `steps`; returns their share of the full ones."""

    @abstractmethod
    def write(self) -> None:
        """The averaged part as a file in the folder, replaced when the new one is whole."""

    def validate(self) -> Mapping[str, float]:
        """Figures of the averaged part, asked for at each save."""
        return {}

    @property
    def clip_norm(self) -> float:
        """Gradients longer than this are cut to it."""
        return 1.0

    def precision(self) -> AbstractContextManager[Any]:
        """bf16 products with fp32 weights, or plain fp32."""
        return torch.autocast("cpu", torch.bfloat16) if self.settings.bf16 else nullcontext()

    def train_step(self, batch: BatchT, steps: int) -> dict[str, float]:
        """One optimizer step of `steps`; returns what to show."""
        share = self.rate(steps)
        total, shown = self.loss(batch)
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.part.parameters(), self.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self._update_average()
        self.step += 1
        return {name: float(value.detach()) for name, value in shown.items()} | {"norm": float(norm), "lr": share}

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.settings.ema, (self.step + 1) / (self.step + 20))
        kept: list[Tensor] = list(self.average.parameters())
        new: list[Tensor] = list(self.part.parameters())
        torch._foreach_lerp_(kept, new, 1.0 - keep)

    def save(self) -> None:
        """State to resume from, and the averaged part; each file is replaced when the new one is whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "step": self.step,
            self.name: self.part.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        partial = self.folder / "resume.pt.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "resume.pt")
        self.write()

    def resume(self) -> bool:
        """Go on from the folder's last state, if there is one; settings may be other ones, shapes may not."""
        path = self.folder / "resume.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        for taker, given in ((self.part, state.get(self.name, {})), (self.average, state["average"])):
            if {k: v.shape for k, v in given.items()} != {k: v.shape for k, v in taker.state_dict().items()}:
                raise InputError(f"a run of another {self.name}", path, "other shapes", "the config it began with")
            taker.load_state_dict(given)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            load_moments(optimizer, saved)
        self.step = state["step"]
        return True

    def run(self, steps: int, progress: Show = lambda step, shown: None, minutes: float = math.inf) -> None:
        """Train to `steps`, to SIGTERM or SIGINT, or for `minutes`; saves at the end either way."""
        deadline_s = time.monotonic() + 60.0 * minutes
        batches = self.batches()
        with on_stop_signals(self.stop):
            while self.step < steps and not self.stopping and time.monotonic() < deadline_s:
                began_s = time.monotonic()
                batch = next(batches)
                made_s = time.monotonic()
                shown = self.train_step(batch, steps)
                shown |= {"make_s": made_s - began_s, "step_s": time.monotonic() - began_s}
                self._tell(progress, shown)
                if self.step % self.settings.save_every == 0:
                    self.save()
                    if figures := self.validate():
                        self._tell(progress, {f"val_{name}": figure for name, figure in figures.items()})
            self.save()

    def stop(self) -> None:
        """End the run after the step that is under way."""
        self.stopping = True

    def _tell(self, progress: Show, shown: Mapping[str, float]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step} | {k: round(v, 4) for k, v in shown.items()}) + "\n")
        progress(self.step, shown)

"""The training loop, one for a laptop and a cluster: take a batch, step, save, go on where it stopped."""

import json
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from microturn.core.errors import InputError
from microturn.data.mixture import Clips
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import save_checkpoint
from microturn.model.interaction import VOICE, InteractionModel, init_weights
from microturn.model.voice import Voice
from microturn.train.batch import Batch
from microturn.train.config import TrainConfig
from microturn.train.distributed import Processes, on_stop_signals, own_part, shard, whole, whole_state
from microturn.train.loss import LossWeights, losses
from microturn.train.optim import average_gradients, load_moments, lr_share, make_optimizers, set_lr
from microturn.train.render import Batches

Show = Callable[[int, Mapping[str, float]], None]
Validate = Callable[[InteractionModel, TextTokenizer], Mapping[str, float]]
"""Figures of a model by name; called by rank 0 alone, with the averaged weights."""
SIGHT = "fusion.sight."
"""How names of the eye's parameters begin."""


def _is_new_to(model: InteractionModel, name: str) -> bool:
    """Whether a parameter belongs to a layer beyond the last one of `model`, or to an ear or an eye it has not."""
    if name.startswith("fusion.own."):
        return model.config.voice is None
    if name.startswith(SIGHT):
        return model.config.sight is None
    if name == "heard_gain":
        return not model.config.reads_heard
    prefix, _, rest = name.partition("backbone.layers.")
    return not prefix and rest != "" and int(rest.split(".")[0]) >= model.config.backbone.layers


def _with_voice_of(own: dict[str, Tensor], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """`given`, with the voice of `own` where it has none, or one of other shapes."""
    shapes = [{n: t.shape for n, t in state.items() if n.startswith(VOICE)} for state in (own, given)]
    if shapes[0] == shapes[1]:
        return given
    rest = {name: tensor for name, tensor in given.items() if not name.startswith(VOICE)}
    return rest | {name: tensor for name, tensor in own.items() if name.startswith(VOICE)}


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
        config, processes = self.config, self.processes
        self.batches = Batches(config, self.clips, self.tokenizer, processes.rank)
        self.model = InteractionModel(config.model).to(processes.device)
        init_weights(self.model, config.seed)
        if self.model.voice is not None:
            self.model.voice.requires_grad_(False)  # trained by itself, carried along
        if self.model.fusion.sight is not None and config.hold_eye:
            self.model.fusion.sight.requires_grad_(False)
        self.average = InteractionModel(config.model).to(processes.device).requires_grad_(False)
        self.average.load_state_dict(self.model.state_dict())
        self.sharded = processes.shares_parameters(config.shard)
        self.forward: Callable[..., Any] = self.model
        if self.sharded:
            self._shard()
        elif config.compile:
            self.forward = torch.compile(self.model, dynamic=False)  # one shape, or two where some steps have cameras
        self.optimizers = make_optimizers(self.model, config.optim, processes.rank, processes.world)

    def _shard(self) -> None:
        if self.config.compile:
            for layer in self.model.backbone.layers:
                layer.compile()  # within a layer nothing is gathered, so each compiles as a whole
        for model in (self.model, self.average):
            shard(model, self.processes, self.config.bf16)

    def precision(self) -> AbstractContextManager[Any]:
        """bf16 products with fp32 weights, or plain fp32."""
        return torch.autocast(self.processes.device, torch.bfloat16) if self.config.bf16 else nullcontext()

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One optimizer step; returns what to show."""
        share = lr_share(self.step, self.config.steps, self.config.optim)
        set_lr(self.optimizers, self.config.optim, share)
        with self.precision():
            hidden, tapped = self.forward(*batch.inputs)
            loss = losses(self.model, batch, LossWeights(heard=self.config.heard_weight), hidden, tapped)
        loss.total.backward()
        if not self.sharded:  # FSDP2 has averaged already
            average_gradients(self.model, self.processes.world)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optim.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self._update_average()
        self.step += 1
        shown = {"decide": float(loss.decide), "heard": float(loss.heard), "view": float(loss.view)}
        return shown | {"norm": float(whole(norm)), "lr": share}

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.config.ema, (self.step + 1) / (self.step + 20))
        pairs = zip(self.average.parameters(), self.model.parameters(), strict=True)
        trained: list[tuple[Tensor, Tensor]] = [(kept, new) for kept, new in pairs if new.requires_grad]
        torch._foreach_lerp_([kept for kept, _ in trained], [new for _, new in trained], 1.0 - keep)

    def whole_average(self) -> InteractionModel:
        """The averaged weights as a model of its own process; all processes must ask."""
        if not self.sharded:
            return self.average
        gathered = InteractionModel(self.config.model)
        gathered.load_state_dict(whole_state(self.average.state_dict()))
        return gathered.to(self.processes.device).requires_grad_(False)

    def save(self) -> None:
        """State to resume from, and the averaged weights as a checkpoint. All must call, only rank 0 writes.

        Both files are replaced when the new ones are whole: a save that is killed leaves the old state.
        """
        state = {
            "step": self.step,
            "model": whole_state(self.model.state_dict()),
            "average": whole_state(self.average.state_dict()),
            "optimizers": [whole_state(o.state_dict()) for o in self.optimizers],
        }
        average = self.whole_average()
        if self.processes.rank != 0:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / "resume.pt.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "resume.pt")
        notes = {"step": self.step, "streams": self.config.streams * self.processes.world}
        save_checkpoint(self.folder / "model.safetensors", average, self.tokenizer, notes)

    def resume(self) -> bool:
        """Go on from the folder's last state, if there is one; settings may be other ones, shapes may not."""
        path = self.folder / "resume.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.processes.device, weights_only=True)
        self._take(state["model"], state["average"], path)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            load_moments(optimizer, saved)
        self.step = state["step"]
        return True

    def begin_with(self, model: InteractionModel) -> None:
        """Begin a new run with the weights of a model of the same shapes, or of one with fewer layers or no voice.

        Layers it does not have are added on top as they begin in a fresh model, where they pass on what they get. So
        are the ear of a model with a voice for itself, its sight, and the voice where there is none of these shapes.
        """
        fresh = whole_state(self.model.state_dict())
        added = {name: tensor for name, tensor in fresh.items() if _is_new_to(model, name)}
        given = {**model.state_dict(), **added}
        self._take(given, given, "weights")

    def carry_voice(self, voice: Voice) -> None:
        """Take along a voice that was trained apart, vocoder included: it sounds in validation and in checkpoints."""
        for model in (self.model, self.average):
            own = {} if model.voice is None else model.voice.state_dict()
            if {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in voice.state_dict().items()}:
                raise InputError("a voice that does not fit", "training", "other shapes", "a voice of the same recipe")
            assert model.voice is not None
            model.voice.load_state_dict(voice.state_dict())

    def carry_eye(self, eye: Mapping[str, Tensor]) -> None:
        """Begin with an eye that was trained apart, in place of a fresh one."""
        named = {SIGHT + name: tensor for name, tensor in eye.items()}
        fresh = whole_state(self.model.state_dict())
        given = {**fresh, **named}
        self._take(given, given, "eye")

    def _take(self, model: dict[str, Tensor], average: dict[str, Tensor], where: object) -> None:
        for taker, given in ((self.model, model), (self.average, average)):
            own = taker.state_dict()
            given = _with_voice_of(own, given)
            if {k: v.shape for k, v in given.items()} != {k: v.shape for k, v in own.items()}:
                raise InputError("a run of another model", where, "other shapes", "the recipe it began with")
            taker.load_state_dict({name: own_part(tensor, own[name]) for name, tensor in given.items()})

    def run(self, show: Show, minutes: float = math.inf, validate: Validate | None = None) -> None:
        """Train to `config.steps`, to SIGTERM or SIGINT, or for `minutes`; saves at the end either way."""
        deadline_s = time.monotonic() + 60.0 * minutes
        batches = self.batches.since(self.step)
        with on_stop_signals(self.stop):
            while self.step < self.config.steps:
                if self.processes.any(self.stopping or time.monotonic() > deadline_s):
                    break
                began_s = time.monotonic()
                batch = next(batches)
                rendered_s = time.monotonic()
                shown = self.train_step(Batch(*(t.to(self.processes.device) for t in batch)))
                if self.config.seeing is not None:
                    shown["seeing"] = float(batch.pairs_BVPHWC.shape[1] > 0)
                shown |= {"render_s": rendered_s - began_s, "step_s": time.monotonic() - began_s}
                self._tell(show, shown)
                if self.step % self.config.save_every == 0:
                    self.save()
                if validate and self.step % self.config.validate_every == 0:
                    self._validate(validate, show)
            self.save()

    def stop(self) -> None:
        """End the run after the step that is under way."""
        self.stopping = True

    def _validate(self, validate: Validate, show: Show) -> None:
        average = self.whole_average()
        if self.processes.rank == 0:
            figures = validate(average, self.tokenizer)
            self._tell(show, {f"val_{name}": float(value) for name, value in figures.items()})

    def _tell(self, show: Show, shown: Mapping[str, float]) -> None:
        if self.processes.rank == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "log.jsonl").open("a") as file:
                file.write(json.dumps({"step": self.step} | {k: round(v, 4) for k, v in shown.items()}) + "\n")
            show(self.step, shown)

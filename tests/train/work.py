"""What two processes do in the tests of distributed training; everything they find goes into a file a rank."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from microturn.media.text import TextTokenizer
from microturn.model.interaction import InteractionModel
from microturn.train.config import TrainConfig
from microturn.train.distributed import Processes, launch, whole
from microturn.train.loop import Trainer
from microturn.train.loss import LossWeights, losses
from microturn.train.optim import Muon, OptimConfig, average_gradients
from tests.train.toy import ToneClips, toy_config, toy_tokenizer

ALONE = Processes()


def trainer(config: TrainConfig, folder: Path, processes: Processes = ALONE) -> Trainer:
    """A trainer in the toy world."""
    return Trainer(config, ToneClips(), toy_tokenizer(), folder, processes)


def gradients(config: TrainConfig, folder: Path, processes: Processes) -> dict[str, torch.Tensor]:
    """Of this process's first batch."""
    one = trainer(config, folder, processes)
    batch = one.batches[0]
    hidden, tapped = one.model(*batch.inputs)
    losses(one.model, batch, LossWeights(), hidden, tapped).total.backward()
    average_gradients(one.model, processes.world)
    return {name: p.grad for name, p in one.model.named_parameters() if p.grad is not None}


def muon_step(processes: Processes) -> dict[str, torch.Tensor]:
    """Three matrices after one step with the same gradients everywhere."""
    generator = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.zeros(8 * n, 24)) for n in (1, 2, 3)]
    for parameter in params:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    Muon(params, OptimConfig(), processes.rank, processes.world).step()
    return {str(index): parameter.detach() for index, parameter in enumerate(params)}


def figures_of(model: InteractionModel, tokenizer: TextTokenizer) -> dict[str, float]:
    """A validation that says how big the model is."""
    return {"numbers": float(sum(p.numel() for p in model.parameters()))}


@dataclass(frozen=True)
class Both:
    """Averaged gradients, a step of Muon, then a run with copies and one with shards, each resumed half-way."""

    folder: Path

    def __call__(self, processes: Processes, /) -> None:
        found = {"gradients": gradients(toy_config(), self.folder, processes), "muon": muon_step(processes)}
        for shard in ("never", "always"):
            config = replace(toy_config(), shard=shard, validate_every=4)
            folder = self.folder / shard
            first = trainer(config, folder, processes)
            first.run(lambda step, shown, t=first: t.stop() if step == 2 else None)
            torch.distributed.barrier()
            second = trainer(config, folder, processes)
            assert second.resume()
            second.run(lambda step, shown: None, validate=figures_of)
            found[shard] = {name: whole(p).detach() for name, p in second.model.named_parameters()}
        torch.save(found, self.folder / f"rank{processes.rank}.pt")


def run_both(folder: Path) -> list[dict[str, dict[str, torch.Tensor]]]:
    """What both ranks found."""
    launch(Both(folder), 2)
    return [torch.load(folder / f"rank{rank}.pt") for rank in (0, 1)]

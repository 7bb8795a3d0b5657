"""The batches of a run, one a step, made ahead by worker processes where asked. Shapes and targets are batch.py's."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from torch.utils.data import DataLoader, Dataset

from microturn.data.agent import AgentVoice
from microturn.data.mixture import Clips, build_stream
from microturn.media.text import TextTokenizer
from microturn.train.batch import Batch, make_batch
from microturn.train.config import TrainConfig

AHEAD = 2
SEEING_SALT = 31  # kinds of steps are drawn apart from what the steps hold


@dataclass(frozen=True)
class Batches(Dataset[Batch]):
    """Batch of step i at index i: it depends on seed, step and rank alone, and its kind on seed and step alone."""

    config: TrainConfig
    clips: Clips
    tokenizer: TextTokenizer
    rank: int
    agent: AgentVoice = field(default_factory=AgentVoice)

    def __getitem__(self, index: int) -> Batch:
        config = self.config
        rng = np.random.default_rng([config.seed, index, self.rank])
        mel, mix, cameras = config.model.mel, config.mix, None
        if config.seeing is not None:
            cameras = self.is_seeing(index)
            mix = config.seeing if cameras else config.mix
        streams = [build_stream(self.clips, rng, mix, mel, self.agent) for _ in range(config.streams)]
        return make_batch(streams, self.tokenizer, config.model, config.batch, rng, cameras)

    def is_seeing(self, index: int) -> bool:
        """Whether the streams of a step have cameras; the same for all processes."""
        rng = np.random.default_rng([self.config.seed, index, 0, SEEING_SALT])
        return bool(rng.random() < self.config.seeing_share)

    def since(self, step: int) -> Iterator[Batch]:
        """Batches of `step` to the last one, in order, whoever renders them."""
        steps = range(step, self.config.steps)
        workers = self.config.render_workers
        if not workers:
            return (self[index] for index in steps)
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=steps,
            num_workers=workers,
            prefetch_factor=AHEAD,
            worker_init_fn=leave_signals_to_the_trainer,
            multiprocessing_context="fork",  # clips stay memory-mapped, shared, and are not opened again
        )
        return iter(loader)


def leave_signals_to_the_trainer(worker: int) -> None:
    """A stop from the keyboard reaches the whole group; the trainer ends its workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

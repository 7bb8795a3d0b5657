"""Everything that decides a training run, but for the clips and the folder. No behaviour."""

from dataclasses import dataclass, field
from typing import Literal

from microturn.core.errors import ConfigError
from microturn.data.mixture import MixConfig
from microturn.model.config import InteractionConfig
from microturn.train.batch import BatchConfig
from microturn.train.optim import OptimConfig


@dataclass(frozen=True)
class TrainConfig:
    """`streams` a process and step; `ema`: share of the averaged weights kept each step.

    `shard`: whether parameters are spread over the processes (FSDP2); "auto" does so for several GPUs.
    `render_workers`: processes that make batches ahead, for each training process; 0 makes them in between steps.
    """

    model: InteractionConfig = field(default_factory=InteractionConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    mix: MixConfig = field(default_factory=MixConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    heard_weight: float = 0.5
    streams: int = 4
    steps: int = 4_000
    ema: float = 0.998
    save_every: int = 200
    validate_every: int = 1_000
    seed: int = 0
    bf16: bool = True
    compile: bool = True
    shard: Literal["auto", "always", "never"] = "auto"
    render_workers: int = 0

    def __post_init__(self) -> None:
        if self.mix.ticks < self.batch.ticks:
            came = f"mix.ticks = {self.mix.ticks}"
            raise ConfigError("streams shorter than a batch", "TrainConfig", came, f"batch.ticks = {self.batch.ticks}")
        if self.model.voice is not None and not self.mix.spoken:
            raise ConfigError("a voice that nothing teaches", "TrainConfig", "mix.spoken = False", "mix.spoken = True")
        for name in ("streams", "save_every", "validate_every"):
            if getattr(self, name) < 1:
                raise ConfigError("too few", f"TrainConfig.{name}", getattr(self, name), "1 or more")

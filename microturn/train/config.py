"""Everything that decides a training run, but for the clips and the folder. No behaviour."""

from dataclasses import dataclass, field
from typing import Literal

from microturn.core.errors import ConfigError
from microturn.data.mixture import MixConfig
from microturn.data.scenarios import SIGHT_SKILLS
from microturn.model.config import InteractionConfig
from microturn.train.batch import BatchConfig
from microturn.train.optim import OptimConfig


@dataclass(frozen=True)
class TrainConfig:
    """`streams` a process and step; `ema`: share of the averaged weights kept each step.

    `shard`: whether parameters are spread over the processes (FSDP2); "auto" does so for several GPUs.
    `render_workers`: processes that make batches ahead, for each training process; 0 makes them in between steps.

    `seeing`: the mix of `seeing_share` of the steps, whose streams have cameras; all other steps are of `mix` and have
    none. A step is of one kind for all processes, for the two have other shapes. `hold_eye`: what turns pictures into
    positions stays as it came (`train.eye`), which spares half the time that it takes.
    """

    model: InteractionConfig = field(default_factory=InteractionConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    mix: MixConfig = field(default_factory=MixConfig)
    seeing: MixConfig | None = None
    seeing_share: float = 0.0
    hold_eye: bool = False
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
        if self.seeing is not None:
            self._check_seeing(self.seeing)
        elif self.seeing_share:
            came = f"seeing_share = {self.seeing_share}"
            raise ConfigError("nothing to see in these steps", "TrainConfig", came, "a mix for them, seeing")
        for name in ("streams", "save_every", "validate_every"):
            if getattr(self, name) < 1:
                raise ConfigError("too few", f"TrainConfig.{name}", getattr(self, name), "1 or more")

    def _check_seeing(self, seeing: MixConfig) -> None:
        if self.model.sight is None:
            raise ConfigError("cameras that nobody sees", "TrainConfig", "model.sight = None", "a SightConfig")
        for name in ("ticks", "spoken"):
            if getattr(seeing, name) != getattr(self.mix, name):
                came = f"seeing.{name} = {getattr(seeing, name)}"
                raise ConfigError("mixes that differ", "TrainConfig", came, f"mix.{name} = {getattr(self.mix, name)}")
        unseen = [skill for skill in SIGHT_SKILLS if self.mix.skills.get(skill, 1.0) > 0]
        if unseen:
            came = f"mix.skills with {', '.join(unseen)}"
            raise ConfigError("scenes in steps without cameras", "TrainConfig", came, "a weight of 0 for each")

"""Begin or resume a run: pool and tokenizer in, processes launched, progress shown. The loop itself is loop.py."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from microturn.core.config import to_dict
from microturn.data.speakers import Cast
from microturn.media.text import TextTokenizer
from microturn.train.distributed import Processes, launch
from microturn.train.loop import TrainConfig, Trainer


def train(config: TrainConfig, pools: Sequence[Path], tokenizer: TextTokenizer, folder: Path, processes: int = 1) -> None:
    """Train in `folder` with clips from `pools`; a folder with a state in it is resumed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(to_dict(config), indent=1) + "\n")
    launch(_Work(config, tuple(pools), tokenizer.dumps(), folder), processes)


@dataclass(frozen=True)
class _Work:
    """One process's part; picklable."""

    config: TrainConfig
    pools: tuple[Path, ...]
    tokenizer: str
    folder: Path

    def __call__(self, processes: Processes, /) -> None:
        if processes.device == "cpu":
            torch.set_num_threads(1)
        tokenizer = TextTokenizer.load(self.tokenizer)
        trainer = Trainer(self.config, Cast(self.pools), tokenizer, self.folder, processes)
        resumed = trainer.resume()
        show = Progress(self.config, trainer.step, resumed) if processes.rank == 0 else lambda step, shown: None
        trainer.run(show)


class Progress:
    """One line now and then: step, losses, throughput, time left."""

    def __init__(self, config: TrainConfig, first_step: int, resumed: bool, every_s: float = 10.0) -> None:
        self.config, self.every_s = config, every_s
        self.began = self.shown_at = time.monotonic()
        self.first_step = first_step
        self.console = Console()
        self.console.print(f"{'resumed at' if resumed else 'begins at'} step {first_step} of {config.steps}")

    def __call__(self, step: int, shown: dict[str, float]) -> None:
        now = time.monotonic()
        if now - self.shown_at < self.every_s and step < self.config.steps:
            return
        self.shown_at = now
        a_step_s = (now - self.began) / (step - self.first_step)
        heard_s = self.config.streams * self.config.batch.ticks * 0.2 / shown["step_s"]
        left_min = (self.config.steps - step) * a_step_s / 60
        self.console.print(
            f"step {step}/{self.config.steps}  decide {shown['decide']:.3f}  heard {shown['heard']:.3f}  "
            f"norm {shown['norm']:.2f}  {a_step_s:.2f} s/step  render {shown['render_s']:.2f} s  "
            f"{heard_s:.0f} s of sound/s/process  {left_min:.0f} min left"
        )

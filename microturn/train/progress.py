"""What a run shows: a bar on a terminal, else a line now and then. Losses, throughput, time left; decides nothing."""

import time
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from microturn.core.clock import TICK_MS
from microturn.train.config import TrainConfig

SMOOTHING = 0.95


class TrainProgress:
    """Called after every step with its figures; those that begin with "val_" get a line of their own.

    Losses are running means; throughput is seconds of sound heard a second by all `world` processes together.
    """

    def __init__(
        self,
        config: TrainConfig,
        first_step: int,
        world: int = 1,
        console: Console | None = None,
        every_s: float = 10.0,
    ) -> None:
        self.config, self.every_s = config, every_s
        self.sound_s = config.streams * config.batch.ticks * TICK_MS / 1000 * world
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.began_s = self.shown_at_s = time.monotonic()
        self.first_step = first_step
        self.means: dict[str, float] = {}
        self.bar = Progress(
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"), BarColumn(), TimeElapsedColumn(),
            TextColumn("{task.description}"), console=self.console,
        )  # fmt: skip
        self.task: TaskID = self.bar.add_task("", total=config.steps, completed=first_step)
        self.console.print(f"{'resumed' if first_step else 'begins'} at step {first_step} of {config.steps}")

    def __enter__(self) -> "TrainProgress":
        if self.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self.bar.stop()

    def __call__(self, step: int, shown: Mapping[str, float]) -> None:
        if "decide" not in shown:
            self.console.print(
                f"step {step}  " + "  ".join(f"{k.removeprefix('val_')} {v:.3f}" for k, v in shown.items())
            )
            return
        for name, value in shown.items():
            self.means[name] = SMOOTHING * self.means.get(name, value) + (1.0 - SMOOTHING) * value
        now_s = time.monotonic()
        step_s = (now_s - self.began_s) / max(1, step - self.first_step)
        line = self._line(step, step_s)
        if self.console.is_terminal:
            self.bar.update(self.task, completed=step, description=line)
        elif now_s - self.shown_at_s >= self.every_s or step >= self.config.steps:
            self.shown_at_s = now_s
            self.console.print(f"step {step}/{self.config.steps}  {line}")

    def _line(self, step: int, step_s: float) -> str:
        left_min = (self.config.steps - step) * step_s / 60
        means = self.means
        return (
            f"decide {means['decide']:.3f}  heard {means['heard']:.3f}  norm {means['norm']:.2f}  {step_s:.2f} s/step  "
            f"render {means['render_s']:.2f} s  {self.sound_s / step_s:.0f} s of sound/s  {left_min:.0f} min left"
        )

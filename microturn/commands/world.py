"""`microturn eval world` and `microturn data preview`: how well a model does in the world, and how the world sounds."""

import sys
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from microturn.commands.places import writable_file
from microturn.commands.weights import weights_file
from microturn.core.errors import InputError
from microturn.data.splits import Split
from microturn.eval import world
from microturn.eval.report import table

EXAMINED: dict[str, tuple[Split, tuple[str, ...]]] = {
    "test": ("test", world.GROUPS),
    "val": ("val", ("unseen synthetic",)),  # no natural voice is kept for validation
}


def evaluate(out: Path, weights: Path | None, per_skill: int, split: str, cache: Path | None) -> None:
    """Examine a checkpoint, write the report and print it as a table."""
    if split not in EXAMINED:
        raise InputError("no such split", "--split", repr(split), "test or val")
    path = weights_file(weights)
    writable_file(out)
    torch.set_num_threads(1)
    chosen, groups = EXAMINED[split]
    config = world.EvalConfig(split=chosen, groups=groups, per_skill=per_skill)
    columns = (TextColumn("scenarios"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("scenarios", total=None)
        report = world.evaluate(
            path,
            config,
            out=out,
            cache=cache,
            command=" ".join(["microturn", *sys.argv[1:]]),
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    console = Console(soft_wrap=True)
    console.print(table(report.groups))
    console.print(f"report: {out}", markup=False)

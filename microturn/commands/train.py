"""`microturn train` and `microturn data pool`: a recipe's clips and its run, both going on where they stopped."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from microturn.commands.places import writable_folder
from microturn.commands.progress import progress
from microturn.core.errors import InputError
from microturn.core.events import parse_object
from microturn.data.pool import JOBS_PER_SHARD, build_pool
from microturn.data.speakers import CastConfig, cast, jobs, plan, write_plan
from microturn.data.vocabulary import world_tokenizer
from microturn.recipes.tiny import tiny, toy
from microturn.train.loop import TrainConfig
from microturn.train.start import train as train_run

DEGRADED_SHARE = 0.3


@dataclass(frozen=True)
class Recipe:
    """What is trained, and who speaks to it."""

    config: Callable[[], TrainConfig]
    cast: CastConfig


RECIPES = {
    "tiny": Recipe(tiny, CastConfig()),
    "toy": Recipe(toy, CastConfig(natural_tracts=1, synthetic_tracts=1, scripts_per_skill=1)),
}


def train(out: Path, pools: list[Path], name: str, steps: int | None, processes: int) -> None:
    """Make the pool if there is none or half of one, then train or go on training."""
    recipe = _recipe(name)
    writable_folder(out)
    console = Console(highlight=False, soft_wrap=True)
    if not pools:
        pools = [out / "pool"]
        pool(pools[0], name, processes)
    for folder in pools:
        if not _is_whole(folder):
            raise InputError("no whole pool", folder, "a part" if folder.is_dir() else "nothing", _make(folder, name))
    config = recipe.config() if steps is None else _with_steps(name, steps)
    console.print("learning the vocabulary")
    try:
        train_run(config, pools, world_tokenizer(), out, processes)
    except KeyboardInterrupt:
        console.print("stopping; what was learnt is being saved, and the same command goes on from there")
        return
    console.print(f"the model is {out / 'model.safetensors'}", markup=False)


def pool(out: Path, name: str, processes: int) -> None:
    """Speak what the recipe's cast has to say, unless that is done."""
    recipe = _recipe(name)
    if _is_whole(out):
        Console(soft_wrap=True).print(f"{out}: the pool is whole", markup=False)
        return
    writable_folder(out)
    speakers = cast(recipe.cast)
    planned = plan(recipe.cast, speakers)
    lines = list(jobs(recipe.cast, speakers, planned))
    with progress("clips") as report:
        build_pool(lines, out, processes, recipe.cast.seed, DEGRADED_SHARE, report)
    write_plan(out, recipe.cast, planned)


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise InputError("no such recipe", "--recipe", repr(name), " or ".join(RECIPES))
    return RECIPES[name]


def _with_steps(name: str, steps: int) -> TrainConfig:
    return tiny(steps) if name == "tiny" else replace(RECIPES[name].config(), steps=steps)


def _is_whole(folder: Path) -> bool:
    """Whether every shard and the plan are there; the plan is written last."""
    header = folder / "pool.json"
    if not header.is_file() or not (folder / "plan.jsonl").is_file():
        return False
    shards = -(-int(parse_object(header.read_bytes(), str(header)).get("n_jobs", 0)) // JOBS_PER_SHARD)
    return len(list(folder.glob("shard-*"))) >= shards


def _make(folder: Path, name: str) -> str:
    return f"a pool made by `microturn data pool --recipe {name} --out {folder}`"

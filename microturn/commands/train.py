"""`microturn train` and `microturn data pool`: a recipe's clips and its run, both going on where they stopped."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from microturn.commands.places import writable_folder
from microturn.commands.progress import progress
from microturn.core.errors import InputError
from microturn.core.events import parse_object
from microturn.data.pool import JOBS_PER_SHARD
from microturn.data.render import RenderConfig
from microturn.data.speakers import cast_folder, make_pool, pools_in
from microturn.data.vocabulary import world_tokenizer
from microturn.eval import world
from microturn.eval.sessions import HearConfig
from microturn.media.text import TextTokenizer
from microturn.model.interaction import InteractionModel
from microturn.recipes.tiny import RECIPES, Recipe
from microturn.train.start import Sounding
from microturn.train.start import train as train_run


@dataclass(frozen=True)
class WorldValidation:
    """Event F1 on the val split, for the log of a run; `cache` keeps the rendered sound between two validations."""

    cache: Path
    per_skill: int = 2

    def __call__(self, model: InteractionModel, tokenizer: TextTokenizer) -> Mapping[str, float]:
        rendering = world.as_sounding(RenderConfig(), model)
        scenarios = world.validation_scenarios(self.per_skill, config=rendering, skills=world.skills_of(model))
        report = world.validate(model, tokenizer, scenarios, HearConfig(cache=self.cache))
        return {
            "macro_f1": report.macro_f1,
            "time_f1": report.macro_time_f1,
            "content_f1": report.macro_content_f1,
            "word_error": report.word_error,
            "false_per_min": report.overall.false_per_min,
        }


def train(
    out: Path,
    pools: list[Path],
    name: str,
    steps: int | None,
    processes: int,
    minutes: float | None = None,
    weights: Path | None = None,
    sounding: Sounding | None = None,
    eye: Path | None = None,
) -> None:
    """Make the pool if there is none or half of one, then train or go on training."""
    recipe = _recipe(name)
    writable_folder(out)
    console = Console(highlight=False, soft_wrap=True)
    if not pools:
        pools = [out / "pool"]
        pool(pools[0], name, processes)
    pools = [folder for given in pools for folder in pools_in(given)]
    for folder in pools:
        if not _is_whole(folder):
            raise InputError("no whole pool", folder, "a part" if folder.is_dir() else "nothing", _make(folder, name))
    config = recipe.train(steps or recipe.steps)
    console.print("learning the vocabulary")
    limit = math.inf if minutes is None else minutes
    validation = WorldValidation(out / "validation")
    train_run(config, pools, world_tokenizer(), out, processes, limit, validation, weights, sounding, eye)
    console.print(f"the model is {out / 'model.safetensors'}; the same command goes on from there", markup=False)


def sounding_parts(voice: Path | None, vocoder: Path | None) -> Sounding | None:
    """Both files or none."""
    if voice is None and vocoder is None:
        return None
    if voice is None or vocoder is None:
        came = "--vocoder alone" if voice is None else "--voice alone"
        raise InputError("half of a voice", "train", came, "--voice FILE and --vocoder FILE")
    return Sounding(voice, vocoder)


def pool(out: Path, name: str, processes: int) -> None:
    """Speak what the recipe's casts have to say, a folder each, unless that is done."""
    for config in _recipe(name).casts:
        folder = cast_folder(out, config)
        if _is_whole(folder):
            Console(soft_wrap=True).print(f"{folder}: the pool is whole", markup=False)
            continue
        writable_folder(folder)
        with progress("clips") as report:
            make_pool(config, folder, processes, report)


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise InputError("no such recipe", "--recipe", repr(name), " or ".join(RECIPES))
    return RECIPES[name]


def _is_whole(folder: Path) -> bool:
    """Whether every shard and the plan are there; the plan is written last."""
    header = folder / "pool.json"
    if not header.is_file() or not (folder / "plan.jsonl").is_file():
        return False
    shards = -(-int(parse_object(header.read_bytes(), str(header)).get("n_jobs", 0)) // JOBS_PER_SHARD)
    return len(list(folder.glob("shard-*"))) >= shards


def _make(folder: Path, name: str) -> str:
    return f"a pool made by `microturn data pool --recipe {name} --out {folder}`"

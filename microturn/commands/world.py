"""`microturn eval world`, `eval bias` and `data preview`: how a model does in the world, and how the world sounds."""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from microturn.commands.places import writable_file, writable_folder
from microturn.commands.progress import progress
from microturn.commands.weights import open_weights, weights_file
from microturn.core.errors import InputError
from microturn.data.preview import preview as preview_page
from microturn.data.render import RenderConfig
from microturn.data.scenarios import ALL_SKILLS, SIGHT_SKILLS
from microturn.data.splits import SPLITS, Split
from microturn.eval import world
from microturn.eval.report import table
from microturn.eval.sessions import HearConfig
from microturn.model.sampling import noted_sampling

EXAMINED: dict[str, tuple[Split, tuple[str, ...]]] = {
    "test": ("test", (*world.GROUPS, world.SEEN_LOOKS)),
    "val": ("val", ("unseen synthetic", world.SEEN_LOOKS)),  # no natural voice is kept for validation
}

SIGHT = "sight"  # all skills of sight
BIAS_GROUPS = ("unseen synthetic", "seen")
BIAS_SEED = 1


def evaluate(
    out: Path,
    weights: Path | None,
    per_skill: int,
    split: str,
    skills: list[str],
    cache: Path | None,
    asked_groups: list[str],
    batch: int = 8,
    echo_db: float | None = None,
    blind: bool = False,
) -> None:
    """Examine a checkpoint, write the report and print it as a table."""
    if split not in EXAMINED:
        raise InputError("no such split", "--split", repr(split), "test or val")
    skills = [one for skill in skills for one in (SIGHT_SKILLS if skill == SIGHT else (skill,))]
    _check_skills(skills)
    path = weights_file(weights)
    writable_file(out)
    torch.set_num_threads(1)
    chosen, groups = EXAMINED[split]
    for group in asked_groups:
        if group not in groups:
            raise InputError("no such group", "--group", repr(group), "one of " + ", ".join(groups))
    config = world.EvalConfig(
        split=chosen, groups=tuple(asked_groups) or groups, skills=tuple(skills) or None, per_skill=per_skill,
        batch=batch, echo_db=echo_db, blind=blind,
    )  # fmt: skip
    with progress("scenarios") as report_progress:
        command = " ".join(["microturn", *sys.argv[1:]])
        report = world.evaluate(path, config, out=out, cache=cache, command=command, progress=report_progress)
    console = Console(soft_wrap=True)
    for shown in (table(report.groups), world.sight_table(report.groups)):
        if shown is not None:
            console.print(shown)
    console.print(f"report: {out}", markup=False)


def bias(weights: Path | None, per_skill: int, biases: list[float], skills: list[str], cache: Path | None) -> None:
    """Try biases of <listen> on the val split and say which one keeps false speech low at the best event F1."""
    _check_skills(skills)
    checkpoint = open_weights(weights)
    torch.set_num_threads(1)
    rendering = world.as_sounding(RenderConfig(), checkpoint.model)
    chosen = tuple(skills) or world.skills_of(checkpoint.model)
    scenarios = world.world_scenarios("val", BIAS_GROUPS, per_skill, BIAS_SEED, chosen, rendering)
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{len(scenarios)} scenarios of the val split; more bias is quieter")
    hear = HearConfig(sampling=noted_sampling(checkpoint.notes), cache=cache)
    choice = world.calibrate_listen_bias(
        checkpoint.model, checkpoint.tokenizer, scenarios, hear, biases or world.BIASES
    )
    for tried, report in choice.tried.items():
        mark = "  <- chosen" if tried == choice.listen_bias else ""
        false = f"{report.overall.false_per_min:.2f} false a minute"
        console.print(f"{tried:6.2f}  macro event F1 {report.macro_f1:.3f}, {false}{mark}", markup=False)
    console.print(f"keep it: microturn weights pack ... --listen-bias {choice.listen_bias:g}", markup=False)


def preview(skill: str, seed: int, split: str, out: Path) -> None:
    """Render one scenario into a folder."""
    _check_skills([skill])
    known: dict[str, Split] = {name: name for name in SPLITS}
    if split not in known:
        raise InputError("no such split", "--split", repr(split), "one of " + ", ".join(SPLITS))
    page = preview_page(skill, seed, known[split], writable_folder(out))
    Console(soft_wrap=True, highlight=False).print(f"{page}: the timeline; sound and video are beside it", markup=False)


def _check_skills(skills: Sequence[str]) -> None:
    for skill in skills:
        if skill not in ALL_SKILLS:
            raise InputError("no such skill", "--skill", repr(skill), "one of " + ", ".join(ALL_SKILLS))

"""The examination in the synthetic world: scenarios in, sessions on the engine, figures out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from microturn.core.config import to_dict
from microturn.data.render import RenderConfig
from microturn.data.scenarios import ALL_SKILLS, SKILLS
from microturn.data.splits import Split
from microturn.eval.report import GroupReport, WorldReport, by_group, group_report, sight_table, table, write_report
from microturn.eval.scenarios import (
    GROUPS,
    SEEN_LOOKS,
    WorldScenario,
    blindfolded,
    validation_scenarios,
    world_scenarios,
)
from microturn.eval.sessions import HearConfig, Outcome, Progress, outcomes
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import load_checkpoint, weights_hash
from microturn.model.interaction import InteractionModel
from microturn.model.sampling import SamplingConfig, noted_sampling, sampling_notes

__all__ = [
    "GROUPS", "SEEN_LOOKS", "BiasChoice", "EvalConfig", "GroupReport", "Outcome", "WorldReport", "WorldScenario",
    "as_sounding", "by_group", "calibrate_listen_bias", "evaluate", "sight_table", "skills_of", "table", "validate",
    "validation_scenarios", "world_scenarios", "write_report",
]  # fmt: skip

BIASES = (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
FALSE_PER_MIN_LIMIT = 1.0


@dataclass(frozen=True)
class EvalConfig:
    """What is examined. `listen_bias`, `stop_bias` None: what the checkpoint's notes say, else 0.

    `skills` None: those that need no eyes, and those of sight too where the model has it. `blind`: what has something
    to see comes a second time with every frame black, in groups of its own. `echo_db`: how loud the model's own sound
    comes back to it through a room; None: not at all.
    """

    split: Split = "test"
    groups: tuple[str, ...] = GROUPS
    skills: tuple[str, ...] | None = None
    per_skill: int = 12
    seed: int = 0
    batch: int = 8
    temperature: float = 0.0
    listen_bias: float | None = None
    stop_bias: float | None = None
    echo_db: float | None = None
    blind: bool = False
    device: str = "cpu"
    render: RenderConfig = field(default_factory=RenderConfig)


class BiasChoice(NamedTuple):
    """The bias to ship with, and what was found for every one tried."""

    listen_bias: float
    tried: dict[float, GroupReport]


def evaluate(
    weights: Path,
    config: EvalConfig = EvalConfig(),
    *,
    out: Path | None = None,
    cache: Path | None = None,
    command: str = "",
    progress: Progress = lambda done, total: None,
) -> WorldReport:
    """Examine a checkpoint; `out` gets the report as JSON, `cache` keeps rendered sound for the next time."""
    began = time.monotonic()
    checkpoint = load_checkpoint(weights, config.device)
    sampling = _sampling(config, checkpoint.notes)
    rendering = as_sounding(config.render, checkpoint.model)
    skills = skills_of(checkpoint.model) if config.skills is None else config.skills
    scenarios = world_scenarios(config.split, config.groups, config.per_skill, config.seed, skills, rendering)
    if config.blind:
        scenarios += blindfolded(scenarios)
    hear = HearConfig(config.batch, sampling, cache, config.echo_db)
    found = outcomes(checkpoint.model, checkpoint.tokenizer, scenarios, hear, progress)
    report = WorldReport(
        groups=by_group(found),
        config=to_dict(replace(config, **sampling_notes(sampling), render=rendering, skills=skills)),
        weights=weights.name,
        weights_hash=weights_hash(checkpoint.model),
        notes=checkpoint.notes,
        command=command,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=time.monotonic() - began,
    )
    if out is not None:
        write_report(out, report)
    return report


def _sampling(config: EvalConfig, notes: Mapping[str, Any]) -> SamplingConfig:
    asked = {"listen_bias": config.listen_bias, "stop_bias": config.stop_bias}
    given = {name: bias for name, bias in asked.items() if bias is not None}
    return replace(noted_sampling(notes), temperature=config.temperature, **given)


def skills_of(model: InteractionModel) -> tuple[str, ...]:
    """What this model is examined in where nothing else is asked: skills of sight are for those that see."""
    return SKILLS if model.config.sight is None else ALL_SKILLS


def as_sounding(config: RenderConfig, model: InteractionModel) -> RenderConfig:
    """How scenarios are labelled for this model: if it speaks, what it says takes as long as it sounds."""
    return replace(config, spoken=model.config.voice is not None)


def validate(
    model: InteractionModel,
    tokenizer: TextTokenizer,
    scenarios: Sequence[WorldScenario],
    config: HearConfig = HearConfig(),
) -> GroupReport:
    """Figures of a model in training over all scenarios as one group, say `validation_scenarios()`."""
    training = model.training
    model.eval()
    try:
        return group_report(outcomes(model, tokenizer, scenarios, config))
    finally:
        model.train(training)


def calibrate_listen_bias(
    model: InteractionModel,
    tokenizer: TextTokenizer,
    scenarios: Sequence[WorldScenario],
    config: HearConfig = HearConfig(),
    biases: Sequence[float] = BIASES,
) -> BiasChoice:
    """The bias of the best macro event F1 among those with at most one false utterance a minute.

    Where none is that quiet, the one with the least false speech. Meant for scenarios of the val split.
    """
    tried: dict[float, GroupReport] = {}
    for bias in biases:
        sampling = replace(config.sampling, listen_bias=bias)
        tried[bias] = validate(model, tokenizer, scenarios, replace(config, sampling=sampling))
    quiet = [bias for bias in tried if tried[bias].overall.false_per_min <= FALSE_PER_MIN_LIMIT]
    if quiet:
        return BiasChoice(max(quiet, key=lambda bias: tried[bias].macro_f1), tried)
    return BiasChoice(min(tried, key=lambda bias: tried[bias].overall.false_per_min), tried)

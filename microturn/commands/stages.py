"""`microturn train --stage`: voice and eye are trained apart, then the conversation. Each goes on where it stopped."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from microturn.commands.places import writable_folder
from microturn.commands.progress import progress
from microturn.core.errors import InputError
from microturn.data.vocabulary import world_tokenizer
from microturn.model.config import InteractionConfig, SightConfig, VoiceConfig
from microturn.recipes.tiny import RECIPES
from microturn.train.eye import EyeTrainConfig, train_eye
from microturn.train.vocoder import VocoderTrainConfig, train_vocoder
from microturn.train.voice import VoiceTrainConfig, train_voice

STEPS = {"vocoder": 2_000, "voice": 1_600, "eye": 9_000}


def train_stage(
    stage: str, out: Path, name: str, steps: int | None, minutes: float | None, weights: Path | None = None
) -> None:
    """Train the vocoder (mel to sound), the voice (words to mel) or the eye (pictures to positions) alone.

    `weights`: a checkpoint with whose eye a new run of that stage begins; InputError for another stage.
    """
    if stage not in STEPS:
        raise InputError("no such stage", "--stage", repr(stage), "conversation, voice, vocoder or eye")
    if name not in RECIPES:
        raise InputError("no such recipe", "--recipe", repr(name), " or ".join(RECIPES))
    if weights is not None and stage != "eye":
        raise InputError("begins from nothing", "--from", f"--stage {stage}", "--stage eye, or conversation")
    writable_folder(out)
    limit = math.inf if minutes is None else minutes
    total = steps or STEPS[stage]
    with progress("steps") as report:

        def show(step: int, shown: Mapping[str, float]) -> None:
            report(step, total)

        if stage == "vocoder":
            train_vocoder(VocoderTrainConfig(), out, total, limit, show)
        elif stage == "eye":
            config = EyeTrainConfig(model=_with_sight(RECIPES[name].train(1).model))
            train_eye(config, out, total, limit, show, weights)
        else:
            config = VoiceTrainConfig(model=_with_voice(RECIPES[name].train(1).model))
            train_voice(config, world_tokenizer(), out, total, limit, show, out / "clips")
    done = f"the {stage} is {out / f'{stage}.safetensors'}; the same command goes on from there"
    Console(highlight=False, soft_wrap=True).print(done, markup=False)


def _with_sight(config: InteractionConfig) -> InteractionConfig:
    return config if config.sight else replace(config, sight=SightConfig())


def _with_voice(config: InteractionConfig) -> InteractionConfig:
    return config if config.voice else replace(config, voice=VoiceConfig())

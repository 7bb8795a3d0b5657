"""Begin or resume a run: pool and tokenizer in, processes launched, progress shown. The loop itself is loop.py."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch

from microturn.core.config import to_dict
from microturn.core.errors import InputError
from microturn.data.speakers import Cast, plan_file
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import load_checkpoint
from microturn.model.config import InteractionConfig, VoiceConfig
from microturn.model.vocoder import load_vocoder
from microturn.model.voice import Voice
from microturn.model.voice_file import load_voice
from microturn.train.config import TrainConfig
from microturn.train.distributed import Processes, launch
from microturn.train.eye import load_eye
from microturn.train.loop import Trainer, Validate
from microturn.train.progress import TrainProgress


class Sounding(NamedTuple):
    """Files of the parts that make sound."""

    voice: Path
    vocoder: Path


def train(
    config: TrainConfig,
    pools: Sequence[Path],
    tokenizer: TextTokenizer,
    folder: Path,
    processes: int = 1,
    minutes: float = math.inf,
    validate: Validate | None = None,
    weights: Path | None = None,
    sounding: Sounding | None = None,
    eye: Path | None = None,
) -> None:
    """Train in `folder` with clips from `pools`; a folder with a state in it is resumed, with its own tokenizer.

    A new run begins with the weights and the tokenizer of the checkpoint `weights`, if one is given; a checkpoint with
    fewer layers than `config` asks for gets the missing ones on top, one without a voice of these shapes a fresh one.

    `sounding`: a voice and a vocoder that were trained apart, for the model to carry; without them its sound is noise.
    `eye`: what the stage of that name made, for a new run of a model with sight.

    It may be resumed with other settings, more steps or an earlier decay for instance; `starts.jsonl` keeps them all.
    Ends at `config.steps`, after `minutes`, or at SIGTERM or SIGINT, and can go on from there each time.
    `validate` is pickled when there are several processes. Raises InputError where no pool is, or another model.
    """
    for pool in pools:
        plan_file(pool)
    model_file = folder / "model.safetensors"
    resumed = (folder / "resume.pt").exists() and model_file.exists()
    begin = model_file if resumed else weights
    if begin is not None:
        begun = load_checkpoint(begin)
        same = _sequence(begun.model.config) == _sequence(config.model)
        if not same and (resumed or not _fits(begun.model.config, config.model)):
            raise InputError(
                "a run of another model", begin, "other shapes", "the recipe it began with, or a new folder"
            )
        tokenizer = begun.tokenizer
    if tokenizer.vocab_size > config.model.vocab_size:
        room = f"at most model.vocab_size = {config.model.vocab_size}"
        raise InputError("more words than the model has room for", "tokenizer", tokenizer.vocab_size, room)
    folder.mkdir(parents=True, exist_ok=True)
    work = _Work(config, tuple(pools), tokenizer.dumps(), folder, minutes, validate, weights, sounding, eye)
    launch(work, processes)


def _fits(given: InteractionConfig, wanted: InteractionConfig) -> bool:
    """Whether weights of `given` can begin a model of `wanted`: the same but for layers on top, an ear or an eye."""
    given, wanted = _sequence(given), _sequence(wanted)
    below = tuple(layer for layer in wanted.backbone.global_layers if layer < given.backbone.layers)
    cut = replace(wanted.backbone, layers=given.backbone.layers, global_layers=below)
    voice = wanted.voice if given.voice else None
    sight = wanted.sight if given.sight else None
    heard = wanted.reads_heard and given.reads_heard
    return given == replace(wanted, backbone=cut, voice=voice, sight=sight, reads_heard=heard)


def _sequence(config: InteractionConfig) -> InteractionConfig:
    """The shapes of what is trained here: a voice sounds apart from it, only what is heard of it counts."""
    return replace(config, voice=config.voice and VoiceConfig(own_width=config.voice.own_width))


@dataclass(frozen=True)
class _Work:
    """One process's part; picklable."""

    config: TrainConfig
    pools: tuple[Path, ...]
    tokenizer: str
    folder: Path
    minutes: float
    validate: Validate | None
    weights: Path | None = None
    sounding: Sounding | None = None
    eye: Path | None = None

    def __call__(self, processes: Processes, /) -> None:
        if processes.device == "cpu":
            torch.set_num_threads(1)
        tokenizer = TextTokenizer.load(self.tokenizer)
        trainer = Trainer(self.config, Cast(self.pools), tokenizer, self.folder, processes)
        if not trainer.resume():
            self._begin(trainer)
        if self.sounding is not None:
            trainer.carry_voice(_whole_voice(self.sounding, self.tokenizer))
        if processes.rank != 0:
            trainer.run(lambda step, shown: None, self.minutes, self.validate)
            return
        changed = note_start(self.folder, self.config, trainer.step, processes.world)
        with TrainProgress(self.config, trainer.step, processes.world) as progress:
            for name, (before, now) in changed.items():
                progress.console.print(f"{name}: {before} -> {now}", markup=False)
            trainer.run(progress, self.minutes, self.validate)

    def _begin(self, trainer: Trainer) -> None:
        if self.weights is not None:
            trainer.begin_with(load_checkpoint(self.weights).model)
        if self.eye is not None:
            trainer.carry_eye(load_eye(self.eye, self.config.model))


def _whole_voice(sounding: Sounding, tokenizer: str) -> Voice:
    """The voice with its vocoder; InputError for one that knows other words."""
    file = load_voice(sounding.voice)
    if file.tokenizer.dumps() != tokenizer:
        raise InputError("a voice of another vocabulary", sounding.voice, "other words", "the tokenizer of the run")
    vocoder, own = load_vocoder(sounding.vocoder), file.voice.vocoder
    if vocoder.config != own.config:
        raise InputError("a vocoder that does not fit", sounding.vocoder, vocoder.config, f"{own.config}")
    own.load_state_dict(vocoder.state_dict())
    return file.voice


def note_start(folder: Path, config: TrainConfig, step: int, world: int) -> dict[str, tuple[Any, Any]]:
    """Write config.json and a line of starts.jsonl; returns the settings that were others at the last start."""
    new, path = to_dict(config), folder / "config.json"
    old = json.loads(path.read_text()) if path.exists() else new
    changed = _changes(old, new)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    row = {"started": started, "step": step, "processes": world, "changed": changed, "config": new}
    with (folder / "starts.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    path.write_text(json.dumps(new, indent=1) + "\n")
    return changed


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], where: str = "") -> dict[str, tuple[Any, Any]]:
    """What differs, by dotted name; a setting that is only in one of them is None in the other."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in dict.fromkeys([*old, *new]):
        before, now = old.get(name), new.get(name)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            found |= _changes(before, now, f"{where}{name}.")
        elif before != json.loads(json.dumps(now)):
            found[where + name] = (before, now)
    return found

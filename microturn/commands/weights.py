"""Weights of a command: which file, what is in it, and how it is made fit to ship. Nothing is run here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import torch
from rich.console import Console
from safetensors import safe_open

from microturn.commands.places import writable_file
from microturn.core.config import to_dict
from microturn.core.errors import InputError
from microturn.core.events import parse_object
from microturn.engine.api import SessionSpec
from microturn.engine.participant import EngineParticipant, participant
from microturn.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, weights_hash
from microturn.model.inkling_fit import describe, render
from microturn.model.interaction import VOICE, InteractionModel, parameter_count
from microturn.model.sampling import noted_sampling, sampling_notes
from microturn.model.vocoder import load_vocoder
from microturn.model.voice_file import load_voice

VOCODER = f"{VOICE}vocoder."
SIGHT = "fusion.sight."
SHIPPED = "weights/tiny.safetensors"
RIGHT = "a checkpoint made by `microturn train`"


def shipped_weights() -> Path:
    """Where the shipped checkpoint lies in the package, whether it is there or not."""
    return Path(str(files("microturn").joinpath(SHIPPED)))


def weights_file(path: Path | None) -> Path:
    """The file that a command shall use; InputError where nothing was named and nothing is shipped."""
    if path is None and not shipped_weights().is_file():
        raise InputError("no weights are shipped yet", f"microturn/{SHIPPED}", "nothing", f"--weights FILE, {RIGHT}")
    return path or shipped_weights()


def open_weights(path: Path | None) -> Checkpoint:
    """The checkpoint at `path`, the shipped one for None; InputError where there is none or it is another thing."""
    path = weights_file(path)
    try:
        return load_checkpoint(path)
    except (KeyError, ValueError, TypeError) as error:
        raise InputError("a checkpoint with parts missing", path, f"{type(error).__name__} {error}", RIGHT) from error


def talker(checkpoint: Checkpoint, seed: int) -> EngineParticipant:
    """The checkpoint as a participant, with the biases that its notes say.

    On one thread: a tick is so small that threads wait for each other longer than they compute, above all on a machine
    that does something else as well.
    """
    torch.set_num_threads(1)
    return participant(checkpoint, SessionSpec(seed, noted_sampling(checkpoint.notes)))


def inspect(path: Path) -> None:
    """Print what a checkpoint holds."""
    console = Console(highlight=False, soft_wrap=True)
    if path.is_dir() or path.suffix == ".json":
        console.print(render(describe(path)), markup=False)
        return
    checkpoint = open_weights(path)
    model, config = checkpoint.model, checkpoint.model.config
    backbone, sampling = config.backbone, noted_sampling(checkpoint.notes)
    lines = [
        f"microturn checkpoint {path}",
        f"  parameters   {parameter_count(model):,}, stored as {', '.join(stored_types(path))}",
        f"  file         {path.stat().st_size:,} bytes, sha256 {file_hash(path)}",
        f"  weights      {weights_hash(model)}",
        f"  backbone     {backbone.layers} layers, width {backbone.width}, windows of {backbone.window}, "
        f"layers {', '.join(map(str, backbone.global_layers))} see {backbone.global_window} positions",
        f"  words        {checkpoint.tokenizer.vocab_size} tokens",
        f"  biases       {', '.join(f'{name} {value:g}' for name, value in sampling_notes(sampling).items())}",
        f"  notes        {json.dumps(checkpoint.notes)}",
        f"  config       {json.dumps(to_dict(config))}",
    ]
    console.print("\n".join(lines), markup=False)


def pack(
    path: Path,
    out: Path,
    report: Path | None,
    biases: Mapping[str, float | None],
    voice: Path | None = None,
    vocoder: Path | None = None,
    other: Path | None = None,
    share: float = 0.5,
    blind: bool = False,
) -> None:
    """Write the checkpoint with matrices in bf16, its notes and its voice with what came along.

    biases: by their name in the notes; None leaves what they say.
    """
    checkpoint = open_weights(path)
    if blind:
        checkpoint = without_sight(checkpoint)
    if other is not None:
        checkpoint = averaged(checkpoint, open_weights(other), share, other)
    if voice is not None or vocoder is not None:
        checkpoint = with_voice(checkpoint, path, voice, vocoder)
    notes = dict(checkpoint.notes) | {name: bias for name, bias in biases.items() if bias is not None}
    noted_sampling(notes)  # says now what it would say when they are opened
    if report is not None:
        if not report.is_file():
            raise InputError("no such report", report, "nothing", "a file made by `microturn eval world`")
        notes["results"] = parse_object(report.read_bytes(), str(report))
    save_checkpoint(writable_file(out), checkpoint.model, checkpoint.tokenizer, notes, torch.bfloat16)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{out}: {out.stat().st_size:,} bytes, sha256 {file_hash(out)}", markup=False)


def without_sight(checkpoint: Checkpoint) -> Checkpoint:
    """The same model for sessions without cameras; what it does there is what it did."""
    model = InteractionModel(replace(checkpoint.model.config, sight=None))
    parts = {key: value for key, value in checkpoint.model.state_dict().items() if not key.startswith(SIGHT)}
    model.load_state_dict(parts)
    return Checkpoint(model.eval(), checkpoint.tokenizer, checkpoint.notes)


def averaged(checkpoint: Checkpoint, other: Checkpoint, share: float, path: Path) -> Checkpoint:
    """(1 - share) of each number, and `share` of the other's (Wortsman et al. 2022, arXiv 2203.05482); its own voice.

    Its own eye too, where the other has none. Two models that were trained from the same weights keep most of what each
    has learnt.
    """
    own, theirs = checkpoint.model.state_dict(), other.model.state_dict()
    apart = (VOICE,) if other.model.config.sight else (VOICE, SIGHT)
    shared = {key: value for key, value in own.items() if not key.startswith(apart)}
    if not 0.0 <= share <= 1.0:
        raise InputError("no share", "--share", share, "0 to 1")
    if {k: v.shape for k, v in shared.items()} != {k: theirs[k].shape for k in shared.keys() & theirs.keys()}:
        raise InputError("weights of another model", path, "other shapes", "weights trained from the same ones")
    mixed = {key: torch.lerp(value.float(), theirs[key].float(), share).to(value) for key, value in shared.items()}
    model = InteractionModel(checkpoint.model.config)
    model.load_state_dict(own | mixed)
    return Checkpoint(model.eval(), checkpoint.tokenizer, checkpoint.notes)


def with_voice(checkpoint: Checkpoint, path: Path, voice: Path | None, vocoder: Path | None) -> Checkpoint:
    """The checkpoint with a voice and a vocoder that were trained apart, each in the place of its own."""
    own, shapes = checkpoint.model, checkpoint.model.config.voice
    if shapes is None:
        raise InputError("weights that leave no room for a voice", path, "text only", "weights trained with a voice")
    parts = dict(own.state_dict())
    if voice is not None:
        file = load_voice(voice)
        if file.tokenizer.dumps() != checkpoint.tokenizer.dumps():
            raise InputError("a voice of another vocabulary", voice, "other words", "the tokenizer of the weights")
        assert file.config.voice is not None
        kept = {"vocoder_width": shapes.vocoder_width, "vocoder_layers": shapes.vocoder_layers}
        shapes = replace(file.config.voice, own_width=shapes.own_width, **kept)
        spoken = {f"{VOICE}{key}": value for key, value in file.voice.state_dict().items()}
        parts = {k: v for k, v in parts.items() if not k.startswith(VOICE) or k.startswith(VOCODER)}
        parts |= {key: value for key, value in spoken.items() if not key.startswith(VOCODER)}
    if vocoder is not None:
        given = load_vocoder(vocoder)
        shapes = replace(shapes, vocoder_width=given.config.width, vocoder_layers=given.config.layers)
        parts = {key: value for key, value in parts.items() if not key.startswith(VOCODER)}
        parts |= {f"{VOCODER}{key}": value for key, value in given.state_dict().items()}
    model = InteractionModel(replace(own.config, voice=shapes))
    try:
        model.load_state_dict(parts)
    except RuntimeError as error:
        came = str(error).splitlines()[-1]
        raise InputError("parts that do not fit together", path, came, "parts of one recipe") from error
    return Checkpoint(model.eval(), checkpoint.tokenizer, checkpoint.notes)


def stored_types(path: Path) -> list[str]:
    """Number formats of the tensors in a safetensors file."""
    with safe_open(path, framework="pt") as file:
        return sorted({file.get_slice(key).get_dtype() for key in file.keys()})  # noqa: SIM118


def file_hash(path: Path) -> str:
    """First half of the file's sha256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]

"""A trained voice as one file: its weights, the whole model's config, the tokenizer it knows; no vocoder."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from microturn.core.config import from_dict, to_dict
from microturn.core.errors import InputError
from microturn.media.text import TextTokenizer
from microturn.model.config import InteractionConfig
from microturn.model.voice import Voice

FORMAT = "microturn-voice-1"
VOCODER = "vocoder."


class VoiceFile(NamedTuple):
    """A voice ready to sound but for its vocoder, whose weights are fresh; `notes` (step, results) are JSON values."""

    voice: Voice
    config: InteractionConfig
    tokenizer: TextTokenizer
    notes: dict[str, Any]


def save_voice(
    path: Path, voice: Voice, config: InteractionConfig, tokenizer: TextTokenizer, notes: dict[str, Any]
) -> None:
    """Write atomically: a killed save leaves the old file."""
    tensors = {k: v.contiguous() for k, v in voice.state_dict().items() if not k.startswith(VOCODER)}
    metadata = {
        "format": FORMAT,
        "config": json.dumps(to_dict(config)),
        "tokenizer": tokenizer.dumps(),
        "notes": json.dumps(notes),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial, metadata=metadata)
    partial.replace(path)


def load_voice(path: Path) -> VoiceFile:
    """Read a voice; an InputError says what is wrong with a file that is none of ours."""
    right = f"a {FORMAT} safetensors file made by the voice's training"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors: dict[str, torch.Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError("not a readable voice", path, f"{error}", right) from error
    if metadata.get("format") != FORMAT:
        raise InputError("not a voice", path, f"format {metadata.get('format')!r}", right)
    config = from_dict(InteractionConfig, json.loads(metadata["config"]))
    voice = Voice(config)
    own = {k: tuple(v.shape) for k, v in voice.state_dict().items() if not k.startswith(VOCODER)}
    came = {k: tuple(v.shape) for k, v in tensors.items()}
    if own != came:
        wrong = sorted(k for k in own.keys() | came.keys() if own.get(k) != came.get(k))
        raise InputError(
            "weights do not fit their config", path, f"{len(wrong)} wrong tensors, first {wrong[0]}", right
        )
    voice.load_state_dict(tensors, strict=False)
    return VoiceFile(voice.eval(), config, TextTokenizer.load(metadata["tokenizer"]), json.loads(metadata["notes"]))

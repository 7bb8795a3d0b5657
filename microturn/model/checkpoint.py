"""One file that is a model: weights, config and tokenizer in safetensors. Nothing else is needed to run it."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from microturn.core.config import from_dict, to_dict
from microturn.core.errors import InputError
from microturn.media.text import TextTokenizer
from microturn.model.config import InteractionConfig
from microturn.model.interaction import InteractionModel

FORMAT = "microturn-1"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A model ready to run, its tokenizer, and notes (step, both biases, results) as JSON values."""

    model: InteractionModel
    tokenizer: TextTokenizer
    notes: dict[str, Any]


def save_checkpoint(
    path: Path,
    model: InteractionModel,
    tokenizer: TextTokenizer,
    notes: dict[str, Any],
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write atomically: a killed save leaves the old file. `dtype` is that of the stored matrices."""
    tensors = {k: (v.to(dtype) if v.ndim > 1 else v).contiguous() for k, v in model.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "config": json.dumps(to_dict(model.config)),
        "tokenizer": tokenizer.dumps(),
        "notes": json.dumps(notes),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial, metadata=metadata)
    partial.replace(path)


def load_checkpoint(path: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Checkpoint:
    """Read a checkpoint; an InputError says what is wrong with a file that is none of ours."""
    right = f"a {FORMAT} safetensors file made by `microturn train`"
    if not path.is_file():
        raise InputError("no such checkpoint", path, "nothing" if not path.exists() else "a folder", right)
    try:
        with safe_open(path, framework="pt", device=device) as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key).to(dtype) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError("not a readable checkpoint", path, f"{error}", right) from error
    if metadata.get("format") != FORMAT:
        raise InputError("not a microturn checkpoint", path, f"format {metadata.get('format')!r}", right)
    model = InteractionModel(from_dict(InteractionConfig, json.loads(metadata["config"])))
    wanted = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    came = {k: tuple(v.shape) for k, v in tensors.items()}
    if wanted != came:
        wrong = sorted(k for k in wanted.keys() | came.keys() if wanted.get(k) != came.get(k))
        raise InputError(
            "weights do not fit their config", path, f"{len(wrong)} wrong tensors, first {wrong[0]}", right
        )
    model.load_state_dict(tensors)
    model.to(device=device, dtype=dtype).eval()
    return Checkpoint(model, TextTokenizer.load(metadata["tokenizer"]), json.loads(metadata["notes"]))


def weights_hash(model: InteractionModel) -> str:
    """Short fingerprint of all weights."""
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]

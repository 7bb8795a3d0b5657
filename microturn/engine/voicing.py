"""Where an utterance stands as named tensors, and back: whatever a voice keeps, it can be put away. No sound here."""

from dataclasses import fields, is_dataclass
from typing import Any, cast

import torch
from torch import Tensor

from microturn.core.errors import InputError
from microturn.model.voice import Voice, VoiceState


def named_tensors(state: VoiceState | None) -> dict[str, Tensor]:
    """Copies of all that a voice keeps of an utterance, numbers as tensors too; nothing while it is silent."""
    found: dict[str, Tensor] = {}
    if state is not None:
        _collect(state, "", found)
    return found


def from_named_tensors(voice: Voice | None, tensors: dict[str, Tensor]) -> VoiceState | None:
    """The state that `named_tensors` took apart, on the device of `voice`; InputError for that of another voice."""
    if not tensors:
        return None
    right = "what a session of this model had"
    if voice is None:
        raise InputError("an utterance without a voice", "resume", f"{len(tensors)} tensors", right)
    try:
        return _put_together(voice.begin(), "", tensors)
    except KeyError as error:
        raise InputError("an utterance of another voice", "resume", f"no {error}", right) from error


def _collect(value: Any, name: str, found: dict[str, Tensor]) -> None:
    if isinstance(value, Tensor):
        found[name] = value.clone(memory_format=torch.contiguous_format)
    elif isinstance(value, int) or _is_numbers(value):
        found[name] = torch.tensor(value, dtype=torch.int64)
    else:
        for part, inner in _parts(value).items():
            _collect(inner, f"{name}.{part}", found)


def _put_together(like: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """A value of the same make as `like`, which is that of a fresh utterance."""
    if isinstance(like, Tensor):
        return tensors[name].to(like.device)
    if isinstance(like, int):
        return int(tensors[name])
    if _is_numbers(like):
        return tuple(map(int, tensors[name]))
    made = {part: _put_together(inner, f"{name}.{part}", tensors) for part, inner in _parts(like).items()}
    return tuple(made.values()) if type(like) is tuple else type(like)(**made)


def _is_numbers(value: Any) -> bool:
    """Whether it is a plain tuple of whole numbers, of any length."""
    return type(value) is tuple and all(isinstance(item, int) for item in cast("tuple[Any, ...]", value))


def _parts(value: Any) -> dict[str, Any]:
    """Parts of a dataclass, a NamedTuple or a plain tuple by name."""
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        names = getattr(items, "_fields", None) or map(str, range(len(items)))
        return dict(zip(names, items, strict=True))
    raise TypeError(f"a voice keeps tensors, whole numbers and tuples of them, not {type(value).__name__}")

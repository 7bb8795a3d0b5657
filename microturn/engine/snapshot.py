"""Snapshots as safetensors: bytes or a file, and back. What a snapshot holds is said in api.py."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from microturn.core.config import from_dict, to_dict
from microturn.core.errors import InputError
from microturn.engine.api import SessionSpec, Snapshot, TurnResult
from microturn.engine.session import SessionState

FORMAT = "microturn-session-1"
LAST, VOICE, SEEN = "last.", "voice", "seen"
RIGHT = f"a {FORMAT} safetensors file made by `snapshot_to_bytes`"


def snapshot_to_bytes(snapshot: Snapshot) -> bytes:
    """Everything of the snapshot but the logits of its last result."""
    last = snapshot.last
    header = {
        "spec": to_dict(snapshot.spec),
        "epoch": snapshot.epoch,
        "state": to_dict(snapshot.state),
        "last": last and _row(last),
        "committed": snapshot.committed,
        "weights": snapshot.weights,
    }
    voice = {VOICE + name: tensor for name, tensor in snapshot.voice.items()}
    seen = {} if snapshot.seen is None else {SEEN: torch.as_tensor(snapshot.seen.copy())}
    tensors = snapshot.kv | voice | seen | _sound_tensors(last)
    return save(tensors, metadata={"format": FORMAT, "session": json.dumps(header)})


def snapshot_from_bytes(data: bytes, where: str = "snapshot") -> Snapshot:
    """The snapshot that `snapshot_to_bytes` wrote; InputError for anything else."""
    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        metadata: dict[str, Any] = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    except (SafetensorError, ValueError) as error:
        raise InputError("not a readable snapshot", where, f"{len(data)} bytes: {error}", RIGHT) from error
    if metadata.get("format") != FORMAT:
        raise InputError("not a snapshot of a session", where, f"format {metadata.get('format')!r}", RIGHT)
    try:
        header = json.loads(metadata["session"])
        spec, state = from_dict(SessionSpec, header["spec"], where), from_dict(SessionState, header["state"], where)
        last = _result(header["last"], tensors)
        voice = {name.removeprefix(VOICE): t for name, t in tensors.items() if name.startswith(VOICE)}
        epoch, committed = int(header["epoch"]), int(header["committed"])
        rest = {name: tensor for name, tensor in tensors.items() if not name.startswith((LAST, VOICE, SEEN))}
        seen = tensors[SEEN].numpy() if SEEN in tensors else None
        return Snapshot(spec, epoch, state, last, committed, header["weights"], rest, voice, seen)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("a snapshot with a broken header", where, f"{error!r}", RIGHT) from error


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write atomically."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(snapshot_to_bytes(snapshot))
    partial.replace(path)


def load_snapshot(path: Path) -> Snapshot:
    """Read a snapshot file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError("cannot read a snapshot", path, error.strerror or "an error", RIGHT) from error
    return snapshot_from_bytes(data, str(path))


def _row(last: TurnResult) -> list[Any]:
    return [last.seq, last.said, last.heard, last.committed, last.forwards, last.begun, last.unsaid, last.held]


def _result(row: list[Any] | None, tensors: dict[str, Tensor]) -> TurnResult | None:
    if row is None:
        return None
    seq, said, heard, committed, forwards, *sounding = row
    absent: list[Any] = [0, (), False]
    begun, unsaid, held = sounding + absent[len(sounding) :]  # older snapshots have fewer
    counted = (int(seq), tuple(said), tuple(heard), int(committed), int(forwards))
    result = TurnResult(*counted, unsaid=tuple(unsaid), held=bool(held))
    if LAST + "own" not in tensors:
        return result
    pcm, own = (tensors[LAST + name].numpy() for name in ("pcm", "own"))
    return replace(result, pcm=pcm, own=own, begun=int(begun))


def _sound_tensors(last: TurnResult | None) -> dict[str, Tensor]:
    if last is None or last.pcm is None or last.own is None:
        return {}
    return {LAST + "pcm": torch.as_tensor(last.pcm.copy()), LAST + "own": torch.as_tensor(last.own.copy())}

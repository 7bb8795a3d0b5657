"""What of a published Inkling checkpoint fits our model, told from its config and index alone. Loads no weights."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from microturn.core.errors import InputError
from microturn.model.config import BackboneConfig
from microturn.model.inkling import InklingConfig, empty_inkling, fits, open_shard, parts_of, read_config, shard_of_key
from microturn.model.inkling_keys import Part

MAX_NAMED = 8
BF16_BYTES = 2
LFS_POINTER = b"version https://git-lfs"

# Our parts, and what the tick path makes of each.
USES = {
    "backbone": "Backbone.step, as it is: one forward a tick",
    "tokens": "Fusion.tokens has this form; typed and said text, with the published vocabulary",
    "unembed": "the decision's words; <listen>, <speak> and the other control tokens need rows of their own, trained",
    "sound": "Inkling.embed_sound, four 50 ms frames a tick; our own front end (20 ms) does not take it",
}
WITHOUT_PLACE = {
    "model.visual.": "sight: no place in our model yet",
    "model.mtp.": "multi-token prediction: a tick decodes one token at a time, not used",
    "model.audio.": "sound: other tensors than the embedding, not known here",
    "": "not known here",
}
EXPECTED_REST = ("model.visual.", "model.mtp.")


@dataclass(frozen=True)
class Group:
    """Tensors of one part. `parameters` is None where only names are known; `use`: what the tick path makes of them."""

    name: str
    keys: int
    parameters: int | None
    use: str


@dataclass(frozen=True)
class WrongShape:
    """A tensor whose shape does not follow from the config."""

    key: str
    came: tuple[int, ...]
    right: tuple[int, ...]


@dataclass(frozen=True)
class Fit:
    """The report. `missing`: keys we need and the checkpoint lacks; `unmapped`: keys it has and we have no place for.

    Shapes are checked for tensors whose shard is there; a config and an index alone give `shapes_checked` = 0.
    `parameters` counts what we load, `active_parameters` what one position uses (all but the experts not chosen).
    """

    where: str
    config: InklingConfig
    groups: tuple[Group, ...]
    without_place: tuple[Group, ...]
    mapped: tuple[str, ...]
    missing: tuple[str, ...]
    unmapped: tuple[str, ...]
    wrong_shapes: tuple[WrongShape, ...]
    shapes_checked: int
    parameters: int
    active_parameters: int
    kv_bytes_per_position: int
    kv_bytes_of_windows: int

    @property
    def complete(self) -> bool:
        """Whether `load_inkling` will succeed as far as can be told."""
        return not self.missing and not self.wrong_shapes


def describe(path: Path) -> Fit:
    """Say what fits of the checkpoint at `path`: a folder, or the config.json in it.

    Reads config.json and the index; of the shards that are there, their headers. InputError where it is no Inkling
    checkpoint.
    """
    folder = path.parent if path.is_file() else path
    config = read_config(folder)
    shards = shard_of_key(folder)
    parts = parts_of(empty_inkling(config))
    wanted = {part.key: part for made_of in parts.values() for part in made_of}
    checked, wrong = _check_shapes(wanted, shards, config)
    unmapped = tuple(sorted(shards.keys() - wanted.keys()))
    total = sum(prod(part.shape) for part in wanted.values())
    per_position, windows = kv_bytes(config.backbone)
    return Fit(
        where=str(folder),
        config=config,
        groups=_groups(parts),
        without_place=_groups_without_place(unmapped),
        mapped=tuple(key for key in wanted if key in shards),
        missing=tuple(key for key in wanted if key not in shards),
        unmapped=unmapped,
        wrong_shapes=wrong,
        shapes_checked=checked,
        parameters=total,
        active_parameters=total - idle_parameters(config.backbone),
        kv_bytes_per_position=per_position,
        kv_bytes_of_windows=windows,
    )


def idle_parameters(config: BackboneConfig) -> int:
    """Numbers in routed experts that one position does not choose."""
    per_expert = 3 * config.width * config.expert_width
    return len(config.sparse_layers) * (config.experts - config.experts_per_token) * per_expert


def kv_bytes(config: BackboneConfig) -> tuple[int, int]:
    """bf16 bytes of a session's keys and values: per position in global layers, and in all windows once full."""
    n_global = len(config.global_layers)
    of_global = 2 * config.kv_heads * config.head_dim * BF16_BYTES
    of_local = 2 * config.local_kv_heads * config.local_head_dim * BF16_BYTES
    return n_global * of_global, (config.layers - n_global) * config.window * of_local


def _check_shapes(
    wanted: Mapping[str, Part], shards: Mapping[str, Path], config: InklingConfig
) -> tuple[int, tuple[WrongShape, ...]]:
    checked, wrong = 0, []
    for shard in sorted(set(shards.values())):
        if not shard.is_file() or _is_lfs_pointer(shard):
            continue
        with open_shard(shard) as file:
            held = set(file.keys())
            for key, part in wanted.items():
                if shards.get(key) != shard:
                    continue
                if key not in held:
                    raise InputError(
                        "a shard without what the index says", shard, "no " + key, "the index's own shards"
                    )
                came = tuple(file.get_slice(key).get_shape())
                checked += 1
                if not fits(part, came, config):
                    wrong.append(WrongShape(key, came, part.shape))
    return checked, tuple(wrong)


def _is_lfs_pointer(shard: Path) -> bool:
    """Whether git left a note in place of the file, as a clone without large files does."""
    with shard.open("rb") as file:
        return file.read(len(LFS_POINTER)) == LFS_POINTER


def _groups(parts: Mapping[str, tuple[Part, ...]]) -> tuple[Group, ...]:
    keys, numbers = Counter[str](), Counter[str]()
    for name, made_of in parts.items():
        group = next(part for part in USES if name.startswith(part.removesuffix("s")))
        keys[group] += len(made_of)
        numbers[group] += sum(prod(part.shape) for part in made_of)
    return tuple(Group(name, keys[name], numbers[name], use) for name, use in USES.items())


def _groups_without_place(unmapped: tuple[str, ...]) -> tuple[Group, ...]:
    counts = Counter(next(prefix for prefix in WITHOUT_PLACE if key.startswith(prefix)) for key in unmapped)
    known = [(prefix, use) for prefix, use in WITHOUT_PLACE.items() if counts[prefix]]
    return tuple(Group(f"{prefix}*" if prefix else "other", counts[prefix], None, use) for prefix, use in known)


def render(fit: Fit) -> str:
    """The report as plain lines for a terminal."""
    backbone = fit.config.backbone
    n_global = len(backbone.global_layers)
    lines = [
        f"Inkling checkpoint {fit.where}: " + ("fits" if fit.complete else "does not fit"),
        f"  decoder      {backbone.layers} layers ({n_global} global, rest window {backbone.window}), "
        f"width {backbone.width}, {len(backbone.sparse_layers)} sparse"
        + (f" (top {backbone.experts_per_token} of {backbone.experts})" if backbone.sparse_layers else ""),
        f"  parameters   {_short(fit.parameters)} we load, {_short(fit.active_parameters)} active at a position",
        f"  KV (bf16)    {fit.kv_bytes_per_position / 1024:.1f} KiB a position, "
        f"{fit.kv_bytes_of_windows / 2**20:.1f} MiB of windows a session",
        f"  tensors      {len(fit.mapped)} mapped, {len(fit.missing)} missing, {len(fit.unmapped)} without a place; "
        f"{fit.shapes_checked} shapes checked, {len(fit.wrong_shapes)} wrong",
    ]
    for group in (*fit.groups, *fit.without_place):
        size = "" if group.parameters is None else f"{_short(group.parameters)}"
        lines.append(f"  {group.name:<14} {group.keys:>5} tensors {size:>8}   {group.use}")
    lines += _named("missing", fit.missing)
    shapes = tuple(f"{wrong.key}: {list(wrong.came)}, right is {list(wrong.right)}" for wrong in fit.wrong_shapes)
    lines += _named("wrong shape", shapes)
    lines += _named("without a place", tuple(key for key in fit.unmapped if not key.startswith(EXPECTED_REST)))
    return "\n".join(lines)


def _named(title: str, names: tuple[str, ...]) -> list[str]:
    more = [f"  {title}: and {len(names) - MAX_NAMED} more"] if len(names) > MAX_NAMED else []
    return [f"  {title}: {name}" for name in names[:MAX_NAMED]] + more


def _short(count: int) -> str:
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return str(count)

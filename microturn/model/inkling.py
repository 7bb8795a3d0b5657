"""Published Inkling checkpoints as ours: config and weights. Names live in inkling_keys, reports in inkling_fit.

Source: Thinking Machines Lab, Inkling (2026), as transformers 5.23 reads and saves it.
Shapes: B sessions, T positions, M mel bands, U model width, V vocabulary.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from microturn.core.errors import InputError
from microturn.core.events import parse_object
from microturn.model.backbone import Backbone, RMSNorm
from microturn.model.config import BackboneConfig
from microturn.model.inkling_keys import Part, halves_from_turns, key_map

CONFIG_FILE = "config.json"
INDEX_FILE = "model.safetensors.index.json"
SINGLE_FILE = "model.safetensors"
SOUND_NORM_EPS = 1e-6
KEPT_IN_FP32 = ("weight_CK", "router_bias", "router_scale")
RIGHT_FOLDER = "a folder with an Inkling checkpoint: config.json and model.safetensors.index.json or model.safetensors"

# What the published code assumes where a config is silent (the values of the 975B model).
ASSUMED: dict[str, Any] = {
    "vocab_size": 201_024,
    "unpadded_vocab_size": None,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "swa_num_attention_heads": 64,
    "swa_num_key_value_heads": 16,
    "swa_head_dim": 128,
    "sliding_window_size": 512,
    "d_rel": 16,
    "rel_extent": 1024,
    "log_scaling_n_floor": None,
    "log_scaling_alpha": 0.1,
    "rms_norm_eps": 1e-6,
    "conv_kernel_size": 4,
    "intermediate_size": 24_576,
    "dense_intermediate_size": None,
    "moe_intermediate_size": 3072,
    "n_routed_experts": 256,
    "num_experts_per_tok": 6,
    "n_shared_experts": 2,
    "route_scale": 8.0,
    "logits_mup_width_multiplier": 24.0,
    "layer_types": None,
    "local_layer_ids": None,
    "mlp_layer_types": None,
    "dense_mlp_idx": 0,
    "hidden_act": "silu",
    "shared_expert_sink": True,
    "n_mel_bins": 80,
    "mel_vocab_size": 256,
}
OTHER_NAMES = {
    "sliding_window_size": "sliding_window",
    "n_routed_experts": "num_local_experts",
    "conv_kernel_size": "sconv_kernel_size",
    "logits_mup_width_multiplier": "embedding_multiplier",
    "n_mel_bins": "num_codebooks",
    "mel_vocab_size": "codebook_size",
}
MAY_BE_NULL = {
    "unpadded_vocab_size": int,
    "log_scaling_n_floor": int,
    "dense_intermediate_size": int,
    "layer_types": list,
    "local_layer_ids": list,
    "mlp_layer_types": list,
}
ARCHITECTURE = {"hidden_act": "silu", "shared_expert_sink": True}


@dataclass(frozen=True)
class InklingConfig:
    """What of a published config matters here; `trained_rows` of the unembedding's rows mean something."""

    backbone: BackboneConfig
    vocab_rows: int
    trained_rows: int
    logit_divisor: float
    mel_bands: int
    mel_levels: int


class Inkling(nn.Module):
    """The published text-and-sound model around our backbone; sight and multi-token prediction are left out."""

    def __init__(self, config: InklingConfig) -> None:
        super().__init__()
        self.config = config
        width, eps = config.backbone.width, config.backbone.norm_eps
        self.tokens = nn.Embedding(config.vocab_rows, width)
        self.token_norm = RMSNorm(width, eps)
        self.sound_table = nn.Parameter(torch.empty(config.mel_bands * config.mel_levels, width))
        self.sound_norm = RMSNorm(width, SOUND_NORM_EPS)
        self.backbone = Backbone(config.backbone)
        self.unembed = nn.Linear(width, config.vocab_rows, bias=False)

    def embed_text(self, tokens_BT: Tensor) -> Tensor:
        """Text tokens as positions, [B, T, U]."""
        return self.token_norm(self.tokens(tokens_BT))

    def embed_sound(self, levels_BTM: Tensor) -> Tensor:
        """Mel levels, one position per 50 ms frame, [B, T, U]."""
        first_row_M = torch.arange(self.config.mel_bands, device=levels_BTM.device) * self.config.mel_levels
        return self.sound_norm(self.sound_table[levels_BTM.long() + first_row_M].sum(-2))

    def logits(self, hidden_BTU: Tensor) -> Tensor:
        """Scores of the trained rows, from the backbone's normed last hidden states."""
        scores_BTV = self.unembed(hidden_BTU / self.config.logit_divisor)
        return scores_BTV[..., : self.config.trained_rows]


def inkling_config(published: Mapping[str, Any], where: object = CONFIG_FILE) -> InklingConfig:
    """Read a published config.json. InputError where it is no Inkling, or one built of other parts than ours."""
    text = _section(published, "text_config", where)
    audio = published.get("audio_config") or {}
    vocab_rows = _value(text, "vocab_size")
    return InklingConfig(
        backbone=backbone_config(published, where),
        vocab_rows=vocab_rows,
        trained_rows=min(_value(text, "unpadded_vocab_size") or vocab_rows, vocab_rows),
        logit_divisor=float(_value(text, "logits_mup_width_multiplier")),
        mel_bands=_value(audio, "n_mel_bins"),
        mel_levels=_value(audio, "mel_vocab_size"),
    )


def backbone_config(published: Mapping[str, Any], where: object = CONFIG_FILE) -> BackboneConfig:
    """The decoder's shapes in our words.

    Beware: with `dense_intermediate_size` present, `intermediate_size` is the width of an expert, otherwise that of a
    dense layer. Sliding layers know the relative bias over their window only.
    """
    text = _section(published, "text_config", where)
    for name, right in ARCHITECTURE.items():
        if _value(text, name) != right:
            raise InputError(f"another architecture ({name})", where, _value(text, name), f"{name} = {right}")
    layers = text["num_hidden_layers"]
    sparse = _sparse_layers(text, layers, where)
    dense_width, wide = _value(text, "dense_intermediate_size"), _value(text, "intermediate_size")
    return BackboneConfig(
        width=text["hidden_size"],
        layers=layers,
        heads=_value(text, "num_attention_heads"),
        kv_heads=_value(text, "num_key_value_heads"),
        head_dim=_value(text, "head_dim"),
        local_heads=_value(text, "swa_num_attention_heads"),
        local_kv_heads=_value(text, "swa_num_key_value_heads"),
        local_head_dim=_value(text, "swa_head_dim"),
        window=_value(text, "sliding_window_size"),
        global_layers=_global_layers(text, layers, where),
        global_window=None,
        rel_dim=_value(text, "d_rel"),
        rel_extent=_value(text, "rel_extent"),
        conv_kernel=_value(text, "conv_kernel_size"),
        mlp_width=wide if dense_width is None else dense_width,
        sparse_layers=sparse,
        experts=_value(text, "n_routed_experts") if sparse else 0,
        experts_per_token=_value(text, "num_experts_per_tok") if sparse else 0,
        shared_experts=_value(text, "n_shared_experts") if sparse else 0,
        expert_width=(_value(text, "moe_intermediate_size") if dense_width is None else wide) if sparse else 0,
        route_scale=float(_value(text, "route_scale")),
        log_scaling_floor=_value(text, "log_scaling_n_floor"),
        log_scaling_alpha=_value(text, "log_scaling_alpha"),
        norm_eps=_value(text, "rms_norm_eps"),
    )


def _section(published: Mapping[str, Any], name: str, where: object) -> Mapping[str, Any]:
    text = published.get(name, published)
    came = published.get("model_type")
    if came not in ("inkling_mm_model", "inkling_text") or not isinstance(text, Mapping):
        raise InputError("not an Inkling config", where, f"model_type {came!r}", "inkling_mm_model or inkling_text")
    missing = [key for key in ("hidden_size", "num_hidden_layers") if not isinstance(text.get(key), int)]
    if missing:
        raise InputError("a config without sizes", where, f"no {missing[0]}", "an Inkling config.json")
    return text


def _value(section: Mapping[str, Any], name: str) -> Any:
    """A setting under either of its names, or what the published code assumes."""
    for known in (name, OTHER_NAMES.get(name, name)):
        if known in section:
            return _typed(section[known], name)
    return ASSUMED[name]


def _typed(value: Any, name: str) -> Any:
    kind = MAY_BE_NULL.get(name, type(ASSUMED[name]))
    right = (isinstance(value, bool) == (kind is bool)) and isinstance(value, (int, float) if kind is float else kind)
    if right or (value is None and name in MAY_BE_NULL):
        return value
    raise InputError("wrong type", f"{CONFIG_FILE}: {name}", repr(value), kind.__name__)


def _global_layers(text: Mapping[str, Any], layers: int, where: object) -> tuple[int, ...]:
    kinds, local = _value(text, "layer_types"), _value(text, "local_layer_ids")
    if kinds is not None:
        _require_kinds(kinds, layers, ("hybrid", "hybrid_sliding"), f"{where}: layer_types")
        return tuple(i for i in range(layers) if kinds[i] == "hybrid")
    if local is not None:
        return tuple(i for i in range(layers) if i not in local)
    return tuple(range(5, layers, 6))


def _sparse_layers(text: Mapping[str, Any], layers: int, where: object) -> tuple[int, ...]:
    kinds = _value(text, "mlp_layer_types")
    if kinds is None:
        return tuple(range(_value(text, "dense_mlp_idx"), layers))
    _require_kinds(kinds, layers, ("dense", "sparse"), f"{where}: mlp_layer_types")
    return tuple(i for i in range(layers) if kinds[i] == "sparse")


def _require_kinds(kinds: list[str], layers: int, right: tuple[str, str], where: str) -> None:
    unknown = [str(kind) for kind in kinds if kind not in right]
    if unknown or len(kinds) != layers:
        came = ", ".join(unknown[:1]) or f"{len(kinds)} entries"
        raise InputError("wrong layer types", where, came, f"{layers} of {right[0]} or {right[1]}")


def read_config(folder: Path) -> InklingConfig:
    """The config of a checkpoint folder."""
    path = folder / CONFIG_FILE
    if not path.is_file():
        came = "a folder without it" if folder.is_dir() else "no folder"
        raise InputError("no config.json", folder, came, RIGHT_FOLDER)
    return inkling_config(parse_object(path.read_bytes(), str(path)), path)


def shard_of_key(folder: Path) -> dict[str, Path]:
    """Which file holds each published tensor; reads the index, or the header of a single file."""
    index, single = folder / INDEX_FILE, folder / SINGLE_FILE
    if index.is_file():
        weight_map = parse_object(index.read_bytes(), str(index)).get("weight_map")
        if not isinstance(weight_map, Mapping):
            raise InputError("an index without a weight_map", index, type(weight_map).__name__, RIGHT_FOLDER)
        return {str(key): folder / str(name) for key, name in weight_map.items()}
    if single.is_file():
        with open_shard(single) as file:
            return dict.fromkeys(file.keys(), single)
    raise InputError("no weights", folder, f"neither {INDEX_FILE} nor {SINGLE_FILE}", RIGHT_FOLDER)


def open_shard(path: Path) -> Any:
    """A safetensors file, mapped but not read."""
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise InputError("not a readable safetensors file", path, error, RIGHT_FOLDER) from error


def empty_inkling(config: InklingConfig) -> Inkling:
    """The model with shapes and no storage: even the largest costs nothing."""
    with torch.device("meta"):
        return Inkling(config)


def parts_of(model: Inkling) -> dict[str, tuple[Part, ...]]:
    """The published tensors that make each parameter of `model`."""
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    return key_map(shapes, model.config.backbone.experts)


def load_inkling(folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Inkling:
    """Load a published checkpoint, one tensor at a time: peak memory is the model plus its largest tensor twice.

    Convolutions and the router's bias and scale stay in fp32 whatever `dtype`, as published.
    """
    return _filled(empty_inkling(read_config(folder)), "", folder, dtype, device)


def load_backbone(folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Backbone:
    """Load the decoder alone; embeddings and unembedding are not read."""
    return _filled(empty_inkling(read_config(folder)), "backbone.", folder, dtype, device).backbone


def _filled(model: Inkling, prefix: str, folder: Path, dtype: torch.dtype, device: str) -> Inkling:
    """`model` with the parameters whose names start with `prefix` read from `folder`."""
    shards = shard_of_key(folder)
    with ExitStack() as stack:
        opened: dict[Path, Any] = {}

        def read(part: Part) -> Tensor:
            if part.key not in shards:
                raise InputError("a tensor is missing", folder, "no " + part.key, "a complete Inkling checkpoint")
            path = shards[part.key]
            if path not in opened:
                opened[path] = stack.enter_context(open_shard(path))
            tensor = opened[path].get_tensor(part.key)
            if not fits(part, tuple(tensor.shape), model.config):
                raise InputError(f"wrong shape of {part.key}", path, tuple(tensor.shape), str(part.shape))
            return tensor if part.turns_dim is None else halves_from_turns(tensor, part.turns_dim)

        for name, parts in parts_of(model).items():
            if name.startswith(prefix):
                kept = torch.float32 if name.endswith(KEPT_IN_FP32) else dtype
                _assign(model, name, torch.cat([read(part) for part in parts]).to(device, kept))
    return model.eval()


def _assign(model: Inkling, name: str, tensor: Tensor) -> None:
    """Put `tensor` in the place of a parameter without storage."""
    owner, _, last = name.rpartition(".")
    module = model.get_submodule(owner)
    before = module.get_parameter(last)
    shape = before.shape
    if name == "unembed.weight" and len(tensor) < len(before):
        shape = tensor.shape
    setattr(module, last, nn.Parameter(tensor.reshape(shape).contiguous(), requires_grad=before.requires_grad))


def fits(part: Part, came: tuple[int, ...], config: InklingConfig) -> bool:
    """Whether a published tensor has the shape it should; an unembedding may come without its untrained rows."""
    trained_only = (config.trained_rows, config.backbone.width)
    return came == part.shape or (part.key == "model.llm.unembed.weight" and came == trained_only)

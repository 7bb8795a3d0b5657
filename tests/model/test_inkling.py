"""Ours against the oracle: transformers' Inkling with random weights, saved in the published layout, loaded here."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import InklingConfig as OracleConfig
from transformers import InklingForConditionalGeneration

from microturn.core.errors import InputError
from microturn.model.inkling import Inkling, backbone_config, inkling_config, load_backbone, load_inkling
from microturn.model.inkling_fit import WrongShape, describe, render
from microturn.model.inkling_keys import halves_from_turns
from tests.model.stepping import in_steps, randomize

BATCH, LENGTH, ROOM = 3, 44, 64
TEXT = {
    "vocab_size": 40,
    "unpadded_vocab_size": 37,
    "hidden_size": 32,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "swa_num_attention_heads": 6,
    "swa_num_key_value_heads": 3,
    "swa_head_dim": 4,
    "sliding_window_size": 6,
    "d_rel": 4,
    "rel_extent": 10,
    "log_scaling_n_floor": 5,
    "log_scaling_alpha": 0.4,
    "layer_types": ["hybrid_sliding", "hybrid", "hybrid_sliding", "hybrid", "hybrid_sliding"],
    "mlp_layer_types": ["dense", "sparse", "sparse", "dense", "sparse"],
    "intermediate_size": 48,
    "moe_intermediate_size": 12,
    "n_routed_experts": 6,
    "num_experts_per_tok": 2,
    "n_shared_experts": 2,
    "pad_token_id": 0,
    "logits_mup_width_multiplier": 3.0,
}
PUBLISHED_SMALL = {
    "model_type": "inkling_mm_model",
    "text_config": {
        "hidden_size": 4096,
        "num_hidden_layers": 42,
        "num_attention_heads": 32,
        "swa_num_attention_heads": 32,
        "swa_num_key_value_heads": 8,
        "local_layer_ids": [i for i in range(42) if (i + 1) % 6],
        "dense_mlp_idx": 2,
        "dense_intermediate_size": 16_384,
        "intermediate_size": 2048,
        "log_scaling_n_floor": 128_000,
        "unpadded_vocab_size": 200_058,
        "logits_mup_width_multiplier": 16.0,
        "sconv_kernel_size": 4,
    },
    "audio_config": {"mel_vocab_size": 16},
}


@dataclass(frozen=True)
class Oracle:
    folder: Path
    tokens: torch.Tensor
    embedded: torch.Tensor
    hidden: torch.Tensor
    logits: torch.Tensor
    levels: torch.Tensor
    sound: torch.Tensor


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    vision = {"patch_size": 2, "temporal_patch_size": 2, "num_hidden_layers": 2}
    config = OracleConfig(text_config=TEXT, audio_config={"mel_vocab_size": 16}, vision_config=vision)
    model = InklingForConditionalGeneration(config).eval()
    randomize(model, seed=0)
    folder = tmp_path_factory.mktemp("inkling")
    model.save_pretrained(folder, max_shard_size="100KB")
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randint(0, 37, (BATCH, LENGTH), generator=generator)
    levels = torch.randint(0, 16, (1, 7, 80), generator=generator)
    with torch.no_grad():
        embedded = model.model.language_model.embed_tokens(tokens)
        hidden = model.model.language_model(tokens, use_cache=False).last_hidden_state
        logits = model(tokens, use_cache=False).logits
        sound = model.model.audio_tower(levels).last_hidden_state
    return Oracle(folder, tokens, embedded, hidden, logits, levels, sound)


@pytest.fixture(scope="module")
def ours(oracle: Oracle) -> Inkling:
    return load_inkling(oracle.folder)


def test_whole_sequences_agree_with_transformers(oracle: Oracle, ours: Inkling) -> None:
    with torch.no_grad():
        embedded = ours.embed_text(oracle.tokens)
        hidden, _ = ours.backbone(embedded)
        logits = ours.logits(hidden)
    assert oracle.hidden.std() > 0.5
    torch.testing.assert_close(embedded, oracle.embedded, atol=1e-5, rtol=0)
    torch.testing.assert_close(hidden, oracle.hidden, atol=1e-4, rtol=0)
    torch.testing.assert_close(logits, oracle.logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("chunks", [[1] * LENGTH, [11] * 4, [3, 1, 16, 2, 1, 1, 13, 7], [16, 16, 12]])
def test_steps_agree_with_transformers_however_the_sequence_is_cut(
    oracle: Oracle, ours: Inkling, chunks: list[int]
) -> None:
    state = ours.backbone.fresh_state(BATCH, slack=16, max_length=ROOM)
    rows, _ = in_steps(ours.backbone, oracle.embedded, [[n] * BATCH for n in chunks], state)
    torch.testing.assert_close(torch.stack(rows), oracle.hidden, atol=1e-4, rtol=0)
    torch.testing.assert_close(ours.logits(torch.stack(rows)), oracle.logits, atol=1e-4, rtol=0)


def test_ragged_rows_at_different_lengths_agree_with_transformers(oracle: Oracle, ours: Inkling) -> None:
    news = [[5, 0, 1], [1, 9, 4], [0, 0, 2], [8, 3, 1], [2, 11, 7], [1, 1, 1], [7, 12, 0], [0, 8, 1]]
    state = ours.backbone.fresh_state(BATCH, slack=12, max_length=ROOM)
    rows, state = in_steps(ours.backbone, oracle.embedded, news, state)
    assert state.length_B.tolist() == [24, 44, 17]
    for row, expected in zip(rows, oracle.hidden, strict=True):
        torch.testing.assert_close(row, expected[: len(row)], atol=1e-4, rtol=0)


def test_sound_frames_embed_as_in_transformers(oracle: Oracle, ours: Inkling) -> None:
    torch.testing.assert_close(ours.embed_sound(oracle.levels), oracle.sound, atol=1e-5, rtol=0)


def test_the_decoder_loads_alone_and_in_bf16_with_fp32_convolutions(oracle: Oracle) -> None:
    backbone = load_backbone(oracle.folder, torch.bfloat16)
    assert backbone.layers[0].attention.q.weight.dtype == torch.bfloat16
    assert backbone.layers[0].attention_conv.weight_CK.dtype == torch.float32
    with torch.no_grad():
        hidden, _ = backbone(oracle.embedded.bfloat16())
    similar = torch.cosine_similarity(hidden.float(), oracle.hidden, dim=-1)
    assert similar.mean() > 0.9


def test_rows_that_take_turns_come_apart() -> None:
    assert halves_from_turns(torch.arange(8), 0).tolist() == [0, 2, 4, 6, 1, 3, 5, 7]


def test_the_report_of_a_whole_checkpoint_names_what_has_no_place(oracle: Oracle) -> None:
    fit = describe(oracle.folder)
    assert fit.complete
    assert fit.shapes_checked == len(fit.mapped) > 80
    assert fit.unmapped
    assert all(key.startswith("model.visual.") for key in fit.unmapped)
    assert fit.parameters == sum(p.numel() for p in load_inkling(oracle.folder).parameters())
    assert "fits" in render(fit)


def test_the_published_276b_model_is_described_from_config_and_index_alone(tmp_path: Path) -> None:
    keys = write_published(tmp_path, PUBLISHED_SMALL)
    (tmp_path / "model-00001-of-00032.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    fit = describe(tmp_path / "config.json")
    assert fit.complete
    assert fit.shapes_checked == 0
    assert set(fit.mapped) == set(keys)
    assert fit.active_parameters == pytest.approx(12.0e9, rel=0.01)
    assert (fit.kv_bytes_per_position, fit.kv_bytes_of_windows) == (28 * 1024, 70 * 2**20)


def write_published(folder: Path, config: dict[str, Any], without: str = "-", extra: tuple[str, ...] = ()) -> list[str]:
    """A checkpoint folder of config and index only; leaves out keys that contain `without`."""
    keys = [key for key in published_keys(config) if without not in key] + list(extra)
    (folder / "config.json").write_text(json.dumps(config))
    index = {"weight_map": dict.fromkeys(keys, "model-00001-of-00032.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return keys


def published_keys(config: dict[str, Any]) -> list[str]:
    """The key names as published, spelled out here once more and not taken from our key map."""
    text = config["text_config"]
    plain = ("llm.embed", "llm.embed_norm", "llm.norm", "llm.unembed", "audio.encoder", "audio.final_norm")
    keys = [f"model.{name}.weight" for name in plain]
    attention = ("wq_du", "wk_dv", "wv_dv", "wr_du", "wo_ud", "q_norm", "k_norm", "k_sconv", "v_sconv")
    sparse = ("experts.w13_weight", "experts.w2_weight", "gate.weight", "gate.bias", "gate.global_scale")
    sparse += ("shared_experts.shared_w13_weight", "shared_experts.shared_w2_weight")
    for layer in range(text["num_hidden_layers"]):
        at = f"model.llm.layers.{layer}"
        keys += [f"{at}.attn.{name}.weight" for name in attention] + [f"{at}.attn.rel_logits_proj.proj"]
        keys += [f"{at}.{name}.weight" for name in ("attn_norm", "mlp_norm", "attn_sconv", "mlp_sconv")]
        dense = layer < text["dense_mlp_idx"]
        keys += [f"{at}.mlp.{n}" for n in (("w13_dn.weight", "w2_md.weight", "global_scale") if dense else sparse)]
    return keys


def test_missing_and_unknown_tensors_are_named(tmp_path: Path) -> None:
    extra = ("model.mtp.layers.0.x", "model.llm.layers.3.mlp.experts.w13_weight_scale")
    write_published(tmp_path, PUBLISHED_SMALL, without="layers.7.attn.wq_du", extra=extra)
    fit = describe(tmp_path)
    assert not fit.complete
    assert fit.missing == ("model.llm.layers.7.attn.wq_du.weight",)
    assert set(fit.unmapped) == set(extra)
    report = render(fit)
    assert "does not fit" in report
    assert "w13_weight_scale" in report


def saved_again(oracle: Oracle, folder: Path, changed: dict[str, torch.Tensor | None]) -> Path:
    """The oracle's checkpoint as a single file, with tensors put in place of others or (None) left out."""
    tensors = {key: value for shard in oracle.folder.glob("*.safetensors") for key, value in load_file(shard).items()}
    kept = {key: value for key, value in (tensors | changed).items() if value is not None}
    save_file(kept, folder / "model.safetensors")
    (folder / "config.json").write_text((oracle.folder / "config.json").read_text())
    return folder


def test_a_missing_tensor_is_refused_at_loading_only_where_it_is_needed(oracle: Oracle, tmp_path: Path) -> None:
    folder = saved_again(oracle, tmp_path, {"model.audio.encoder.weight": None})
    with pytest.raises(InputError, match=r"no model\.audio\.encoder\.weight"):
        load_inkling(folder)
    assert load_backbone(folder).config.width == 32


def test_a_wrong_shape_is_seen_in_the_header_and_refused_at_loading(oracle: Oracle, tmp_path: Path) -> None:
    folder = saved_again(oracle, tmp_path, {"model.llm.norm.weight": torch.ones(31)})
    assert describe(folder).wrong_shapes == (WrongShape("model.llm.norm.weight", (31,), (32,)),)
    with pytest.raises(InputError, match=r"norm\.weight"):
        load_inkling(folder)


def test_an_unembedding_without_its_untrained_rows_loads(oracle: Oracle, ours: Inkling, tmp_path: Path) -> None:
    folder = saved_again(oracle, tmp_path, {"model.llm.unembed.weight": ours.unembed.weight[:37].detach().contiguous()})
    assert describe(folder).complete
    torch.testing.assert_close(load_inkling(folder).logits(oracle.hidden), ours.logits(oracle.hidden))


def test_the_published_config_reads_as_the_papers_say() -> None:
    config = inkling_config(PUBLISHED_SMALL)
    backbone = config.backbone
    assert (backbone.mlp_width, backbone.expert_width) == (16_384, 2048)
    assert backbone.global_layers == (5, 11, 17, 23, 29, 35, 41)
    assert backbone.sparse_layers == tuple(range(2, 42))
    assert (backbone.global_window, backbone.window, backbone.log_scaling_floor) == (None, 512, 128_000)
    assert (config.vocab_rows, config.trained_rows, config.logit_divisor) == (201_024, 200_058, 16.0)


def test_configs_read_as_transformers_reads_them() -> None:
    for text in ({}, {"dense_intermediate_size": 96}, {"local_layer_ids": [0, 3], "dense_mlp_idx": 3}):
        given = {"hidden_size": 32, "num_hidden_layers": 12, "intermediate_size": 64, **text}
        read = OracleConfig(text_config=dict(given)).text_config
        backbone = backbone_config({"model_type": "inkling_mm_model", "text_config": given})
        assert backbone.mlp_width == read.intermediate_size
        assert backbone.expert_width == read.moe_intermediate_size
        assert backbone.global_layers == tuple(i for i, kind in enumerate(read.layer_types) if kind == "hybrid")
        assert backbone.sparse_layers == tuple(i for i, kind in enumerate(read.mlp_layer_types) if kind == "sparse")
        assert (backbone.local_kv_heads, backbone.window) == (read.swa_num_key_value_heads, read.sliding_window_size)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "llama"}, "not an Inkling config"),
        ({"text_config": {}}, "hidden_size"),
        ({"text_config": {**TEXT, "hidden_act": "gelu"}}, "hidden_act = silu"),
        ({"text_config": {**TEXT, "head_dim": "8"}}, "head_dim: wrong type: got '8'; right is int"),
        ({"text_config": {**TEXT, "layer_types": ["linear"] * 5}}, "5 of hybrid or hybrid_sliding"),
    ],
)
def test_another_architecture_is_refused_in_one_line(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        backbone_config({**PUBLISHED_SMALL, **change})


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json"):
        describe(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED_SMALL))
    with pytest.raises(InputError, match="neither"):
        describe(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no safetensors")
    with pytest.raises(InputError, match="not a readable"):
        describe(tmp_path)

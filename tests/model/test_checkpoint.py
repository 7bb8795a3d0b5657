"""One file that is a model: what is saved comes back, and what is no checkpoint is refused in one line."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from microturn.core.errors import InputError
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import load_checkpoint, save_checkpoint, weights_hash
from microturn.model.config import BackboneConfig, InteractionConfig
from microturn.model.interaction import InteractionModel, init_weights

TOY = InteractionConfig(
    backbone=BackboneConfig(width=16, layers=2, global_layers=(1,), mlp_width=24, head_dim=8, local_head_dim=8),
    vocab_size=90,
    frame_width=8,
    stem_width=12,
    clock_features=6,
    heard_layer=1,
)


def toy(seed: int = 0) -> InteractionModel:
    model = InteractionModel(TOY)
    init_weights(model, seed)
    return model.eval()


def tokenizer() -> TextTokenizer:
    return TextTokenizer.train(["the cat saw seven dogs"], vocab_size=90, n_pieces=10)


def test_a_checkpoint_comes_back_whole(tmp_path: Path) -> None:
    model, path = toy(), tmp_path / "deep" / "toy.safetensors"
    save_checkpoint(path, model, tokenizer(), {"step": 7, "listen_bias": -0.5})
    loaded = load_checkpoint(path)
    assert loaded.model.config == TOY
    assert weights_hash(loaded.model) == weights_hash(model)
    assert loaded.notes == {"step": 7, "listen_bias": -0.5}
    assert loaded.tokenizer.encode("the dogs") == tokenizer().encode("the dogs")
    assert not list(path.parent.glob("*.partial"))


def test_matrices_may_be_stored_in_bf16_and_gains_stay_fp32(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    save_checkpoint(path, toy(), tokenizer(), {}, torch.bfloat16)
    stored = load_file(path)
    assert stored["decision.weight"].dtype == torch.bfloat16
    assert stored["backbone.norm.weight"].dtype == torch.float32
    assert load_checkpoint(path).model.decision.weight.dtype == torch.float32


def test_weights_follow_from_the_seed_and_their_hash_tells_them_apart() -> None:
    assert weights_hash(toy(1)) == weights_hash(toy(1)) != weights_hash(toy(2))


def test_a_fresh_model_prefers_no_word() -> None:
    model = toy()
    tick = torch.zeros(1, TOY.sound_tokens, TOY.frames_per_token, TOY.mel.n_mels, dtype=torch.uint8)
    nothing_said = torch.zeros(1, 0, dtype=torch.long)
    with torch.no_grad():
        hidden, tapped = model(tick, torch.zeros(1, 1), nothing_said, torch.arange(TOY.sound_tokens)[None])
        assert model.decide(hidden).abs().max() == 0.0
        assert model.transcribe(tapped).shape == (1, TOY.sound_tokens, TOY.vocab_size)


def test_a_folder_and_nothing_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder"):
        load_checkpoint(tmp_path)
    with pytest.raises(InputError, match="no such checkpoint: got nothing"):
        load_checkpoint(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVEfmt ", b"just some text, long enough to have a header"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable checkpoint"):
        load_checkpoint(path)


def test_a_cut_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    save_checkpoint(path, toy(), tokenizer(), {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not a readable checkpoint"):
        load_checkpoint(path)


def test_foreign_weights_and_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="not a microturn checkpoint"):
        load_checkpoint(path)
    save_checkpoint(path, toy(), tokenizer(), {})
    from_file = load_file(path)
    from_file["decision.weight"] = from_file["decision.weight"][1:].contiguous()
    save_file(from_file, path, metadata=metadata_of(tmp_path))
    with pytest.raises(InputError, match=r"1 wrong tensors, first decision\.weight"):
        load_checkpoint(path)


def metadata_of(folder: Path) -> dict[str, str]:
    """The metadata of a good checkpoint."""
    save_checkpoint(folder / "good.safetensors", toy(), tokenizer(), {})
    with safe_open(folder / "good.safetensors", framework="pt") as file:
        return dict(file.metadata())

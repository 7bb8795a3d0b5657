"""A whole run from spoken clips to a checkpoint, begun and resumed through `start.train`."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from microturn.core.errors import InputError
from microturn.data.speakers import cast_folder, make_pool
from microturn.data.voices import available_engines
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import load_checkpoint, save_checkpoint, weights_hash
from microturn.model.interaction import InteractionModel, init_weights
from microturn.model.vocoder import load_vocoder, save_vocoder
from microturn.model.voice import Voice, init_voice
from microturn.model.voice_file import load_voice, save_voice
from microturn.recipes.tiny import RECIPES, toy, toy_casts
from microturn.train.batch import row_length
from microturn.train.progress import TrainProgress
from microturn.train.start import Sounding, note_start, train
from tests.train.toy import spoken_config, toy_config, toy_tokenizer
from tests.train.work import figures_of


@pytest.fixture(scope="session")
def spoken_pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few clips of espeak-ng, which speaks in this process."""
    trouble = available_engines()["espeak"]
    if trouble:
        pytest.skip(trouble)
    folder = tmp_path_factory.mktemp("pool")
    make_pool(toy_casts()[0], folder, processes=1)
    return folder


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in path.read_text().splitlines()]


def test_a_run_begins_ends_and_goes_on_with_other_settings(
    spoken_pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(toy(3), [spoken_pool], toy_tokenizer(), tmp_path)
    train(replace(toy(5), validate_every=5), [spoken_pool], toy_tokenizer(), tmp_path, validate=figures_of)
    log = rows(tmp_path / "log.jsonl")
    assert [row["step"] for row in log] == [1, 2, 3, 4, 5, 5] and "val_numbers" in log[-1]
    first, second = rows(tmp_path / "starts.jsonl")
    assert (first["step"], first["changed"]) == (0, {})
    assert second["step"] == 3 and second["changed"]["steps"] == [3, 5]
    shown = capsys.readouterr().out
    assert "resumed at step 3 of 5" in shown and "steps: 3 -> 5" in shown and "numbers" in shown
    checkpoint = load_checkpoint(tmp_path / "model.safetensors")
    assert checkpoint.notes == {"step": 5, "streams": 1}
    assert checkpoint.tokenizer.dumps() == toy_tokenizer().dumps()


def test_a_resumed_run_keeps_its_own_tokenizer(spoken_pool: Path, tmp_path: Path) -> None:
    train(toy(1), [spoken_pool], toy_tokenizer(), tmp_path)
    other = type(toy_tokenizer()).train(["other words"], 600)
    train(toy(2), [spoken_pool], other, tmp_path)
    assert load_checkpoint(tmp_path / "model.safetensors").tokenizer.dumps() == toy_tokenizer().dumps()


def test_a_new_run_can_begin_with_another_runs_weights_and_words(spoken_pool: Path, tmp_path: Path) -> None:
    train(toy(1), [spoken_pool], toy_tokenizer(), tmp_path / "first")
    given = tmp_path / "first" / "model.safetensors"
    still = replace(toy(1), optim=replace(toy(1).optim, muon_lr=0.0, adam_lr=0.0))
    other = type(toy_tokenizer()).train(["other words"], 600)
    train(still, [spoken_pool], other, tmp_path / "second", weights=given)
    before, after = load_checkpoint(given), load_checkpoint(tmp_path / "second" / "model.safetensors")
    assert weights_hash(after.model) == weights_hash(before.model)
    assert after.tokenizer.dumps() == before.tokenizer.dumps()


def test_weights_of_a_model_with_a_voice_do_not_begin_one_without(tmp_path: Path) -> None:
    model = InteractionModel(spoken_config().model)
    save_checkpoint(tmp_path / "spoken.safetensors", model, toy_tokenizer(), {})
    with pytest.raises(InputError, match="another model"):
        train(toy_config(), [], toy_tokenizer(), tmp_path / "run", weights=tmp_path / "spoken.safetensors")


def test_another_model_in_the_folder_of_a_run_is_refused(spoken_pool: Path, tmp_path: Path) -> None:
    train(toy(1), [spoken_pool], toy_tokenizer(), tmp_path)
    config = toy(2)
    with pytest.raises(InputError, match="another model"):
        train(replace(config, model=replace(config.model, stem_width=32)), [spoken_pool], toy_tokenizer(), tmp_path)


def test_a_pool_that_is_not_there_is_told_before_anything_begins(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no plan"):
        train(toy(1), [tmp_path / "nowhere"], toy_tokenizer(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_more_words_than_the_model_has_room_for_are_refused(tmp_path: Path) -> None:
    config = toy(1)
    small = replace(config, model=replace(config.model, vocab_size=20))
    with pytest.raises(InputError, match="room"):
        train(small, [], toy_tokenizer(), tmp_path)


def test_every_start_is_kept_with_what_changed(tmp_path: Path) -> None:
    config = toy_config()
    assert note_start(tmp_path, config, 0, 2) == {}
    assert note_start(tmp_path, replace(config, optim=replace(config.optim, muon_lr=1.0)), 7, 2) == {
        "optim.muon_lr": (config.optim.muon_lr, 1.0)
    }
    assert json.loads((tmp_path / "config.json").read_text())["optim"]["muon_lr"] == 1.0
    assert [row["step"] for row in rows(tmp_path / "starts.jsonl")] == [0, 7]


def test_progress_is_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    figures: Mapping[str, float] = {"decide": 1.0, "heard": 2.0, "norm": 0.5, "render_s": 0.1}
    with TrainProgress(toy_config(4), 0, world=2, every_s=0.0) as progress:
        progress(1, figures)
        progress(2, {"val_macro_f1": 0.25})
    begin, line, validation = capsys.readouterr().out.splitlines()
    assert begin == "begins at step 0 of 4"
    assert line.startswith("step 1/4") and "decide 1.000" in line and "s of sound/s" in line and "min left" in line
    assert validation == "step 2  macro_f1 0.250"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_whole(name: str) -> None:
    recipe = RECIPES[name]
    config = recipe.train(recipe.steps)
    assert config.steps == recipe.steps and config.mix.ticks >= config.batch.ticks
    assert row_length(config.model, config.batch) % config.model.backbone.window == 0  # else attention is slow
    if config.seeing is not None:
        assert config.seeing.ticks >= config.batch.ticks and config.seeing_share > 0
        assert row_length(config.model, config.batch, seen=True) % config.model.backbone.window == 0
        said = {skill for cast in recipe.casts for skill in cast.skills}
        assert {skill for skill, share in config.seeing.skills.items() if share > 0} <= said
    assert {cast.split for cast in recipe.casts} == {"train"}
    assert len({cast_folder(Path("pools"), cast) for cast in recipe.casts}) == len(recipe.casts)


def voice_files(folder: Path, words: TextTokenizer) -> Sounding:
    """A fresh voice and vocoder of the toy's shapes, as their stages leave them."""
    config = spoken_config().model
    torch.manual_seed(3)
    voice = Voice(config)
    init_voice(voice, 3)
    files = Sounding(folder / "voice.safetensors", folder / "vocoder.safetensors")
    save_voice(files.voice, voice, config, words, {})
    save_vocoder(files.vocoder, voice.vocoder, {})
    return files


def test_a_run_carries_the_voice_that_it_was_given_into_its_checkpoints(spoken_pool: Path, tmp_path: Path) -> None:
    files = voice_files(tmp_path, toy_tokenizer())
    config = replace(spoken_config(), steps=1, compile=False)
    train(config, [spoken_pool], toy_tokenizer(), tmp_path / "run", sounding=files)
    carried = load_checkpoint(tmp_path / "run" / "model.safetensors").model.voice
    assert carried is not None
    given = load_voice(files.voice).voice.state_dict() | {
        f"vocoder.{name}": tensor for name, tensor in load_vocoder(files.vocoder).state_dict().items()
    }
    assert all(torch.equal(tensor, given[name]) for name, tensor in carried.state_dict().items())
    fresh = InteractionModel(spoken_config().model)
    init_weights(fresh, config.seed)
    assert fresh.voice is not None
    assert any(not torch.equal(tensor, given[name]) for name, tensor in fresh.voice.state_dict().items())


def test_a_voice_of_other_words_is_not_carried(spoken_pool: Path, tmp_path: Path) -> None:
    files = voice_files(tmp_path, TextTokenizer.train(["other words"], 600))
    with pytest.raises(InputError, match="another vocabulary"):
        train(replace(spoken_config(), steps=1), [spoken_pool], toy_tokenizer(), tmp_path / "run", sounding=files)

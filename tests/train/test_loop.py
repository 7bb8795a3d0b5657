"""The loop alone: repeatable, resumable at any step, saved whole or not at all, stopped when told."""

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from microturn.core.errors import ConfigError, InputError
from microturn.data.history import History, Saying
from microturn.model.checkpoint import load_checkpoint
from microturn.model.config import SightConfig
from microturn.model.interaction import VOICE, InteractionModel, init_weights
from microturn.train import loop
from microturn.train.batch import Batch, make_batch, row_length
from microturn.train.distributed import Processes
from microturn.train.loop import Trainer
from tests.train.toy import SeenClips, seeing_config, silent_stream, spoken_config, toy_config, toy_tokenizer
from tests.train.work import figures_of, trainer


def run_to(step: int, one: Trainer) -> Trainer:
    """The trainer, stopped after `step`."""
    one.run(lambda now, shown: one.stop() if now == step else None)
    return one


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    return run_to(4, trainer(toy_config(), tmp_path_factory.mktemp("uninterrupted")))


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(step: int, tmp_path: Path, uninterrupted: Trainer) -> None:
    run_to(step, trainer(toy_config(), tmp_path))
    resumed = trainer(toy_config(), tmp_path)
    assert resumed.resume() and resumed.step == step
    run_to(4, resumed)
    for name, wanted in uninterrupted.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], wanted), name
    for name, wanted in uninterrupted.average.state_dict().items():
        assert torch.equal(resumed.average.state_dict()[name], wanted), name
    figures = ("step", "decide", "heard", "norm", "lr")
    rows = zip(log_of(tmp_path), log_of(uninterrupted.folder), strict=True)
    assert all(mine[name] == theirs[name] for mine, theirs in rows for name in figures)


def test_training_lowers_the_loss(uninterrupted: Trainer) -> None:
    losses = [row["decide"] for row in log_of(uninterrupted.folder)]
    assert losses == sorted(losses, reverse=True)


def test_the_batch_of_a_step_depends_on_seed_step_and_rank(tmp_path: Path) -> None:
    one, same = trainer(toy_config(), tmp_path).batches, trainer(toy_config(), tmp_path).batches
    assert all(torch.equal(a, b) for a, b in zip(one[3], same[3], strict=True))
    other_seed = replace(one, config=replace(one.config, seed=1))
    for other in (other_seed[3], one[4], replace(one, rank=1)[3]):
        assert not torch.equal(one[3].levels_BSPC, other.levels_BSPC)


def test_batches_made_ahead_are_the_ones_made_in_between(tmp_path: Path) -> None:
    plain = trainer(toy_config(), tmp_path).batches
    ahead = replace(plain, config=replace(plain.config, render_workers=1))
    for mine, theirs in zip(ahead.since(1), plain.since(1), strict=True):
        assert type(mine) is type(theirs)
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_a_save_that_is_killed_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = run_to(1, trainer(toy_config(), tmp_path))
    one.train_step(one.batches[1])

    def killed(state: Mapping[str, Any], path: Path) -> None:
        path.write_bytes(b"half a state")
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        one.save()
    resumed = trainer(toy_config(), tmp_path)
    assert resumed.resume() and resumed.step == 1
    assert load_checkpoint(tmp_path / "model.safetensors").notes["step"] == 1


def test_sigterm_ends_the_run_after_a_step_and_saves(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    one = trainer(toy_config(), tmp_path)
    one.run(lambda step, shown: os.kill(os.getpid(), signal.SIGTERM) if step == 2 else None)
    assert one.step == 2 and trainer(toy_config(), tmp_path).resume()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_run_ends_when_its_minutes_are_over_and_saves(tmp_path: Path) -> None:
    one = trainer(toy_config(), tmp_path)
    one.run(lambda step, shown: None, minutes=0.0)
    assert one.step == 0 and (tmp_path / "resume.pt").exists()


def test_validation_goes_to_the_log_and_the_display(tmp_path: Path) -> None:
    one, shown = trainer(replace(toy_config(), validate_every=2), tmp_path), []
    one.run(lambda step, figures: shown.append((step, dict(figures))), validate=figures_of)
    wanted = {"val_numbers": figures_of(one.model, one.tokenizer)["numbers"]}
    assert [(step, figures) for step, figures in shown if "val_numbers" in figures] == [(2, wanted), (4, wanted)]
    assert [row for row in log_of(tmp_path) if "val_numbers" in row] == [{"step": s} | wanted for s in (2, 4)]


def test_the_state_of_another_model_is_refused(tmp_path: Path) -> None:
    run_to(1, trainer(toy_config(), tmp_path))
    config = toy_config()
    wider = replace(config, model=replace(config.model, frame_width=32))
    with pytest.raises(InputError, match="another model"):
        trainer(wider, tmp_path).resume()


def test_an_empty_folder_is_begun(tmp_path: Path) -> None:
    assert not trainer(toy_config(), tmp_path).resume()


def test_streams_shorter_than_a_batch_are_refused() -> None:
    config = toy_config()
    with pytest.raises(ConfigError, match=r"batch\.ticks"):
        replace(config, batch=replace(config.batch, ticks=config.mix.ticks + 1))


def spoken_batch() -> Batch:
    """Two streams in which the agent speaks once."""
    said = History((Saying(3, ("four", "five"), (0, 1), 6),), {}, frozenset())
    own = np.random.default_rng(0).integers(0, 16, (800, 80), np.uint8)
    config = spoken_config()
    streams = [replace(silent_stream(), history=said, own_levels=own)] * 2
    return make_batch(streams, toy_tokenizer(), config.model, config.batch, np.random.default_rng(1))


def voice_of(model: InteractionModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items() if name.startswith(VOICE)}


def test_a_model_with_a_voice_learns_to_hear_itself_and_its_voice_is_carried_along(tmp_path: Path) -> None:
    one = trainer(spoken_config(), tmp_path)
    voice, stem = voice_of(one.model), one.model.fusion.own
    assert stem is not None and voice
    before = [parameter.clone() for parameter in stem.parameters()]
    shown = [one.train_step(spoken_batch())["decide"] for _ in range(4)]
    assert shown == sorted(shown, reverse=True)
    changed = [not torch.equal(old, new) for old, new in zip(before, stem.parameters(), strict=True)]
    assert all(changed)
    assert all(torch.equal(tensor, voice_of(one.model)[name]) for name, tensor in voice.items())
    one.save()
    again = trainer(spoken_config(), tmp_path)
    assert again.resume() and again.step == 4
    loaded = load_checkpoint(tmp_path / "model.safetensors").model
    assert all(torch.equal(tensor, voice_of(loaded)[name]) for name, tensor in voice.items())


def test_a_model_with_a_voice_can_begin_with_one_without(tmp_path: Path) -> None:
    without = InteractionModel(toy_config().model)
    init_weights(without, 5)
    one = trainer(spoken_config(), tmp_path)
    fresh = {name: tensor.clone() for name, tensor in one.model.state_dict().items()}
    one.begin_with(without)
    given = without.state_dict()
    for name, tensor in one.model.state_dict().items():
        assert torch.equal(tensor, given.get(name, fresh[name])), name
        assert name in given or name.startswith(("fusion.own.", VOICE))


def test_a_model_with_sight_can_begin_with_a_blind_one(tmp_path: Path) -> None:
    blind = InteractionModel(toy_config().model)
    init_weights(blind, 5)
    config = toy_config()
    one = trainer(replace(config, model=replace(config.model, sight=SightConfig())), tmp_path)
    one.begin_with(blind)
    given = blind.state_dict()
    new = [name for name in one.model.state_dict() if name not in given]
    assert new and all(name.startswith("fusion.sight.") for name in new)
    assert all(torch.equal(one.model.state_dict()[name], tensor) for name, tensor in given.items())


def test_a_voice_of_the_same_shapes_is_taken_over_and_of_others_begun_afresh(tmp_path: Path) -> None:
    same = InteractionModel(spoken_config().model)
    init_weights(same, 5)
    voice = spoken_config().model.voice
    assert voice is not None
    wider = InteractionModel(replace(spoken_config().model, voice=replace(voice, flow_width=24)))
    one = trainer(spoken_config(), tmp_path)
    fresh = voice_of(one.model)
    one.begin_with(wider)
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in voice_of(one.model).items())
    one.begin_with(same)
    assert all(torch.equal(tensor, same.state_dict()[name]) for name, tensor in voice_of(one.model).items())


def test_a_voice_in_a_world_of_writing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"mix\.spoken"):
        replace(spoken_config(), mix=toy_config().mix)


def test_half_of_the_steps_have_cameras_the_same_ones_in_every_process(tmp_path: Path) -> None:
    processes = [replace(trainer(seeing_config(40), tmp_path).batches, clips=SeenClips(), rank=rank) for rank in (0, 1)]
    kinds = [[batches.is_seeing(step) for step in range(40)] for batches in processes]
    assert kinds[0] == kinds[1] and 10 < sum(kinds[0]) < 30
    sighted, blind = kinds[0].index(True), kinds[0].index(False)
    shapes = [{batches[step].order_BT.shape for batches in processes} for step in (sighted, blind)]
    config = seeing_config()
    rows = [row_length(config.model, config.batch, seen) for seen in (True, False)]
    assert shapes == [{(config.streams, row)} for row in rows]
    assert all(batches[sighted].pairs_BVPHWC.flatten(1).any(1).all() for batches in processes)  # ann is in all of them
    assert processes[0][sighted].pairs_BVPHWC.any() and processes[0][blind].pairs_BVPHWC.shape[1] == 0


def test_steps_without_cameras_are_what_they_are_without_the_others(tmp_path: Path) -> None:
    config = seeing_config()
    mixed = replace(trainer(config, tmp_path).batches, clips=SeenClips())
    plain = replace(mixed, config=replace(config, seeing=None, seeing_share=0.0))
    step = next(step for step in range(9) if not mixed.is_seeing(step))
    assert all(torch.equal(a, b) for a, b in zip(mixed[step], plain[step], strict=True))


def test_a_run_with_both_kinds_of_steps_goes_on_to_the_bit_and_sees_only_in_its_own(tmp_path: Path) -> None:
    def begun(folder: Path) -> Trainer:
        config = seeing_config(4)
        return Trainer(config, SeenClips(), toy_tokenizer(), folder, Processes())

    whole = begun(tmp_path / "whole")
    eyes = whole.model.fusion.sight
    assert eyes is not None
    changed: list[bool] = []
    before = eyes.out.weight.detach().clone()

    def look(step: int, shown: Mapping[str, float]) -> None:
        nonlocal before
        changed.append(not torch.equal(before, eyes.out.weight))
        before = eyes.out.weight.detach().clone()

    whole.run(look)
    seeing = [bool(row["seeing"]) for row in log_of(tmp_path / "whole")]
    assert set(seeing) == {True, False} and changed == seeing
    run_to(2, begun(tmp_path / "parts"))
    parts = begun(tmp_path / "parts")
    assert parts.resume()
    run_to(4, parts)
    assert all(torch.equal(a, b) for a, b in zip(whole.model.parameters(), parts.model.parameters(), strict=True))


def test_mixes_that_do_not_fit_together_are_refused() -> None:
    config = seeing_config()
    with pytest.raises(ConfigError, match="nobody sees"):
        replace(config, model=toy_config().model)
    with pytest.raises(ConfigError, match="without cameras"):
        replace(config, mix=toy_config().mix)
    with pytest.raises(ConfigError, match="nothing to see"):
        replace(config, seeing=None)
    with pytest.raises(ConfigError, match="mixes that differ"):
        replace(config, seeing=replace(config.mix, spoken=True))

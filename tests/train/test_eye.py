"""Training of the eye alone: a run that learns and is resumable, and a file that fits or says why not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from microturn.core.errors import InputError
from microturn.data.glance import TOLD
from microturn.data.scenarios import SIGHT_SKILLS
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import load_checkpoint, save_checkpoint
from microturn.model.config import SightConfig
from microturn.model.interaction import InteractionModel
from microturn.recipes.tiny import toy
from microturn.train.eye import CHOICES, EyeTrainConfig, EyeTrainer, Glances, eye_scores, load_eye, save_eye, train_eye
from tests.train.test_loop import trainer
from tests.train.toy import seeing_config

SMALL = SightConfig(widths=(16, 24, 32), gather_width=48)


def train_config(**changes: Any) -> EyeTrainConfig:
    config = EyeTrainConfig(
        model=replace(toy().model, sight=SMALL), glances=2, pairs=2, bf16=False, render_workers=0, save_every=100
    )
    return replace(config, optim=replace(config.optim, warmup_steps=1, decay_steps=0), **changes)


def run_to(step: int, one: EyeTrainer, steps: int = 6) -> EyeTrainer:
    one.run(steps, lambda now, shown: one.stop() if now == step else None)
    return one


def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(tmp_path: Path) -> None:
    whole = run_to(4, EyeTrainer(train_config(), tmp_path / "whole"))
    run_to(2, EyeTrainer(train_config(), tmp_path / "cut"))
    resumed = EyeTrainer(train_config(), tmp_path / "cut")
    assert resumed.resume() and resumed.step == 2
    run_to(4, resumed)
    for mine, theirs in ((resumed.eye, whole.eye), (resumed.average, whole.average)):
        for name, wanted in theirs.state_dict().items():
            assert torch.equal(mine.state_dict()[name], wanted), name


def test_batches_are_the_same_whoever_renders_them() -> None:
    glances = Glances(2, 2, seed=5)
    alone, rendered = glances.since(3, 0), glances.since(3, 1)
    for _ in range(2):
        for a, b in zip(next(alone), next(rendered), strict=True):
            assert torch.equal(a.nan_to_num(), b.nan_to_num())


def test_the_eye_learns_what_a_few_glances_show(tmp_path: Path) -> None:
    one = EyeTrainer(train_config(ema=0.9), tmp_path)
    batch = Glances(16, 2, seed=1)[0]
    first = one.train_step(batch, 200)
    for _ in range(120):
        last = one.train_step(batch, 200)
    assert last["told"] < 0.3 * first["told"] and last["amounts"] < 0.3 * first["amounts"]
    scores = eye_scores(one.average, [batch])
    assert scores["motion"] > 0.8 and scores["depth off"] < 0.25, scores


def test_a_stem_in_a_file_sees_as_it_did_and_fits_into_a_model(tmp_path: Path) -> None:
    config = train_config()
    path = train_eye(config, tmp_path, 1)
    tensors = load_eye(path, config.model)
    model = InteractionModel(config.model)
    sight = model.fusion.sight
    assert sight is not None
    sight.load_state_dict(tensors)
    one = EyeTrainer(config, tmp_path)
    assert one.resume()
    pairs = Glances(1, 2, seed=9)[0].pairs_BPFHWC
    assert torch.equal(sight(pairs), one.average.stem(pairs))


def test_a_run_may_begin_with_the_eye_of_a_checkpoint(tmp_path: Path) -> None:
    model = InteractionModel(train_config().model)
    save_checkpoint(tmp_path / "given.safetensors", model, TextTokenizer.train(["a b"], 40), {})
    begun = load_checkpoint(tmp_path / "given.safetensors").model.fusion.sight
    path = train_eye(train_config(), tmp_path, 0, weights=tmp_path / "given.safetensors")
    assert begun is not None
    assert all(torch.equal(tensor, begun.state_dict()[name]) for name, tensor in load_eye(path, model.config).items())
    with pytest.raises(InputError, match="no eye to begin with"):
        EyeTrainer(train_config(), tmp_path / "blind").begin_with(InteractionModel(toy().model))


def test_shares_say_what_is_shown() -> None:
    only = dict.fromkeys(SIGHT_SKILLS, 0.0) | {"posture": 1.0}
    told = Glances(6, 1, seed=2, shares=only)[0].told_BPQ
    assert bool((told[..., [TOLD.index(word) for word in CHOICES["posture"]]].sum(-1) == 1).all())


def test_a_file_that_is_no_eye_or_one_of_other_shapes_says_so(tmp_path: Path) -> None:
    config = train_config().model
    with pytest.raises(InputError, match="no such eye"):
        load_eye(tmp_path / "nothing", config)
    broken = tmp_path / "broken"
    broken.write_bytes(np.arange(40, dtype=np.uint8).tobytes())
    with pytest.raises(InputError, match="not a readable eye"):
        load_eye(broken, config)
    one = EyeTrainer(train_config(), tmp_path)
    save_eye(tmp_path / "small", one.eye.stem, config)
    with pytest.raises(InputError, match="other shapes"):
        load_eye(tmp_path / "small", replace(config, sight=SightConfig()))


def test_a_held_eye_stays_as_it_came_while_the_rest_learns(tmp_path: Path) -> None:
    one = trainer(replace(seeing_config(2), hold_eye=True), tmp_path)
    eye = EyeTrainer(EyeTrainConfig(model=one.config.model, render_workers=0), tmp_path).eye.stem.state_dict()
    one.carry_eye(eye)
    before = one.model.backbone.norm.weight.clone()
    one.run(lambda step, shown: None)
    for model in (one.model, one.average):
        sight = model.fusion.sight
        assert sight is not None and all(torch.equal(sight.state_dict()[name], given) for name, given in eye.items())
    assert not torch.equal(one.model.backbone.norm.weight, before)

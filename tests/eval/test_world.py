"""The examination end to end with a toy model: scenarios, sessions on the engine, report."""

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, FastClock
from microturn.core.errors import InputError
from microturn.core.participant import converse
from microturn.core.recording import Replay
from microturn.data.render import RenderConfig
from microturn.data.scenarios import ALL_SKILLS, SKILLS, all_phrases
from microturn.data.script import SceneScript
from microturn.data.voices import voice
from microturn.engine.api import SessionSpec
from microturn.engine.participant import participant
from microturn.eval.report import by_group, sight_table, table
from microturn.eval.scenarios import (
    GROUPS,
    SEEN_LOOKS,
    blindfolded,
    rendered,
    validation_scenarios,
    world_scenarios,
)
from microturn.eval.sessions import HearConfig, frames_of, outcomes
from microturn.eval.world import EvalConfig, calibrate_listen_bias, evaluate, skills_of, validate
from microturn.media.picture import fitted
from microturn.media.text import TextTokenizer
from microturn.model.backbone import BackboneConfig
from microturn.model.checkpoint import Checkpoint, save_checkpoint
from microturn.model.config import InteractionConfig, SightConfig
from microturn.model.interaction import InteractionModel, init_weights
from microturn.model.sampling import SamplingConfig

QUICK = {"skills": ("answer", "countdown"), "per_skill": 1}
TOY_SIGHT = SightConfig(widths=(8, 8, 8))
JUDGES = ("awb", "klatt4", "f2", "m7")


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """A toy with random weights that says a word now and then."""
    tokenizer = TextTokenizer.train(["one two three four five six seven eight nine ten what is plus"], 160)
    backbone = BackboneConfig(
        width=32, layers=2, heads=2, kv_heads=1, head_dim=16, local_heads=2, local_kv_heads=1, local_head_dim=16,
        window=32, global_layers=(1,), global_window=128, rel_extent=64, mlp_width=64,
    )  # fmt: skip
    config = InteractionConfig(backbone, vocab_size=160, frame_width=8, stem_width=32, heard_layer=1)
    model = InteractionModel(config)
    init_weights(model, 1)
    torch.nn.init.normal_(model.decision.weight, std=0.2, generator=torch.Generator().manual_seed(1))
    torch.nn.init.normal_(model.heard.weight, std=0.5, generator=torch.Generator().manual_seed(2))
    return Checkpoint(model.eval(), tokenizer, {})


def test_groups_share_their_scripts_and_differ_in_voices() -> None:
    made = world_scenarios(groups=("seen", "unseen synthetic", "unseen natural"), per_skill=2)
    seen, synthetic, natural = ([s for s in made if s.group == group] for group in GROUPS[:3])
    assert [s.script for s in seen] == [s.script for s in synthetic] == [s.script for s in natural]
    assert len(seen) == 2 * len(SKILLS) and len({s.id for s in made}) == len(made)
    assert {s.voice.split for s in seen} == {"train"} and {s.voice.split for s in synthetic + natural} == {"test"}
    assert {s.voice.group for s in synthetic} == {"synthetic"} and {s.voice.group for s in natural} == {"natural"}


def test_seen_looks_differ_from_unseen_ones_in_nothing_else() -> None:
    skills = ("answer", "reps", "comment")
    made = world_scenarios(groups=("unseen synthetic", SEEN_LOOKS), per_skill=2, skills=skills)
    unseen, seen = made[2:6], made[6:]  # where nothing is shown there is no look
    scripts = [s.script for s in unseen + seen]
    shots = [script.shot for script in scripts if isinstance(script, SceneScript)]
    assert [shot.split for shot in shots] == ["test"] * 4 + ["train"] * 4
    assert [shot.play for shot in shots[:4]] == [shot.play for shot in shots[4:]]
    assert [s.script.lines for s in unseen] == [s.script.lines for s in seen]
    assert [(s.voice, s.prosody, s.seed) for s in unseen] == [(s.voice, s.prosody, s.seed) for s in seen]


def test_every_skill_has_three_scenarios_with_something_due_and_then_a_negative() -> None:
    made = world_scenarios("val", ("unseen synthetic",), 4)
    assert [s.script.negative for s in made] == [False, False, False, True] * len(SKILLS)
    assert len({s.script for s in made}) == len(made)


def test_canonical_scenarios_are_of_training_and_all_others_hold_no_line_of_it() -> None:
    train = {phrase.template for phrase in all_phrases("train")}
    made = world_scenarios(per_skill=3)
    assert all((s.script.template in train) == (s.group == "canonical") for s in made)
    assert {s.voice.split for s in made if s.group == "canonical"} == {"test"}
    assert {s.voice.split for s in validation_scenarios()} == {"val"}


def test_no_scenario_speaks_with_a_voice_kept_for_judging() -> None:
    ids = {s.voice.id for s in [*world_scenarios(per_skill=6), *validation_scenarios(6)]}
    assert len(ids) > 20 and not any(name in voice_id for voice_id in ids for name in JUDGES)
    for name in ("flite:awb", *(f"espeak:en-us+{n}" for n in JUDGES[1:])):
        with pytest.raises(InputError, match="no such voice"):
            voice(name)


def test_a_group_without_voices_is_refused() -> None:
    with pytest.raises(InputError, match="no voices"):
        world_scenarios("val", ("unseen natural",))
    with pytest.raises(InputError, match="unknown group"):
        world_scenarios(groups=("strangers",))


def test_kept_sounds_are_those_that_would_be_rendered(tmp_path: Path) -> None:
    quiet = RenderConfig(babble_share=0.0)
    scenario = world_scenarios("test", ("unseen natural",), 1, skills=("patience",), config=quiet)[0]
    fresh, stored, read = (rendered(scenario, folder) for folder in (None, tmp_path, tmp_path))
    assert len(list(tmp_path.glob("*.wav"))) == 1
    for other in (stored, read):
        np.testing.assert_array_equal(fresh.pcm, other.pcm)
        assert (fresh.expects, fresh.end_ms) == (other.expects, other.end_ms)


def test_two_examinations_at_once_may_keep_the_same_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = world_scenarios("test", ("unseen synthetic",), 1, skills=("stop",))[0]

    def after_another_process(file: Path, target: Path) -> Path:
        monkeypatch.undo()
        other = multiprocessing.get_context("spawn").Process(target=rendered, args=(scenario, tmp_path))
        other.start()
        other.join(60)
        assert other.exitcode == 0
        return file.replace(target)

    monkeypatch.setattr(Path, "replace", after_another_process)
    fresh = rendered(scenario, tmp_path)
    np.testing.assert_array_equal(rendered(scenario, tmp_path).pcm, fresh.pcm)
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".json", ".wav"]


def test_batched_sessions_say_and_hear_what_a_live_conversation_does(checkpoint: Checkpoint, tmp_path: Path) -> None:
    sampling = SamplingConfig(temperature=1.0, listen_bias=1.0)
    scenarios = world_scenarios("test", ("unseen synthetic",), 1, skills=("answer", "memory", "countdown"))
    found = outcomes(checkpoint.model, checkpoint.tokenizer, scenarios, HearConfig(2, sampling, tmp_path))
    assert sum(len(o.said) for o in found) > 20 and sum(len(o.heard) for o in found) > 20
    for index, (scenario, outcome) in enumerate(zip(scenarios, found, strict=True)):
        chunks = [Chunk(pcm) for pcm in rendered(scenario, tmp_path).pcm.reshape(-1, CHUNK_SAMPLES)]
        live = participant(checkpoint, SessionSpec(index, sampling))
        turns = list(converse(Replay(chunks), live, FastClock(), len(chunks)))
        assert [(t.tick, text) for t in turns for text in t.model.text] == [(s.tick, s.text) for s in outcome.said]


def test_evaluate_writes_a_report_of_every_group_and_skill(checkpoint: Checkpoint, tmp_path: Path) -> None:
    weights = tmp_path / "toy.safetensors"
    save_checkpoint(weights, checkpoint.model, checkpoint.tokenizer, {"listen_bias": 2.5, "stop_bias": 0.5})
    seen: list[tuple[int, int]] = []
    config = EvalConfig(groups=("seen", "unseen natural"), **QUICK)
    out = tmp_path / "report.json"
    report = evaluate(weights, config, out=out, command="test", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 4) for done in range(1, 5)]
    assert (report.config["listen_bias"], report.config["stop_bias"]) == (2.5, 0.5) and report.command == "test"
    stored = json.loads(out.read_text())
    assert list(stored["groups"]) == ["seen", "unseen natural"]
    natural = stored["groups"]["unseen natural"]
    assert set(natural["skills"]) == set(QUICK["skills"]) and set(natural["voices"]) == {"festival:ked"}
    assert 0 <= natural["macro_f1"] <= 1 and natural["word_error"] > 0 and natural["overall"]["minutes"] > 0
    console = Console(record=True, width=100)
    console.print(table(report.groups))
    shown = console.export_text()
    assert "countdown" in shown and "false speech a minute" in shown


def test_a_model_with_sight_is_shown_the_film_in_its_grid_and_black_where_it_is_blind(tmp_path: Path) -> None:
    scenario = world_scenarios("test", ("unseen synthetic",), 1, skills=("fingers",))[0]
    sound = rendered(scenario, tmp_path)
    assert sound.film is not None
    grid = SightConfig(height=40, width=80, patches_per_token=2)
    ticks = [tick for tick in range(20) if sound.film(tick) is not None]
    seen, blind, none = (frames_of(sound, *how) for how in ((grid, False), (grid, True), (None, False)))
    picture = sound.film(ticks[0])
    shown = seen(ticks[0])
    assert picture is not None and shown is not None and np.array_equal(shown, fitted(picture, 40, 80))
    assert all(frame is not None and frame.shape == (40, 80, 3) and not frame.any() for frame in map(blind, ticks))
    assert none(ticks[0]) is None


def test_a_model_with_sight_is_examined_in_what_it_sees_and_blindfolded(checkpoint: Checkpoint, tmp_path: Path) -> None:
    model = InteractionModel(replace(checkpoint.model.config, sight=TOY_SIGHT))
    init_weights(model, 1)
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():  # fresh layers pass on what they get: then no position knows of another
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2, generator=generator)
    scenarios = world_scenarios("val", ("unseen synthetic",), 1, skills=("answer", "fingers", "start stop"))
    scenarios += blindfolded(scenarios)
    assert [s.group for s in scenarios[3:]] == ["unseen synthetic, blind"] * 2  # nothing is to be seen in the first
    hear = HearConfig(2, SamplingConfig(temperature=0.0, listen_bias=1.0), tmp_path)
    found = outcomes(model.eval(), checkpoint.tokenizer, scenarios, hear)
    assert [o.said for o in found[1:3]] != [o.said for o in found[3:]] and all(o.staged for o in found[1:])
    assert len(list(tmp_path.glob("*.wav"))) == 3  # the blindfolded hear the same
    groups = by_group(found)
    console = Console(record=True, width=120)
    console.print(sight_table(groups))
    shown = console.export_text()
    assert (
        "mean temporal IoU" in shown and "fingers right within 2 ticks" in shown and "unseen synthetic, blind" in shown
    )
    assert sight_table(by_group(found[:1])) is None
    assert skills_of(model) == ALL_SKILLS and skills_of(checkpoint.model) == SKILLS


def test_validate_leaves_training_mode_as_it_was(checkpoint: Checkpoint) -> None:
    scenarios = world_scenarios("val", ("unseen synthetic",), **QUICK)
    checkpoint.model.train()
    found = validate(checkpoint.model, checkpoint.tokenizer, scenarios)
    assert checkpoint.model.training and found.overall.scenarios == 2
    checkpoint.model.eval()


def test_the_listen_bias_is_one_that_keeps_false_speech_low(checkpoint: Checkpoint) -> None:
    scenarios = world_scenarios("val", ("unseen synthetic",), **QUICK)
    choice = calibrate_listen_bias(checkpoint.model, checkpoint.tokenizer, scenarios, biases=(0.0, 30.0))
    assert choice.listen_bias == 30.0 and set(choice.tried) == {0.0, 30.0}
    assert choice.tried[0.0].overall.false_per_min > 1 >= choice.tried[30.0].overall.false_per_min

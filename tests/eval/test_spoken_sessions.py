"""Sessions of a toy with a voice, from scenarios to the report."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from microturn.eval.report import by_group, table
from microturn.eval.scenarios import world_scenarios
from microturn.eval.sessions import HearConfig, Outcome, outcomes
from microturn.media.text import Control, TextTokenizer
from microturn.model.config import VoiceConfig
from microturn.model.interaction import InteractionModel, init_weights
from microturn.model.sampling import SamplingConfig
from microturn.recipes.tiny import toy

TOKENIZER = TextTokenizer.train(["one two three four five six seven eight nine ten what is plus"], 160)


@pytest.fixture(scope="module")
def model() -> InteractionModel:
    """It says a word now and then and sounds on for a while."""
    voice = VoiceConfig(
        own_width=16, decoder_width=16, decoder_layers=1, decoder_heads=2, flow_width=16, flow_blocks=1,
        flow_evals=1, vocoder_width=8, vocoder_layers=1,
    )  # fmt: skip
    made = InteractionModel(replace(toy().model, vocab_size=160, voice=voice))
    init_weights(made, 1)
    generator = torch.Generator().manual_seed(1)
    torch.nn.init.normal_(made.decision.weight, std=0.2, generator=generator)
    made.decision.weight.data[int(Control.SPEAK)] *= 4.0
    return made.eval()


def heard(model: InteractionModel, cache: Path, echo_db: float | None) -> list[Outcome]:
    scenarios = world_scenarios("test", ("unseen synthetic",), 1, skills=("answer", "countdown"))
    sampling = SamplingConfig(temperature=1.0, listen_bias=2.0)
    return outcomes(model, TOKENIZER, scenarios, HearConfig(2, sampling, cache, echo_db))


def test_a_voice_adds_its_figures_to_the_report(model: InteractionModel, tmp_path: Path) -> None:
    found = heard(model, tmp_path, None)
    assert all(outcome.sounds and outcome.lines for outcome in found)
    for outcome in found:
        assert {s.tick for s in outcome.sounds} >= {s.tick for s in outcome.said}
        assert all(s.compute_ms > 0 for s in outcome.sounds)
    groups = by_group(found)
    spoken = groups["unseen synthetic"].spoken
    assert spoken is not None and spoken.undue_s_per_min > 0 and spoken.minutes > 0
    console = Console(record=True, width=100)
    console.print(table(groups))
    assert "first sound" in console.export_text()


def test_its_own_echo_reaches_the_model(model: InteractionModel, tmp_path: Path) -> None:
    quiet, again, echoed = (heard(model, tmp_path, echo_db) for echo_db in (None, None, 0.0))
    assert [o.said for o in quiet] == [o.said for o in again]
    assert [o.said for o in quiet] != [o.said for o in echoed]

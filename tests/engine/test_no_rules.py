"""Nothing outside the model decides when or what to say: the tick path is read here, word by word."""

import ast
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import microturn
from microturn.engine.api import InputChunk, SessionSpec
from microturn.engine.embedded import EmbeddedEngine
from microturn.media.text import Control
from microturn.model.sampling import SamplingConfig, sample_tokens
from tests.engine.toy import CONFIG, VOCAB, levels, run, toy_engine

PACKAGE = Path(microturn.__file__).parent
TICK_PATH = sorted(
    [
        *PACKAGE.glob("engine/*.py"),
        *(PACKAGE / "model" / name for name in ("interaction.py", "sampling.py", "fusion.py")),
    ]
)
# Words of rules that other systems put around a model.
RULE_WORDS = {
    "vad", "energy", "rms", "loudness", "voiced", "speech", "endpoint", "threshold", "patience", "timeout", "timer",
    "cooldown", "debounce", "hangover", "elapsed", "monotonic", "perf", "time", "now", "probability", "confidence",
    "topk", "top", "penalty", "keyword", "wake", "regex", "re",
}  # fmt: skip
NOT_RULES = {"rms_norm"}  # of hidden states


def names_in(tree: ast.AST) -> set[str]:
    """Every name that code uses, defines or imports; strings and comments do not count."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.alias(name=name):
                found.update(name.split("."))
    return found


def method(name: str) -> ast.FunctionDef:
    tree = ast.parse((PACKAGE / "engine/embedded.py").read_text())
    return next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == name)


@pytest.mark.parametrize("path", TICK_PATH, ids=lambda path: path.name)
def test_no_name_on_the_tick_path_is_that_of_a_rule(path: Path) -> None:
    names = names_in(ast.parse(path.read_text())) - NOT_RULES
    assert {name for name in names if RULE_WORDS & set(name.lower().strip("_").split("_"))} == set()


def test_a_tick_ends_by_the_token_that_ends_it_or_the_budget_and_by_nothing_else() -> None:
    """All conditions of the deciding function, as written."""
    say = method("_say")
    conditions = [node.test for node in ast.walk(say) if isinstance(node, ast.If | ast.While | ast.IfExp)]
    filters = [c for node in ast.walk(say) if isinstance(node, ast.comprehension) for c in node.ifs]
    assert [ast.unparse(c) for c in conditions] == ["not going or step + 1 == budget"]
    assert [ast.unparse(c) for c in filters] == ["tokens[index] not in self._ends"]
    assert [ast.unparse(n.iter) for n in ast.walk(say) if isinstance(n, ast.For)] == ["range(budget)", "going"]


def test_what_is_said_is_what_was_sampled_from_the_models_logits() -> None:
    lines = [ast.unparse(node) for node in ast.walk(method("_say")) if isinstance(node, ast.Assign | ast.AnnAssign)]
    assert "logits_BV = self._model.decide(hidden_BU)" in lines
    sampled = "tokens: list[int] = self._sample(rows, first, logits_BV, step).numpy(force=True).tolist()"
    assert [line for line in lines if line.startswith("tokens")] == [sampled]
    calls = [
        ast.unparse(n) for n in ast.walk(method("_say")) if isinstance(n, ast.Call) and "append" in ast.unparse(n.func)
    ]
    assert calls == ["said.logits[index].append(logits_BV[index])", "said.drawn[index].append(tokens[index])"]
    returns = [n.value for n in ast.walk(method("_sample")) if isinstance(n, ast.Return)]
    assert [ast.unparse(n.func) for n in returns if isinstance(n, ast.Call)] == [sample_tokens.__name__]


def test_biases_and_temperature_are_the_only_settings() -> None:
    assert {field.name for field in dataclasses.fields(SamplingConfig)} == {"temperature", "listen_bias", "stop_bias"}
    assert {field.name for field in dataclasses.fields(SessionSpec)} == {"seed", "sampling", "id"}
    arguments = ["logits_BV", "choices", "temperature_B", "listen_bias_B", "draw"]
    assert list(sample_tokens.__annotations__)[:-1] == arguments


def said_with(engine: EmbeddedEngine, dmel: np.ndarray) -> list[tuple[int, ...]]:
    ref = engine.open(SessionSpec(seed=1, sampling=SamplingConfig(temperature=1.0)))
    return [r.said for r in run(engine, ref, [InputChunk(tick, frames) for tick, frames in enumerate(dmel)])]


def test_with_the_same_logits_loud_and_silent_ticks_get_the_same_words() -> None:
    engine = toy_engine()
    flat = torch.zeros(CONFIG.vocab_size).index_fill(0, torch.tensor([int(Control.LISTEN)]), 4.0)
    engine._model.decide = lambda hidden: flat.expand(len(hidden), -1)  # type: ignore[method-assign]
    spoken = [said_with(engine, dmel) for dmel in (levels(0, 40), np.zeros_like(levels(0, 40)), levels(0, 40) * 0 + 15)]
    assert spoken[0] == spoken[1] == spoken[2]
    assert {len(ids) for ids in spoken[0]} == {0, 1, 2}


def test_whatever_the_logits_only_words_and_decisions_are_said() -> None:
    engine = toy_engine()
    wild = torch.full((CONFIG.vocab_size,), 5.0)
    engine._model.decide = lambda hidden: wild.expand(len(hidden), -1)  # type: ignore[method-assign]
    said = {token for ids in said_with(engine, levels(0, 100)) for token in ids}
    assert said <= {int(Control.SPEAK), int(Control.YIELD), int(Control.DELEGATE), *range(16, VOCAB)}

"""A live conversation without a device: what is played, kept and shown, and what is said where something is missing."""

import builtins
import sys
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from microturn.cli import app
from microturn.commands.devices import FakeDevice, Person
from microturn.commands.talk import TalkRequest, Transcript, hold
from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.clock import CHUNK_SAMPLES, FastClock
from microturn.core.events import Event
from microturn.core.fakes import Echo
from microturn.core.participant import converse
from microturn.core.recording import load
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import save_checkpoint
from microturn.model.interaction import InteractionModel, init_weights
from microturn.recipes.tiny import toy

BLOCKS = [np.full(CHUNK_SAMPLES, level, np.float32) for level in (0.25, 0.5, -0.25)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = InteractionModel(toy().model)
    init_weights(model, seed=0)
    with torch.no_grad():
        model.decision.weight.normal_(generator=torch.Generator().manual_seed(1))
    path = tmp_path_factory.mktemp("toy") / "toy.safetensors"
    save_checkpoint(path, model, TextTokenizer.train(["what is two plus two"], n_pieces=10), {})
    return path


def test_what_the_model_says_is_played_while_the_next_block_is_heard() -> None:
    device = FakeDevice(BLOCKS)
    turns = list(converse(Person(device), Echo(), FastClock(), 4))
    assert [float(block[0]) for block in device.played] == [0, 0.25, 0.5, -0.25]
    assert [float(turn.user.samples[0]) for turn in turns] == [0.25, 0.5, -0.25, 0]


def test_a_talk_is_kept_and_shown(weights: Path, tmp_path: Path) -> None:
    told = StringIO()
    request = TalkRequest(weights, tmp_path / "out", seconds=2)
    assert hold(request, FakeDevice(BLOCKS), Console(file=told, width=100)) == 10
    recording = load(tmp_path / "out")
    assert len(recording.turns) == 10 and recording.turns[1].user == Chunk(BLOCKS[1])
    said = [event.text for turn in recording.turns for event in turn.model.events if event.kind == "say"]
    assert said and said[0] in told.getvalue() and "no voice" in told.getvalue()
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"said.wav", "both.wav", "said.jsonl"}


def test_the_transcript_joins_words_of_one_side_and_parts_the_sides() -> None:
    transcript = Transcript()

    def take(tick: int, kind: str, text: str, joins: bool = False) -> None:
        event = Event(200 * tick, tick, kind, text, {"joins": True} if joins else None)
        transcript.take(MicroTurn(tick, Chunk(), Chunk(events=(event,))))

    for tick, word in enumerate(("what is", "two", "plus", "two")):
        take(tick, "heard", word)
    take(5, "say", "fo")
    take(6, "say", "ur", joins=True)
    take(20, "say", "beep")
    take(21, "unsaid", "beep")
    assert [line.strip() for line in transcript.shown().plain.splitlines()] == [
        "you  what is two plus two",
        "model  four",
        "model  beep",
        "model  (left unsaid: beep)",
    ]
    assert transcript.shown(1).plain.count("\n") == 1


def refusal(*words: str) -> str:
    result = CliRunner().invoke(app, ["talk", *words])
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1, result.output
    return result.stderr


def without(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    """As if the package were not there."""
    real = builtins.__import__

    def importing(wanted: str, *rest: Any) -> Any:
        if wanted.partition(".")[0] == name:
            raise error
        return real(wanted, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)


def test_what_is_missing_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "livekit", ImportError())
    assert "livekit" in (line := refusal()) and "microturn[talk]" in line
    without(monkeypatch, "sounddevice", ImportError())
    assert "sounddevice" in refusal("--headphones")
    without(monkeypatch, "sounddevice", OSError("PortAudio library not found"))
    assert "apt install libportaudio2" in refusal("--headphones")


def test_a_machine_without_a_microphone_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(kind: str) -> None:
        raise ValueError(kind)

    fake = SimpleNamespace(PortAudioError=RuntimeError, query_devices=none)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    assert "no microphone" in refusal("--headphones")

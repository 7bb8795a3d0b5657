"""`microturn replay`: told in the terminal, written to files, held once more; what is wrong with a folder is said."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from microturn.cli import app
from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.clock import FastClock
from microturn.core.fakes import Echo, Scripted
from microturn.core.participant import converse
from microturn.core.recording import Recording, load, save
from microturn.core.wav import read_wav, to_float, to_int16
from microturn.engine.api import SessionSpec
from microturn.engine.log import TurnRecord
from microturn.engine.participant import EngineParticipant, participant
from microturn.gateway.kept import About
from microturn.gateway.store import Store
from microturn.gateway.timeline import Ended
from microturn.gateway.turns import opening, timeline_of
from microturn.media.mkv import read_mkv
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import load_checkpoint, save_checkpoint, weights_hash
from microturn.model.interaction import InteractionModel, init_weights
from microturn.model.sampling import SamplingConfig
from microturn.recipes.tiny import toy


def cli(*words: object) -> Result:
    return CliRunner().invoke(app, ["replay", *map(str, words)])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy that says something in most ticks."""
    model = InteractionModel(toy().model)
    init_weights(model, seed=0)
    with torch.no_grad():
        model.decision.weight.normal_(generator=torch.Generator().manual_seed(1))
        model.heard.weight.normal_(generator=torch.Generator().manual_seed(2))
    path = tmp_path_factory.mktemp("toy") / "toy.safetensors"
    save_checkpoint(path, model, TextTokenizer.train(["what is two plus two"], n_pieces=10), {"listen_bias": 1.0})
    return path


def user(ticks: int = 6) -> list[Chunk]:
    noise = np.random.default_rng(0).normal(0, 0.1, (ticks, 3200)).astype(np.float32)
    chunks = [Chunk(to_float(to_int16(pcm))) for pcm in noise]
    return [*chunks[:2], replace(chunks[2], text=("two plus two",)), *chunks[3:]]


def kept(folder: Path, model: EngineParticipant | Echo, about: About) -> Path:
    """A session, recorded as a server does it."""
    keeper = Store(folder).begin(replace(about, id="s1", protocol="live"))
    assert keeper is not None
    keeper.items(opening())
    speaking = False
    for turn in converse(Scripted(dict(enumerate(user()))), model, FastClock(), 6):
        items, speaking = timeline_of(turn, speaking)
        logged: TurnRecord | None = model.logged if isinstance(model, EngineParticipant) else None
        keeper.turn(turn, logged, 40.0 + turn.tick)
        keeper.items(items)
    keeper.items([Ended(1_200, "close_requested")])
    keeper.close()
    return folder / "s1"


@pytest.fixture
def session(tmp_path: Path, weights: Path) -> Path:
    checkpoint = load_checkpoint(weights)
    spec = SessionSpec(7, SamplingConfig(temperature=0.5, listen_bias=1.0), "s1")
    about = About("", "", model="toy", weights=weights_hash(checkpoint.model), spec=spec)
    return kept(tmp_path / "store", participant(checkpoint, spec), about)


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    return kept(tmp_path / "store", Echo(), About("", "", model="echo"))


def test_a_recording_is_told_with_who_said_what_and_how_late(echo: Path) -> None:
    shown = cli(echo).stdout
    assert "s1, live, echo" in shown and "1.2 s" in shown
    assert "model    two plus two" in shown and "overlap  both speak" in shown
    assert "median 42 ms" in shown and "longest 45 ms; 0 of 6 ticks over 200 ms" in shown


def test_what_the_model_decides_once_more_is_the_same(session: Path, weights: Path) -> None:
    result = cli(session, "--again", "--weights", weights)
    assert result.exit_code == 0 and "all 6 ticks are equal, token by token" in result.stdout


def test_a_decision_that_was_changed_is_found(session: Path, weights: Path) -> None:
    path = session / "engine.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[3]["said"] = [20, 21]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = cli(session, "--again", "--weights", weights)
    assert result.exit_code == 1 and "tick 3 (0.6 s) differs" in result.stdout and "(20, 21)" in result.stdout


def test_an_echo_is_held_once_more_without_weights(echo: Path) -> None:
    assert "all 6 ticks are equal" in cli(echo, "--again").stdout


def test_other_weights_are_refused(session: Path, weights: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(weights)
    with torch.no_grad():
        checkpoint.model.decision.weight.add_(1.0)
    save_checkpoint(tmp_path / "other.safetensors", checkpoint.model, checkpoint.tokenizer, checkpoint.notes)
    result = cli(session, "--again", "--weights", tmp_path / "other.safetensors")
    assert result.exit_code == 2 and "other weights" in result.stderr


def test_a_recording_of_run_is_told_and_held_once_more(weights: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(weights)
    spec = SessionSpec(5, SamplingConfig(listen_bias=1.0))
    turns = list(converse(Scripted(dict(enumerate(user()))), participant(checkpoint, spec), FastClock(), 6))
    meta = {"weights": weights_hash(checkpoint.model), "listen_bias": 1.0, "seed": 5}
    save(Recording(turns, meta=meta), tmp_path / "heard")
    result = cli(tmp_path / "heard", "--again", "--weights", weights)
    assert result.exit_code == 0 and "heard, local" in result.stdout
    assert "all 6 ticks are equal, in words, events and sound" in result.stdout


@pytest.mark.parametrize("ending", ["wav", "mkv"])
def test_both_sides_are_written_to_a_file(echo: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / "out" / f"both.{ending}"
    assert cli(echo, "--audio", path).exit_code == 0
    stereo = read_wav(path) if ending == "wav" else read_mkv(path).stereo
    assert abs(len(stereo) - 7 * 3_200) < 1_600
    assert np.abs(stereo[:3_000, 1]).max() < 0.01 < np.abs(stereo[3_400:, 1]).max()


def test_the_page_stands_alone(echo: Path, tmp_path: Path) -> None:
    with_picture = load(echo)
    first = with_picture.turns[0]
    picture = replace(first.user, frame=np.zeros((8, 8, 3), np.uint8), text=("</script><b>",))
    save(Recording([MicroTurn(0, picture, first.model), *with_picture.turns[1:]]), tmp_path / "r")
    assert cli(tmp_path / "r", "--page", tmp_path / "page.html").exit_code == 0
    page = (tmp_path / "page.html").read_text()
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "") and page.count("</script>") == 1
    data = json.loads(page.split("const data = ", 1)[1].split(";\n", 1)[0].replace("<\\/", "</"))
    assert len(data["frames"]) == 1 and data["typed"][0]["text"] == "</script><b>"
    assert data["overlaps"] and len(data["audio"]) > 1_000


def test_what_is_wrong_with_a_folder_is_said_in_a_line(echo: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, words in (
        (tmp_path / "none", "no such folder"),
        (tmp_path / "empty", "no recorded session here"),
        (echo.parent, "a folder of recordings"),
    ):
        result = cli(folder)
        assert result.exit_code == 2 and words in result.stderr and "Traceback" not in result.stderr
    (echo / "user.wav").write_text("no sound")
    result = cli(echo)
    assert result.exit_code == 2 and "user.wav" in result.stderr


def test_a_file_of_another_kind_is_refused(echo: Path, tmp_path: Path) -> None:
    result = cli(echo, "--audio", tmp_path / "both.mp3")
    assert result.exit_code == 2 and ".wav or .mkv" in result.stderr


def test_the_rerun_viewer_gets_a_file_or_the_reason_why_not(echo: Path, tmp_path: Path) -> None:
    result, path = cli(echo, "--rrd", tmp_path / "a.rrd"), tmp_path / "a.rrd"
    if importlib.util.find_spec("rerun") is None:
        assert result.exit_code == 2 and "pip install 'microturn[viz]'" in result.stderr
    else:
        assert result.exit_code == 0 and path.read_bytes()[:3] == b"RRF"

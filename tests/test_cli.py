"""The command line as a person meets it: what it writes, what it says of bad input, how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner, Result

from microturn import __version__
from microturn.cli import app
from microturn.commands.serve import host_of
from microturn.commands.weights import shipped_weights
from microturn.core.recording import load
from microturn.core.wav import read_wav
from microturn.data.sight.play import Moving, Rep, Shot
from microturn.data.sight.scene import Scene
from microturn.data.voices import available_engines
from microturn.engine.api import SessionSpec
from microturn.gateway.kept import read_any
from microturn.gateway.metrics import Metrics
from microturn.gateway.settings import ServerSettings
from microturn.media.av import write_audio, write_video
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import load_checkpoint, save_checkpoint
from microturn.model.config import SightConfig, VoiceConfig
from microturn.model.interaction import InteractionModel, init_weights
from microturn.model.sampling import SamplingConfig
from microturn.model.vocoder import save_vocoder
from microturn.model.voice_file import save_voice
from microturn.recipes.tiny import toy

ROOT = Path(__file__).parents[1]
COMMANDS = (
    "demo",
    "run",
    "talk",
    "replay",
    "train",
    "doctor",
    "agent ask",
    "data pool",
    "data preview",
    "eval world",
    "eval speech",
    "eval bias",
    "weights inspect",
    "weights pack",
)


def cli(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy that says something in most ticks."""
    model = InteractionModel(toy().model)
    init_weights(model, seed=0)
    with torch.no_grad():
        model.decision.weight.normal_(generator=torch.Generator().manual_seed(1))
        model.heard.weight.normal_(generator=torch.Generator().manual_seed(2))
    path = tmp_path_factory.mktemp("toy") / "toy.safetensors"
    tokenizer = TextTokenizer.train(["what is two plus two", "stop now please"], n_pieces=10)
    save_checkpoint(path, model, tokenizer, {"step": 0, "listen_bias": 1.0})
    return path


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """1.1 s of noise: six ticks, the last one half full."""
    path = tmp_path / "noise.wav"
    write_audio(path, np.random.default_rng(0).normal(0, 0.1, 17_600).astype(np.float32).clip(-1, 1))
    return path


def rows(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "said.jsonl").read_text().splitlines()]


def test_version_is_printed() -> None:
    assert cli("--version").stdout.strip() == f"microturn {__version__}"


def test_importing_the_command_line_does_not_import_torch() -> None:
    code = "import sys, microturn.cli; print('torch' in sys.modules or 'av' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example(command: str) -> None:
    result = cli(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"Example: microturn {command}" in " ".join(result.stdout.split())


def test_run_writes_what_was_said_with_the_end_of_its_tick(weights: Path, sound: Path, tmp_path: Path) -> None:
    result = cli("run", "--audio", sound, "--weights", weights, "--out", tmp_path / "out", "--tail", 1)
    assert result.exit_code == 0, result.output
    said = rows(tmp_path / "out")
    assert any(row["kind"] == "say" for row in said)
    assert all(list(row) == ["t_ms", "tick", "kind", "text"] for row in said)
    assert all(row["t_ms"] == (int(str(row["tick"])) + 1) * 200 for row in said)
    assert {row["kind"] for row in said} <= {"say", "heard", "delegate", "yield"}


def test_run_keeps_the_recording_with_its_tail(weights: Path, sound: Path, tmp_path: Path) -> None:
    cli("run", "--audio", sound, "--weights", weights, "--out", tmp_path / "out", "--tail", 1)
    recording = load(tmp_path / "out")
    assert (len(recording.turns), recording.notes) == (6 + 5, ())
    assert recording.turns[0].user.pcm is not None and recording.turns[8].user.pcm is None


def test_run_twice_gives_the_same(weights: Path, sound: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        cli("run", "--audio", sound, "--weights", weights, "--out", tmp_path / name)
    assert rows(tmp_path / "a") == rows(tmp_path / "b")


def test_typed_text_reaches_its_tick_and_lengthens_the_session(weights: Path, sound: Path, tmp_path: Path) -> None:
    typed = tmp_path / "typed.jsonl"
    typed.write_text('{"t_ms": 450, "text": "stop now"}\n{"t_ms": 1800, "text": "please"}\n')
    cli("run", "--audio", sound, "--text", typed, "--weights", weights, "--out", tmp_path / "out", "--tail", 0)
    turns = load(tmp_path / "out").turns
    assert (len(turns), turns[2].user.text, turns[9].user.text) == (10, ("stop now",), ("please",))


def seeing(path: Path) -> Path:
    """Fresh weights with sight; every layer mixes what its positions hold."""
    model = InteractionModel(replace(toy().model, sight=SightConfig(widths=(8, 8, 16))))
    init_weights(model, seed=0)
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    save_checkpoint(path, model, TextTokenizer.train(["one two three"], n_pieces=10), {"listen_bias": 1.0})
    return path


def scene(path: Path, pcm: np.ndarray | None = None) -> Path:
    """1.6 s of somebody doing squats, 20 pictures a second."""
    play = Moving("standing", (Rep("squats", 100, 1_200),))
    shown = Scene(Shot(play, "test", 3))
    write_video(path, (shown.frame(t_ms) for t_ms in range(0, 1_600, 50)), 20, pcm)
    return path


def test_run_shows_a_video_with_its_sound_and_keeps_the_pictures(tmp_path: Path) -> None:
    weights, pcm = seeing(tmp_path / "w.safetensors"), np.full(16_000 * 2, 0.1, np.float32)
    video = scene(tmp_path / "squats.mp4", pcm)
    told = cli("run", "--video", video, "--weights", weights, "--out", tmp_path / "seen", "--tail", 0)
    assert told.exit_code == 0 and "do not see" not in told.output
    turns = load(tmp_path / "seen").turns
    assert [turn.user.frame is not None for turn in turns] == [True] * 8 + [False] * (len(turns) - 8)
    assert len(turns) in (10, 11) and turns[2].user.samples.mean() == pytest.approx(0.1, abs=0.02)
    again = cli("replay", tmp_path / "seen", "--again", "--weights", weights)
    assert again.exit_code == 0, again.output
    silent = scene(tmp_path / "squats.y4m")
    cli("run", "--video", silent, "--weights", weights, "--out", tmp_path / "silent", "--tail", 1)
    turns = load(tmp_path / "silent").turns
    assert [turn.user.frame is not None for turn in turns] == [True] * 8 + [False] * 5
    assert not turns[2].user.samples.any()


def test_weights_that_do_not_see_say_so_and_say_the_same_as_without(weights: Path, sound: Path, tmp_path: Path) -> None:
    video = scene(tmp_path / "squats.y4m")
    words = ("--audio", sound, "--weights", weights, "--tail", 1)
    told = cli("run", "--video", video, *words, "--out", tmp_path / "seen")
    assert told.exit_code == 0 and "these weights do not see" in told.output
    cli("run", *words, "--out", tmp_path / "heard")
    ticks = len(rows(tmp_path / "heard"))
    assert ticks > 0 and rows(tmp_path / "seen")[:ticks] == rows(tmp_path / "heard")


def test_an_interrupt_keeps_what_was_written(weights: Path, tmp_path: Path) -> None:
    write_audio(tmp_path / "long.wav", np.zeros(16_000 * 120, np.float32))
    out, words = tmp_path / "out", ["run", "--audio", "long.wav", "--weights", str(weights), "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-m", "microturn", *words, "--clock", "wall"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 180
    while not (out / "user.wav").exists() or (out / "user.wav").stat().st_size < 20_000:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=180)
    assert (process.returncode, stderr) == (130, "")
    assert "stopped after" in stdout
    assert len(load(out).turns) >= 3 and load(out).notes == ()


def bad_wav(path: Path, name: str) -> Path:
    """Files that are not what they seem, by name."""
    write_audio(path, np.full(16_000, 0.1, np.float32))
    whole = bytearray(path.read_bytes())
    at = whole.index(b"fmt ") + 8
    if name == "empty":
        path.write_bytes(b"")
    elif name == "text":
        path.write_text("this is a letter, not a sound\n" * 20)
    elif name == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif name == "no channels":
        whole[at + 2 : at + 4] = b"\0\0"
        path.write_bytes(whole)
    elif name == "nan":
        with av.open(str(path), "w") as container:
            stream = container.add_stream("pcm_f32le", rate=16_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.full((1, 16_000), np.nan, np.float32), format="flt", layout="mono")
            frame.sample_rate = 16_000
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    elif name == "missing":
        path.unlink()
    return path


def one_line(result: Result) -> str:
    """The one line on stderr of a command that refused its input."""
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert len(result.stderr.splitlines()) == 1, result.stderr
    return result.stderr


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing", "no such file"),
        ("empty", "0 bytes"),
        ("text", "got text"),
        ("truncated", "ends too early"),
        ("no channels", "right is"),
        ("nan", "NaN"),
    ],
)
def test_bad_sound_is_told_in_one_line(name: str, told: str, weights: Path, tmp_path: Path) -> None:
    path = bad_wav(tmp_path / "bad.wav", name)
    line = one_line(cli("run", "--audio", path, "--weights", weights, "--out", tmp_path / "out"))
    assert told in line and "bad.wav" in line


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("hello\n", "typed.jsonl:1: not JSON"),
        ('{"t_ms": 0, "text": "stop"}\n{"t_ms": -5, "text": "stop"}\n', "typed.jsonl:2: t_ms"),
        ('{"t_ms": 1.5, "text": "stop"}\n', "whole milliseconds"),
        ('{"t_ms": 0}\n', "keys of a line"),
        ('{"t_ms": 0, "text": ""}\n', "some words in quotes"),
        ("", "no typed text"),
    ],
)
def test_bad_typed_text_is_told_in_one_line(
    content: str, told: str, weights: Path, sound: Path, tmp_path: Path
) -> None:
    typed = tmp_path / "typed.jsonl"
    typed.write_text(content)
    line = one_line(cli("run", "--audio", sound, "--text", typed, "--weights", weights, "--out", tmp_path / "out"))
    assert told in line


@pytest.mark.parametrize("command", ["run", "demo", "eval", "inspect", "pack"])
def test_wrong_weights_are_told_in_one_line(command: str, sound: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(2)}, other)
    out = tmp_path / "out.json"
    lines = {
        "run": ("run", "--audio", sound, "--weights", other, "--out", out),
        "demo": ("demo", "--weights", other, "--out", out),
        "eval": ("eval", "world", "--weights", other, "--out", out),
        "inspect": ("weights", "inspect", other),
        "pack": ("weights", "pack", other, "--out", out),
    }
    assert "microturn train" in one_line(cli(*lines[command]))
    assert not out.exists()


def test_an_output_that_cannot_be_written_is_told_in_one_line(weights: Path, sound: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/microturn")):
        assert str(out) in one_line(cli("run", "--audio", sound, "--weights", weights, "--out", out))


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--audio", "x.wav"),
        ("run", "--out", "o"),
        ("run", "--video", "x.mp4", "--out", "o"),
        ("frob",),
        ("run", "--audio", "x.wav", "--out", "o", "--tail", "soon"),
        ("run", "--audio", "x.wav", "--out", "o", "--clock", "sundial"),
        ("eval", "world", "--out", "r.json", "--split", "train"),
        ("train", "--out", "out", "--recipe", "cake"),
        ("train", "--out", "out", "--pool", "nowhere"),
        ("train", "--out", "out", "--stage", "theatre"),
        ("train", "--out", "out", "--stage", "voice", "--from", "any.safetensors"),
        ("train", "--out", "out", "--stage", "eye", "--from", "nowhere.safetensors"),
        ("data", "preview", "--skill", "juggling", "--out", "p"),
    ],
)
def test_wrong_words_are_told_in_one_line(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one_line(cli(*words))


def test_a_long_silence_is_heard_to_its_end(weights: Path, tmp_path: Path) -> None:
    write_audio(tmp_path / "silence.flac", np.zeros(16_000 * 60, np.float32))
    result = cli("run", "--audio", tmp_path / "silence.flac", "--weights", weights, "--out", tmp_path / "out")
    assert (result.exit_code, len(load(tmp_path / "out").turns)) == (0, 310)


def test_pack_halves_the_matrices_and_keeps_notes(weights: Path, tmp_path: Path) -> None:
    report, out = tmp_path / "report.json", tmp_path / "packed" / "tiny.safetensors"
    report.write_text('{"macro": 0.5}')
    assert cli("weights", "pack", weights, "--out", out, "--report", report, "--listen-bias", 2).exit_code == 0
    assert load_checkpoint(out).notes == {"step": 0, "listen_bias": 2.0, "results": {"macro": 0.5}}
    assert out.stat().st_size < 0.7 * weights.stat().st_size
    told = cli("weights", "inspect", out).stdout
    assert "BF16" in told and "listen_bias 2, stop_bias 0\n" in told


def test_the_biases_that_were_packed_are_those_of_a_server_and_of_a_recording(
    weights: Path, sound: Path, tmp_path: Path
) -> None:
    packed, out = tmp_path / "packed.safetensors", tmp_path / "out"
    assert cli("weights", "pack", weights, "--out", packed, "--stop-bias", -0.5).exit_code == 0
    assert "listen_bias 1, stop_bias -0.5\n" in cli("weights", "inspect", packed).stdout
    noted = SamplingConfig(listen_bias=1.0, stop_bias=-0.5)
    host = host_of(ServerSettings(weights=str(packed)), Metrics())
    with closing(host):
        spec = host.spec("s1", 3)
    assert spec == SessionSpec(3, noted, "s1")
    assert cli("run", "--audio", sound, "--weights", packed, "--out", out, "--seed", 3).exit_code == 0
    assert read_any(out).about.spec == SessionSpec(3, noted)


def test_a_bias_that_is_no_number_is_not_packed(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "packed.safetensors"
    told = one_line(cli("weights", "pack", weights, "--out", out, "--stop-bias", "nan"))
    assert "stop_bias" in told and not out.exists()


def test_pack_averages_with_other_weights_and_leaves_sight_out(weights: Path, tmp_path: Path) -> None:
    both, blind = tmp_path / "both.safetensors", tmp_path / "blind.safetensors"
    sighted = seeing(tmp_path / "sighted.safetensors")
    assert cli("weights", "pack", sighted, "--out", blind, "--blind").exit_code == 0
    assert load_checkpoint(blind).model.config.sight is None
    assert cli("weights", "pack", blind, "--out", both, "--average", weights, "--share", 0.25).exit_code == 0
    own, theirs, mixed = (load_checkpoint(path).model.decision.weight for path in (blind, weights, both))
    torch.testing.assert_close(mixed, 0.75 * own + 0.25 * theirs, atol=0.02, rtol=0.02)
    wrong = cli("weights", "pack", blind, "--out", both, "--average", shipped_weights())
    assert wrong.exit_code == 2 and "trained from the same ones" in wrong.output
    assert cli("weights", "pack", blind, "--out", both, "--average", weights, "--share", 2).exit_code == 2
    assert cli("weights", "pack", sighted, "--out", both, "--average", weights, "--share", 0.25).exit_code == 0
    seen, mixed = (load_checkpoint(path).model for path in (sighted, both))
    assert seen.fusion.sight is not None and mixed.fusion.sight is not None
    stored = seen.fusion.sight.out.weight.bfloat16().float()
    assert torch.equal(mixed.fusion.sight.out.weight, stored)  # those weights have no eye: its own stays
    assert torch.allclose(mixed.decision.weight, 0.75 * own + 0.25 * theirs, atol=0.02)


def test_doctor_tells_what_is_here() -> None:
    result = cli("doctor")
    assert result.exit_code == 0, result.output
    assert all(
        word in result.stdout for word in ("Python", "torch", "FFmpeg", "espeak", "flite", "festival", "weights")
    )


@pytest.mark.skipif(bool(available_engines()["espeak"]), reason="espeak-ng is not installed")
def test_demo_tells_a_timeline_and_writes_the_page(weights: Path, tmp_path: Path) -> None:
    result = cli("demo", "--weights", weights, "--out", tmp_path / "demo", "--seed", 1)
    assert result.exit_code == 0, result.output
    assert "expected replies right" in result.stdout
    assert "user" in result.stdout and "model" in result.stdout and "heard" in result.stdout
    assert (tmp_path / "demo" / "index.html").stat().st_size > 100_000


@pytest.mark.skipif(bool(available_engines()["espeak"]), reason="espeak-ng is not installed")
def test_eval_world_writes_a_report_and_prints_a_table(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "report.json"
    few = ("--split", "val", "--skill", "countdown", "--per-skill", 1)
    result = cli("eval", "world", "--weights", weights, "--out", out, *few)
    assert result.exit_code == 0, result.output
    assert "countdown" in result.stdout
    assert list(json.loads(out.read_text())["groups"]["unseen synthetic"]["skills"]) == ["countdown"]


@pytest.mark.skipif(bool(available_engines()["espeak"]), reason="espeak-ng is not installed")
def test_eval_bias_tells_every_bias_and_the_choice(weights: Path) -> None:
    result = cli(
        "eval", "bias", "--weights", weights, "--per-skill", 1, "--skill", "answer", "--value", 0, "--value", 50
    )
    assert result.exit_code == 0, result.output
    tried = [line for line in result.stdout.splitlines() if "macro event F1" in line]
    assert len(tried) == 2 and [line.endswith("chosen") for line in tried] == [False, True]
    assert "--listen-bias 50" in result.stdout


def test_text_only_weights_are_refused_where_a_voice_is_needed(weights: Path, tmp_path: Path) -> None:
    assert "text only" in one_line(cli("eval", "speech", "--weights", weights, "--out", tmp_path / "speech.json"))
    given = ("--voice", tmp_path / "voice.safetensors", "--out", tmp_path / "out.safetensors")
    assert "no room for a voice" in one_line(cli("weights", "pack", weights, *given))


def test_a_voice_trained_apart_is_packed_into_weights_and_sounds(sound: Path, tmp_path: Path) -> None:
    shapes = VoiceConfig(
        own_width=16, decoder_width=16, decoder_layers=1, decoder_heads=2, flow_width=16, flow_blocks=1,
        flow_evals=1, vocoder_width=8, vocoder_layers=1,
    )  # fmt: skip
    config = replace(toy().model, voice=shapes)
    tokenizer = TextTokenizer.train(["what is two plus two"], n_pieces=10)
    model, other = InteractionModel(config), InteractionModel(config)
    for seed, made in enumerate((model, other)):
        init_weights(made, seed)
    with torch.no_grad():
        model.decision.weight.normal_(generator=torch.Generator().manual_seed(1))
    assert other.voice is not None
    save_checkpoint(tmp_path / "own.safetensors", model, tokenizer, {})
    save_voice(tmp_path / "voice.safetensors", other.voice, config, tokenizer, {})
    save_vocoder(tmp_path / "vocoder.safetensors", other.voice.vocoder, {})
    parts = ("--voice", tmp_path / "voice.safetensors", "--vocoder", tmp_path / "vocoder.safetensors")
    packed = tmp_path / "packed.safetensors"
    result = cli("weights", "pack", tmp_path / "own.safetensors", *parts, "--out", packed)
    assert result.exit_code == 0, result.output
    came = load_checkpoint(packed).model.state_dict()
    for name, tensor in other.state_dict().items():
        if name.startswith("voice."):
            torch.testing.assert_close(came[name], tensor, atol=0.02, rtol=0.02)
    torch.testing.assert_close(came["decision.weight"], model.decision.weight, atol=0.02, rtol=0.02)
    result = cli("run", "--audio", sound, "--weights", packed, "--out", tmp_path / "out", "--tail", 1)
    assert result.exit_code == 0, result.output
    said, both, user = (read_wav(tmp_path / "out" / name) for name in ("said.wav", "both.wav", "user.wav"))
    recorded = read_wav(tmp_path / "out" / "model.wav")
    assert recorded.any() and not said[:3_200].any()
    assert (said[3_200:] == recorded).all() and (both[:, 1:] == said).all() and (both[: len(user), :1] == user).all()


def test_a_text_only_run_writes_no_voice(weights: Path, sound: Path, tmp_path: Path) -> None:
    cli("run", "--audio", sound, "--weights", weights, "--out", tmp_path / "out")
    assert not (tmp_path / "out" / "said.wav").exists()


@pytest.mark.skipif(bool(available_engines()["espeak"]), reason="espeak-ng is not installed")
def test_preview_writes_a_sound_and_a_page(tmp_path: Path) -> None:
    result = cli("data", "preview", "--skill", "count", "--split", "val", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert {path.suffix for path in tmp_path.iterdir()} >= {".wav", ".html"}

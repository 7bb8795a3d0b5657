"""Recordings: kept, read again, cut, replayed, and readable after a kill."""

import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.clock import FastClock
from microturn.core.errors import InputError
from microturn.core.events import Event
from microturn.core.fakes import Silence
from microturn.core.participant import converse
from microturn.core.recording import (
    Recording,
    RecordingWriter,
    frame_paths,
    load,
    save,
    stereo_blocks,
    whole_ticks,
)
from microturn.core.wav import read_wav, to_float, to_int16


def tone(level: float) -> np.ndarray:
    return to_float(to_int16(np.full(3200, level, np.float32)))


def sample_recording() -> Recording:
    frame = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    say = Event(400, 1, "say", "seven", {"p": 0.5})
    late = Event(200, 0, "heard", "what")
    user = [Chunk(tone(0.5), text=("typed", "twice")), Chunk(frame=frame), Chunk()]
    model = [Chunk(), Chunk(tone(-0.25), text=("seven",), events=(say, late)), Chunk()]
    turns = [MicroTurn(tick, *pair) for tick, pair in enumerate(zip(user, model, strict=True))]
    return Recording(turns, [Event(0, 0, "open"), Event(600, 2, "close")], {"seed": 3, "skills": ["count"]})


def test_a_recording_comes_back_from_its_folder(tmp_path: Path) -> None:
    save(sample_recording(), tmp_path / "r")
    assert load(tmp_path / "r") == sample_recording()


def test_any_player_opens_the_sound(tmp_path: Path) -> None:
    save(sample_recording(), tmp_path / "r")
    with wave.open(str(tmp_path / "r/stereo.wav")) as stereo:
        assert (stereo.getnchannels(), stereo.getframerate(), stereo.getnframes()) == (2, 16_000, 9600)
        left_right = np.frombuffer(stereo.readframes(9600), "<i2").reshape(-1, 2)
    assert left_right[0].tolist() == [16384, 0] and left_right[3200].tolist() == [0, -8192]
    for side in ("user", "model"):
        with wave.open(str(tmp_path / f"r/{side}.wav")) as mono:
            assert mono.getnframes() == 9600


def test_saving_a_loaded_recording_changes_nothing(tmp_path: Path) -> None:
    save(sample_recording(), tmp_path / "a")
    save(load(tmp_path / "a"), tmp_path / "b")
    names = ("user.wav", "model.wav", "stereo.wav", "events.jsonl", "recording.json", "frames/user-000001.png")
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_ticks_may_not_be_left_out() -> None:
    recording = Recording()
    with pytest.raises(InputError, match="got 1; right is 0, the next one"):
        recording.append(MicroTurn(1, Chunk(), Chunk()))


def test_a_slice_counts_from_its_own_start() -> None:
    part = sample_recording().slice(1, 3)
    assert [turn.tick for turn in part.turns] == [0, 1]
    assert part.turns[0].model.events[0] == Event(200, 0, "say", "seven", {"p": 0.5})
    assert part.events == [Event(400, 1, "close")]


def test_a_replay_says_what_was_said_and_then_nothing() -> None:
    recording = sample_recording()
    turns = list(converse(recording.replay("user"), Silence(), FastClock(), ticks=4))
    assert [turn.user for turn in turns] == [*(turn.user for turn in recording.turns), Chunk()]
    assert recording.replay("model").turn(1, Chunk()) == recording.turns[1].model


def test_the_sound_of_one_side_is_one_array() -> None:
    assert sample_recording().samples("model").shape == (9600,)
    assert Recording().samples("user").shape == (0,)


def test_an_empty_recording_can_be_kept(tmp_path: Path) -> None:
    save(Recording(), tmp_path / "r")
    assert load(tmp_path / "r") == Recording()


def test_a_second_recording_does_not_overwrite_the_first_unless_asked(tmp_path: Path) -> None:
    save(sample_recording(), tmp_path)
    with pytest.raises(InputError, match="already here"):
        RecordingWriter(tmp_path)
    save(Recording(), tmp_path, overwrite=True)
    assert load(tmp_path) == Recording() and not list((tmp_path / "frames").iterdir())


WRITE_FOR_EVER = """
import sys, numpy as np
from pathlib import Path
from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.recording import RecordingWriter
writer = RecordingWriter(Path(sys.argv[1]))
for tick in range(10**9):
    writer.append(MicroTurn(tick, Chunk(np.full(3200, 0.5, np.float32), text=("word",)), Chunk()))
    if tick == 5:
        print("ready", flush=True)
"""


def test_a_killed_writer_leaves_a_readable_recording(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path / "r")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        os.kill(process.pid, signal.SIGKILL)
    recording = load(tmp_path / "r")
    assert len(recording.turns) >= 6 and "its writer was killed" in recording.notes[0]
    assert all(turn.user.pcm is not None and turn.user.text == ("word",) for turn in recording.turns[:6])


def unfinished(folder: Path) -> Path:
    writer = RecordingWriter(folder)
    for turn in sample_recording().turns:
        writer.append(turn)
    files = [(folder / name, (folder / name).read_bytes()) for name in ("recording.json", "user.wav")]
    writer.close()
    for path, content in files:
        path.write_bytes(content)
    return folder


def test_a_wav_cut_in_the_middle_of_a_tick_ends_in_silence(tmp_path: Path) -> None:
    folder = unfinished(tmp_path / "r")
    for side in ("user", "model"):
        path = folder / f"{side}.wav"
        path.write_bytes(path.read_bytes()[: 44 + 2 * 4000 + 1])
    assert len(load(folder).turns) == 2


def test_a_broken_last_line_of_a_killed_writer_is_left_out(tmp_path: Path) -> None:
    folder = unfinished(tmp_path / "r")
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"side": "user", "t_m')
    assert load(folder).turns == sample_recording().turns


def test_a_closed_recording_with_missing_sound_is_refused(tmp_path: Path) -> None:
    save(sample_recording(), tmp_path)
    path = tmp_path / "user.wav"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="does not fit the header: got 9550 samples and 9600 samples"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("recording.json", b'{"format": "other"}', "another kind of recording: got other"),
        ("recording.json", b'{"tiks": 3}', "unknown key: got 'tiks'"),
        ("recording.json", b"", "not JSON"),
        ("user.wav", b"hello", "not a wav file"),
        ("user.wav", b"RIFF\0\0\0\0WAVE", "no sound in the wav file"),
        ("frames/user-000001.png", b"hello", "another kind of picture"),
        ("events.jsonl", b'{"side": "dog", "t_ms": 0, "tick": 0, "kind": "a"}\n', r"events.jsonl:1: side .* 'dog'"),
        ("events.jsonl", b'{"side": "user", "t_ms": 0, "tick": 9, "kind": "a"}\n', "tick after the end: got 9"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    save(sample_recording(), tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load(tmp_path)


def test_a_folder_without_a_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no recording here"):
        load(tmp_path)


def test_the_kind_text_is_kept_for_text(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "r") as writer, pytest.raises(InputError, match="kind of an event"):
        writer.event(Event(0, 0, "text", "a"))


def test_int16_and_back_is_exact() -> None:
    levels = np.arange(-32768, 32768, dtype=np.int16)
    assert np.array_equal(to_int16(to_float(levels)), levels)
    assert to_int16(np.array([2.0, -2.0], np.float32)).tolist() == [32767, -32768]


def test_a_wav_of_another_rate_is_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", "none"))
        wav.writeframes(b"\0\0")
    with pytest.raises(InputError, match="8000 Hz"):
        read_wav(tmp_path / "a.wav")


def test_a_killed_recording_goes_on_where_its_writer_stopped(tmp_path: Path) -> None:
    folder, whole = unfinished(tmp_path / "r"), sample_recording()
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"side": "user", "t_m')
    (folder / "model.wav").write_bytes((folder / "model.wav").read_bytes()[: 44 + 2 * 7000])
    assert whole_ticks(folder) == 2
    with RecordingWriter.continued(folder, 2) as writer:
        assert writer.ticks == 2
        for turn in whole.turns[2:]:
            writer.append(turn)
        for event in whole.events:
            writer.event(event)
    again = load(folder)
    assert (again.turns, again.events, again.notes) == (whole.turns, whole.events, ())
    assert read_wav(folder / "stereo.wav").shape == (9600, 2)


def test_what_is_cut_off_before_going_on_is_gone(tmp_path: Path) -> None:
    folder = unfinished(tmp_path / "r")
    RecordingWriter.continued(folder, 1).close()
    recording = load(folder)
    assert recording.turns == sample_recording().turns[:1] and not list((folder / "frames").iterdir())


def test_an_abandoned_recording_reads_as_one_that_was_never_closed(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path)
    writer.append(sample_recording().turns[0])
    writer.abandon()
    assert "never closed" in load(tmp_path).notes[0]


@pytest.mark.parametrize("block_ticks", [1, 2, 50])
def test_a_bystander_hears_the_model_one_tick_after_it_decided(tmp_path: Path, block_ticks: int) -> None:
    save(sample_recording(), tmp_path)
    heard = np.concatenate(list(stereo_blocks(tmp_path, block_ticks)))
    assert heard.shape == (4 * 3200, 2)
    assert np.array_equal(heard[:9600, 0], sample_recording().samples("user"))
    assert np.array_equal(heard[3200:, 1], sample_recording().samples("model")) and not heard[:3200, 1].any()


def test_pictures_are_found_without_reading_them(tmp_path: Path) -> None:
    save(sample_recording(), tmp_path)
    assert frame_paths(tmp_path) == [(1, tmp_path / "frames/user-000001.png")]

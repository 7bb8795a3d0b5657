"""`microturn run`: files speak and show, the model listens and looks; what it says is kept line by line meanwhile."""

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from microturn.commands.both import BothSides
from microturn.commands.places import writable_folder
from microturn.commands.weights import open_weights, talker
from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.clock import TICK_MS, Clock, FastClock, WallClock, tick_of
from microturn.core.errors import InputError
from microturn.core.events import json_line, read_rows
from microturn.core.participant import converse
from microturn.core.recording import RecordingWriter
from microturn.core.wav import to_float, to_int16
from microturn.media.av import Rgb, audio_chunks, has_sound, length_s, tick_pictures
from microturn.media.pcm import Pcm
from microturn.model.checkpoint import weights_hash
from microturn.model.sampling import noted_sampling, sampling_notes

KINDS = ("say", "unsaid", "heard", "delegate", "yield")
DAY_MS = 24 * 3600 * 1000
STOPPED = 130  # what a shell reports after Ctrl-C

END = "end"  # of the pictures; None is a tick without one

Typed = Mapping[int, tuple[str, ...]]


@dataclass(frozen=True)
class RunRequest:
    """What was asked on the command line."""

    audio: Path | None
    out: Path
    text: Path | None = None
    weights: Path | None = None
    clock: str = "fast"
    tail_s: float = 2.0
    seed: int = 0
    video: Path | None = None

    @property
    def files(self) -> list[Path]:
        """Where sound and pictures come from."""
        return list(dict.fromkeys(path for path in (self.audio, self.video) if path is not None))


class FileSpeaker:
    """A participant that says a sound file and typed lines and shows a video; it reads one chunk ahead of itself, so it
    knows when all is said and shown. `pictures`: one a tick, None where there is none."""

    def __init__(self, sound: Iterator[Pcm], typed: Typed, pictures: Iterator[Rgb | None]) -> None:
        self._sound, self._typed, self._pictures = sound, typed, pictures
        self._next, self._shown = next(sound, None), next(pictures, END)
        self._last_typed = max(typed, default=-1)

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """Give the next 200 ms of the file and what is typed in this tick."""
        pcm, self._next = self._next, next(self._sound, None)
        # Sixteen bits, as the recording keeps them: `replay --again` hears the same.
        kept = None if pcm is None else to_float(to_int16(pcm))
        shown, self._shown = self._shown, next(self._pictures, END)
        frame = shown if isinstance(shown, np.ndarray) else None
        return Chunk(kept, frame, text=self._typed.get(tick, ()))

    def done(self, tick: int) -> bool:
        """Whether nothing comes after tick `tick`."""
        return self._next is None and self._shown is END and tick >= self._last_typed


def run(request: RunRequest) -> None:
    """Check everything, then hold the conversation; Ctrl-C keeps what was written."""
    clock = _clock(request.clock)
    typed = {} if request.text is None else read_typed(request.text)
    speaker = _speaker(request, typed)
    checkpoint = open_weights(request.weights)
    out = writable_folder(request.out)
    meta = {
        "audio": None if request.audio is None else request.audio.name,
        "video": None if request.video is None else request.video.name,
        "weights": weights_hash(checkpoint.model),
        **sampling_notes(noted_sampling(checkpoint.notes)),
        "seed": request.seed,
    }
    with ExitStack() as stack:
        recording = stack.enter_context(RecordingWriter(out, meta, overwrite=True))
        both = stack.enter_context(BothSides(out)) if checkpoint.model.config.voice else None
        lines = stack.enter_context((out / "said.jsonl").open("w", encoding="utf-8", buffering=1))
        progress = stack.enter_context(_progress())
        stop = stack.enter_context(stop_asked())
        console = Console(highlight=False, soft_wrap=True) if progress.disable else progress.console
        name = " and ".join(path.name for path in request.files)
        bar = progress.add_task(name, total=max((length_s(path) or 0.0 for path in request.files), default=0.0) or None)
        if request.video is not None and checkpoint.model.config.sight is None:
            console.print("these weights do not see: pictures are kept in the recording and change nothing")
        turns = converse(speaker, talker(checkpoint, request.seed), clock)
        ticks = 0
        for turn in _until_done(speaker, turns, request.tail_s):
            recording.append(turn)
            if both is not None:
                both.write(turn)
            lines.writelines(said_lines(turn))
            ticks = turn.tick + 1
            progress.update(bar, completed=ticks * TICK_MS / 1000)
            for event in turn.model.events:
                if event.kind == "say":
                    console.print(f"{event.t_ms / 1000:8.1f} s  {event.text}", markup=False)
            if stop.is_set():
                break
    how = "stopped after" if stop.is_set() else "heard"
    written = "said.jsonl and the recording" if both is None else "said.wav, both.wav, said.jsonl and the recording"
    console.print(f"{how} {ticks * TICK_MS / 1000:.1f} s; {written} are in {out}", markup=False)
    if stop.is_set():
        raise SystemExit(STOPPED)


def _speaker(request: RunRequest, typed: Typed) -> FileSpeaker:
    """Whoever shows a video says its sound, if it has any, where no other sound is given."""
    if not request.files:
        raise InputError("nothing to hear or to see", "run", "neither", "--audio FILE, --video FILE, or both")
    sound, pictures = request.audio, iter(())
    if request.video is not None:
        pictures = tick_pictures(request.video)
        sound = sound or (request.video if has_sound(request.video) else None)
    return FileSpeaker(iter(()) if sound is None else audio_chunks(sound), typed, pictures)


def said_lines(turn: MicroTurn) -> list[str]:
    """The lines of said.jsonl that a micro-turn gives."""
    events = [event for event in turn.model.events if event.kind in KINDS]
    return [json_line({"t_ms": e.t_ms, "tick": e.tick, "kind": e.kind, "text": e.text}) for e in events]


def read_typed(path: Path) -> Typed:
    """Typed text by tick, from lines {"t_ms", "text"}; InputError names the line that is wrong."""
    if not path.is_file():
        raise InputError("no such file", path, "nothing" if not path.exists() else "a folder", "a file of JSON lines")
    right = 'lines like {"t_ms": 1200, "text": "stop"}'
    typed: dict[int, tuple[str, ...]] = {}
    for where, row in read_rows(path):
        if row.keys() != {"t_ms", "text"}:
            raise InputError("keys of a line", where, ", ".join(map(str, row)) or "none", right)
        t_ms, text = row["t_ms"], row["text"]
        if not isinstance(t_ms, int) or isinstance(t_ms, bool) or not 0 <= t_ms < DAY_MS:
            raise InputError("t_ms", where, repr(t_ms), "whole milliseconds from the start, less than a day")
        if not isinstance(text, str) or not text.strip():
            raise InputError("text", where, repr(text), "some words in quotes")
        tick = tick_of(t_ms)
        typed[tick] = (*typed.get(tick, ()), text.strip())
    if not typed:
        raise InputError("no typed text", path, f"{path.stat().st_size} bytes", right)
    return typed


@contextmanager
def stop_asked() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set the flag instead of tearing a micro-turn in two."""
    asked = threading.Event()
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _until_done(speaker: FileSpeaker, turns: Iterator[MicroTurn], tail_s: float) -> Iterator[MicroTurn]:
    tail_ticks = round(tail_s * 1000 / TICK_MS)
    for turn in turns:
        yield turn
        if speaker.done(turn.tick):
            if tail_ticks == 0:
                return
            tail_ticks -= 1


def _clock(name: str) -> Clock:
    clocks = {"fast": FastClock, "wall": WallClock}
    if name not in clocks:
        raise InputError("no such clock", "--clock", repr(name), "fast or wall")
    return clocks[name]()


def _progress() -> Progress:
    """On stderr and only for people: a pipe gets nothing but what is said."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} s"),
        TimeRemainingColumn(),
    )
    people = Console(stderr=True)
    return Progress(*columns, console=people, transient=True, disable=not people.is_terminal)

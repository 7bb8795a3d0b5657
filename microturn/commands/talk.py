"""`microturn talk`: a person and the model, live, through the microphone and the loudspeaker of this machine."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from microturn.commands.both import BothSides
from microturn.commands.devices import AudioDevice, LocalDevice, Person, echo_canceller
from microturn.commands.places import writable_folder
from microturn.commands.run import said_lines, stop_asked
from microturn.commands.weights import open_weights, talker
from microturn.core.chunk import MicroTurn
from microturn.core.clock import TICK_MS, FastClock
from microturn.core.participant import converse
from microturn.core.recording import RecordingWriter
from microturn.model.checkpoint import weights_hash
from microturn.model.sampling import noted_sampling, sampling_notes

PAUSE_TICKS = 5
LINES = 12


@dataclass(frozen=True)
class TalkRequest:
    """What was asked on the command line. headphones: nothing can leak, so no echo is cancelled."""

    weights: Path | None = None
    out: Path | None = None
    headphones: bool = False
    seconds: float | None = None
    seed: int = 0


class Transcript:
    """Both sides as lines that grow: a new one where the other side speaks, or after a pause of a second."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []
        self._last_tick = -PAUSE_TICKS

    def take(self, turn: MicroTurn) -> bool:
        """Take in one micro-turn; whether anything changed."""
        words = [event for event in turn.model.events if event.kind in ("heard", "say", "unsaid") and event.text]
        for event in words:
            if event.kind == "unsaid":
                self._lines.append(("model", f"(left unsaid: {event.text})"))
                continue
            who = "you" if event.kind == "heard" else "model"
            joins = bool(event.data and event.data.get("joins"))
            if self._lines and self._lines[-1][0] == who and turn.tick - self._last_tick < PAUSE_TICKS:
                self._lines[-1] = (who, self._lines[-1][1] + ("" if joins else " ") + event.text)
            else:
                self._lines.append((who, event.text))
            self._last_tick = turn.tick
        return bool(words)

    def shown(self, lines: int | None = None) -> Text:
        """The last `lines` of them, or all."""
        text = Text()
        for who, words in self._lines[-lines:] if lines else self._lines:
            text.append(f"{who:>6}  ", "dim").append(f"{words}\n", "bold" if who == "model" else "")
        return text


def talk(request: TalkRequest) -> None:
    """Converse until Ctrl-C, or for so many seconds."""
    device = LocalDevice(None if request.headphones else echo_canceller())
    console = Console(highlight=False, soft_wrap=True)
    with device:
        ticks = hold(request, device, console)
    console.print(f"talked for {ticks * TICK_MS / 1000:.1f} s", markup=False)


def hold(request: TalkRequest, device: AudioDevice, console: Console) -> int:
    """Hold the conversation on a device and show it; how many micro-turns it took."""
    checkpoint = open_weights(request.weights)
    transcript, total = Transcript(), None if request.seconds is None else round(request.seconds * 1000 / TICK_MS)
    if checkpoint.model.config.voice is None:
        console.print("These weights have no voice: the model hears you and answers in text.")
    console.print("Speak; Ctrl-C ends it. The model knows synthetic voices only and may well not understand you.")
    taken = 0
    with ExitStack() as stack:
        notes = sampling_notes(noted_sampling(checkpoint.notes)) | {"seed": request.seed}
        meta = {"weights": weights_hash(checkpoint.model), **notes}
        out = None if request.out is None else writable_folder(request.out)
        recording = None if out is None else stack.enter_context(RecordingWriter(out, meta, overwrite=True))
        both = None if out is None else stack.enter_context(BothSides(out))
        lines = None if out is None else stack.enter_context((out / "said.jsonl").open("w", encoding="utf-8"))
        stop = stack.enter_context(stop_asked())
        live = stack.enter_context(Live(console=console, auto_refresh=False))
        # The device itself is the clock: an exchange takes 200 ms of real time.
        for turn in converse(Person(device), talker(checkpoint, request.seed), FastClock(), total):
            taken = turn.tick + 1
            if transcript.take(turn):
                live.update(transcript.shown(LINES), refresh=True)
            if recording is not None and both is not None and lines is not None:
                recording.append(turn)
                both.write(turn)
                lines.writelines(said_lines(turn))
            if stop.is_set():
                break
        live.update(transcript.shown(), refresh=True)
    return taken

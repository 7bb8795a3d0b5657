"""What happened in one session on one clock: sound as it came, as it was heard, words and events. No verdicts.

Clocks, all in seconds from the first sample of the user's sound (benchmark practice of sglang-omni's duplex suite):
*receipt*: when a piece of the model's sound arrived; *playout*: when a listener hears it, which is after what came
before it (and after a prebuffer, where there is one), and never where the client's flush rule threw it away;
*media*: its place in all sound that was sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.core.config import from_dict, to_dict
from microturn.core.events import json_line, parse_object
from microturn.core.wav import WavWriter, read_wav
from microturn.media.pcm import Pcm

VOID_SEND_S = 0.08
FORMAT = "microturn-trace-1"


class Received(NamedTuple):
    """A piece of the model's sound, float32 [N] at 16 kHz, when it arrived, and what of that was computing."""

    at_s: float
    pcm: Pcm
    compute_s: float = 0.0


@dataclass(frozen=True)
class Text:
    """Words as the endpoint tells them. Their time says when they came, and is no evidence of when they sounded."""

    at_s: float
    text: str
    kind: Literal["said", "heard"] = "said"


@dataclass(frozen=True)
class Noted:
    """Any other event: a yield, a tool call, an error."""

    at_s: float
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Trace:
    """One session. user: float32 [N]; flushes: when the client threw away what was not played yet.

    send_late_s: how far each packet left from its time; void: why this session says nothing about the model, or "";
    prebuffer_s: so long its listener kept sound that came into an empty queue; come_late_s: of an endpoint whose sound
    never pauses, how much later each of its ticks came than the soonest one.
    """

    id: str
    endpoint: str
    user: Pcm
    received: tuple[Received, ...] = ()
    flushes: tuple[float, ...] = ()
    texts: tuple[Text, ...] = ()
    events: tuple[Noted, ...] = ()
    send_late_s: tuple[float, ...] = ()
    void: str = ""
    prebuffer_s: float = 0.0
    come_late_s: tuple[float, ...] = ()

    @property
    def length_s(self) -> float:
        """Of the user's sound, which is the time that is scored."""
        return len(self.user) / SAMPLE_RATE_HZ

    @property
    def why_void(self) -> str:
        """`void`, or that sound was sent more than 80 ms away from its time; "" for a session that counts."""
        worst_ms = 1000 * max((abs(late) for late in self.send_late_s), default=0.0)
        return self.void or (f"sent {worst_ms:.0f} ms off its time" if self.sent_late else "")

    @property
    def sent_late(self) -> bool:
        """Whether the user's sound was sent too far off its time: our own fault, so the session may be held again."""
        return max((abs(late) for late in self.send_late_s), default=0.0) > VOID_SEND_S


class Placed(NamedTuple):
    """Where a piece of sound plays: `media_s` in what was sent, `start_s` to `end_s` as heard, nothing if equal."""

    media_s: float
    start_s: float
    end_s: float


class Playout(NamedTuple):
    """pcm: what was heard, float32 as long as the user's sound; unheard_s: sent and thrown away, or after the end."""

    pcm: Pcm
    placed: tuple[Placed, ...]
    unheard_s: float


def playout(trace: Trace) -> Playout:
    """Play a trace to its listener, cut to the length of the user's sound."""
    speaker = Loudspeaker(trace.prebuffer_s)
    came: list[tuple[float, bool, Pcm]] = [(piece.at_s, False, piece.pcm) for piece in trace.received]
    came += [(at_s, True, np.zeros(0, np.float32)) for at_s in trace.flushes]
    for at_s, flushed, pcm in sorted(came, key=lambda one: one[0]):  # of one moment: sound, then the flush
        if flushed:
            speaker.flush(at_s)
        else:
            speaker.put(at_s, pcm)
    placed, sent_s = speaker.placed, speaker.media_s
    sounded_s = sum(max(0.0, min(p.end_s, trace.length_s) - p.start_s) for p in placed)
    return Playout(speaker.heard(0.0, trace.length_s), placed, sent_s - sounded_s)


class Loudspeaker:
    """First in, first out: a piece plays at its receipt or when the one before it ends, and a flush cuts the queue.

    prebuffer_s: a piece that comes into an empty queue waits so long, so that the next may be late by that.
    """

    def __init__(self, prebuffer_s: float = 0.0, rate_hz: int = SAMPLE_RATE_HZ) -> None:
        self._prebuffer_s, self._rate_hz = prebuffer_s, rate_hz
        self._pieces: list[tuple[Placed, Pcm]] = []
        self._free_s, self._sent = 0.0, 0

    @property
    def placed(self) -> tuple[Placed, ...]:
        """Where each piece plays, in the order in which they came."""
        return tuple(placed for placed, _ in self._pieces)

    @property
    def media_s(self) -> float:
        """How much sound came."""
        return self._sent / self._rate_hz

    def put(self, at_s: float, pcm: Pcm) -> None:
        """A piece, float32 [N], that comes at `at_s`; pieces and flushes come in the order of their times."""
        start_s = self._free_s if at_s < self._free_s else at_s + self._prebuffer_s
        self._free_s = start_s + len(pcm) / self._rate_hz
        self._pieces.append((Placed(self.media_s, start_s, self._free_s), pcm))
        self._sent += len(pcm)

    def flush(self, at_s: float) -> float:
        """Throw away what has not played at `at_s`; gives how many seconds that were."""
        thrown_s = 0.0
        for number in range(len(self._pieces) - 1, -1, -1):
            placed, pcm = self._pieces[number]
            if placed.end_s <= at_s and placed.end_s > placed.start_s:
                break
            stop_s = max(placed.start_s, min(placed.end_s, at_s))
            thrown_s += placed.end_s - stop_s
            self._pieces[number] = (placed._replace(end_s=stop_s), pcm)
        self._free_s = min(self._free_s, at_s)
        return thrown_s

    def heard(self, start_s: float, end_s: float) -> Pcm:
        """What plays from `start_s` to `end_s`, float32."""
        first = round(start_s * self._rate_hz)
        heard = np.zeros(round(end_s * self._rate_hz) - first, np.float32)
        for placed, pcm in reversed(self._pieces):
            if placed.end_s <= start_s and placed.end_s > placed.start_s:
                break
            begin = round(placed.start_s * self._rate_hz)
            stop = begin + min(len(pcm), round((placed.end_s - placed.start_s) * self._rate_hz))
            begins, stops = max(begin, first), min(stop, first + len(heard))
            if stops > begins:
                heard[begins - first : stops - first] = pcm[begins - begin : stops - begin]
        return heard


@dataclass(frozen=True)
class _Row:
    """A line of trace.jsonl."""

    kind: str
    at_s: float
    samples: int = 0
    compute_s: float = 0.0
    text: str = ""
    name: str = ""
    data: dict[str, Any] = field(default_factory=dict[str, Any])


def save_trace(trace: Trace, folder: Path) -> None:
    """trace.jsonl, user.wav, sent.wav (media clock) and heard.wav (playout clock) in a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    sent = [piece.pcm for piece in trace.received]
    for name, pcm in (
        ("user", trace.user),
        ("sent", np.concatenate([np.zeros(0, np.float32), *sent])),
        ("heard", playout(trace).pcm),
    ):
        with WavWriter(folder / f"{name}.wav") as wav:
            wav.write(pcm)
    head: dict[str, Any] = {"format": FORMAT, "id": trace.id, "endpoint": trace.endpoint, "void": trace.void}
    head["prebuffer_s"] = trace.prebuffer_s
    rows = [_Row("sound", piece.at_s, len(piece.pcm), piece.compute_s) for piece in trace.received]
    rows += [_Row("flush", at_s) for at_s in trace.flushes]
    rows += [_Row("text", text.at_s, text=text.text, name=text.kind) for text in trace.texts]
    rows += [_Row("event", event.at_s, name=event.kind, data=dict(event.data)) for event in trace.events]
    late = {
        "send_late_s": [round(late, 5) for late in trace.send_late_s],
        "come_late_s": [round(late, 5) for late in trace.come_late_s],
    }
    lines = [json_line(head | late), *(json_line(to_dict(row)) for row in rows)]
    unfinished = folder / "trace.jsonl.part"
    unfinished.write_text("".join(lines), encoding="utf-8")
    unfinished.replace(folder / "trace.jsonl")  # its presence says that the session is complete


def load_trace(folder: Path) -> Trace:
    """Read it back; InputError for a folder that holds none."""
    path = folder / "trace.jsonl"
    user, sent = read_wav(folder / "user.wav")[:, 0], read_wav(folder / "sent.wav")[:, 0]
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    head = parse_object(first, f"{path}:1")
    received: list[Received] = []
    texts: list[Text] = []
    events: list[Noted] = []
    flushes: list[float] = []
    at = 0
    for number, line in enumerate(rest, start=2):
        row = from_dict(_Row, parse_object(line, f"{path}:{number}"), f"{path}:{number}")
        if row.kind == "sound":
            received.append(Received(row.at_s, sent[at : at + row.samples], row.compute_s))
            at += row.samples
        elif row.kind == "flush":
            flushes.append(row.at_s)
        elif row.kind == "text":
            texts.append(Text(row.at_s, row.text, "heard" if row.name == "heard" else "said"))
        else:
            events.append(Noted(row.at_s, row.name, row.data))
    late = tuple(head.get("send_late_s", ()))
    every = (tuple(received), tuple(flushes), tuple(texts), tuple(events), late)
    waited_s = float(head.get("prebuffer_s", 0.0))
    came = tuple(head.get("come_late_s", ()))
    return Trace(head["id"], head["endpoint"], user, *every, void=head["void"], prebuffer_s=waited_s, come_late_s=came)

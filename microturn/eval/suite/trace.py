"""What happened in one session on one clock: sound as it came, as it was heard, words and events. No verdicts.

Clocks, all in seconds from the first sample of the user's sound (benchmark practice of sglang-omni's duplex suite):
*receipt*: when a piece of the model's sound arrived; *playout*: when a listener hears it, which is after what came
before it, and never where the client's flush rule threw it away; *media*: its place in all sound that was sent.
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

    send_late_s: how far each packet left from its time; void: why this session says nothing about the model, or "".
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

    @property
    def length_s(self) -> float:
        """Of the user's sound, which is the time that is scored."""
        return len(self.user) / SAMPLE_RATE_HZ

    @property
    def why_void(self) -> str:
        """`void`, or that sound was sent more than 80 ms away from its time; "" for a session that counts."""
        worst = max((abs(late) for late in self.send_late_s), default=0.0)
        return self.void or (f"sent {1000 * worst:.0f} ms off its time" if worst > VOID_SEND_S else "")


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
    """First in, first out: a piece starts at its receipt or when the one before it ends, and a flush cuts the queue."""
    heard = np.zeros(len(trace.user), np.float32)
    placed: list[Placed] = []
    media, free_s = 0, 0.0
    flushes = sorted(trace.flushes)
    last_flush_s = 0.0
    for piece in sorted(trace.received, key=lambda piece: piece.at_s):
        passed = [at_s for at_s in flushes if last_flush_s < at_s <= piece.at_s]
        if passed:
            last_flush_s = passed[-1]
            free_s = min(free_s, last_flush_s)
        start_s = max(piece.at_s, free_s)
        end_s = start_s + len(piece.pcm) / SAMPLE_RATE_HZ
        cut_s = min((at_s for at_s in flushes if at_s > piece.at_s), default=end_s)
        stop_s = max(start_s, min(end_s, cut_s))
        free_s = min(end_s, max(start_s, cut_s))
        _put(heard, piece.pcm, start_s, stop_s)
        placed.append(Placed(media / SAMPLE_RATE_HZ, start_s, stop_s))
        media += len(piece.pcm)
    sounded_s = sum(max(0.0, min(p.end_s, trace.length_s) - p.start_s) for p in placed)
    return Playout(heard, tuple(placed), media / SAMPLE_RATE_HZ - sounded_s)


def _put(heard: Pcm, pcm: Pcm, start_s: float, stop_s: float) -> None:
    first = round(start_s * SAMPLE_RATE_HZ)
    last = min(first + min(len(pcm), round((stop_s - start_s) * SAMPLE_RATE_HZ)), len(heard))
    if last > first:
        heard[first:last] = pcm[: last - first]


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
    head = {"format": FORMAT, "id": trace.id, "endpoint": trace.endpoint, "void": trace.void}
    rows = [_Row("sound", piece.at_s, len(piece.pcm), piece.compute_s) for piece in trace.received]
    rows += [_Row("flush", at_s) for at_s in trace.flushes]
    rows += [_Row("text", text.at_s, text=text.text, name=text.kind) for text in trace.texts]
    rows += [_Row("event", event.at_s, name=event.kind, data=dict(event.data)) for event in trace.events]
    late = {"send_late_s": [round(late, 5) for late in trace.send_late_s]}
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
    return Trace(head["id"], head["endpoint"], user, *every, void=head["void"])

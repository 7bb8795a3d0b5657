"""From the sound of a trace to segments, words, utterances and numbers. What they are worth: timing.py and the suites.

Segments come from energy: an endpoint's own sound has no room around it, and a rule of two numbers gives every reader
the same segments. A user's segments come from the script that was spoken, or from this where there is none.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from microturn.agent.numbers import ORDINALS, leading_number
from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.eval.speech import Recogniser, levelled
from microturn.eval.suite.trace import Text, Trace, playout
from microturn.media.pcm import Pcm

FRAME_SAMPLES = 160
ONSET_DBFS = -45.0
MIN_SPEECH_S = 0.1
MIN_SILENCE_S = 0.1
UTTERANCE_GAP_S = 0.6
TEXT_AHEAD_S = 1.0
TEXT_BEHIND_S = 1.0


class Segment(NamedTuple):
    """A stretch of sound, in seconds."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """Its length."""
        return self.end_s - self.start_s


class Word(NamedTuple):
    """A word with its stretch of time, as recognisers give it."""

    start_s: float
    end_s: float
    text: str


class Utterance(NamedTuple):
    """What was said without a pause of 0.6 s: times from the sound, words from a listener."""

    start_s: float
    end_s: float
    text: str


class Listener(Protocol):
    """Gives the words of a stretch of what was heard."""

    name: str

    def words(self, trace: Trace, heard: Pcm, segment: Segment, others: Sequence[Segment]) -> str:
        """The words in `segment` of `heard`, float32 [N]; `others`: all segments, for those who share words out."""
        ...


class TextChannel:
    """The endpoint's own text: a piece belongs to the nearest segment within a second of it, and to one alone."""

    name = "text"

    def words(self, trace: Trace, heard: Pcm, segment: Segment, others: Sequence[Segment]) -> str:
        """Pieces in the order in which they came."""
        mine = [t.text for t in trace.texts if t.kind == "said" and _owner(t, others) == segment]
        return " ".join("".join(mine).split())


class RecogniserListener:
    """A recogniser hears the segment; it is gated by segments because recognisers make up words in silence."""

    name = "recogniser"

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser

    def words(self, trace: Trace, heard: Pcm, segment: Segment, others: Sequence[Segment]) -> str:
        """What it understands."""
        first, last = (round(at_s * SAMPLE_RATE_HZ) for at_s in segment)
        return " ".join(self._recogniser.understand(levelled(heard[first:last])))


def segments(pcm: Pcm, min_silence_s: float = MIN_SILENCE_S, min_speech_s: float = MIN_SPEECH_S) -> list[Segment]:
    """Stretches of float32 [N] at 16 kHz that are louder than -45 dBFS over 10 ms."""
    frames = pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    loud = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1)) > 10.0 ** (ONSET_DBFS / 20.0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(np.int8)))
    frame_s = FRAME_SAMPLES / SAMPLE_RATE_HZ
    found = [Segment(float(a) * frame_s, float(b) * frame_s) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [segment for segment in merged(found, min_silence_s) if segment.length_s >= min_speech_s - 1e-9]


def merged(found: Sequence[Segment], gap_s: float) -> list[Segment]:
    """Segments with pauses shorter than `gap_s` taken together."""
    result: list[Segment] = []
    for segment in sorted(found):
        if result and segment.start_s - result[-1].end_s < gap_s - 1e-9:
            result[-1] = Segment(result[-1].start_s, max(result[-1].end_s, segment.end_s))
        else:
            result.append(segment)
    return result


def utterances(trace: Trace, listener: Listener, apart_s: float = UTTERANCE_GAP_S) -> list[Utterance]:
    """What the model said as a person beside the loudspeaker would write it down, on the playout clock."""
    heard = playout(trace).pcm
    spans = merged(segments(heard), apart_s)
    return [Utterance(*span, listener.words(trace, heard, span, spans)) for span in spans]


def numbers(text: str) -> list[float]:
    """Every number said, in order: digits, words ("two hundred and five", "twenty-one", "two point five"), ordinals."""
    words = [word for word in re.split(r"[^a-z0-9.,']+", text.lower().replace("-", " ")) if word]
    words = [word.strip(".,'") if not re.fullmatch(r"\.?\d.*", word) else word.rstrip(".,") for word in words]
    found: list[float] = []
    at = 0
    while at < len(words):
        number, taken = _number_at(words[at:])
        if taken:
            found.append(number)
        at += max(1, taken)
    return found


def _number_at(words: Sequence[str]) -> tuple[float, int]:
    digits = re.fullmatch(r"(\d+)(?:st|nd|rd|th)", words[0])
    if digits:
        return float(digits[1]), 1
    if words[0] in ORDINALS:
        return float(ORDINALS[words[0]]), 1
    read = leading_number(words)
    if not read.words:
        return 0.0, 0
    tens = float(read.value)
    after = words[read.words] if read.words < len(words) else ""
    if 20 <= tens < 100 and tens % 10 == 0 and 0 < ORDINALS.get(after, 0) < 10:
        return tens + ORDINALS[after], read.words + 1  # "twenty first"
    return tens, read.words


def _owner(text: Text, spans: Sequence[Segment]) -> Segment | None:
    def away_s(span: Segment) -> float:
        return max(span.start_s - text.at_s, text.at_s - span.end_s, 0.0)

    nearest = min(spans, key=away_s, default=None)
    if nearest is None or away_s(nearest) > max(TEXT_AHEAD_S, TEXT_BEHIND_S):
        return None
    return nearest

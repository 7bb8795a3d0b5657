"""What a cascade hears with: recognisers that take 20 ms packets and give words. Two kinds.

Both know the words of the world and how they follow each other in scripts of training, and nothing of the test split.
"""
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pocketsphinx ships no types.

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ
from microturn.core.errors import MissingDependency
from microturn.core.wav import to_float
from microturn.data.scenarios import all_lines, corpus
from microturn.engine.api import SessionSpec
from microturn.engine.participant import participant
from microturn.eval.scorers import plain
from microturn.eval.speech import language_model
from microturn.model.checkpoint import Checkpoint
from microturn.model.sampling import SamplingConfig

BEFORE_S = 0.6
DIALOGS = 3_000
SEED = 20
NEVER_SPEAK = 100.0


class Ears(Protocol):
    """One session's recogniser. settles: whether words of a stretch may still come up to a tick after its end."""

    settles: bool

    def hear(self, pcm16: bytes) -> str:
        """Take a packet; all words so far of the stretch that is going on."""
        ...

    def began(self) -> None:
        """Somebody began to speak, by the voice-activity detector, which tells it late."""
        ...

    def ended(self) -> str:
        """The stretch is over: its words."""
        ...


class OwnEars:
    """The transcript head of our own weights, which never speak here: the same ears on both sides of a comparison."""

    settles = True

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._model = participant(checkpoint, SessionSpec(0, SamplingConfig(listen_bias=NEVER_SPEAK)))
        self._tick = 0
        self._waiting = b""
        self._words = ""

    def hear(self, pcm16: bytes) -> str:
        """Words come at the end of the 200 ms in which they end."""
        self._waiting += pcm16
        while len(self._waiting) >= 2 * CHUNK_SAMPLES:
            pcm = to_float(np.frombuffer(self._waiting[: 2 * CHUNK_SAMPLES], "<i2"))
            self._waiting = self._waiting[2 * CHUNK_SAMPLES :]
            for event in self._model.turn(self._tick, Chunk(pcm)).events:
                if event.kind == "heard":
                    self._words += event.text if (event.data or {}).get("joins") else f" {event.text}"
            self._tick += 1
        return self._words.strip()

    def began(self) -> None:
        """It listens all the time."""

    def ended(self) -> str:
        """Words so far; the next stretch begins without any."""
        words, self._words = self._words.strip(), ""
        return words


class SphinxEars:
    """pocketsphinx with its own English sounds and a bigram model of the world, as it comes from a package registry.

    `decoder` from `sphinx`; it is used by one session at a time.
    """

    settles = False

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._before = b""
        self._inside = False

    def hear(self, pcm16: bytes) -> str:
        """Words so far; what was said while the detector was not sure yet is kept for it."""
        if self._inside:
            self._decoder.process_raw(pcm16)
            return self._words()
        self._before = (self._before + pcm16)[-round(2 * BEFORE_S * SAMPLE_RATE_HZ) :]
        return ""

    def began(self) -> None:
        """Begin with the sound from before."""
        if not self._inside:
            self._decoder.start_utt()
            self._inside = True
            self._decoder.process_raw(self._before)

    def ended(self) -> str:
        """The best words of the stretch."""
        if not self._inside:
            return ""
        self._decoder.end_utt()
        self._inside, self._before = False, b""
        return self._words()

    def _words(self) -> str:
        found = self._decoder.hyp()
        return "" if found is None else str(found.hypstr)


class GivenEars:
    """Recognises given lines, one a stretch, whatever is said: for tests that are not about hearing."""

    settles = False

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = iter(lines)

    def hear(self, pcm16: bytes) -> str:
        """Nothing before the end."""
        return ""

    def began(self) -> None:
        """It does not listen."""

    def ended(self) -> str:
        """The next line; "" when there is none left."""
        return next(self._lines, "")


def sphinx() -> Any:
    """A decoder that knows the lines of training; making one takes seconds."""
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise MissingDependency("pocketsphinx", "a cascade with its own ears", "pip install pocketsphinx") from error
    dictionary = Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL", lm=None)
    texts = [plain(line) for dialog in corpus("train", DIALOGS, np.random.default_rng(SEED)) for line in dialog.lines]
    words = {word for line in all_lines("train") for word in plain(line).split()}
    known = {word for word in words if dictionary.lookup_word(word) is not None}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "world.lm"
        arpa = language_model([text for text in texts if known.issuperset(text.split())], known)
        path.write_text(arpa, encoding="ascii")
        return Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL", lm=str(path))

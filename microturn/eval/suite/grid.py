"""The virtual clock on another grid: ticks of the model that end a little before those of the user.

On the wire ticks begin when a session does, never with the user's first sample. A model that hears the same sound cut
elsewhere may say another word; so two grids of the virtual clock tell how much two runs differ without any wire.
"""

from dataclasses import replace

import numpy as np

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, TICK_MS
from microturn.core.errors import InputError
from microturn.core.participant import Participant
from microturn.eval.suite.endpoint import Endpoint, Session
from microturn.eval.suite.trace import Trace


class EarlyTicks:
    """A participant that hears each chunk without its last `early` samples, which it hears with the next."""

    def __init__(self, model: Participant, early: int) -> None:
        self._model, self._first = model, CHUNK_SAMPLES - early
        self._before = Chunk().samples

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """What it says of the samples that end `early` before the end of this tick."""
        pcm = np.concatenate([self._before[self._first :], heard.samples[: self._first]])
        self._before = heard.samples
        return self._model.turn(tick, replace(heard, pcm=pcm))


class OnGrid:
    """An endpoint on the virtual clock whose participants are `EarlyTicks`, with times as the user's clock has them."""

    at_once = 1

    def __init__(self, endpoint: Endpoint, early_s: float) -> None:
        self.name, self.settings = endpoint.name, endpoint.settings
        self._endpoint, self._early_s = endpoint, early_s

    async def hold(self, session: Session) -> Trace:
        """Hold one session."""
        trace, early_s = await self._endpoint.hold(session), self._early_s
        return replace(
            trace,
            received=tuple(piece._replace(at_s=piece.at_s - early_s) for piece in trace.received),
            texts=tuple(replace(text, at_s=text.at_s - early_s) for text in trace.texts),
            events=tuple(replace(event, at_s=event.at_s - early_s) for event in trace.events),
        )


def early_s(address: str) -> float:
    """The seconds of `microturn:grid=SECONDS`, 0 where nothing is asked; InputError for anything else."""
    name, _, value = address.partition("=")
    if not address:
        return 0.0
    if name != "grid" or not value.replace(".", "", 1).isdigit() or not 0.0 <= float(value) < TICK_MS / 1000:
        right = f"grid=SECONDS, less than {TICK_MS / 1000:g}"
        raise InputError("our weights in another way", "--endpoint", repr(address), right)
    return float(value)

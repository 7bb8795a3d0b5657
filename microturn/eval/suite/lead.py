"""The virtual clock in a session that began before the user's first sample, as every session on the wire does.

Then ticks do not begin with that sample, and a model that hears the same sound cut elsewhere may say another word: how
much two runs differ without any wire, and, with the lead of a wire, what the wire alone makes later.
"""

from dataclasses import replace

import numpy as np

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ
from microturn.core.errors import InputError
from microturn.core.participant import Participant
from microturn.eval.suite.endpoint import Endpoint, Session
from microturn.eval.suite.trace import Trace

LONGEST_S = 60.0


class LeadIn:
    """A participant that hears `lead` samples of silence before the user; what it says in them is heard by nobody."""

    def __init__(self, model: Participant, lead: int) -> None:
        self._model = model
        self._ticks, early = divmod(lead, CHUNK_SAMPLES)
        self._first = CHUNK_SAMPLES - early
        self._before = Chunk().samples

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        """What it says in its tick that ends in this one of the user."""
        if tick == 0:
            for silent in range(self._ticks):
                self._model.turn(silent, Chunk())
        pcm = np.concatenate([self._before[self._first :], heard.samples[: self._first]])
        self._before = heard.samples
        return self._model.turn(self._ticks + tick, replace(heard, pcm=pcm))


class Led:
    """An endpoint on the virtual clock whose participants are `LeadIn`, with times as the user's clock has them."""

    at_once = 1

    def __init__(self, endpoint: Endpoint, lead: int) -> None:
        self.name, self.settings = endpoint.name, endpoint.settings
        self._endpoint, self._early_s = endpoint, lead % CHUNK_SAMPLES / SAMPLE_RATE_HZ

    async def hold(self, session: Session) -> Trace:
        """Hold one session."""
        trace, early_s = await self._endpoint.hold(session), self._early_s
        return replace(
            trace,
            received=tuple(piece._replace(at_s=piece.at_s - early_s) for piece in trace.received),
            texts=tuple(replace(text, at_s=text.at_s - early_s) for text in trace.texts),
            events=tuple(replace(event, at_s=event.at_s - early_s) for event in trace.events),
        )


def lead_samples(address: str) -> int:
    """The samples of `microturn:lead=SECONDS`, 0 where nothing is asked; InputError for anything else."""
    name, _, value = address.partition("=")
    if not address:
        return 0
    if name != "lead" or not value.replace(".", "", 1).isdigit() or float(value) > LONGEST_S:
        right = f"lead=SECONDS, at most {LONGEST_S:g}"
        raise InputError("our weights in another way", "--endpoint", repr(address), right)
    return round(float(value) * SAMPLE_RATE_HZ)

"""A browser's way: sound on WebRTC tracks, with aiortc in the browser's place."""

import asyncio
from dataclasses import dataclass

import numpy as np

from microturn.data.voices import synthesize, voice
from tests.gateway.clients.spoken import ANSWER, BEFORE_S, BETWEEN_S, KEYWORDS, QUESTION, TIMES, VOICE, patience
from tests.gateway.webrtc.caller import Caller, calling

AHEAD_S = 0.7  # a call encodes and decodes beside a server that computes: more than the other clients have in hand
LOUD_S = 0.1  # the word alone, without the silence around it


@dataclass(frozen=True)
class Got:
    heard: str
    said: str
    loud_s: float
    errors: tuple[str, ...]

    @property
    def done(self) -> bool:
        understood = set(KEYWORDS) <= set(self.heard.split())
        return bool(self.errors) or (understood and ANSWER in self.said and self.loud_s > LOUD_S)


def test_a_caller_is_answered_aloud_over_webrtc(address: str) -> None:
    got = asyncio.run(conversation(int(address.split(":")[1])))
    assert got.errors == ()
    assert set(KEYWORDS) <= set(got.heard.split()), got
    assert ANSWER in got.said and got.loud_s > LOUD_S, got


async def conversation(port: int) -> Got:
    async with calling(port) as caller:
        await caller.call_live()
        await caller.until("session.started")
        before, between = (np.zeros(int(seconds * 16_000), np.float32) for seconds in (BEFORE_S, BETWEEN_S))
        asked = [synthesize(voice(VOICE), QUESTION).pcm, between]
        caller.microphone.say(np.concatenate([before, *(asked * TIMES)]), AHEAD_S)
        async with patience():
            await caller.when(lambda: None, lambda: got_by(caller).done)
        return got_by(caller)


def got_by(caller: Caller) -> Got:
    """Words of both sides and the model's sound so far."""
    words = {"session.input_transcript.delta": "", "session.output_transcript.delta": ""}
    for event in caller.events:
        if event["type"] in words:
            words[event["type"]] += event["delta"]
    errors = [str(event) for event in caller.events if event["type"] == "error"]
    loud = np.abs(caller.heard()) > 0.02
    return Got(*words.values(), float(loud.sum() / 16_000), tuple(errors))

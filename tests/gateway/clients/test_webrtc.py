"""A browser's way: sound on WebRTC tracks, with aiortc in the browser's place."""

import asyncio

import numpy as np

from microturn.data.voices import synthesize, voice
from microturn.media.pcm import to_int16
from tests.gateway.clients.spoken import BEFORE_S, QUESTION, VOICE, Ear, check, patience
from tests.gateway.webrtc.caller import Caller, calling


def test_a_caller_is_answered_aloud_over_webrtc(address: str) -> None:
    ear = asyncio.run(conversation(int(address.split(":")[1])))
    check(ear)


async def conversation(port: int) -> Ear:
    ear = Ear()
    async with calling(port) as caller:
        await caller.call_live()
        await caller.until("session.started")
        before = np.zeros(int(BEFORE_S * 16_000), np.float32)
        caller.microphone.pcm = np.concatenate([before, synthesize(voice(VOICE), QUESTION).pcm])
        async with patience():
            await caller.when(lambda: None, lambda: listen(caller, ear).done)
    return ear


def listen(caller: Caller, ear: Ear) -> Ear:
    """All that this caller has heard so far; silence of a codec is none of its sound."""
    words = {"session.input_transcript.delta": "", "session.output_transcript.delta": ""}
    for event in caller.events:
        if event["type"] in words:
            words[event["type"]] += event["delta"]
        elif event["type"] == "error":
            ear.errors.append(str(event))
    ear.heard, ear.said = words.values()
    heard = caller.heard()
    ear.sound = bytearray(to_int16(heard[np.abs(heard) > 0.001]).astype("<i2").tobytes())
    return ear

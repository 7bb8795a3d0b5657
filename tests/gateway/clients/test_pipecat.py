"""Pipelines of Pipecat, unmodified, with its two services: turns over Realtime, full duplex over GPT-Live."""

import asyncio
import json
from typing import Any

import pytest

from microturn.gateway.realtime.codec import RealtimeCodec
from microturn.gateway.realtime.settings import default_settings
from tests.gateway.clients.spoken import Ear, check, microphone, patience
from tests.gateway.realtime.driven import whole_conversation

pytest.importorskip("pipecat")

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    LLMRunFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.live.llm import OpenAILiveLLMService
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

RATE_HZ = 24_000


class Listener(FrameProcessor):
    """Keeps what passes: before the service the user's words, behind it the model's words and sound."""

    def __init__(self, ear: Ear, done: asyncio.Event) -> None:
        super().__init__()
        self._ear, self._done = ear, done

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            self._ear.heard += frame.text
        elif isinstance(frame, TTSTextFrame):
            self._ear.said += frame.text
        elif isinstance(frame, OutputAudioRawFrame):
            self._ear.sound += frame.audio
        elif isinstance(frame, ErrorFrame):
            self._ear.errors.append(frame.error)
        if self._ear.done:
            self._done.set()
        await self.push_frame(frame, direction)


def test_turns_over_realtime_answer_a_spoken_question(address: str) -> None:
    check(asyncio.run(conversation(OpenAIRealtimeLLMService(api_key="none", base_url=f"ws://{address}/v1/realtime"))))


def test_full_duplex_over_live_answers_a_spoken_question(address: str) -> None:
    check(asyncio.run(conversation(OpenAILiveLLMService(api_key="none", base_url=f"ws://{address}/v1/live/sessions"))))


async def conversation(service: Any) -> Ear:
    ear, done, started = Ear(), asyncio.Event(), asyncio.Event()
    context = LLMContext([{"role": "system", "content": "Be brief."}])
    aggregators = LLMContextAggregatorPair(context)
    before, behind = Listener(ear, done), Listener(ear, done)
    worker = PipelineWorker(Pipeline([aggregators.user(), before, service, behind, aggregators.assistant()]))

    @worker.event_handler("on_pipeline_started")
    async def _started(worker: PipelineWorker, frame: StartFrame) -> None:
        if isinstance(service, OpenAILiveLLMService):
            await worker.queue_frame(LLMRunFrame())  # what it sends `session.start` at
        else:
            started.set()

    if isinstance(service, OpenAILiveLLMService):

        @service.event_handler("on_session_started")
        async def _ready(service: Any, session: Any) -> None:
            started.set()

    async def speak() -> None:
        await started.wait()
        async for packet in microphone(RATE_HZ):
            await worker.queue_frame(InputAudioRawFrame(packet, RATE_HZ, 1))

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running, speaking = asyncio.create_task(runner.run()), asyncio.create_task(speak())
    async with patience():
        await done.wait()
    speaking.cancel()
    await worker.cancel()
    await running
    return ear


def test_the_realtime_service_reads_every_event_of_a_whole_conversation() -> None:
    for event in whole_conversation():
        read = events.parse_server_event(json.dumps(event))
        assert read is None or read.type == event["type"]


@pytest.mark.parametrize("turn_detection", [False, None, events.SemanticTurnDetection(), events.TurnDetection()])
def test_what_the_realtime_service_configures_is_taken(turn_detection: Any) -> None:
    audio = events.AudioConfiguration(
        input=events.AudioInput(
            format=events.PCMAudioFormat(),
            transcription=events.InputAudioTranscription(),
            noise_reduction=events.InputAudioNoiseReduction(type="near_field"),
            turn_detection=turn_detection,
        ),
        output=events.AudioOutput(voice="cedar", speed=1.0),
    )
    update = events.SessionUpdateEvent(session=events.SessionProperties(audio=audio, tools=[], tool_choice="auto"))
    codec = RealtimeCodec("live_test", default_settings("tiny"), 0)
    (answer,) = codec.from_client(json.dumps(update.model_dump(exclude_none=True))).events
    assert answer["type"] == "session.updated", answer

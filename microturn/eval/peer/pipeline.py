"""One session of the cascade: a Pipecat pipeline in its usual order, with services of ours behind Pipecat's own bases.

transport in, recogniser, user aggregator (Silero VAD, smart-turn, all defaults), answerer, voice, transport out,
assistant aggregator. Nothing of Pipecat is replaced. What passes is noted, so that a trace says why an answer came late
or never.
"""
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportMissingParameterType=false
# pyright: reportIncompatibleVariableOverride=false, reportIncompatibleMethodOverride=false

import asyncio
from collections.abc import AsyncGenerator, Mapping

import numpy as np
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    MetricsFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import TurnMetricsData
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_start import TranscriptionUserTurnStartStrategy, VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from microturn.core.clock import SAMPLE_RATE_HZ, TICK_MS
from microturn.core.wav import to_int16
from microturn.data.voices import AGENT_VOICE, synthesize, voice
from microturn.eval.peer.answerer import Answerer
from microturn.eval.peer.ears import Ears
from microturn.eval.peer.stage import Piece, Stage
from microturn.media.pcm import Pcm

PACKET_SAMPLES = SAMPLE_RATE_HZ // 50
TTFS_S = 0.5
"""What the recogniser promises: its last words come so soon after the end of speech. The detector takes 0.2 s of it."""
INTERRUPTED_MARK = "was not recognized"


class Microphone(BaseInputTransport):
    """Packets that a client sends."""

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)


class Loudspeaker(BaseOutputTransport):
    """Sends sound at the pace at which it plays, as Pipecat's transports do, so that a cut leaves nothing to play."""

    def __init__(self, params: TransportParams, stage: Stage) -> None:
        super().__init__(params)
        self._stage, self._free_s = stage, 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        pcm = np.frombuffer(frame.audio, "<i2")
        now_s = self._stage.now()
        start_s = max(now_s, self._free_s)
        self._free_s = start_s + len(pcm) / SAMPLE_RATE_HZ
        self._stage.pieces.append(Piece(start_s - self._stage.began_s, pcm))
        if isinstance(frame, TTSAudioRawFrame):
            self._stage.said_s += len(pcm) / SAMPLE_RATE_HZ
        await asyncio.sleep(self._free_s - now_s)
        return True


class Recogniser(STTService):
    """Streams packets into the ears; words so far at once, the last ones when the detector says that speech ended."""

    def __init__(self, ears: Ears, stage: Stage) -> None:
        super().__init__(ttfs_p99_latency=TTFS_S, settings=STTSettings(model=None, language=None))
        self._ears, self._stage = ears, stage
        self._told = ""
        self._closing = False
        self._packets = 0

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        words = await asyncio.to_thread(self._ears.hear, audio)
        self._packets += 1
        if words and words != self._told and self._user_speaking:
            self._told = words
            yield InterimTranscriptionFrame(words, "user", str(self._stage.at_s))
        if self._closing and self._packets % (TICK_MS // 20) == 0:
            await self._finish()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, VADUserStartedSpeakingFrame):
            if self._closing:
                await self._finish()
            await asyncio.to_thread(self._ears.began)
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._closing = True
            if not self._ears.settles:
                await self._finish()

    async def _finish(self) -> None:
        self._closing = False
        words = await asyncio.to_thread(self._ears.ended)
        self._told = ""
        self._stage.note("recognised", words=words)
        if words:
            self.request_finalize()
            self.confirm_finalize()
            # Recognisers end a stretch with a full stop; the aggregator joins stretches with spaces.
            await self.push_frame(TranscriptionFrame(f"{words}.", "user", str(self._stage.at_s)))


class RuleModel(LLMService):
    """The answerer in the place of a language model. Reminders are a tool that speaks by itself."""

    def __init__(self, answerer: Answerer, stage: Stage) -> None:
        super().__init__(settings=_no_settings())
        self._answerer, self._stage = answerer, stage
        self._spoken_until_s = 0.0
        self._unsaid = ""
        self._read = 0
        self._changed = asyncio.Event()
        self._reminding: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame) and self._reminding is None:
            self._reminding = self.create_task(self._remind())
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self._answerer.spoke()
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self._spoken_until_s = self._stage.at_s - frame.stop_secs
            self._answerer.quiet(self._spoken_until_s)
            self._changed.set()
        elif isinstance(frame, InterruptionFrame):
            self._unsaid = self._stage.cut()
        if isinstance(frame, LLMContextFrame):
            await self._answer(frame.context)
        else:
            await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        if self._reminding is not None:
            await self.cancel_task(self._reminding)
            self._reminding = None
        await super().cleanup()

    async def _answer(self, context: LLMContext) -> None:
        messages = [message for message in context.get_messages() if isinstance(message, dict)]
        fresh, self._read = messages[self._read :], len(messages)
        text = " ".join(str(m.get("content", "")) for m in fresh if m.get("role") == "user")
        if not text and not any(INTERRUPTED_MARK in str(m.get("content", "")) for m in fresh):
            return
        reply = self._answerer.turn(text, self._spoken_until_s, self._unsaid)
        self._unsaid = ""
        self._changed.set()
        self._stage.note("answer", turn=text, understood=reply.why, say=reply.say)
        await self.push_frame(LLMFullResponseStartFrame())
        if reply.say:
            await self.push_frame(LLMTextFrame(reply.say))
        await self.push_frame(LLMFullResponseEndFrame())

    async def _remind(self) -> None:
        while True:
            self._changed.clear()
            due_s = self._answerer.next_due_s()
            wait_s = None if due_s is None else max(0.0, due_s - self._stage.at_s)
            try:
                await asyncio.wait_for(self._changed.wait(), wait_s)
                continue
            except TimeoutError:
                pass
            for text in self._answerer.due(self._stage.at_s + 1e-6):
                self._stage.note("reminder", say=text)
                await self.push_frame(TTSSpeakFrame(text))


class Voice(TTSService):
    """The agent's voice of the world, a sentence at a time."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            sample_rate=SAMPLE_RATE_HZ,
            settings=TTSSettings(model=None, voice=AGENT_VOICE, language=None),
        )
        self._stage = stage

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        spoken = text.strip().strip(".")
        clip = await asyncio.to_thread(synthesize, voice(AGENT_VOICE), spoken)
        self._stage.clip, self._stage.said_s = clip, 0.0
        self._stage.note("voice", text=spoken, length_s=round(len(clip.pcm) / SAMPLE_RATE_HZ, 3))
        pcm = to_int16(clip.pcm).astype("<i2").tobytes()
        yield TTSAudioRawFrame(pcm, SAMPLE_RATE_HZ, 1, context_id=context_id)
        yield TTSStoppedFrame(context_id=context_id)


class Notes(BaseObserver):
    """Writes down what turn taking did, each event once."""

    KINDS: Mapping[type[Frame], str] = {
        VADUserStartedSpeakingFrame: "vad_started",
        VADUserStoppedSpeakingFrame: "vad_stopped",
        UserStartedSpeakingFrame: "turn_started",
        UserStoppedSpeakingFrame: "turn_stopped",
        BotStartedSpeakingFrame: "voice_began",
        BotStoppedSpeakingFrame: "voice_ended",
        InterruptionFrame: "interruption",
    }

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    async def on_push_frame(self, data: FramePushed) -> None:
        if not data.first_push or data.direction is not FrameDirection.DOWNSTREAM:
            return
        if isinstance(data.frame, MetricsFrame):
            for found in data.frame.data:
                if isinstance(found, TurnMetricsData):
                    self._stage.note("turn_model", complete=found.is_complete, probability=round(found.probability, 3))
        elif type(data.frame) in self.KINDS:
            self._stage.note(self.KINDS[type(data.frame)])


class Running:
    """A pipeline that runs. `hear` takes 20 ms of sound; what came of it lies on the stage."""

    def __init__(self, ears: Ears, stage: Stage, quiet_s: float | None = None) -> None:
        """quiet_s: end turns after so much silence instead of by the smart-turn model."""
        params = TransportParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=SAMPLE_RATE_HZ,
            audio_out_sample_rate=SAMPLE_RATE_HZ,
        )
        strategies = None
        if quiet_s is not None:
            strategies = UserTurnStrategies(
                start=[VADUserTurnStartStrategy(), TranscriptionUserTurnStartStrategy()],
                stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=quiet_s)],
            )
        taking_turns = LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer(), user_turn_strategies=strategies)
        aggregators = LLMContextAggregatorPair(LLMContext(), user_params=taking_turns)
        self._microphone = Microphone(params)
        processors: list[FrameProcessor] = [
            self._microphone,
            Recogniser(ears, stage),
            aggregators.user(),
            RuleModel(Answerer(), stage),
            Voice(stage),
            Loudspeaker(params, stage),
            aggregators.assistant(),
        ]
        self._worker = PipelineWorker(
            Pipeline(processors), observers=[Notes(stage)], idle_timeout_secs=None, enable_rtvi=False
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when it is ready for sound."""
        ready = asyncio.Event()

        @self._worker.event_handler("on_pipeline_started")
        async def _started(worker: object, frame: object) -> None:  # pyright: ignore[reportUnusedFunction]
            ready.set()

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        self._task = asyncio.create_task(runner.run())
        await ready.wait()

    async def stop(self) -> None:
        """End it."""
        await self._worker.cancel()
        if self._task is not None:
            await self._task

    async def hear(self, pcm: Pcm) -> None:
        """20 ms, float32 [320]."""
        audio = to_int16(pcm).astype("<i2").tobytes()
        await self._microphone.push_audio_frame(InputAudioRawFrame(audio, SAMPLE_RATE_HZ, 1))


def _no_settings() -> LLMSettings:
    return LLMSettings(
        model=None,
        system_instruction=None,
        temperature=None,
        max_tokens=None,
        top_p=None,
        top_k=None,
        frequency_penalty=None,
        presence_penalty=None,
        seed=None,
        filter_incomplete_user_turns=False,
        user_turn_completion_config=None,
    )

"""A Pipecat pipeline whose model is ours, asked in writing: python pipecat_bot.py [ws://127.0.0.1:8808/v1/realtime]"""

import asyncio
import sys

from pipecat.frames.frames import LLMRunFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    AssistantTurnStoppedMessage,
    LLMContextAggregatorPair,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

URL = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8808/v1/realtime"


async def main() -> None:
    """Ask once, print the answer. A transport's input and output around the pipeline give it ears and a mouth."""
    model = OpenAIRealtimeLLMService(api_key="none", base_url=URL)
    context = LLMContext([{"role": "user", "content": "what is three plus four"}])
    aggregators = LLMContextAggregatorPair(context)
    worker = PipelineWorker(Pipeline([aggregators.user(), model, aggregators.assistant()]))

    @aggregators.assistant().event_handler("on_assistant_turn_stopped")
    async def _answered(aggregator: object, message: AssistantTurnStoppedMessage) -> None:
        print(f"assistant: {message.content}")
        await worker.cancel()

    runner = WorkerRunner()
    await runner.add_workers(worker)
    await worker.queue_frame(LLMRunFrame())
    await runner.run()


asyncio.run(main())

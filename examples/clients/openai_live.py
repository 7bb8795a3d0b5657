"""The openai client asks the model aloud over GPT-Live: python openai_live.py [http://127.0.0.1:8808/v1]"""

import asyncio
import base64
import sys

from openai import AsyncOpenAI

from microturn.data.voices import synthesize, voice

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8808/v1"
PACKET = 640  # 20 ms of int16 at 16 kHz
pcm = synthesize(voice("espeak:en-us+belinda"), "what is the opposite of hot").pcm
data = bytes(32_000) + (pcm * 32_767).astype("<i2").tobytes() + bytes(128_000)


async def main() -> None:
    """Ask, and print both transcripts of the next seven seconds."""
    client = AsyncOpenAI(base_url=URL, api_key="none")
    async with client, client.live.connect() as wire:
        await wire.session.start(session={"model": "tiny", "audio": {"format": {"type": "audio/pcm", "rate": 16_000}}})
        for at in range(0, len(data), PACKET):  # what comes early waits; what comes late leaves a hole
            await wire.session.input_audio.append(audio=base64.b64encode(data[at : at + PACKET]).decode())
        async for event in wire:
            if event.type == "session.input_transcript.delta":
                print(f"{event.start_ms / 1000:5.1f} s  user  {event.delta}")
            elif event.type == "session.output_transcript.delta":
                print(f"{event.start_ms / 1000:5.1f} s  model {event.delta}")
            elif event.type == "session.output_audio.delta" and event.end_ms == 7_000:
                await wire.session.close()


asyncio.run(main())

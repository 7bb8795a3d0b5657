"""A LiveKit agent session whose model is ours: python livekit_agent.py [http://127.0.0.1:8808/v1]

In a room, `session.start(agent, room=ctx.room)` gives it ears and a mouth; here it is asked in writing.
"""

import asyncio
import sys

from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent
from livekit.agents.llm import ChatMessage
from livekit.plugins.openai import realtime

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8808/v1"


async def main() -> None:
    """Ask once, print both messages."""
    # Full duplex: livekit.agents.llm.DuplexRealtimeAdapter(realtime.GPTLiveModel(base_url=URL, api_key="none"))
    model = realtime.RealtimeModel(base_url=URL, api_key="none")
    session: AgentSession[None] = AgentSession(llm=model)

    @session.on("conversation_item_added")
    def _added(event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, ChatMessage):
            print(f"{event.item.role}: {event.item.text_content}")

    await session.start(Agent(instructions=""), record=False)
    await session.generate_reply(user_input="what is three plus four")
    await session.aclose()
    await model.aclose()


asyncio.run(main())

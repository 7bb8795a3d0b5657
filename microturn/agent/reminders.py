"""Reminders whose time has come become announcements of a session. When they are said is the model's own decision."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from microturn.agent.session_desk import SessionDesk
from microturn.agent.toolbox import local_now
from microturn.agent.tools.notes import Notes


async def ring(
    session: SessionDesk, notes: Notes, now: Callable[[], datetime] = local_now, every_s: float = 1.0
) -> None:
    """Look every second for what is due for the session's owner, and announce it, each once. Runs until cancelled."""
    while True:
        for one in notes.take_due(session.owner, now()):
            session.announce(f"you wanted to {one.text}" if " " in one.text else one.text)
        await asyncio.sleep(every_s)

"""`microturn agent ask`: one task for the background agent, with its progress. No conversation."""

import asyncio
from collections.abc import Callable

from rich.console import Console

from microturn.agent.book import Wanted
from microturn.agent.delegation import Delegation, failure_kind
from microturn.agent.delivery import FAILURE_WORDS
from microturn.agent.desk import Desk
from microturn.agent.options import AgentOptions, agent_of
from microturn.agent.session_desk import Change, Display, SessionDesk
from microturn.agent.show import Card, Chart, Shown, Table
from microturn.core.errors import ConfigError, MicroturnError


def ask(text: str, options: AgentOptions, deadline_s: float = 120.0) -> None:
    """Print what is reported and what would be said; MicroturnError where the task cannot be done."""
    console = Console(highlight=False, soft_wrap=True)

    def line(text: str) -> None:
        console.print(text, markup=False)

    one = asyncio.run(_asked(Wanted(text, deadline_ms=round(deadline_s * 1000)), options, line))
    if one.status == "failed":
        raise MicroturnError(f"{FAILURE_WORDS[failure_kind(one)]} ({one.reason})")


async def _asked(wanted: Wanted, options: AgentOptions, line: Callable[[str], None]) -> Delegation:
    async with Desk(agent_of(options)) as desk:
        session = desk.open("ask")
        changes = session.watch()
        first = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)  # it watches from here on
        answer = session.ask(wanted)
        if answer.verdict == "refused":
            first.cancel()
            raise ConfigError("a task", "agent ask", "one that is refused", answer.why)
        known = _told(await first, 0, line)
        async for change in changes:
            known = _told(change, known, line)
            if isinstance(change, Change) and change.delegation.over:
                break
        for said in _said(session):
            line(said)
        return session.delegations[answer.id]


def _told(change: Change | Display, known: int, line: Callable[[str], None]) -> int:
    """Print what is new; how many notes are known then."""
    if isinstance(change, Display):
        for row in _drawn(change.shown):
            line(f"  | {row}")
        return known
    for note in change.delegation.notes[known:]:
        line(f"  {note.text}")
    return len(change.delegation.notes)


def _said(session: SessionDesk) -> list[str]:
    """The answer in the parts in which a model would get it."""
    return [part for one in session.book.deliveries if one.kind == "result" for part in one.parts]


def _drawn(shown: Shown) -> list[str]:
    match shown:
        case Card(title=title, lines=lines):
            return [title, *lines]
        case Table(title=title, columns=columns, rows=rows):
            return [title, "   ".join(columns), *("   ".join(row) for row in rows)]
        case Chart(title=title, labels=labels, values=values, unit=unit):
            named = zip(labels, values, strict=True)
            return [title, *(f"{label}: {value:g} {unit}".rstrip() for label, value in named)]

"""A background agent with one tool of its own: it reports, proves what it did, and its result comes as text to say."""

import asyncio

from microturn.agent.book import Wanted
from microturn.agent.context import Context
from microturn.agent.delegation import Result
from microturn.agent.desk import Desk
from microturn.agent.job import Report, Task


class Kitchen:
    """Anything with `run` and `close` is an agent; a language model with tools is one too (microturn.agent.options)."""

    async def run(self, task: Task, context: Context, report: Report) -> Result:
        """One task: a note on the way, one tool call as evidence, one sentence to be said."""
        report.note("the kettle is filling")
        kettle = await report.use("kettle.on", {"cups": 2}, self.boil, side_effect=True)
        return Result(f"The kettle is {kettle}.")

    async def boil(self) -> str:
        return "on"

    async def close(self) -> None:
        """Nothing is open."""


async def main() -> None:
    async with Desk(Kitchen()) as desk:
        session = desk.open("session of the conversation")
        job = session.ask(Wanted("make some tea")).id
        async for said in session.injections():
            print(f"{said.kind:7s} {said.policy:9s} {said.text}")
            if said.kind == "result":
                break
        print("proven by", [proof.tool for proof in session.proof(job)])


asyncio.run(main())

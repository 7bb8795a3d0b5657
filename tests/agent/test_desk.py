"""The desk: jobs at once, deadlines, cancel, restarts, sessions apart. The agent is scripted; nothing sleeps."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from microturn.agent.book import Wanted
from microturn.agent.context import Context, Picture, Words
from microturn.agent.delegation import Result
from microturn.agent.delivery import FAILURE_WORDS
from microturn.agent.desk import Desk
from microturn.agent.fakes import Part, ScriptedAgent
from microturn.agent.job import AgentFailure, Report, Task
from microturn.agent.reminders import ring
from microturn.agent.session_desk import Change, DeskLimits, Display, SessionDesk, UnknownDelegation
from microturn.agent.show import Card
from microturn.agent.store import Store, StoreError
from microturn.agent.tools.notes import Notes
from microturn.core.errors import InputError, MicroturnError

WAIT_S = 120.0
SCRIPT = {
    "add": Part("four"),
    "think": Part("deep thoughts", notes=("i am reading",), held=True),
    "wait": Part("waited", held=True),
    "milk": Part("i wrote it down", effect="notes.add"),
    "hold milk": Part("i wrote it down", held=True, effect="notes.add"),
    "fail": Part(failure=AgentFailure("network", "no route to http://host/?key=abc")),
    "break": Part(failure=ValueError("secret words")),
}


def run(act: Callable[[], Awaitable[Any]]) -> Any:
    async def limited() -> Any:
        return await asyncio.wait_for(act(), WAIT_S)

    return asyncio.run(limited())


async def eventually(so: Callable[[], Any]) -> None:
    while not so():  # noqa: ASYNC110  what is waited for has no event, and every turn of the loop may bring it
        await asyncio.sleep(0)


async def until(session: SessionDesk, id: str, status: str) -> None:
    await eventually(lambda: session.delegations[id].status == status)


def test_an_answer_comes_as_text_for_the_model() -> None:
    async def act() -> None:
        async with Desk(ScriptedAgent(SCRIPT)) as desk:
            session = desk.open("one")
            answer = session.ask(Wanted("add"))
            injection = await anext(session.injections())
            assert (injection.text, injection.delegation_id, injection.kind) == ("four", answer.id, "result")
            assert session.take() == ()

    run(act)


def test_progress_is_reported_before_the_answer() -> None:
    async def act() -> None:
        agent = ScriptedAgent(SCRIPT)
        async with Desk(agent) as desk:
            session = desk.open("one")
            session.ask(Wanted("think"))
            injections = session.injections()
            assert (await anext(injections)).text == "i am reading"
            agent.release("think")
            assert (await anext(injections)).text == "deep thoughts"

    run(act)


def test_no_more_jobs_at_once_than_a_session_may_have() -> None:
    async def act() -> None:
        script = {f"wait {n}": Part("x", held=True) for n in range(5)}
        agent = ScriptedAgent(script)
        async with Desk(agent, limits=DeskLimits(jobs_a_session=2)) as desk:
            session = desk.open("one")
            ids = [session.ask(Wanted(task)).id for task in script]
            await agent.has_run(2)
            assert [session.delegations[id].status for id in ids] == ["running"] * 2 + ["queued"] * 3
            for task in script:
                agent.release(task)
            for id in ids:
                await until(session, id, "done")
            assert agent.most_at_work == 2

    run(act)


def test_no_more_jobs_at_once_than_the_desk_may_have() -> None:
    async def act() -> None:
        agent = ScriptedAgent(SCRIPT)
        async with Desk(agent, limits=DeskLimits(jobs=1)) as desk:
            first, second = desk.open("one"), desk.open("two")
            first.ask(Wanted("wait"))
            later = second.ask(Wanted("add")).id
            await agent.has_run(1)
            assert second.delegations[later].status == "queued"
            agent.release("wait")
            await until(second, later, "done")
            assert agent.most_at_work == 1

    run(act)


def test_a_thousand_requests_make_no_thousand_jobs() -> None:
    async def act() -> None:
        agent = ScriptedAgent(SCRIPT | {f"wait {n}": Part("x", held=True) for n in range(1_000)})
        async with Desk(agent) as desk:
            session = desk.open("one")
            verdicts = [session.ask(Wanted(f"wait {n}")).verdict for n in range(1_000)]
            assert verdicts.count("new") == 20 and verdicts.count("refused") == 980
            assert len(asyncio.all_tasks()) <= 22

    run(act)


def test_cancelling_stops_the_work_and_nothing_is_said() -> None:
    async def act() -> None:
        agent = ScriptedAgent(SCRIPT)
        async with Desk(agent) as desk:
            session = desk.open("one")
            id = session.ask(Wanted("wait")).id
            await agent.has_run(1)
            session.cancel(id)
            await eventually(lambda: agent.cancelled)
            assert session.delegations[id].status == "cancelled" and session.take() == ()

    run(act)


def test_an_answer_that_was_not_given_yet_can_be_taken_back() -> None:
    async def act() -> None:
        async with Desk(ScriptedAgent(SCRIPT)) as desk:
            session = desk.open("one")
            id = session.ask(Wanted("add")).id
            await until(session, id, "done")
            session.cancel(id)
            assert session.take() == () and session.delegations[id].status == "done"

    run(act)


def test_a_superseded_job_is_stopped() -> None:
    async def act() -> None:
        agent = ScriptedAgent(SCRIPT)
        async with Desk(agent) as desk:
            session = desk.open("one")
            old = session.ask(Wanted("wait")).id
            await agent.has_run(1)
            new = session.ask(Wanted("add", supersedes=old)).id
            await until(session, new, "done")
            assert agent.cancelled == [old] and [one.text for one in session.take()] == ["four"]

    run(act)


def test_a_slow_job_fails_at_its_deadline_and_that_is_said() -> None:
    async def act() -> None:
        agent = ScriptedAgent(SCRIPT)
        async with Desk(agent) as desk:
            session = desk.open("one")
            id = session.ask(Wanted("wait", deadline_ms=30)).id
            await until(session, id, "failed")
            assert agent.cancelled == [id]
            assert [one.text for one in session.take()] == ["sorry, i couldn't finish that in time"]

    run(act)


def test_a_failure_is_said_and_its_details_are_not(caplog: pytest.LogCaptureFixture) -> None:
    async def act() -> None:
        async with Desk(ScriptedAgent(SCRIPT)) as desk:
            session = desk.open("one")
            ids = [session.ask(Wanted(task)).id for task in ("fail", "break")]
            for id in ids:
                await until(session, id, "failed")
            assert session.delegations[ids[1]].reason == "bug: ValueError"
            assert [one.kind for one in session.take()] == ["failure"]
            said = [" ".join(one.parts) for one in session.book.deliveries]
            assert said == [FAILURE_WORDS["network"], FAILURE_WORDS["bug"]]

    with caplog.at_level(logging.DEBUG):
        run(act)
    assert "secret words" not in caplog.text and "abc" not in caplog.text


def test_a_correction_reaches_a_job_that_takes_it() -> None:
    async def act() -> None:
        agent = ScriptedAgent(SCRIPT, takes_corrections=True)
        async with Desk(agent) as desk:
            session = desk.open("one")
            id = session.ask(Wanted("wait")).id
            await agent.has_run(1)
            assert session.correct(id, "berlin, not bonn")
            agent.release("wait")
            await until(session, id, "done")
            assert agent.corrected == ["berlin, not bonn"] and len(agent.ran) == 1

    run(act)


def test_a_job_that_takes_no_correction_is_run_again_with_it() -> None:
    async def act() -> None:
        agent = ScriptedAgent(SCRIPT)
        async with Desk(agent) as desk:
            session = desk.open("one")
            id = session.ask(Wanted("wait")).id
            await agent.has_run(1)
            assert session.correct(id, "berlin, not bonn")
            await agent.has_run(2)
            assert agent.ran[1].corrections == ("berlin, not bonn",) and agent.cancelled == [id]
            agent.release("wait")
            await until(session, id, "done")
            assert [one.text for one in session.take()] == ["waited"]

    run(act)


def test_what_is_over_takes_no_correction() -> None:
    async def act() -> None:
        async with Desk(ScriptedAgent(SCRIPT)) as desk:
            session = desk.open("one")
            id = session.ask(Wanted("add")).id
            await until(session, id, "done")
            assert not session.correct(id, "five")

    run(act)


def test_two_sessions_never_see_each_other() -> None:
    async def act() -> None:
        agent = ScriptedAgent(SCRIPT)
        async with Desk(agent) as desk:
            one, two = desk.open("one"), desk.open("two")
            id = one.ask(Wanted("add"), Context(words=(Words(0, "user", "my secret"),))).id
            await until(one, id, "done")
            assert two.take() == () and two.delegations == {} and two.proof(id) == ()
            for act_on in (two.cancel, lambda id: two.correct(id, "x"), lambda id: two.set_policy(id, "silent")):
                with pytest.raises(UnknownDelegation):
                    act_on(id)
            # The same words asked in the other session are a job of its own, with nothing of the first in it.
            other = two.ask(Wanted("add"))
            await until(two, other.id, "done")
            assert other.verdict == "new" and agent.contexts[1].earlier == () and agent.contexts[1].words == ()

    run(act)


def test_a_session_is_opened_only_by_its_owner(tmp_path: Path) -> None:
    async def act() -> None:
        async with Desk(ScriptedAgent(SCRIPT), Store(tmp_path / "jobs")) as desk:
            desk.open("one", owner="anna").ask(Wanted("wait"))
            with pytest.raises(InputError):
                desk.open("one", owner="tom")
        async with Desk(ScriptedAgent(SCRIPT), Store(tmp_path / "jobs")) as desk:
            with pytest.raises(InputError):
                desk.open("one", owner="tom")

    run(act)


def test_a_dropped_connection_loses_nothing() -> None:
    async def act() -> None:
        agent = ScriptedAgent(SCRIPT)
        async with Desk(agent) as desk:
            session = desk.open("one")
            id = session.ask(Wanted("wait")).id
            first = session.injections()
            reading = asyncio.ensure_future(anext(first, None))
            await agent.has_run(1)
            reading.cancel()
            await asyncio.wait([reading])
            agent.release("wait")
            await until(session, id, "done")
            resumed = desk.open("one")
            assert (await anext(resumed.injections())).text == "waited"

    run(act)


def test_a_new_reader_ends_the_one_before_and_no_part_is_given_twice() -> None:
    async def act() -> None:
        async with Desk(ScriptedAgent(SCRIPT)) as desk:
            session = desk.open("one")
            old = asyncio.ensure_future(anext(session.injections(), None))
            await asyncio.sleep(0)
            new = session.injections()
            fresh = asyncio.ensure_future(anext(new))
            await asyncio.sleep(0)
            session.ask(Wanted("add"))
            assert (await fresh).text == "four" and await old is None

    run(act)


def test_a_job_survives_a_restart_of_the_desk(tmp_path: Path) -> None:
    async def act() -> None:
        context = Context(900, (Words(0, "user", "think about it"),), pictures=(Picture(100, b"\xff\xd8jpeg"),))
        before = ScriptedAgent(SCRIPT)
        async with Desk(before, Store(tmp_path / "jobs.db")) as desk:
            id = desk.open("one").ask(Wanted("think"), context).id
            await before.has_run(1)
        after = ScriptedAgent(SCRIPT)
        after.release("think")
        async with Desk(after, Store(tmp_path / "jobs.db")) as desk:
            session = desk.open("one")
            await until(session, id, "done")
            assert before.cancelled == [id] and session.delegations[id].runs == 2
            assert after.contexts == [context] and after.ran == [Task(id, "think")]
            assert "deep thoughts" in [one.text for one in session.take()]

    run(act)


def test_an_answer_that_was_given_is_not_given_again_after_a_restart(tmp_path: Path) -> None:
    async def act() -> None:
        async with Desk(ScriptedAgent(SCRIPT), Store(tmp_path / "jobs.db")) as desk:
            session = desk.open("one")
            ids = [session.ask(Wanted(task)).id for task in ("add", "milk")]
            for id in ids:
                await until(session, id, "done")
            given = [one.text for one in session.take()]
        async with Desk(ScriptedAgent(SCRIPT), Store(tmp_path / "jobs.db"), now_ms=lambda: 10**15) as desk:
            session = desk.open("one")
            rest = [one.text for one in session.take()]
            assert sorted(given + rest) == ["four", "i wrote it down"] and len(given) == 1
            assert len(session.proof(ids[1])) == 1

    run(act)


def test_what_already_had_an_effect_is_not_run_again_after_a_restart(tmp_path: Path) -> None:
    class Stuck(ScriptedAgent):
        async def run(self, task: Task, context: Context, report: Report) -> Result:
            await report.use("notes.add", {}, _done, side_effect=True)
            async with self.begun:
                self.ran.append(task)
                self.begun.notify_all()
            await asyncio.Event().wait()
            raise AssertionError

    async def act() -> None:
        stuck = Stuck({})
        async with Desk(stuck, Store(tmp_path / "jobs.db")) as desk:
            id = desk.open("one").ask(Wanted("milk")).id
            await stuck.has_run(1)
        again = ScriptedAgent(SCRIPT)
        async with Desk(again, Store(tmp_path / "jobs.db")) as desk:
            session = desk.open("one")
            assert session.delegations[id].status == "failed" and session.delegations[id].did_something
            assert again.ran == []

    run(act)


async def _done() -> str:
    return "written"


def test_a_tool_with_an_effect_ends_before_a_cancel_holds() -> None:
    class Writes(ScriptedAgent):
        async def run(self, task: Task, context: Context, report: Report) -> Result:
            await report.use("notes.add", {}, self.written, side_effect=True)
            raise AssertionError("the cancel holds")

        async def written(self) -> str:
            self.cancelled.append("begun")
            await self.has_run(1)
            return "milk"

    async def act() -> None:
        agent = Writes({})
        async with Desk(agent) as desk:
            session = desk.open("one")
            id = session.ask(Wanted("milk")).id
            await eventually(lambda: agent.cancelled)
            session.cancel(id)
            async with agent.begun:
                agent.ran.append(Task(id, "milk"))
                agent.begun.notify_all()
            await eventually(lambda: session.delegations[id].evidence)
            one = session.delegations[id]
            assert one.status == "cancelled" and one.evidence[0].ok and session.take() == ()

    run(act)


def test_a_session_that_ends_stops_its_jobs_and_is_forgotten(tmp_path: Path) -> None:
    async def act() -> None:
        agent = ScriptedAgent(SCRIPT)
        store = Store(tmp_path / "jobs.db")
        async with Desk(agent, store) as desk:
            session = desk.open("one")
            id = session.ask(Wanted("wait")).id
            watching = asyncio.ensure_future(_all(session))
            await agent.has_run(1)
            await desk.end("one")
            assert agent.cancelled == [id] and store.sessions() == []
            assert session.ask(Wanted("add")).verdict == "refused"
            assert (await watching)[-1].delegation.status == "cancelled"

    run(act)


async def _all(session: SessionDesk) -> list[Any]:
    return [change async for change in session.watch()]


def test_observers_see_every_change_and_what_is_shown() -> None:
    class Shows(ScriptedAgent):
        async def run(self, task: Task, context: Context, report: Report) -> Result:
            report.show(Card("<b>now</b>"))
            return Result("four", shown=(Card("sum", ("4",)),))

    async def act() -> None:
        async with Desk(Shows({})) as desk:
            session = desk.open("one")
            watching = asyncio.ensure_future(_all(session))
            await asyncio.sleep(0)
            id = session.ask(Wanted("add")).id
            await until(session, id, "done")
            await desk.end("one")
            changes = await watching
            states = [one.delegation.status for one in changes if isinstance(one, Change)]
            assert states == ["queued", "running", "done"]
            assert [one.shown for one in changes if isinstance(one, Display)] == [Card("now"), Card("sum", ("4",))]

    run(act)


def test_a_megabyte_from_any_agent_is_bounded(tmp_path: Path) -> None:
    class Floods(ScriptedAgent):
        async def run(self, task: Task, context: Context, report: Report) -> Result:
            for _ in range(100):
                report.show(Card("again"))
            return Result("word " * 200_000, "<b>" * 400_000, (Card("x" * 1_000_000),) * 100)

    async def act() -> None:
        async with Desk(Floods({}), Store(tmp_path / "jobs.db"), DeskLimits(unread=1_000)) as desk:
            session = desk.open("one")
            watching = asyncio.ensure_future(_all(session))
            await asyncio.sleep(0)
            id = session.ask(Wanted("add")).id
            await until(session, id, "done")
            said = session.book.deliveries[-1].parts
            assert len(said) <= 6 and all(len(part) <= 160 for part in said) and said[-1].endswith("there is more")
            await desk.end("one", forget=False)
            assert sum(isinstance(change, Display) for change in await watching) == 16
        assert (tmp_path / "jobs.db").stat().st_size < 200_000

    run(act)


def test_an_observer_that_does_not_read_is_ended_and_disturbs_nobody() -> None:
    async def act() -> None:
        async with Desk(ScriptedAgent(SCRIPT), limits=DeskLimits(unread=3)) as desk:
            session = desk.open("one")
            watching = session.watch()
            reading = asyncio.ensure_future(anext(watching))
            await asyncio.sleep(0)
            for _ in range(4):
                await until(session, session.ask(Wanted("milk", id="")).id, "done")
                session.take()
            seen = [await reading] + [change async for change in watching]
            assert len(seen) <= 4

    run(act)


def test_a_reminder_is_announced() -> None:
    async def act() -> None:
        async with Desk(ScriptedAgent(SCRIPT)) as desk:
            session = desk.open("one")
            session.announce("drink water")
            assert [one.kind for one in session.take()] == ["announcement"]

    run(act)


def test_a_reminder_whose_time_has_come_is_announced_once() -> None:
    async def act() -> None:
        notes, now = Notes(), datetime.now().astimezone()
        notes.remind("anna", "stretch", now)
        notes.remind("tom", "swim", now)
        async with Desk(ScriptedAgent(SCRIPT)) as desk:
            session = desk.open("one", owner="anna")
            ringing = asyncio.ensure_future(ring(session, notes, every_s=0.0))
            assert (await anext(session.injections())).text == "stretch"
            await asyncio.sleep(0)
            assert session.take() == () and [one.text for one in notes.reminders("tom")] == ["swim"]
            ringing.cancel()
        notes.close()

    run(act)


def test_a_closed_desk_opens_nothing() -> None:
    async def act() -> None:
        desk = Desk(ScriptedAgent(SCRIPT))
        await desk.close()
        await desk.close()
        with pytest.raises(MicroturnError):
            desk.open("one")

    run(act)


def test_jobs_go_on_where_the_file_cannot_be_written(caplog: pytest.LogCaptureFixture) -> None:
    async def act() -> None:
        store = Store()
        async with AsyncExitStack() as stack:
            desk = await stack.enter_async_context(Desk(ScriptedAgent(SCRIPT), store))
            session = desk.open("one")
            store.close()
            id = session.ask(Wanted("add")).id
            await until(session, id, "done")
            assert [one.text for one in session.take()] == ["four"]

    run(act)
    assert "jobs are not on file" in caplog.text


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_text("no database, " * 100)
    with pytest.raises(StoreError):
        Store(tmp_path / "jobs.db")

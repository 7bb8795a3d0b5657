"""A language model as the agent, over real sockets: a streaming OpenAI-compatible server and a real MCP server."""

import asyncio
import logging
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from microturn.agent.book import Wanted
from microturn.agent.context import Context, Picture, Words
from microturn.agent.delivery import FAILURE_WORDS
from microturn.agent.desk import Desk
from microturn.agent.job import Report, Reported, Task
from microturn.agent.llm import LlmAgent, LlmConfig
from microturn.agent.mcp_servers import McpServer
from microturn.agent.secret import Secret
from microturn.agent.session_desk import Display, SessionDesk
from microturn.agent.show import Card, Table
from microturn.agent.toolbox import Tool, Toolbox
from microturn.core.errors import ConfigError
from tests.agent.llm_server import LlmServer, Refuse, Reply, Say, Use, last_text, running, serving, tool_answers
from tests.agent.mcp_tools import server as mcp_server

WAIT_S = 120.0  # a busy machine may take long to start a program; nothing here waits that long otherwise
KEY = "sk-very-secret-0123456789"
TOOLS = Path(__file__).parent / "mcp_tools.py"


def agent(url: str, servers: tuple[McpServer, ...] = (), **config: Any) -> LlmAgent:
    return LlmAgent(LlmConfig(url, "any", retries=0, start_s=WAIT_S, **config), Secret(KEY), Toolbox(), servers)


def at_a_desk(of: LlmAgent, act: Callable[[SessionDesk], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(WAIT_S), Desk(of) as desk:
            return await act(desk.open("one"))

    return asyncio.run(main())


async def answered(session: SessionDesk, task: str, **wanted: Any) -> str:
    """What is said in the end; progress is left out."""
    id = session.ask(Wanted(task, **wanted)).id
    said: list[str] = []
    async for injection in session.injections():
        if injection.delegation_id == id and injection.kind != "note":
            said.append(injection.text)
            session.spoken(injection.delivery_id)
            if injection.part == injection.parts - 1:
                break
    return " ".join(said)


def using(tool: str, **args: Any) -> Callable[[dict[str, Any]], Reply]:
    """First one call of a tool, then what it gave."""

    def reply(body: dict[str, Any]) -> Reply:
        given = tool_answers(body)
        return Say(f"it is {given[-1]}") if given else Use(tool, args, "let me look")

    return reply


def test_a_tool_is_used_and_its_evidence_stands_behind_the_answer() -> None:
    async def act(session: SessionDesk) -> None:
        assert await answered(session, "how much is it") == "it is three hundred ninety one"
        (one,) = session.delegations.values()
        assert [note.text for note in one.notes] == ["let me look", "using reckon"]
        assert [item.tool for item in session.proof(one.id)] == ["reckon"]

    with serving(using("reckon", expression="17 * 23")) as llm:
        at_a_desk(agent(llm.url), act)
        assert llm.headers[0]["authorization"] == f"Bearer {KEY}"


def test_the_model_is_told_the_conversation_and_nothing_of_other_sessions() -> None:
    async def main(llm: LlmServer) -> None:
        async with asyncio.timeout(WAIT_S), Desk(agent(llm.url)) as desk:
            one, two = desk.open("one"), desk.open("two")
            one.ask(
                Wanted("first task"), Context(4_000, (Words(200, "user", "my plan is rome"),), standing=("be brief",))
            )
            await anext(one.injections())
            await answered(one, "second task")
            await answered(two, "third task")

    with serving(lambda body: Say("yes")) as llm:
        asyncio.run(main(llm))
    first, second, third = (last_text(body) for body in llm.bodies)
    assert "[0.2 s] user: my plan is rome" in first and "be brief" in first and "now at 4.0 s" in first
    assert "first task -> done: yes" in second
    assert "third task" in third and "rome" not in third and "first task" not in third


def test_pictures_go_to_a_model_that_takes_them() -> None:
    picture = Picture(100, b"\xff\xd8\xff\xe0 no real one")

    async def act(session: SessionDesk) -> None:
        session.ask(Wanted("what do you see"), Context(pictures=(picture,)))
        await anext(session.injections())

    for images in (True, False):
        with serving(lambda body: Say("a ball")) as llm:
            at_a_desk(agent(llm.url, images=images), act)
            assert ("data:image/jpeg;base64," in str(llm.bodies[0])) == images


@pytest.mark.parametrize("how", ["cancel", "supersede", "deadline", "end"])
def test_work_that_is_not_wanted_any_more_closes_its_request(how: str) -> None:
    async def main(llm: LlmServer) -> str:
        async with asyncio.timeout(WAIT_S), Desk(agent(llm.url)) as desk:
            session = desk.open("one")
            id = session.ask(Wanted("think", deadline_ms=1_500 if how == "deadline" else None)).id
            assert await asyncio.to_thread(llm.held.wait, WAIT_S)
            if how == "cancel":
                session.cancel(id)
            elif how == "supersede":
                session.ask(Wanted("think of something else", supersedes=id))
            elif how == "end":
                await desk.end("one")
            assert await asyncio.to_thread(llm.closed.wait, WAIT_S)
            if not session.delegations[id].over:  # the request closes before the job has said how it ended
                await anext(change async for change in session.watch() if session.delegations[id].over)
            return session.delegations[id].status

    with serving(lambda body: Say("I am thinking", held=True)) as llm:
        ends = {"cancel": "cancelled", "supersede": "superseded", "deadline": "failed", "end": "cancelled"}
        assert asyncio.run(main(llm)) == ends[how]


def test_a_correction_reaches_the_run_that_goes_on() -> None:
    corrections: list[Callable[[], None]] = []

    def reply(body: dict[str, Any]) -> Reply:
        if not tool_answers(body):
            corrections.pop()()
            return Use("reckon", {"expression": "1 + 1"})
        return Say("berlin" if "berlin" in str(body["messages"]) else "bonn")

    async def act(session: SessionDesk) -> None:
        loop = asyncio.get_running_loop()
        corrections.append(lambda: loop.call_soon_threadsafe(session.correct, "dlg_1", "i mean berlin"))
        assert await answered(session, "weather in bonn", id="dlg_1") == "berlin"
        assert session.delegations["dlg_1"].runs == 1

    with serving(reply) as llm:
        at_a_desk(agent(llm.url), act)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "auth"), (403, "auth"), (429, "network"), (500, "network"), (400, "bug")]
)
def test_a_refusal_is_of_its_kind_and_tells_no_key(
    status: int, kind: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async def act(session: SessionDesk) -> None:
        assert await answered(session, "think") == FAILURE_WORDS[kind]
        (one,) = session.delegations.values()
        assert one.reason.startswith(kind) and KEY not in repr(session.book)

    with caplog.at_level(logging.DEBUG), serving(lambda body: Refuse(status, f"wrong key {KEY}")) as llm:
        at_a_desk(agent(llm.url), act)
    printed = capfd.readouterr()
    assert KEY not in caplog.text + printed.out + printed.err


def test_an_agent_that_is_down_is_told_in_one_sentence() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def act(session: SessionDesk) -> None:
        assert await answered(session, "think") == FAILURE_WORDS["network"]

    at_a_desk(agent(f"http://127.0.0.1:{port}/v1"), act)


def test_an_endpoint_that_does_not_answer_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microturn.agent.llm.PAUSE_S", 3_600.0)

    async def act(session: SessionDesk) -> None:
        for n in range(5):
            assert await answered(session, f"task {n}") == FAILURE_WORDS["network"]

    with serving(lambda body: Refuse(503)) as llm:
        at_a_desk(agent(llm.url), act)
    assert len(llm.bodies) == 3


def test_a_model_that_only_calls_tools_is_stopped() -> None:
    async def act(session: SessionDesk) -> None:
        assert await answered(session, "think") == FAILURE_WORDS["budget"]

    with serving(lambda body: Use("tell_time", {})) as llm:
        at_a_desk(agent(llm.url, requests=3), act)
    assert len(llm.bodies) == 3


def test_a_megabyte_is_cut_and_the_rest_is_not_waited_for() -> None:
    async def act(session: SessionDesk) -> None:
        said = await answered(session, "tell me everything")
        assert said.startswith("word word") and said.endswith("and there is more") and len(said) < 1_000

    with serving(lambda body: Say("word " * 200_000, held=True)) as llm:
        at_a_desk(agent(llm.url), act)


def test_hostile_markup_is_neither_said_nor_shown() -> None:
    bad = "<script>alert(1)</script><img src=x onerror=alert(1)> **bold** [here](javascript:alert(1)) \u202e`code`"

    def reply(body: dict[str, Any]) -> Reply:
        if not tool_answers(body):
            return Use("show", {"kind": "card", "title": bad, "lines": [bad, "2 < 3"]})
        return Say(f"# Title\n\n* one\n* {bad}\n")

    async def act(session: SessionDesk) -> None:
        changes = session.watch()
        watching = asyncio.ensure_future(_first_display(changes))
        await asyncio.sleep(0)
        said = await answered(session, "show me")
        shown = (await watching).shown
        assert isinstance(shown, Card) and shown.lines[1] == "2 < 3"
        for text in (said, shown.title, *shown.lines):
            assert not any(sign in text for sign in ("<script", "<img", "onerror", "\u202e"))
        assert not set("<>*#`[]") & set(said) and "javascript" not in said

    with serving(reply) as llm:
        at_a_desk(agent(llm.url), act)


async def _first_display(changes: Any) -> Display:
    async for change in changes:
        if isinstance(change, Display):
            return change
    raise AssertionError("nothing was shown")


def test_what_cannot_be_shown_is_told_to_the_model() -> None:
    def reply(body: dict[str, Any]) -> Reply:
        given = tool_answers(body)
        if len(given) == 2:
            assert "as columns" in given[0] and given[1] == "it is shown"
            return Say("there")
        rows = [["a", "b"]] if given else [["a"]]
        return Use("show", {"kind": "table", "title": "t", "columns": ["x", "y"], "rows": rows})

    async def act(session: SessionDesk) -> None:
        watching = asyncio.ensure_future(_first_display(session.watch()))
        await asyncio.sleep(0)
        assert await answered(session, "show me") == "there"
        assert (await watching).shown == Table("t", ("x", "y"), (("a", "b"),))

    with serving(reply) as llm:
        at_a_desk(agent(llm.url), act)


def test_only_marked_lines_are_to_be_heard() -> None:
    async def act(session: SessionDesk) -> None:
        assert await answered(session, "think") == "The train leaves at nine."
        (one,) = session.delegations.values()
        assert one.result is not None and "platform" in one.result.details

    with serving(lambda body: Say("it is platform four\n>> The train leaves at nine.\n")) as llm:
        at_a_desk(agent(llm.url), act)


def test_a_server_of_tools_that_is_a_program() -> None:
    things = McpServer("things", command=sys.executable, args=(str(TOOLS),))
    missing = McpServer("missing", command=str(TOOLS.parent / "nothing"))

    async def act(session: SessionDesk) -> None:
        assert await answered(session, "how is the weather") == "it is it rains in rome"
        (one,) = session.delegations.values()
        assert one.evidence[0].tool == "things_weather" and not one.evidence[0].side_effect

    with serving(using("things_weather", city="rome")) as llm:
        at_a_desk(agent(llm.url, (missing, things)), act)
        assert KEY not in str(llm.bodies)


def test_a_server_of_tools_over_http() -> None:
    def reply(body: dict[str, Any]) -> Reply:
        task, given = last_text(body).rpartition("Task:")[2], tool_answers(body)
        if given:
            return Say(given[-1][-100:])
        args = {"book": {"table": 4}}
        return next(Use(f"things_{name}", args.get(name, {})) for name in ("book", "flood", "broken") if name in task)

    async def act(session: SessionDesk) -> None:
        assert await answered(session, "book a table") == "table four is booked"
        assert session.delegations["dlg_1"].did_something
        assert (await answered(session, "flood me")).endswith("(cut here)")
        assert max(len(str(body)) for body in llm.bodies) < 60_000
        assert "Error executing tool" in await answered(session, "something broken")
        assert [item.ok for one in session.delegations.values() for item in one.evidence] == [True, True, False]

    with running(mcp_server.streamable_http_app()) as port, serving(reply) as llm:
        at_a_desk(agent(llm.url, (McpServer("things", url=f"http://127.0.0.1:{port}/mcp"),)), act)


def test_a_function_of_your_own_is_a_tool() -> None:
    def lamp(on: bool) -> str:
        """Switch the lamp."""
        return f"the lamp is {'on' if on else 'off'}"

    box = Toolbox(extra=(Tool("lamp", lamp, side_effect=True),))

    async def act(session: SessionDesk) -> None:
        assert await answered(session, "light please") == "it is the lamp is on"
        assert session.delegations["dlg_1"].did_something

    with serving(using("lamp", on=True)) as llm:
        at_a_desk(LlmAgent(LlmConfig(llm.url, "any"), Secret(""), box), act)
        (told,) = [tool["function"] for tool in llm.bodies[0]["tools"] if tool["function"]["name"] == "lamp"]
        assert told["description"] == "Switch the lamp." and "on" in told["parameters"]["properties"]


def test_notes_belong_to_their_owner() -> None:
    async def main(llm: LlmServer) -> list[str]:
        of = agent(llm.url)
        for owner, tool in (("anna", Use("add_note", {"text": "milk"})), ("tom", Use("list_notes", {}))):
            replies.append(tool)
            report = Report("x", Reported(lambda text: None, lambda evidence: None, lambda shown: None))
            said = (await of.run(Task("1", "note", owner=owner), Context(), report)).text
            heard.append(said)
        await of.close()
        return heard

    replies: list[Use] = []
    heard: list[str] = []
    with serving(lambda body: Say(tool_answers(body)[-1]) if tool_answers(body) else replies.pop()) as llm:
        assert asyncio.run(main(llm)) == ["i wrote it down", "there are no notes"]


@pytest.mark.parametrize(("url", "model"), [("ftp://x", "m"), ("", "m"), ("http://x", "")])
def test_an_impossible_endpoint_is_refused(url: str, model: str) -> None:
    with pytest.raises(ConfigError):
        LlmConfig(url, model)

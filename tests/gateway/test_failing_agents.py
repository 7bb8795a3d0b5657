"""Work that goes wrong, from a client's socket to a language model's and back: real sockets, a test for each row.

| what | here | also |
|---|---|---|
| cancel | `..closes_the_models_request` | `agent/test_llm.py`, `agent/test_desk.py` |
| supersede | no message of a client does it | `agent/test_llm.py` (over a real model's socket), `agent/test_book.py` |
| duplicate | `..asked_twice..` | `agent/test_book.py` |
| late | `..comes_after_its_cancellation..` | `agent/test_book.py` (stale), `agent/test_delegation.py` |
| failed, agent down | `..fails_or_is_down..` | `agent/test_llm.py` |
| slow, 30 s | `..half_a_minute..`, by the session's clock | `agent/test_llm.py` (deadline) |
| 1 MB | `..megabyte..`, of the model and of an MCP tool | `agent/test_llm.py`, `agent/test_desk.py` |
| hostile markup | `..hostile_markup..` | `agent/test_show.py`, `page/test_shown.py` |
| dropped connection, resumed session | `test_delegations.py` | `agent/test_desk.py` (restart) |
| two sessions | `..two_sessions..` | `test_delegations.py`, `agent/test_desk.py` |
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from microturn.agent.book import BookLimits
from microturn.agent.delivery import FAILURE_WORDS
from microturn.agent.desk import Desk
from microturn.agent.llm import LlmAgent, LlmConfig
from microturn.agent.mcp_servers import McpServer
from microturn.agent.secret import Secret
from microturn.agent.session_desk import DeskLimits
from microturn.agent.toolbox import Toolbox
from tests.agent.llm_server import LlmServer, Refuse, Reply, Say, Use, last_text, tool_answers
from tests.agent.llm_server import running as serving_app
from tests.agent.llm_server import serving as serving_llm
from tests.agent.mcp_tools import server as mcp_server
from tests.gateway.live_client import WAIT_S, Client, Running, serving
from tests.gateway.test_delegations import HandsOver, client, responses, until_status, words_until

HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> all is [well](javascript:alert(1))"


@contextmanager
def served(url: str, *servers: McpServer) -> Iterator[Running]:
    """A server whose agent asks the model at `url`."""
    agent = LlmAgent(LlmConfig(url, "any", retries=0), Secret(""), Toolbox(), servers)
    limits = DeskLimits(book=BookLimits(ms_per_character=7))  # a tenth of the time, as on the sessions' clock
    with serving(HandsOver(), desk=lambda: Desk(agent, limits=limits)) as running:
        yield running


@contextmanager
def talking(reply: Callable[[dict[str, Any]], Reply], *servers: McpServer) -> Iterator[tuple[Client, LlmServer]]:
    with serving_llm(reply) as llm, served(llm.url, *servers) as running, client(running) as talk:
        talk.start(delegation=responses())
        yield talk, llm


def ask(talk: Client, task: str) -> None:
    """What is typed is handed over in the same tick."""
    talk.send("session.instructions.append", content=task)


def task_of(body: dict[str, Any]) -> str:
    return last_text(body).rpartition("Task:")[2].strip()


def test_a_cancelled_job_closes_the_models_request() -> None:
    with talking(lambda body: Say("I am thinking", held=True)) as (talk, llm):
        ask(talk, "think of something")
        id = until_status(talk, "running")[-1]["id"]
        assert llm.held.wait(WAIT_S)
        talk.send("delegation.cancel", id=id)
        assert until_status(talk, "cancelled")[-1]["id"] == id
        assert llm.closed.wait(WAIT_S)


def test_what_is_asked_twice_is_worked_on_once() -> None:
    answer = threading.Event()

    def reply(body: dict[str, Any]) -> Reply:
        assert answer.wait(WAIT_S)
        return Say("it is blue")

    with talking(reply) as (talk, llm):
        ask(talk, "which colour is it")
        first = until_status(talk, "running")[-1]["id"]
        ask(talk, "Which colour is it?")
        assert first in until_status(talk, "superseded")[-1]["reason"]
        answer.set()
        assert until_status(talk, "done")[-1]["id"] == first
        words_until(talk, "blue")
        assert len(llm.bodies) == 1


def test_what_comes_after_its_cancellation_is_said_by_nobody() -> None:
    answer = threading.Event()

    def reply(body: dict[str, Any]) -> Reply:
        if "old" in task_of(body):
            assert answer.wait(WAIT_S)
            return Say("the old answer")
        return Say("the newer one")

    with talking(reply) as (talk, _):
        ask(talk, "something old")
        talk.send("delegation.cancel", id=until_status(talk, "running")[-1]["id"])
        until_status(talk, "cancelled")
        answer.set()
        ask(talk, "something else")
        assert "old answer" not in words_until(talk, "newer one")


@pytest.mark.parametrize(("status", "kind"), [(500, "network"), (401, "auth"), (None, "network")])
def test_an_agent_that_fails_or_is_down_is_told_in_one_sentence_and_the_talk_goes_on(
    status: int | None, kind: Any
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with (
        serving_llm(lambda body: Refuse(status or 500, "secret words")) as llm,
        served(nowhere if status is None else llm.url) as running,
        client(running) as talk,
    ):
        talk.start(delegation=responses())
        for task in ("think of something", "think of something else"):
            ask(talk, task)
            failed = until_status(talk, "failed")[-1]
            assert failed["reason"] == kind and "secret" not in str(failed)
            words_until(talk, FAILURE_WORDS[kind])


def test_an_answer_that_takes_half_a_minute_holds_nothing_up_and_is_said() -> None:
    answer = threading.Event()

    def reply(body: dict[str, Any]) -> Reply:
        assert answer.wait(WAIT_S)
        return Say("it is done at last")

    with talking(reply) as (talk, _):
        ask(talk, "think for long")
        began_ms = until_status(talk, "running")[-1]["at_ms"]
        while talk.until("info")[-1]["server_ms"] < began_ms + 30_000:
            pass
        talk.send("session.thinking.append", content="are you there", delegation_id=None)
        talk.until("session.thinking.appended")
        answer.set()
        assert until_status(talk, "done")[-1]["at_ms"] >= began_ms + 30_000
        words_until(talk, "done at last")


def test_a_megabyte_of_the_model_or_of_a_tool_is_bounded_on_its_way() -> None:
    def reply(body: dict[str, Any]) -> Reply:
        if given := tool_answers(body):
            return Say(f"it gave {len(given[-1]) // 1000}")
        if "tool" in task_of(body):
            return Use("things_flood", {})
        return Say("word " * 200_000)

    with serving_app(mcp_server.streamable_http_app()) as port:
        things = McpServer("things", url=f"http://127.0.0.1:{port}/mcp")
        with talking(reply, things) as (talk, _):
            ask(talk, "tell me everything")
            events = until_status(talk, "done")
            assert max(len(str(event)) for event in events) < 20_000
            assert len(events[-1]["text"]) <= 2_000
            ask(talk, "use the tool")
            assert until_status(talk, "done")[-1]["text"] == "it gave 20"


def test_hostile_markup_is_plain_text_wherever_it_goes() -> None:
    def reply(body: dict[str, Any]) -> Reply:
        shows = {"kind": "card", "title": HOSTILE, "lines": [HOSTILE]}
        return Say(HOSTILE) if tool_answers(body) else Use("show", shows)

    with talking(reply) as (talk, _):
        ask(talk, "how is it")
        events = talk.until("delegation.shown") + until_status(talk, "done")
        said = words_until(talk, "well")
        told = [event for event in events if event["type"].startswith(("delegation.", "response."))]
        assert not any(sign in str(told) + said for sign in ("<script", "<img", "onerror"))
        assert "javascript" not in said


def test_two_sessions_never_hear_of_each_others_work() -> None:
    with serving_llm(lambda body: Say(f"answer to {task_of(body)}")) as llm, served(llm.url) as running:
        with client(running) as anna, client(running) as tom:
            told: dict[str, list[dict[str, Any]]] = {}
            for talk, word in ((anna, "apples"), (tom, "pears")):
                talk.start(delegation=responses())
                ask(talk, f"count the {word}")
            for talk, word in ((anna, "apples"), (tom, "pears")):
                told[word] = until_status(talk, "done")
                words_until(talk, f"answer to count the {word}")
            assert "pears" not in str(told["apples"]) and "apples" not in str(told["pears"])
        assert not any("apples" in str(body) and "pears" in str(body) for body in llm.bodies)

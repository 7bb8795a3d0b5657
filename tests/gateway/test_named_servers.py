"""MCP servers that a client names: a real one over HTTP, a real model's server, both protocols, real sockets."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from microturn.agent.llm import LlmAgent, LlmConfig
from microturn.agent.secret import Secret
from microturn.agent.toolbox import Toolbox
from microturn.core.errors import ConfigError
from microturn.gateway.named_servers import Choice, WrongServer, origin_of, server_of, without_secrets
from microturn.gateway.sessions import Limits
from tests.agent.llm_server import LlmServer, Say, Use, last_text, tool_answers
from tests.agent.llm_server import running as serving_app
from tests.agent.llm_server import serving as serving_llm
from tests.agent.mcp_tools import server as mcp_server
from tests.gateway.live_client import Client, Running
from tests.gateway.test_delegations import HandsOver, client, responses, until_status, working

SECRET = "sk-mcp-very-secret"
# A word of the task, and what the model calls for it.
ASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "weather": ("weather", {"city": "rome"}),
    "book": ("book", {"table": 4}),
    "wrong": ("book", {"table": "none"}),
}


def reply(body: dict[str, Any]) -> Say | Use:
    """Uses the tool of that name in the task, and tells what it gave."""
    task, given = last_text(body).rpartition("Task:")[2], tool_answers(body)
    if given:
        return Say(given[-1][:80])
    tool, args = next(call for word, call in ASKS.items() if word in task)
    offered = [tool["function"]["name"] for tool in body.get("tools", [])]
    return Use(f"things_{tool}", args) if f"things_{tool}" in offered else Say("there is no such tool")


class Tools:
    """A server with an agent that has a language model, and an MCP server beside it."""

    def __init__(self, running: Running, llm: LlmServer, origin: str) -> None:
        self.running, self.llm, self.origin = running, llm, origin

    def named(self, **more: Any) -> dict[str, Any]:
        return {"type": "mcp", "server_label": "things", "server_url": f"{self.origin}/mcp", **more}


@contextmanager
def tools(allowed: bool = True) -> Iterator[Tools]:
    with serving_app(mcp_server.streamable_http_app()) as port, serving_llm(reply) as llm:
        origin = f"http://127.0.0.1:{port}"
        agent = LlmAgent(LlmConfig(llm.url, "any", retries=0), Secret(""), Toolbox())
        limits = Limits(mcp_origins=(origin,) if allowed else ())
        with working(agent, HandsOver(), limits) as running:
            yield Tools(running, llm, origin)


@contextmanager
def realtime(all: Tools, *named: dict[str, Any]) -> Iterator[Client]:
    with client(all.running, "/v1/realtime?model=any") as talk:
        talk.send("session.update", session={"type": "realtime", "tools": list(named)})
        yield talk


def hand_over(talk: Client, task: str) -> None:
    content = [{"type": "input_text", "text": task}]
    talk.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    talk.send("response.create")


def until_said(talk: Client, words: str, also: str = "") -> list[dict[str, Any]]:
    """Events until `words` are said and, in any order, one of the kind `also` and the item it belongs to have come.

    A call is told in a response of its own, before what it gave is said or, where another response is open, after it.
    """
    events: list[dict[str, Any]] = []
    said = ""
    while words not in said or (also and not _told(events, also)):
        events.append(talk.next())
        if events[-1]["type"] == "response.output_audio_transcript.delta":
            said += events[-1]["delta"]
    return events


def _told(events: list[dict[str, Any]], kind: str) -> bool:
    found = [event["type"] for event in events]
    return kind in found and any(e["type"] == "conversation.item.done" for e in events[found.index(kind) :])


def kinds(events: list[dict[str, Any]], part: str) -> list[str]:
    return [event["type"] for event in events if part in event["type"]]


def test_its_tools_are_listed_and_used_and_what_they_gave_is_said() -> None:
    with tools() as all, realtime(all, all.named(require_approval="never", authorization=SECRET)) as talk:
        listed = talk.until("mcp_list_tools.completed") + talk.until("conversation.item.done")
        assert SECRET not in str(listed)
        assert kinds(listed, "mcp") == ["mcp_list_tools.in_progress", "mcp_list_tools.completed"]
        item = listed[-1]["item"]
        assert (item["type"], item["server_label"]) == ("mcp_list_tools", "things")
        weather = next(tool for tool in item["tools"] if tool["name"] == "weather")
        assert weather["annotations"] == {"readOnlyHint": True} and "city" in weather["input_schema"]["properties"]

        hand_over(talk, "weather please")
        events = until_said(talk, "rome", also="response.mcp_call.completed")
        order = kinds(events, "mcp_call")
        assert order == [
            "response.mcp_call_arguments.delta",
            "response.mcp_call_arguments.done",
            "response.mcp_call.in_progress",
            "response.mcp_call.completed",
        ]
        call = next(
            e["item"] for e in events if e["type"] == "conversation.item.done" and e["item"]["type"] == "mcp_call"
        )
        assert (call["server_label"], call["name"], call["output"]) == ("things", "weather", "it rains in rome")


def test_a_call_waits_for_the_clients_approval_where_it_is_not_given_beforehand() -> None:
    with tools() as all, realtime(all, all.named(require_approval={"never": {"tool_names": ["weather"]}})) as talk:
        talk.until("mcp_list_tools.completed")
        hand_over(talk, "book a table")
        for approve, words in ((False, "allow"), (True, "booked")):
            asked: dict[str, Any] = {}
            while asked.get("type") != "mcp_approval_request":
                asked = talk.until("response.output_item.done")[-1]["item"]
            assert (asked["name"], asked["arguments"]) == ("book", '{"table": 4}')
            answer = {"type": "mcp_approval_response", "approval_request_id": asked["id"], "approve": approve}
            talk.send("conversation.item.create", item=answer)
            until_said(talk, words)
            if not approve:
                talk.until("response.done")  # a client asks for the next response when this one is over
                hand_over(talk, "book it after all")
        talk.send("conversation.item.create", item={**answer, "approval_request_id": "mcpr_none"})
        assert talk.until("error")[-1]["error"]["param"] == "item.approval_request_id"


def test_none_is_reached_that_the_operator_does_not_allow() -> None:
    with tools(allowed=False) as all, realtime(all, all.named(require_approval="never")) as talk:
        talk.until("mcp_list_tools.failed")
        item = talk.until("conversation.item.done")[-1]["item"]
        assert item["tools"] == [] and "mcp_origins" in item["error"]["message"]
        hand_over(talk, "weather please")
        until_said(talk, "no such tool")


def test_one_that_does_not_answer_is_told_and_a_tool_that_fails_too() -> None:
    with tools() as all, realtime(all, all.named(server_url=f"{all.origin}/nothing")) as talk:
        talk.until("mcp_list_tools.failed")
        assert "did not answer" in talk.until("conversation.item.done")[-1]["item"]["error"]["message"]
        only = all.named(require_approval="never", allowed_tools=["book"])
        talk.send("session.update", session={"type": "realtime", "tools": [only]})
        talk.until("mcp_list_tools.completed")
        assert [tool["name"] for tool in talk.until("conversation.item.done")[-1]["item"]["tools"]] == ["book"]
        hand_over(talk, "do it wrong")
        events = until_said(talk, "validation", also="response.mcp_call.failed")
        done = [e["item"] for e in events if e["type"] == "conversation.item.done" and e["item"]["type"] == "mcp_call"]
        assert [item["error"]["type"] for item in done] == ["tool_execution_error"]


def test_in_the_live_dialect_they_are_used_too_and_what_opens_them_is_told_to_nobody() -> None:
    with tools() as all, client(all.running) as talk:
        named = all.named(require_approval="never", authorization=SECRET, headers={"X-Key": SECRET})
        started = talk.start(delegation=responses([named]))
        assert SECRET not in str(started) and "things" in str(started)
        text = ""
        for number in count(1):  # the list has no event in this dialect: asked until it has come
            talk.send("session.instructions.append", content=f"weather please {number}")
            text = until_status(talk, "done")[-1]["text"]
            if "rome" in text:
                break
        assert SECRET not in str(all.llm.bodies)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"server_label": "x"},
        {"server_label": "x", "connector_id": "connector_gmail"},
        {"server_label": "", "server_url": "http://h/mcp"},
        {"server_label": "x", "server_url": "http://h/mcp", "headers": {"a": 1}},
    ],
)
def test_what_is_no_server_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(WrongServer):
        server_of({"type": "mcp", **wrong})


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Tools.example.com/mcp", "https://tools.example.com"),
        ("https://tools.example.com:443/x", "https://tools.example.com"),
        ("http://[::1]:8000/mcp", "http://[::1]:8000"),
        ("https://user:word@tools.example.com/mcp", ""),
        ("file:///etc/passwd", ""),
        ("http://h:port/", ""),
        ("tools.example.com", ""),
    ],
)
def test_an_origin_is_what_the_operator_allows(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_a_setting_that_names_no_origin_is_refused() -> None:
    with pytest.raises(ConfigError):
        Limits(mcp_origins=("https://tools.example.com/mcp",))


def test_all_tools_need_approval_where_nothing_is_said() -> None:
    plain = {"type": "mcp", "server_label": "x", "server_url": "http://h/mcp"}
    assert not server_of(plain).approved.holds("look", True)
    reads = server_of({**plain, "require_approval": {"never": {"read_only": True}}}).approved
    assert reads == Choice(None, True) and reads.holds("look", True) and not reads.holds("buy", False)


def test_what_opens_a_server_is_left_out_wherever_it_stands() -> None:
    hidden = without_secrets({"responses": {"tools": [{"type": "mcp", "authorization": "a", "server_label": "x"}]}})
    assert hidden == {"responses": {"tools": [{"type": "mcp", "server_label": "x"}]}}

"""What a model hands over, done beside the conversation: over real sockets, with a scripted model and agent."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from microturn.agent.context import Context
from microturn.agent.delegation import Result
from microturn.agent.desk import Desk
from microturn.agent.embedded import EmbeddedAgent
from microturn.agent.fakes import Part, ScriptedAgent
from microturn.agent.job import AgentFailure, BackgroundAgent, Report, Task
from microturn.agent.toolbox import Toolbox
from microturn.core.chunk import Chunk
from microturn.core.clock import TICK_MS
from microturn.core.events import Event
from microturn.core.participant import Participant
from microturn.gateway.host import EchoHost
from microturn.gateway.sessions import Limits, Sessions
from tests.gateway.live_client import Client, Running, opened, serving

QUESTION = "how much is seventeen times twenty three"
ASK, DELEGATE = 3, 5  # ticks in which it understands the question, and hands it over
TOOLS = [{"type": "function", "name": "lamp", "description": "a lamp", "parameters": {"type": "object"}}]


class Delegating:
    """A model that understands what it was given, hands over, and says every result that it may say."""

    def __init__(self, asks: Mapping[int, str]) -> None:
        self._asks, self.results = asks, list[Event]()

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        results = [event.text for event in heard.events if (event.data or {}).get("policy") != "silent"]
        events = [Event((tick + 1) * TICK_MS, tick, "say", text) for text in (*heard.text, *results)]
        self.results += heard.events
        if tick in self._asks:
            events.append(Event((tick + 1) * TICK_MS, tick, "heard", self._asks[tick]))
        if tick - (DELEGATE - ASK) in self._asks:
            events.append(Event((tick + 1) * TICK_MS, tick, "delegate"))
        return Chunk(events=tuple(events))


class DelegatingHost(EchoHost):
    def __init__(self, *asks: Mapping[int, str]) -> None:
        super().__init__(4)
        self._asks, self.partners = list(asks or [{ASK: QUESTION}]), list[Delegating]()

    def join(self, session_id: str, seed: int) -> Participant:
        self.partners.append(Delegating(self._asks[min(len(self.partners), len(self._asks) - 1)]))
        return self.partners[-1]

    def leave(self, partner: Participant) -> None:
        assert partner in self.partners


class HandsOver(DelegatingHost):
    """Its model hands over what is typed, in the tick in which it is typed."""

    def __init__(self) -> None:
        super().__init__({})

    def join(self, session_id: str, seed: int) -> Participant:
        self.partners.append(TypedFor({}))
        return self.partners[-1]


class TypedFor(Delegating):
    def turn(self, tick: int, heard: Chunk) -> Chunk:
        said = super().turn(tick, heard)
        handed = Event((tick + 1) * TICK_MS, tick, "delegate")
        return Chunk(events=(*said.events, handed)) if heard.text else said


class UsesTheLamp:
    """An agent that calls the client's function and tells what it gave."""

    async def run(self, task: Task, context: Context, report: Report) -> Result:
        lamp = next((one for one in task.functions if one.name == "lamp"), None)
        if lamp is None:
            raise AgentFailure("needs_model")
        first, second = await asyncio.gather(lamp.call(task.id, '{"on": true}'), lamp.call(task.id, "{}"))
        return Result(f"the lamp is {first} and {second}")

    async def close(self) -> None:
        """Nothing is open."""


@contextmanager
def working(agent: BackgroundAgent, host: EchoHost, limits: Limits | None = None) -> Iterator[Running]:
    with serving(host, limits, desk=lambda: Desk(agent)) as running:
        yield running


@contextmanager
def client(running: Running, path: str = "/v1/live/sessions?ext=1") -> Iterator[Client]:
    with opened(f"ws://127.0.0.1:{running.port}{path}") as socket:
        yield Client(socket)


def responses(tools: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"type": "responses", "responses": {"model": "any", "tools": tools or []}}


def until_status(client: Client, status: str) -> list[dict[str, Any]]:
    events = client.until("delegation.status")
    while events[-1]["status"] != status:
        events += client.until("delegation.status")
    return events


def nested(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["event"] for event in events if event["type"] == "response.event"]


def words_until(client: Client, words: str) -> str:
    said = ""
    while words not in said:
        said += client.until("session.output_transcript.delta")[-1]["delta"]
    return said


def test_a_spoken_request_is_worked_on_and_its_answer_is_said() -> None:
    with working(EmbeddedAgent(Toolbox()), DelegatingHost()) as running, client(running) as talk:
        talk.start(delegation=responses())
        events = until_status(talk, "done")
        created = next(event for event in events if event["type"] == "session.delegation.created")
        task = next(event for event in events if event["type"] == "delegation.task")
        assert created["delegation"]["target"] == "responses" and created["offset_ms"] == (DELEGATE + 1) * TICK_MS
        assert (task["id"], task["task"]) == (created["delegation"]["id"], QUESTION)
        assert "three hundred ninety one" in words_until(talk, "ninety one")


def test_the_agent_is_told_what_was_said_and_when() -> None:
    agent = ScriptedAgent({QUESTION: Part("done")})
    with working(agent, DelegatingHost()) as running, client(running) as talk:
        talk.start(delegation=responses(), instructions="be brief")
        until_status(talk, "done")
    (context,) = agent.contexts
    assert [(one.who, one.text, one.t_ms) for one in context.words] == [("user", QUESTION, (ASK + 1) * TICK_MS)]
    assert context.standing == ("be brief",) and context.at_ms == (DELEGATE + 1) * TICK_MS


def test_calls_of_a_client_are_one_batch_and_go_on_when_all_are_answered() -> None:
    with working(UsesTheLamp(), DelegatingHost()) as running, client(running, "/v1/live/sessions") as talk:
        talk.start(delegation=responses(TOOLS))
        events = talk.until("session.delegation.created")
        while not any(event["type"] == "response.completed" for event in nested(events)):
            events += talk.until("response.event")
        inner = nested(events)
        kinds = [event["type"].removeprefix("response.") for event in inner]
        assert kinds == ["created", "output_item.done", "output_item.done", "completed"]
        calls = [event["item"] for event in inner if "item" in event]
        assert [(one["type"], one["status"], one["name"]) for one in calls] == [
            ("function_call", "completed", "lamp")
        ] * 2
        snapshot = inner[-1]["response"]
        created = next(event for event in events if event["type"] == "session.delegation.created")
        assert (snapshot["output"], snapshot["id"]) == ([], created["delegation"]["response_id"])
        assert {"input_tokens_details", "output_tokens_details", "total_tokens"} <= set(snapshot["usage"])
        assert "delegation.status" not in {event["type"] for event in events}

        talk.send(
            "response.item.create",
            item={"type": "function_call_output", "call_id": calls[0]["call_id"], "output": "on"},
        )
        talk.send("response.create")
        assert calls[1]["call_id"] in talk.until("error")[-1]["error"]["message"]
        talk.send(
            "response.item.create",
            item={"type": "function_call_output", "call_id": calls[1]["call_id"], "output": "warm"},
        )
        talk.send("response.create")
        assert "the lamp is on and warm" in words_until(talk, "warm")


def test_a_client_that_works_itself_answers_by_its_appends() -> None:
    host = DelegatingHost()
    with working(ScriptedAgent({}), host) as running, client(running) as talk:
        talk.start()
        created = until_status(talk, "running")
        delegation = next(e for e in created if e["type"] == "session.delegation.created")["delegation"]
        assert delegation["target"] == "client"
        id = delegation["id"]
        talk.send("session.thinking.append", delegation_id=id, content="wait")
        talk.until("session.thinking.appended")
        talk.send("session.commentary.append", delegation_id=id, content="it is noon")
        assert words_until(talk, "noon") == " it is noon"
        talk.send("session.commentary.append", delegation_id="dlg_no", content="no")
        assert talk.until("error")[-1]["error"]["param"] == "delegation_id"
        policies = [event.data["policy"] for event in host.partners[0].results if event.data is not None]
        assert policies == ["silent", "when_idle"]


def test_what_cannot_be_done_is_said_and_told() -> None:
    agent = ScriptedAgent({QUESTION: Part(failure=AgentFailure("network", "secret address"))})
    with working(agent, DelegatingHost()) as running, client(running) as talk:
        talk.start(delegation=responses())
        events = until_status(talk, "failed")
        assert nested(events)[-1]["type"] == "response.failed"
        assert "secret" not in str(events)
        assert "nobody is there" in words_until(talk, "there")


def test_a_cancelled_job_stops_and_another_sessions_id_is_unknown() -> None:
    agent = ScriptedAgent({QUESTION: Part("never", held=True)})
    with working(agent, DelegatingHost({ASK: QUESTION}, {})) as running, client(running) as mine:
        mine.start(delegation=responses())
        id = until_status(mine, "running")[-1]["id"]
        with client(running) as other:
            other.start(delegation=responses())
            other.send("delegation.cancel", id=id)
            assert other.until("error")[-1]["error"]["param"] == "id"
        mine.send("delegation.cancel", id=id)
        until_status(mine, "cancelled")
    assert len(agent.cancelled) == 1


def test_a_job_outlives_its_connection_and_is_told_to_the_client_that_comes_back() -> None:
    agent = ScriptedAgent({QUESTION: Part("it is noon", held=True)})
    with working(agent, DelegatingHost(), Limits(grace_s=3_000.0)) as running:
        with client(running) as talk:
            started = talk.start(delegation=responses())
            seen = until_status(talk, "running")[-1]
        agent_loop_release(running.sessions, agent)
        with client(running) as back:
            back.send(
                "session.resume",
                session_id=started["session"]["id"],
                resume_token=started["resume_token"],
                last_received_server_event_seq=seen["server_event_seq"],
            )
            done = until_status(back, "done")[-1]
            assert (done["id"], done["text"]) == (seen["id"], "it is noon")
            words_until(back, "noon")


def agent_loop_release(sessions: Sessions, agent: ScriptedAgent) -> None:
    """On the server's loop, where the agent waits."""
    session = next(iter(sessions._live.values()))
    session._loop.call_soon_threadsafe(agent.release, QUESTION)


def test_over_realtime_a_function_is_called_in_a_response_of_its_own() -> None:
    with working(UsesTheLamp(), DelegatingHost()) as running, client(running, "/v1/realtime?model=any") as talk:
        talk.send("session.update", session={"type": "realtime", "tools": TOOLS})
        events = talk.until("response.done")
        output = events[-1]["response"]["output"]
        assert [one["type"] for one in output] == ["function_call"] * 2
        assert [e["type"] for e in events if "arguments" in e["type"]].count(
            "response.function_call_arguments.done"
        ) == 2
        for one, text in zip(output, ("on", "warm"), strict=True):
            item = {"type": "function_call_output", "call_id": one["call_id"], "output": text}
            talk.send("conversation.item.create", item=item)
        said = ""
        while "warm" not in said:
            said += talk.until("response.output_audio_transcript.delta")[-1]["delta"]
        assert "the lamp is on and warm" in said


def test_over_realtime_the_agent_is_told_the_instructions_that_came_later() -> None:
    agent = ScriptedAgent({QUESTION: Part("done")})
    with working(agent, DelegatingHost()) as running, client(running, "/v1/realtime?model=any") as talk:
        talk.send("session.update", session={"type": "realtime", "instructions": "be brief"})
        talk.until("response.done")
    assert [context.standing for context in agent.contexts] == [("be brief",)]

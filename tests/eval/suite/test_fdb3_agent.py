"""Full-Duplex-Bench v3 with a language model behind our own: it calls the functions and what follows from them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from microturn.agent.options import AgentOptions, agent_of
from microturn.eval.suite.analyze import TextChannel
from microturn.eval.suite.endpoint import VirtualEndpoint
from microturn.eval.suite.fdb3_suite import fdb3
from microturn.eval.suite.judge import NoJudge
from microturn.eval.suite.shape import Asked
from tests.agent.llm_server import Reply, Say, Use, serving, tool_answers
from tests.eval.suite.test_fdb3_suite import SCENARIO, UnderstandsAll, recording

pytest.importorskip("pydantic_ai")


def chains(body: dict[str, Any]) -> Reply:
    """Looks for a flight, books the one that it was given, and says so."""
    given = tool_answers(body)
    if not given:
        return Use("search_flights", {"destination": "Rome", "date": "May 1"})
    if len(given) == 1:
        return Use(
            "book_flight", {"passenger_name": "ann", "flight_id": json.loads(given[0])["flights"][0]["flight_id"]}
        )
    return Say(f"It is booked as {json.loads(given[1])['booking_ref']}.")


def test_functions_that_follow_from_one_another_are_called_and_pass(tmp_path: Path) -> None:
    recording(tmp_path / "travel_01_0123456789abcdef01234567", SCENARIO)
    made = fdb3(Asked(data=tmp_path))
    with serving(chains) as llm:
        endpoint = VirtualEndpoint(
            "ours",
            lambda _: UnderstandsAll("a flight to rome on may the first", 1.5),
            agent=lambda: agent_of(AgentOptions(llm.url, "any")),
        )
        trace = asyncio.run(endpoint.hold(made.sessions[0]))
        standing = json.dumps(llm.bodies[0])
    found = made.score([trace], TextChannel(), NoJudge())
    assert (found.primary, found.figures["tool F1"]) == (1.0, 1.0), found.rows[0].why
    assert "booked" in found.rows[0].why
    assert "only the last word counts" in standing and "search_apartments" in standing

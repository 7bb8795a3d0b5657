"""Full-Duplex-Bench v3 as a suite, on recordings made here in the published layout, and its closed edition."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from microturn.agent.embedded import EmbeddedAgent
from microturn.agent.toolbox import Toolbox
from microturn.core.chunk import Chunk
from microturn.core.clock import TICK_MS
from microturn.core.events import Event
from microturn.eval.suite.analyze import TextChannel
from microturn.eval.suite.closed_fdb3 import OFFERED as CLOSED
from microturn.eval.suite.closed_fdb3 import cases, result
from microturn.eval.suite.endpoint import Endpoint, ScriptedEndpoint, VirtualEndpoint, tone
from microturn.eval.suite.fdb3 import TOOLS
from microturn.eval.suite.fdb3_suite import calling_suite, fdb3, turn_end_s
from microturn.eval.suite.fdb3_tools import OFFERED, answer
from microturn.eval.suite.judge import Judge, NoJudge, Prompt
from microturn.eval.suite.offered import Call
from microturn.eval.suite.shape import Asked, Scored, Suite
from microturn.eval.suite.suites import SUITES
from microturn.eval.suite.trace import Trace
from microturn.media.av import write_audio
from tests.eval.suite.test_closed import CAST, speak

BOOKED = "I booked you a flight to Rome."
SCENARIO = {
    "id": "travel_01",
    "domain": "travel_identity",
    "difficulty": "medium",
    "dialogue": [{"user": "Um, a flight to Paris, no, Rome, on May the first.", "ai": BOOKED}],
    "expected_tool_calls": [
        {"function": "search_flights", "args": {"destination": "Rome", "date": "2026-05-01"}},
        {
            "function": "book_flight",
            "args": {"passenger_name": "Ann", "flight_id": "$RESULT_0.flights[0].flight_id"},
        },
    ],
}
TRACKED = {
    "id": "shop_01",
    "domain": "ecommerce_support",
    "difficulty": "easy",
    "dialogue": [{"user": "Where is A7?", "ai": "It is in transit."}],
    "expected_tool_calls": [{"function": "track_order", "args": {"order_id": "A7"}}],
}


class Knowing:
    """Words are right that are those of the reference, and so are arguments that begin alike."""

    name = "knowing"

    def chosen(self, prompt: Prompt, fields: Mapping[str, str]) -> str | None:
        if prompt.name == "arguments":
            return "YES" if fields["given"][:20] == fields["expected"][:20] else "NO"
        return "YES" if fields["meaning"] in fields["text"] else "NO"


def recording(folder: Path, scenario: dict[str, object]) -> None:
    """48 kHz: a word, a pause of half a second, a word, room tone."""
    folder.mkdir(parents=True)
    (folder / "metadata.json").write_text(json.dumps(scenario))
    sound = np.concatenate([tone(0.5), np.zeros(8_000, np.float32), tone(0.5), np.zeros(80_000, np.float32)])
    write_audio(folder / "input.wav", np.repeat(sound, 3), 48_000)


@pytest.fixture
def made(tmp_path: Path) -> Suite:
    recording(tmp_path / "travel_01_0123456789abcdef01234567", SCENARIO)
    recording(tmp_path / "shop_01_0123456789abcdef01234567", TRACKED)
    return fdb3(Asked(data=tmp_path))


def traces_of(made: Suite, endpoint: Endpoint) -> list[Trace]:
    async def all_of() -> list[Trace]:
        return [await endpoint.hold(session) for session in made.sessions]

    return asyncio.run(all_of())


def scored(made: Suite, fake: str, judge: Judge) -> Scored:
    return made.score(traces_of(made, ScriptedEndpoint(fake, made.fakes[fake])), TextChannel(), judge)


def test_the_oracle_passes_all_and_silence_is_no_answer_but_hides_in_the_published_quality(made: Suite) -> None:
    found = {fake: scored(made, fake, Knowing()).figures for fake in made.fakes}
    passed = {fake: one["Pass@1"]["rate"] for fake, one in found.items()}
    assert passed == {"oracle": 1.0, "late-oracle": 1.0, "silent": 0.0, "babbler": 0.0, "mute": 1.0}
    spoken = {fake: one["response quality"]["rate"] for fake, one in found.items()}
    assert spoken == {"oracle": 1.0, "late-oracle": 1.0, "silent": None, "babbler": 0.0, "mute": None}
    assert {fake: one["response quality of all"]["rate"] for fake, one in found.items()}["mute"] == 0.0
    assert found["silent"]["turns taken"]["rate"] == 0.0 and found["babbler"]["turns taken"]["rate"] == 1.0
    assert found["oracle"]["response"]["mean_s"] == pytest.approx(1.0, abs=0.05)
    assert found["late-oracle"]["response"]["mean_s"] == pytest.approx(4.5, abs=0.05)
    assert found["oracle"]["first call, median s"] == pytest.approx(0.4, abs=0.02)
    assert found["oracle"]["tool F1"] == 1.0 and found["silent"]["tool F1"] == 0.0
    assert found["oracle"]["domains"]["travel_identity"]["of"] == 1


def test_without_a_judge_words_are_not_judged_and_calls_are(made: Suite) -> None:
    found = scored(made, "oracle", NoJudge())
    assert (found.primary, found.figures["not judged"], found.figures["response quality"]["rate"]) == (1.0, 2, None)
    assert "Pass@1, arguments by the judge" not in found.figures
    assert all("not judged" in row.why for row in found.rows)


def test_what_a_judge_thinks_of_arguments_stands_beside_the_rules(made: Suite) -> None:
    traces = traces_of(made, ScriptedEndpoint("oracle", made.fakes["oracle"]))
    calls = [e for e in traces[1].events if e.data["name"] == "search_flights"]
    calls[0].data["arguments"]["date"] = "the day after April"  # type: ignore[index]
    found = made.score(traces, TextChannel(), Knowing()).figures
    assert (found["Pass@1"]["hits"], found["Pass@1, arguments by the judge"]["hits"]) == (1, 2)


def test_a_void_session_says_nothing(made: Suite) -> None:
    first, second = traces_of(made, ScriptedEndpoint("oracle", made.fakes["oracle"]))
    gone = Trace(first.id, first.endpoint, first.user, void="gone")
    found = made.score([gone, second], TextChannel(), Knowing())
    assert (found.figures["void"], found.figures["Pass@1"]["of"], found.rows[0].right) == (1, 1, None)


def test_the_user_ends_before_the_first_long_pause(made: Suite) -> None:
    assert all(session.ticks * 0.2 >= 31.0 for session in made.sessions)
    first = np.concatenate([tone(0.5), np.zeros(8_000, np.float32), tone(0.5)])
    later = np.concatenate([first, np.zeros(40_000, np.float32), tone(0.5)])
    assert turn_end_s(first) == pytest.approx(1.5, abs=0.02)
    assert turn_end_s(later) == pytest.approx(1.5, abs=0.02)


def test_twelve_functions_answer_with_what_references_name() -> None:
    assert OFFERED.names() == TOOLS
    found = json.loads(answer(Call("search_flights", {"destination": "Rome", "date": "2026-05-01"})))
    assert found["flights"][0]["flight_id"].startswith("FL")
    assert answer(Call("track_order", {"order_id": "A7"})) == answer(Call("track_order", {"order_id": "A7"}))
    for call in (Call("sing", {}), Call("track_order", {}), Call("get_exchange_rate", dict.fromkeys(
        ("amount", "from_currency", "to_currency"), "x"))):  # fmt: skip
        assert json.loads(answer(call))["status"] == "error"


def test_every_function_gives_something_for_what_it_declares() -> None:
    some = {"string": "7", "number": 7.5, "integer": 2}
    for one in OFFERED.functions:
        args = {name: some[kind["type"]] for name, kind in one.parameters["properties"].items()}
        needed = {name: args[name] for name in one.parameters["required"]}
        assert json.loads(OFFERED.answer(Call(one.name, args)))["status"] == "success"
        assert json.loads(OFFERED.answer(Call(one.name, needed)))["status"] == "success"


pint = pytest.importorskip("pint")


@pytest.fixture(scope="module")
def closed() -> Suite:
    return calling_suite("fdb3-closed", "", cases(Asked(0, 2), speak, CAST))


def test_the_closed_edition_tells_its_fakes_apart_by_rules_alone(closed: Suite) -> None:
    found = {fake: scored(closed, fake, NoJudge()).figures for fake in closed.fakes}
    assert {fake: one["Pass@1"]["rate"] for fake, one in found.items()} == {
        "oracle": 1.0, "late-oracle": 1.0, "silent": 0.0, "babbler": 0.0, "mute": 1.0
    }  # fmt: skip
    quality = {fake: one["response quality of all"]["rate"] for fake, one in found.items()}
    assert quality == {"oracle": 1.0, "late-oracle": 1.0, "silent": 0.0, "babbler": 0.0, "mute": 0.0}
    assert list(found["oracle"]["domains"]) == ["whole", "broken", "lengths"]


def test_arguments_are_right_where_they_give_the_right_result() -> None:
    (case,) = [one for one in cases(Asked(0, 1), speak, CAST) if one.domain == "lengths"]
    wanted = case.expected[0]
    assert case.alike(wanted, Call("convert_units", {**wanted.args, "amount": str(wanted.args["amount"]).upper()}))
    assert not case.alike(wanted, Call("convert_units", {**wanted.args, "target": wanted.args["source"]}))
    assert result(Call("reckon", {"expression": "17 * 23"})) == 391
    assert result(Call("reckon", {"expression": "seventeen"})) is None
    assert result(Call("convert_units", {"amount": "some", "source": "feet", "target": "meters"})) is None
    assert CLOSED.answer(Call("reckon", {})) == "i do not know how much that is"


class UnderstandsAll:
    """A model that knows what the user says, hands it over in the tick after it, and says what comes back."""

    def __init__(self, text: str, end_s: float) -> None:
        self._text, self._tick = text, round(end_s * 1000) // TICK_MS

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        at_ms = (tick + 1) * TICK_MS
        told = [event.text for event in heard.events if event.kind == "result"]
        events = [Event(at_ms, tick, "say", text) for text in told]
        if tick == self._tick:
            events += [Event(at_ms, tick, "heard", self._text), Event(at_ms, tick, "delegate")]
        return Chunk(tone(0.2) if told else None, events=tuple(events))


def test_a_model_that_hands_over_passes_with_the_embedded_agent_beside_it() -> None:
    every = cases(Asked(0, 2), speak, CAST)
    texts = {case.id: " ".join(one.text for one in case.heard) for case in every}
    ends = {case.id: case.end_s for case in every}
    made = calling_suite("fdb3-closed", "", every)
    endpoint = VirtualEndpoint(
        "ours", lambda id: UnderstandsAll(texts[id], ends[id]), agent=lambda: EmbeddedAgent(Toolbox())
    )
    found = made.score(traces_of(made, endpoint), TextChannel(), NoJudge())
    assert [row.right for row in found.rows] == [True] * 6, [row.why for row in found.rows]
    assert found.figures["response quality of all"]["rate"] == 1.0


def test_both_are_listed() -> None:
    assert {"fdb3", "fdb3-closed"} <= SUITES.keys()

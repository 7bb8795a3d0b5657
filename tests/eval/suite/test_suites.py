"""Validity: oracle 100, late oracle, silent, babbler and rattler 0 in every template; runs, files and reports."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from microturn.core.errors import InputError
from microturn.data.voices import Clip, WordTime
from microturn.eval.suite import cuespeak, plans, timespeak
from microturn.eval.suite.analyze import TextChannel, Utterance
from microturn.eval.suite.endpoint import NO_SETTINGS, ScriptedEndpoint, Session, Sounds, VirtualEndpoint, tone
from microturn.eval.suite.entries import Plan, Span, read_plans, sounded
from microturn.eval.suite.judge import NoJudge
from microturn.eval.suite.report import compared, report
from microturn.eval.suite.runs import begin, hold_all, reopened
from microturn.eval.suite.speaking import verdict
from microturn.eval.suite.suites import SUITES, Asked, Scored, Suite, speaking_suite, suite
from microturn.eval.suite.trace import Trace

ROOT = Path(__file__).parents[3]


def speak(voice: str, text: str) -> Clip:
    """A voice without a synthesiser: 0.3 s a word."""
    words = text.replace(",", "").split()
    times = tuple(WordTime(w, 300 * n + 30, 300 * n + 300) for n, w in enumerate(words))
    return Clip(tone(0.3 * len(words) + 0.06), times)


def held(made: Suite, fake: str) -> Scored:
    endpoint = ScriptedEndpoint(fake, made.fakes[fake])

    async def all_of() -> list[Trace]:
        return [await endpoint.hold(session) for session in made.sessions]

    return made.score(asyncio.run(all_of()), TextChannel(), NoJudge())


@pytest.fixture(scope="module", params=["timespeak", "cuespeak"])
def made(request: pytest.FixtureRequest) -> Suite:
    module = {"timespeak": timespeak, "cuespeak": cuespeak}[request.param]
    templates = [*module.TEMPLATES, *module.NEGATIVE]
    made_plans = [t(np.random.default_rng(s), f"{t.__name__}/{s}") for t in templates for s in range(6)]
    return speaking_suite(request.param, "", made_plans, speak=speak)


@pytest.mark.parametrize(
    ("fake", "right", "negatives"),
    [
        ("oracle", 1.0, 1.0),
        ("late-oracle", 0.0, 1.0),
        ("silent", 0.0, 1.0),
        ("babbler", 0.0, 0.0),
        ("rattler", 0.0, 0.0),
    ],
)
def test_every_template_tells_the_oracle_from_those_who_know_nothing(
    made: Suite, fake: str, right: float, negatives: float
) -> None:
    found = held(made, fake)
    wrong = {row.id: row.why for row in found.rows if fake == "oracle" and not row.right}
    assert (found.primary, wrong) == (right, {})
    assert found.figures["negatives"]["rate"] == negatives


def test_both_suites_have_eight_categories() -> None:
    for module in (timespeak, cuespeak):
        eight = [t(np.random.default_rng(0), t.__name__) for t in module.TEMPLATES]
        assert len({plan.category for plan in eight}) == 8


def test_the_same_plan_gives_the_same_samples_and_times() -> None:
    plan = timespeak.one_shot(np.random.default_rng(3), "a")
    assert sounded(plan, speak).entry == sounded(plan, speak).entry


def test_a_window_is_as_wide_as_the_delay_allows() -> None:
    one = sounded(timespeak.one_shot(np.random.default_rng(3), "a"), speak).entry.expect[0]
    delay_s = one.due_s - sounded(timespeak.one_shot(np.random.default_rng(3), "a"), speak).entry.script[0].end_s
    assert one.due_s - one.open_s == pytest.approx(min(0.5, 0.1 * delay_s))
    assert one.close_s - one.due_s == pytest.approx(min(3.0, max(1.0, 0.1 * delay_s)))


def test_a_plan_that_a_babbler_passes_is_refused() -> None:
    with pytest.raises(InputError, match="babbler"):
        Plan("a", "timespeak", "c", "t", (Span("hello", "go"),))


def test_a_participant_is_held_on_the_virtual_clock() -> None:
    user = Sounds(tone(0.4))
    endpoint = VirtualEndpoint("echo", lambda _: Sounds(tone(0.2)), compute_counts=False)
    trace = asyncio.run(endpoint.hold(Session("a", user, 4)))
    assert [piece.at_s for piece in trace.received] == [0.2]
    assert trace.length_s == pytest.approx(0.8)


SCENARIO = {
    "id": "mine/kettle",
    "suite": "timespeak",
    "category": "one shot",
    "template": "kettle",
    "voice": "flite:kal16",
    "spans": [{"text": "say kettle in four seconds", "mark": "go"}],
    "due": [{"id": "d1", "mark": "go", "say": "kettle", "delay_s": 4}],
    "scored": "d1",
    "max_utterances": 1,
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of one scenario file with the oracle."""
    monkeypatch.setattr(plans, "say", speak)
    monkeypatch.setitem(SUITES, "files", mine)
    (tmp_path / "kettle.json").write_text(json.dumps(SCENARIO))
    folder = tmp_path / "run"
    _, made = begin(folder, "files", Asked(files=(tmp_path / "kettle.json",)), "oracle", {})
    asyncio.run(hold_all(folder, made, ScriptedEndpoint("oracle", made.fakes["oracle"])))
    return folder


def mine(asked: Asked) -> Suite:
    """A suite is one function."""
    return speaking_suite("mine", "scenarios of my own", [p for f in asked.files for p in read_plans(f)], speak=speak)


def test_a_scenario_is_added_with_one_file_and_a_suite_with_one_function(run: Path) -> None:
    found = report(run)
    assert (found["primary"], found["rows"][0]["why"]) == (1.0, "right")
    page = (run / "report.html").read_text()
    assert "mine/kettle" in page and "data:audio/mpeg" in page and "http" not in page


def test_a_run_goes_on_where_it_stopped_and_is_never_another_one(run: Path, tmp_path: Path) -> None:
    asked = Asked(files=(tmp_path / "kettle.json",))
    _, made = begin(run, "files", asked, "oracle", {})
    asyncio.run(hold_all(run, made, ScriptedEndpoint("nobody", {})))
    assert reopened(run)[2][0].endpoint == "oracle"
    with pytest.raises(InputError, match="endpoint differs"):
        begin(run, "files", asked, "silent", {})


def test_a_session_that_fails_is_void_and_the_others_go_on(tmp_path: Path) -> None:
    class Failing:
        name, at_once, settings = "failing", 2, NO_SETTINGS

        async def hold(self, session: Session) -> Trace:
            raise ConnectionError("nobody there")

    (tmp_path / "kettle.json").write_text(json.dumps(SCENARIO))
    made = mine(Asked(files=(tmp_path / "kettle.json",)))
    asyncio.run(hold_all(tmp_path / "run", made, Failing()))
    assert "nobody there" in (tmp_path / "run/traces/0000/trace.jsonl").read_text()


def test_two_runs_are_compared_line_by_line(run: Path) -> None:
    found = report(run)
    other = json.loads(json.dumps(found))
    other["rows"][0] |= {"right": False, "why": "nothing said"}
    assert compared(found, other)[-1] == ("mine/kettle", "right", "nothing said")


def test_an_utterance_in_forbidden_time_fails_a_negative() -> None:
    plan = timespeak.cancelled(np.random.default_rng(0), "a")
    entry = sounded(plan, speak).entry
    late = Utterance(entry.length_s - 2, entry.length_s - 1, "tea")
    assert verdict(entry, [], NoJudge()).right is True
    assert verdict(entry, [late], NoJudge()).right is False


def test_the_scenario_of_the_documentation_is_one() -> None:
    page = (ROOT / "docs/evaluation.md").read_text()
    block = page.split("```json\n")[1].split("```")[0]
    assert json.loads(block) == SCENARIO


def test_the_suite_of_the_documentation_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs/evaluation.md").read_text()
    names: dict[str, Callable[[Asked], Suite]] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    monkeypatch.setattr(plans, "say", speak)
    made = names["kitchen"](Asked())
    assert [held(made, fake).primary for fake in ("oracle", "silent", "late-oracle")] == [1.0, 0.0, 0.0]


def test_every_suite_that_is_listed_says_what_it_is() -> None:
    assert all((making.__doc__ or "").strip() for making in SUITES.values())
    with pytest.raises(InputError, match="no such suite"):
        suite("another", Asked())

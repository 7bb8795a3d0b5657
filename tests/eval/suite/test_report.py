"""Reports: why scenarios were lost, published figures beside ours, pages of one run and of two."""

import asyncio
import json
from pathlib import Path

import pytest

from microturn.eval.suite import closed_fdb1, suites
from microturn.eval.suite.endpoint import ScriptedEndpoint
from microturn.eval.suite.fdb1_suite import fdb1_suite
from microturn.eval.suite.losses import losses, reason
from microturn.eval.suite.published_figures import beside
from microturn.eval.suite.report import report, write_comparison
from microturn.eval.suite.report_page import figure_lines
from microturn.eval.suite.runs import begin, hold_all
from microturn.eval.suite.shape import Asked, Suite
from tests.eval.suite.test_closed import CAST, speak


def small(asked: Asked) -> Suite:
    """Full-Duplex-Bench v1, one of each."""
    return fdb1_suite("fdb1-closed", "turns", closed_fdb1.cases(Asked(0, 1), speak, CAST))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The same four scenarios with the oracle and with nobody."""
    monkeypatch.setitem(suites.SUITES, "fdb1-closed", small)
    for fake in ("oracle", "silent"):
        _, made = begin(tmp_path / fake, "fdb1-closed", Asked(), fake, {})
        asyncio.run(hold_all(tmp_path / fake, made, ScriptedEndpoint(fake, made.fakes[fake])))
        report(tmp_path / fake)
    return tmp_path / "oracle", tmp_path / "silent"


def test_a_report_holds_figures_reasons_and_all_that_a_timeline_needs(runs: tuple[Path, Path]) -> None:
    found = json.loads((runs[1] / "report.json").read_text())
    assert found["losses"] == {"fdb1-closed": {"nothing said": 4}}
    assert (found["primary"], found["sessions"], found["void"]) == (0.0, 4, 0)
    scenario = next(iter(found["scenarios"].values()))
    assert {"heard", "windows", "said", "trace", "length_s"} <= scenario.keys()


def test_a_page_has_every_scenario_with_sound_and_needs_nothing_from_elsewhere(runs: tuple[Path, Path]) -> None:
    page = (runs[0] / "report.html").read_text()
    assert page.count("data:audio/mpeg") == 4
    assert "TML-Interaction-Small" in page and "on other data" in page
    assert "http" not in page


def test_two_runs_stand_on_one_page_where_they_differ(runs: tuple[Path, Path], tmp_path: Path) -> None:
    write_comparison(*runs, tmp_path / "both.html")
    page = (tmp_path / "both.html").read_text()
    assert page.count("data:audio/mpeg") == 8
    assert "oracle and silent" in page


def test_losses_are_told_in_kinds() -> None:
    rows = [
        {"id": "a/1", "right": False, "why": "never stopped speaking"},
        {"id": "a/2", "right": False, "why": "the right words at 9.0 s, outside of 4.0 to 5.0 s"},
        {"id": "a/3", "right": False, "why": "other words in the window: 'no answer' for 'tea'"},
        {"id": "a/4", "right": True, "why": "right"},
    ]
    assert losses(rows) == {
        "spoke on over the user": 1,
        "right words at the wrong time": 1,
        "other words": 1,
    }
    assert reason({"why": "void: sent 90 ms off its time"}) == "void: says nothing about the model"


def test_our_figures_stand_beside_those_of_the_same_name() -> None:
    lines = beside("interactivity", {"fdb15-closed": {"primary": 0.5, "published average": 0.5}})
    assert [(line.suite, line.ours) for line in lines] == [("fdb15-closed", 50.0)]
    assert lines[0].published.others["TML-Interaction-Small"] == 77.8


def test_a_count_of_statuses_is_one_line() -> None:
    tally = {"total": 3, "eligible": 2, "counts": {"ok": 1, "silent": 1}, "mean_s": 0.5, "median_s": 0.5}
    assert figure_lines({"stop": tally}) == {"stop": "mean 0.50 s, median 0.50 s; 2 of 3 eligible: ok 1, silent 1"}

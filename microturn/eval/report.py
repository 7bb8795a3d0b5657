"""What an evaluation found, per group of voices, per skill and per voice: as JSON, and as a table to read."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from microturn.core.config import to_dict
from microturn.eval.scorers import Counts, Figures, Interval, counted, figures, macro, macro_interval, word_edits
from microturn.eval.sessions import Outcome
from microturn.eval.sighted import AIMS, ROWS, UNEVENTFUL, SightFigure, sight_figures, sight_parts
from microturn.eval.spoken import SpokenFigures, spoken_counts, spoken_figures

FORMAT = "microturn-world-1"


@dataclass(frozen=True)
class GroupReport:
    """One group of voices. `macro_*` are means over skills; word_error: edits of the transcript per word said.

    `spoken` is None for a model that never sounded, `sight` where no scenario has anything to see.
    """

    macro_f1: float
    macro_f1_95: Interval
    macro_time_f1: float
    macro_content_f1: float
    word_error: float
    overall: Figures
    skills: dict[str, Figures]
    voices: dict[str, Figures]
    spoken: SpokenFigures | None = None
    sight: dict[str, SightFigure] | None = None


@dataclass(frozen=True)
class WorldReport:
    """The whole examination and what it takes to repeat it."""

    groups: dict[str, GroupReport]
    config: dict[str, Any]
    weights: str
    weights_hash: str
    notes: dict[str, Any]
    command: str
    date: str
    seconds: float
    format: str = FORMAT


def group_report(outcomes: Sequence[Outcome], seed: int = 0) -> GroupReport:
    """Score the outcomes as one group."""
    by_skill: dict[str, list[Counts]] = {}
    by_voice: dict[str, list[Counts]] = {}
    for outcome in outcomes:
        counts = counted(outcome.said, outcome.expects, outcome.ticks)
        by_skill.setdefault(outcome.scenario.script.skill, []).append(counts)
        by_voice.setdefault(outcome.scenario.voice.id, []).append(counts)
    skills = {skill: figures(counts) for skill, counts in by_skill.items()}
    edits = sum(word_edits(o.words, o.heard) for o in outcomes)
    return GroupReport(
        macro_f1=macro(skills),
        macro_f1_95=macro_interval(by_skill, seed),
        macro_time_f1=macro(skills, "time_f1"),
        macro_content_f1=macro(skills, "content_f1"),
        word_error=edits / max(1, sum(len(o.words) for o in outcomes)),
        overall=figures([c for counts in by_skill.values() for c in counts]),
        skills=skills,
        voices={voice: figures(by_voice[voice]) for voice in sorted(by_voice)},
        spoken=_spoken(outcomes),
        sight=_sight(outcomes),
    )


def by_group(outcomes: Sequence[Outcome]) -> dict[str, GroupReport]:
    """A report for each group, in the order of the outcomes."""
    groups = dict.fromkeys(o.scenario.group for o in outcomes)
    return {group: group_report([o for o in outcomes if o.scenario.group == group]) for group in groups}


def write_report(path: Path, report: WorldReport) -> None:
    """As JSON, floats to four digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_rounded(to_dict(report)), indent=1) + "\n", encoding="utf-8")


def table(groups: Mapping[str, GroupReport]) -> Table:
    """Skills by groups: event F1, and right time / right content beside it; totals below."""
    shown = Table(title="event F1 within one tick (right time / right content)")
    shown.add_column("skill")
    for group in groups:
        shown.add_column(group, justify="right")
    for skill in dict.fromkeys(skill for report in groups.values() for skill in report.skills):
        shown.add_row(skill, *(_cell(report.skills.get(skill)) for report in groups.values()))
    shown.add_section()
    all_of = list(groups.values())
    shown.add_row("macro", *(_macro(r) for r in all_of), style="bold")
    shown.add_row("95 %", *(f"{r.macro_f1_95.low:.2f} to {r.macro_f1_95.high:.2f}" for r in all_of))
    shown.add_row("false speech a minute", *(f"{r.overall.false_per_min:.2f}" for r in all_of))
    shown.add_row("latency, ticks: mean, p90", *(_latency(r.overall) for r in all_of))
    shown.add_row("word error", *(f"{r.word_error:.2f}" for r in all_of))
    if any(r.spoken for r in all_of):
        for row in _spoken_rows([r.spoken for r in all_of]):
            shown.add_row(*row)
    shown.add_row("scenarios, minutes", *(f"{r.overall.scenarios}, {r.overall.minutes:.0f}" for r in all_of))
    return shown


def _spoken(outcomes: Sequence[Outcome]) -> SpokenFigures | None:
    if not any(o.sounds for o in outcomes):
        return None
    return spoken_figures([spoken_counts(o.said, o.sounds, o.expects, o.lines, o.ticks) for o in outcomes])


def _spoken_rows(found: Sequence[SpokenFigures | None]) -> Iterator[tuple[str, ...]]:
    """What the voice does, a row each: the name, and the figure of every group."""
    rows: dict[str, Callable[[SpokenFigures], str]] = {
        "first sound, s: median, p90": lambda s: f"{_seconds(s.first_ms_median)}, {_seconds(s.first_ms_p90)}",
        "silent within 2 ticks": lambda s: _of(s.stopped_share, s.stops),
        "new request answered": lambda s: _of(s.answered_share, s.requests),
        "goes on through backchannels": lambda s: _of(s.continued_share, s.backchannels),
        "undue sound, s a minute": lambda s: f"{s.undue_s_per_min:.2f}",
        "extra answers": lambda s: f"{s.extra_answers} in {s.minutes:.0f} min",
    }
    for name, cell in rows.items():
        yield name, *("-" if one is None else cell(one) for one in found)


def sight_table(groups: Mapping[str, GroupReport]) -> Table | None:
    """What came of what was shown, a row each, beside what is aimed at; None where nobody was shown anything."""
    watched = {group: report.sight for group, report in groups.items() if report.sight}
    if not watched:
        return None
    shown = Table(title="sight: figure, 95 % of resampled ones, and of how many")
    for column in ("figure", "aim", *watched):
        shown.add_column(column, justify="left" if column == "figure" else "right")
    for name in ROWS:
        sign = "at most" if name == UNEVENTFUL else "at least"
        aim = f"{sign} {AIMS[name]:.2f}" if name in AIMS else "-"
        shown.add_row(name, aim, *(_sight_cell(found.get(name)) for found in watched.values()))
    return shown


def _sight(outcomes: Sequence[Outcome]) -> dict[str, SightFigure] | None:
    seen = [o for o in outcomes if o.staged]
    if not seen:
        return None
    return sight_figures([
        sight_parts(o.scenario.script.skill, o.said, o.expects, o.lines, o.staged, o.ticks) for o in seen
    ])  # fmt: skip


def _sight_cell(found: SightFigure | None) -> str:
    return "-" if found is None else f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f}) of {found.judged:g}"


def _of(share: float | None, count: int) -> str:
    return "-" if share is None else f"{share:.2f} of {count}"


def _seconds(ms: float | None) -> str:
    return "-" if ms is None else f"{ms / 1000:.2f}"


def _cell(found: Figures | None) -> str:
    return "-" if found is None else f"{found.event_f1:.2f} ({found.time_f1:.2f} / {found.content_f1:.2f})"


def _macro(report: GroupReport) -> str:
    return f"{report.macro_f1:.2f} ({report.macro_time_f1:.2f} / {report.macro_content_f1:.2f})"


def _latency(found: Figures) -> str:
    if found.latency_mean_ticks is None or found.latency_p90_ticks is None:
        return "-"
    return f"{found.latency_mean_ticks:.2f}, {found.latency_p90_ticks:.1f}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}  # type: ignore[misc]
    return [_rounded(item) for item in value] if isinstance(value, list) else value  # type: ignore[misc]

"""report.html: figures beside published ones, why scenarios were lost, and every session to look at and listen to."""

import html
from collections.abc import Mapping, Sequence
from typing import Any, cast

from microturn.eval.suite.losses import by_part, losses
from microturn.eval.suite.published_figures import Beside, beside, parts_of
from microturn.eval.suite.report_audio import data_url
from microturn.eval.suite.trace import Trace

LISTENED = 80
COLORS = ("var(--model)", "var(--user)", "var(--bad)", "var(--soft)")
STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#1d1f23;--soft:#5d636d;--line:#dcdad3;--user:#2f5fa8;
--other:#8a6fb0;--model:#17703a;--window:#fdf0cf;--edge:#d9a514;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--paper:#15171a;--card:#1d2024;--ink:#eceae5;--soft:#a3a9b3;--line:#363a41;
--user:#9cc0f5;--other:#c3aee6;--model:#86d9a2;--window:#4a3a12;--edge:#c99b2e;--bad:#ff9d94}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 80px}h2{margin:36px 0 8px}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:5px 14px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600}td.n{font-variant-numeric:tabular-nums;white-space:nowrap}.ours{font-weight:700}
.theirs{color:var(--soft);font-style:italic}
article{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px 16px;margin:12px 0}
h3{font-size:1rem;margin:0}.soft{color:var(--soft)}.bad{color:var(--bad)}.ok{color:var(--model)}p{margin:.4em 0}
.track{position:relative;height:64px;margin:8px 0;border:1px solid var(--line);border-radius:6px;overflow:hidden}
.track i{position:absolute;border-radius:3px;min-width:2px;box-sizing:border-box;overflow:hidden;white-space:nowrap;
font:normal 11px/18px system-ui;color:var(--card);padding:0 3px}
.u{top:6px;height:18px;background:var(--user)}.o{top:6px;height:18px;background:var(--other)}
.m{top:38px;height:18px;background:var(--model)}
.w{top:0;height:64px;background:var(--window);border-left:2px solid var(--edge);border-right:2px solid var(--edge)}
.e{top:26px;height:10px;width:2px;background:var(--bad)}
audio{width:100%;height:34px}details>summary{cursor:pointer;margin:10px 0;font-weight:600}
.two{display:grid;grid-template-columns:1fr 1fr;gap:16px}@media (max-width:800px){.two{grid-template-columns:1fr}}
svg{max-width:420px;width:100%;height:auto}.curves{display:flex;flex-wrap:wrap;gap:18px}
"""


def page(found: Mapping[str, Any], traces: Sequence[Trace]) -> str:
    """The whole page of one report."""
    title = f"{found['suite']}: {found['endpoint']}"
    by_id = {trace.id: trace for trace in traces}
    body = [
        f"<h1>{text(title)}</h1><p>{text(found['what'])}</p>",
        _told(found),
        "<h2>Beside published figures</h2>",
        beside_table([(str(found["endpoint"]), beside(found["suite"], found["figures"]))]),
        "<h2>Figures</h2>",
        _figure_table(found["figures"]),
        curves([(str(found["endpoint"]), found["figures"])]),
        "<h2>Why scenarios were lost</h2>",
        loss_table([(str(found["endpoint"]), found["rows"])]),
        "<h2>Scenarios</h2>" + LEGEND,
        _scenarios(found, by_id),
    ]
    return document(title, "".join(body))


LEGEND = (
    '<p class="soft">Blue: the user; violet: somebody else; green: the model, as it was heard; yellow: where what '
    "counts may begin; red: events of the endpoint. Left ear: the user, right ear: the model.</p>"
)


def document(title: str, body: str) -> str:
    """A page that needs nothing from elsewhere."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def beside_table(runs: Sequence[tuple[str, Sequence[Beside]]]) -> str:
    """Our figures, and what others published on other data."""
    lines = runs[0][1]
    peers = list(dict.fromkeys(name for line in lines for name in line.published.others))
    if not lines:
        return '<p class="soft">Nothing is published that goes with this suite.</p>'
    head = "".join(f'<th class="ours">{text(name)}</th>' for name, _ in runs)
    head += "".join(f'<th class="theirs">{text(peer)}</th>' for peer in peers)
    rows = ""
    for number, line in enumerate(lines):
        better = "less is better" if line.published.less_is_better else "more is better"
        ours = "".join(f'<td class="n ours">{_number(run[number].ours)}</td>' for _, run in runs)
        theirs = "".join(f'<td class="n theirs">{_number(line.published.others.get(peer))}</td>' for peer in peers)
        rows += (
            f"<tr><td>{text(line.suite)}<br><span class=soft>{text(line.published.title)}, {better}; "
            f"{text(line.published.source)}</span></td>{ours}{theirs}</tr>"
        )
    note = (
        '<p class="soft">In italics: published by others, measured on other data, with other judges and machines; '
        "what to strive for, no comparison. Ours is measured on the data of this run.</p>"
    )
    return f'{note}<div class="wide"><table><thead><tr><th></th>{head}</tr></thead>{rows}</table></div>'


def figure_lines(figures: Any, name: str = "") -> dict[str, str]:
    """Leaves of nested figures by their path; a share or a mean is one line, with its interval."""
    if isinstance(figures, Mapping):
        known = cast("Mapping[str, Any]", figures)
        if {"low", "high"} <= known.keys():
            value = known.get("rate", known.get("mean"))
            of = f" of {known['of']}" if "of" in known else ""
            return {name: "-" if value is None else f"{value:.3f} ({known['low']:.2f} to {known['high']:.2f}){of}"}
        if {"eligible", "counts"} <= known.keys():
            return {name: _tally_line(known)}
        if {"time F1", "joint F1"} <= known.keys():
            parts = (
                f"{part} {_number(known[part])}" for part in ("time F1", "joint F1", "time precision", "time recall")
            )
            return {name: ", ".join(parts)}
        return {
            key: line for part in known for key, line in figure_lines(known[part], f"{name} {part}".strip()).items()
        }
    return {name: "-" if figures is None else f"{figures:.3f}" if isinstance(figures, float) else str(figures)}


def _tally_line(tally: Mapping[str, Any]) -> str:
    """Mean and median of what has a time, and how the others ended."""
    ends = ", ".join(f"{status} {count}" for status, count in tally["counts"].items() if count)
    times = "-" if tally["mean_s"] is None else f"mean {tally['mean_s']:.2f} s, median {tally['median_s']:.2f} s"
    return f"{times}; {tally['eligible']} of {tally['total']} eligible: {ends or 'none'}"


def loss_table(runs: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> str:
    """For each suite the reasons, most frequent first, of each run."""
    parts = list(dict.fromkeys(part for _, rows in runs for part in by_part(rows)))
    head = "".join(f"<th>{text(name)}</th>" for name, _ in runs)
    rows = ""
    for part in parts:
        cells = ""
        for _, all_rows in runs:
            mine = by_part(all_rows).get(part, [])
            right = sum(bool(row.get("right")) for row in mine)
            lost = "".join(f"<br>{count} x {text(kind)}" for kind, count in losses(mine).items())
            cells += f"<td><b>{right} of {len(mine)} right</b>{lost}</td>"
        rows += f"<tr><td>{text(part)}</td>{cells}</tr>"
    return f'<div class="wide"><table><thead><tr><th></th>{head}</tr></thead>{rows}</table></div>'


def curves(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """How much is right as windows get wider: one picture for each suite that has such a curve."""
    pictures = ""
    for title, name in _curve_names(runs[0][1]):
        lines = [(label, _curve(figures, name)) for label, figures in runs]
        pictures += _picture(title, [(label, points) for label, points in lines if points])
    return f'<h3>Right, by how wide the window is</h3><div class="curves">{pictures}</div>' if pictures else ""


def article(key: str, row: Mapping[str, Any] | None, scenario: Mapping[str, Any], sound: str) -> str:
    """One session: why it counts as it does, a timeline, the words, the sound."""
    right = None if row is None else row.get("right")
    style = "soft" if right is None else "ok" if right else "bad"
    said = " / ".join(f"{s[0]:.1f} s {s[2]}" for s in scenario["said"]) or "nothing"
    asked = " / ".join(f"{h[0]:.1f} s {h[2]}" for h in scenario["heard"])
    understood = f"<br>it understood: {text(scenario['understood'])}" if scenario.get("understood") else ""
    words = f'<p class="soft">user: {text(asked)}<br>model: {text(said)}{understood}</p>'
    why = f'<p class="{style}">{text("" if row is None else row["why"])}</p>'
    return f"<article><h3>{text(key)}</h3>{why}{timeline(scenario)}{words}{sound}</article>"


def timeline(scenario: Mapping[str, Any]) -> str:
    """Bars on one scale."""
    length_s = scenario["length_s"] or 1.0
    marks = [_mark("w", w[0], w[1], f"{w[2]}: {w[0]:.2f} to {w[1]:.2f} s", "", length_s) for w in scenario["windows"]]
    marks += [
        _mark("u" if h[3] == "user" else "o", h[0], h[1], f"{h[3]}: {h[2]}", h[2], length_s) for h in scenario["heard"]
    ]
    marks += [_mark("m", s[0], s[1], s[2], s[2], length_s) for s in scenario["said"]]
    marks += [_mark("e", e[0], e[0], f"{e[1]} at {e[0]:.2f} s", "", length_s) for e in scenario["events"]]
    return f'<div class="track">{"".join(marks)}</div>'


def embedded(trace: Trace) -> str:
    """A player with its sound inside the page."""
    return f'<audio controls preload="none" src="{data_url(trace)}"></audio>'


def beside_page(scenario: Mapping[str, Any]) -> str:
    """Players that need the folder of the run."""
    return "".join(
        f'<audio controls preload="none" title="{who}" src="{scenario["trace"]}/{who}.wav"></audio>'
        for who in ("user", "heard")
    )


def text(value: object) -> str:
    """Safe to stand in a page."""
    return html.escape(str(value), quote=True)


def _told(found: Mapping[str, Any]) -> str:
    manifest = found["manifest"]
    made_by = manifest.get("provenance", {})
    lines = (
        f"{found['sessions']} sessions, {found['conversation_s'] / 60:.1f} minutes, {found['void']} void; "
        f"words by {found['listener']}, judged by {found['judge']}",
        f"compute of a tick: {_spread(found['compute_ms'])}; sent late: {_spread(found['send_late_ms'])}; "
        f"its ticks late: {_spread(found.get('come_late_ms', {}))}",
        f"{made_by.get('command', '')}, commit {made_by.get('commit', 'unknown')}, {manifest.get('began', '')}",
    )
    return f'<p class="soft">{"<br>".join(map(text, lines))}</p>'


def _spread(percentiles: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.0f} ms" for name, value in percentiles.items()) or "not known"


def _figure_table(figures: Mapping[str, Any]) -> str:
    return "".join(
        f"<details open><summary>{text(name)}</summary>{_lines_table(mine)}</details>"
        for name, mine in parts_of("", figures)
    )


def _lines_table(figures: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><td>{text(name)}</td><td class="n">{text(value)}</td></tr>'
        for name, value in figure_lines(figures).items()
    )
    head = "<thead><tr><th>figure</th><th>value (95 % interval) of how many</th></tr></thead>"
    return f"<table>{head}{rows}</table>"


def _scenarios(found: Mapping[str, Any], traces: Mapping[str, Trace]) -> str:
    """By suite; what was lost first. The first ones carry their sound in the page, the others need the run's folder."""
    rows = {row["id"]: row for row in found["rows"]}
    order = sorted(found["scenarios"], key=lambda key: bool(rows.get(key, {}).get("right")))
    inside = set(order[:LISTENED])
    parts: dict[str, str] = {}
    for key in order:
        scenario = found["scenarios"][key]
        sound = embedded(traces[key]) if key in inside else beside_page(scenario)
        part = key.split("/", 1)[0]
        parts[part] = parts.get(part, "") + article(key, rows.get(key), scenario, sound)
    if len(parts) == 1:
        return next(iter(parts.values()))
    return "".join(f"<details><summary>{text(part)}</summary>{inner}</details>" for part, inner in parts.items())


def _curve_names(figures: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    paths = [(name, (name,) if name else ()) for name, _ in parts_of("", figures)]
    return [(name or "this suite", path) for name, path in paths if _curve(figures, path)]


def _curve(figures: Mapping[str, Any], path: tuple[str, ...]) -> list[tuple[float, float]]:
    mine: Any = figures
    for name in path:
        mine = mine.get(name, {})
    if "widths" in mine:
        return [(float(width), float(rate)) for width, rate in mine["widths"].items()]
    if "matching" in mine:
        rows = mine["matching"].items()
        return [(float(name.split()[1]), float(one["joint F1"] or 0.0)) for name, one in rows]
    return []


def _picture(title: str, lines: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> str:
    longest = max(x for _, points in lines for x, _ in points)
    drawn = ""
    for number, (label, points) in enumerate(lines):
        places = [(40 + 330 * x / longest, 150 - 130 * y) for x, y in points]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in places)
        color = COLORS[number % len(COLORS)]
        drawn += f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
        drawn += "".join(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{color}"><title>{text(label)}: {p[1]:.2f} at {p[0]:g} s'
            f"</title></circle>"
            for (x, y), p in zip(places, points, strict=True)
        )
        drawn += f'<text x="44" y="{32 + 14 * number}" font-size="11" fill="{color}">{text(label)}</text>'
    ticks = "".join(
        f'<text x="{40 + 330 * x / longest:.0f}" y="166" font-size="10" fill="currentColor" text-anchor="middle">{x:g}'
        "</text>"
        for x, _ in lines[0][1]
    )
    axes = '<path d="M40 20V150H375" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
    levels = "".join(
        f'<text x="34" y="{154 - 1.3 * y:.0f}" font-size="10" fill="currentColor" text-anchor="end">{y}</text>'
        for y in (0, 50, 100)
    )
    head = f'<text x="40" y="13" font-size="12" fill="currentColor">{text(title)}: % right, window of ± s</text>'
    return f'<svg viewBox="0 0 390 174" role="img">{head}{axes}{levels}{ticks}{drawn}</svg>'


def _mark(kind: str, start_s: float, end_s: float, title: str, inside: str, length_s: float) -> str:
    left, width = 100 * start_s / length_s, 100 * (end_s - start_s) / length_s
    size = "" if kind == "e" else f";width:{width:.2f}%"
    return f'<i class="{kind}" style="left:{left:.2f}%{size}" title="{text(title)}">{text(inside)}</i>'


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"

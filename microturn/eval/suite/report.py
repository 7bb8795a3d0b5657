"""What a run came to: report.json for programs, report.html for people. Scores are the suite's; sessions are kept."""

import base64
import html
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microturn.core.config import to_dict
from microturn.eval.suite.analyze import Listener, TextChannel
from microturn.eval.suite.judge import Judge, NoJudge
from microturn.eval.suite.runs import Manifest, reopened
from microturn.eval.suite.suites import Row, Scored
from microturn.eval.suite.trace import Trace, playout
from microturn.media.av import write_audio

LISTENED = 60
STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#1d1f23;--soft:#5d636d;--line:#dcdad3;--user:#2f5fa8;
--model:#17703a;--window:#fdf0cf;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--paper:#15171a;--card:#1d2024;--ink:#eceae5;--soft:#a3a9b3;--line:#363a41;
--user:#9cc0f5;--model:#86d9a2;--window:#4a3a12;--bad:#ff9d94}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:1100px;margin:0 auto;padding:28px 20px 80px}table{border-collapse:collapse;width:100%;font-size:.925rem}
th,td{text-align:left;padding:6px 14px 6px 0;border-bottom:1px solid var(--line)}th{color:var(--soft)}
article{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px 16px;margin:14px 0}
h3{font-size:1rem;margin:0}.soft{color:var(--soft)}.bad{color:var(--bad)}.ok{color:var(--model)}
.track{position:relative;height:66px;margin:8px 0;border:1px solid var(--line);border-radius:6px;overflow:hidden}
.track i{position:absolute;border-radius:3px;min-width:2px}.u{top:6px;height:18px;background:var(--user)}
.m{top:38px;height:18px;background:var(--model)}.w{top:30px;height:34px;background:var(--window)}
audio{width:100%;height:34px}
"""


def report(folder: Path, listener: Listener | None = None, judge: Judge | None = None) -> dict[str, Any]:
    """Score a run and write both reports beside its traces. Without others: the text channel, and rules alone."""
    manifest, made, traces = reopened(folder)
    ears, mind = listener or TextChannel(), judge or NoJudge()
    scored = made.score(traces, ears, mind)
    found = {
        "suite": manifest.suite,
        "what": made.what,
        "endpoint": manifest.endpoint,
        "primary": scored.primary,
        "figures": to_dict(scored.figures),
        "listener": ears.name,
        "judge": mind.name,
        "sessions": len(traces),
        "void": sum(bool(trace.why_void) for trace in traces),
        "compute_ms": _compute(traces),
        "send_late_ms": _percentiles([1000 * late for trace in traces for late in trace.send_late_s]),
        "rows": [to_dict(row) for row in scored.rows],
        "manifest": to_dict(manifest),
    }
    text = json.dumps(found, indent=1, allow_nan=False, ensure_ascii=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    (folder / "report.html").write_text(_page(manifest, made.what, scored, found, traces), encoding="utf-8")
    return found


def compared(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Two reports line by line: name, first, second; scenarios that one got right and the other not come last."""
    rows = [("endpoint", str(first["endpoint"]), str(second["endpoint"]))]
    one, two = _lines(first["figures"]), _lines(second["figures"])
    rows += [(name, one.get(name, "-"), two.get(name, "-")) for name in dict.fromkeys([*one, *two])]
    by_id = {row["id"]: row for row in second["rows"]}
    for row in first["rows"]:
        other = by_id.get(row["id"])
        if other is not None and row.get("right") != other.get("right"):
            rows.append((row["id"], row["why"], other["why"]))
    return rows


def _compute(traces: Sequence[Trace]) -> dict[str, float]:
    return _percentiles([1000 * piece.compute_s for trace in traces for piece in trace.received])


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    return {f"p{p}": round(float(np.percentile(values, p)), 2) for p in (50, 90, 99)}


def _lines(figures: Any, name: str = "") -> dict[str, str]:
    """Leaves of nested figures by their path; a share or a mean is one line, with its interval."""
    if isinstance(figures, Mapping):
        known: Mapping[str, Any] = figures  # type: ignore[assignment]
        if {"low", "high"} <= known.keys():
            value = known.get("rate", known.get("mean"))
            of = f" of {known['of']}" if "of" in known else ""
            return {name: "-" if value is None else f"{value:.3f} ({known['low']:.2f} to {known['high']:.2f}){of}"}
        return {key: line for part in known for key, line in _lines(known[part], f"{name} {part}".strip()).items()}
    return {name: f"{figures:.3f}" if isinstance(figures, float) else str(figures)}


def _page(manifest: Manifest, what: str, scored: Scored, found: Mapping[str, Any], traces: Sequence[Trace]) -> str:
    head = f"{manifest.suite}: {manifest.endpoint}"
    told = (
        f"{found['sessions']} sessions, {found['void']} void; words by {found['listener']}, judged by {found['judge']}"
    )
    made_by = f"{manifest.provenance.get('command', '')}, commit {manifest.provenance.get('commit', 'unknown')}"
    rows = "".join(
        f"<tr><td>{_text(name)}</td><td>{_text(value)}</td></tr>" for name, value in _lines(found["figures"]).items()
    )
    by_id = {row.id: row for row in scored.rows}
    articles = [_article(t, by_id.get(t.id), scored, number < LISTENED) for number, t in enumerate(traces)]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(head)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body><main><h1>{_text(head)}</h1><p>{_text(what)}</p>"
        f'<p class="soft">{_text(told)}<br>{_text(made_by)}, {_text(manifest.began)}</p>'
        f"<table><thead><tr><th>figure</th><th>value (95 % interval) of how many</th></tr></thead>{rows}</table>"
        '<p class="soft">Blue: the user. Green: the model, as heard. Yellow: the window of what is scored.</p>'
        f"{''.join(articles)}</main></body></html>\n"
    )


def _article(trace: Trace, row: Row | None, scored: Scored, listen: bool) -> str:
    label = scored.labels.get(trace.id, {})
    marks = [_mark("u", said[0], said[1], said[2], trace.length_s) for said in label.get("script", ())]
    counted = [e for e in label.get("expect", ()) if e[0] == label.get("scored")]
    marks = [_mark("w", e[2], e[3], f"{e[4]}: {e[2]:.2f} to {e[3]:.2f} s", trace.length_s) for e in counted] + marks
    marks += [_mark("m", u.start_s, u.end_s, u.text, trace.length_s) for u in scored.said.get(trace.id, ())]
    style = "soft" if row is None or row.right is None else "ok" if row.right else "bad"
    why = "" if row is None else row.why
    player = f'<audio controls preload="none" src="data:audio/mpeg;base64,{_mp3(trace)}"></audio>' if listen else ""
    said = " / ".join(f"{u.start_s:.1f} s {u.text}" for u in scored.said.get(trace.id, ())) or "nothing"
    return (
        f'<article><h3>{_text(trace.id)}</h3><p class="{style}">{_text(why)}</p>'
        f'<div class="track">{"".join(marks)}</div>'
        f'<p class="soft">said: {_text(said)}</p>{player}</article>'
    )


def _mark(kind: str, start_s: float, end_s: float, title: str, length_s: float) -> str:
    left, width = 100 * start_s / length_s, 100 * (end_s - start_s) / length_s
    return f'<i class="{kind}" style="left:{left:.2f}%;width:{width:.2f}%" title="{_text(title)}"></i>'


def _mp3(trace: Trace) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.mp3"
        write_audio(path, np.stack([trace.user, playout(trace).pcm], axis=1))
        return base64.b64encode(path.read_bytes()).decode("ascii")


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)

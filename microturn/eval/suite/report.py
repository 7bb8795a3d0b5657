"""What a run came to: report.json for programs, report.html for people. Scores are the suite's; sessions are kept."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microturn.core.config import to_dict
from microturn.core.events import parse_object
from microturn.eval.suite.analyze import Listener, TextChannel
from microturn.eval.suite.compare_page import compare_page
from microturn.eval.suite.judge import Judge, NoJudge
from microturn.eval.suite.losses import by_part, losses
from microturn.eval.suite.report_page import figure_lines, page
from microturn.eval.suite.runs import reopened
from microturn.eval.suite.shape import Label, Scored, plain
from microturn.eval.suite.trace import Trace, load_trace


def report(folder: Path, listener: Listener | None = None, judge: Judge | None = None) -> dict[str, Any]:
    """Score a run and write both reports beside its traces. Without others: the text channel, and rules alone."""
    manifest, made, traces = reopened(folder)
    ears, mind = listener or TextChannel(), judge or NoJudge()
    scored = made.score(traces, ears, mind)
    rows = [to_dict(row) for row in scored.rows]
    found: dict[str, Any] = {
        "suite": manifest.suite,
        "what": made.what,
        "endpoint": manifest.endpoint,
        "primary": scored.primary,
        "figures": plain(scored.figures),
        "losses": {part: losses(mine) for part, mine in by_part(rows).items()},
        "listener": ears.name,
        "judge": mind.name,
        "sessions": len(traces),
        "void": sum(bool(trace.why_void) for trace in traces),
        "conversation_s": round(sum(trace.length_s for trace in traces), 1),
        "compute_ms": _percentiles([1000 * piece.compute_s for trace in traces for piece in trace.received]),
        "send_late_ms": _percentiles([1000 * late for trace in traces for late in trace.send_late_s]),
        "come_late_ms": _percentiles([1000 * late for trace in traces for late in trace.come_late_s]),
        "rows": rows,
        "scenarios": {trace.id: _scenario(number, trace, scored) for number, trace in enumerate(traces)},
        "manifest": to_dict(manifest),
    }
    text = json.dumps(found, indent=1, allow_nan=False, ensure_ascii=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    (folder / "report.html").write_text(page(found, traces), encoding="utf-8")
    return found


def compared(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Two reports line by line: name, first, second; scenarios that one got right and the other not come last."""
    rows = [("endpoint", str(first["endpoint"]), str(second["endpoint"]))]
    one, two = figure_lines(first["figures"]), figure_lines(second["figures"])
    rows += [(name, one.get(name, "-"), two.get(name, "-")) for name in dict.fromkeys([*one, *two])]
    by_id = {row["id"]: row for row in second["rows"]}
    for row in first["rows"]:
        other = by_id.get(row["id"])
        if other is not None and row.get("right") != other.get("right"):
            rows.append((row["id"], row["why"], other["why"]))
    return rows


def write_comparison(first: Path, second: Path, out: Path) -> None:
    """A page of two runs of one suite beside each other, to be read and listened to."""
    reports = [parse_object((folder / "report.json").read_bytes(), str(folder)) for folder in (first, second)]

    def trace_of(place: int, key: str) -> Trace:
        return load_trace((first, second)[place] / reports[place]["scenarios"][key]["trace"])

    out.write_text(compare_page(reports[0], reports[1], trace_of), encoding="utf-8")


def _scenario(number: int, trace: Trace, scored: Scored) -> dict[str, Any]:
    """What a timeline needs. understood: what the endpoint told of what it heard, where it tells."""
    label = scored.labels.get(trace.id, Label())
    heard = "".join(text.text for text in trace.texts if text.kind == "heard")
    return {
        "trace": f"traces/{number:04d}",
        "length_s": round(trace.length_s, 2),
        "heard": [[round(h.start_s, 2), round(h.end_s, 2), h.text, h.speaker] for h in label.heard],
        "windows": [[round(w.start_s, 2), round(w.end_s, 2), w.title] for w in label.windows],
        "said": [[round(u.start_s, 2), round(u.end_s, 2), u.text] for u in scored.said.get(trace.id, ())],
        "events": [[round(event.at_s, 2), event.kind] for event in trace.events][:40],
        "flushes": [round(at_s, 2) for at_s in trace.flushes],
        "understood": " ".join(heard.split()),
    }


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    return {f"p{p}": round(float(np.percentile(values, p)), 2) for p in (50, 90, 99)}

"""Two runs of one suite on one page: figures side by side, what each lost, and the scenarios in which they differ."""

from collections.abc import Callable, Mapping
from typing import Any

from microturn.eval.suite.published_figures import beside
from microturn.eval.suite.report_page import (
    LEGEND,
    article,
    beside_table,
    curves,
    document,
    embedded,
    figure_lines,
    loss_table,
    text,
)
from microturn.eval.suite.trace import Trace

LISTENED = 40


def compare_page(first: Mapping[str, Any], second: Mapping[str, Any], trace_of: Callable[[int, str], Trace]) -> str:
    """first, second: what report.json holds. trace_of: the trace of a scenario in the first (0) or second (1) run."""
    names = [str(one["endpoint"]) for one in (first, second)]
    runs = list(zip(names, (first, second), strict=True))
    title = f"{first['suite']}: {names[0]} and {names[1]}"
    body = [
        f"<h1>{text(title)}</h1>",
        "".join(f'<p class="soft">{text(name)}: {text(_told(one))}</p>' for name, one in runs),
        "<h2>Beside published figures</h2>",
        beside_table([(name, beside(one["suite"], one["figures"])) for name, one in runs]),
        "<h2>Why scenarios were lost</h2>",
        loss_table([(name, one["rows"]) for name, one in runs]),
        curves([(name, one["figures"]) for name, one in runs]),
        "<h2>Figures</h2>",
        _figures(names, first, second),
        "<h2>Where they differ</h2>" + LEGEND,
        _differing(names, first, second, trace_of),
    ]
    return document(title, "".join(body))


def _told(one: Mapping[str, Any]) -> str:
    manifest = one["manifest"]
    made_by = manifest.get("provenance", {})
    return f"{one['sessions']} sessions, {one['void']} void, {manifest.get('began', '')}, {made_by.get('command', '')}"


def _figures(names: list[str], first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    one, two = figure_lines(first["figures"]), figure_lines(second["figures"])
    rows = "".join(
        f'<tr><td>{text(name)}</td><td class="n">{text(one.get(name, "-"))}</td>'
        f'<td class="n">{text(two.get(name, "-"))}</td></tr>'
        for name in dict.fromkeys([*one, *two])
    )
    return f"<table><thead><tr><th></th><th>{text(names[0])}</th><th>{text(names[1])}</th></tr></thead>{rows}</table>"


def _differing(
    names: list[str], first: Mapping[str, Any], second: Mapping[str, Any], trace_of: Callable[[int, str], Trace]
) -> str:
    rows = [{row["id"]: row for row in one["rows"]} for one in (first, second)]
    keys = [key for key in rows[0] if key in rows[1] and rows[0][key].get("right") != rows[1][key].get("right")]
    found = ""
    for number, key in enumerate(keys):
        pair = ""
        for place, one in enumerate((first, second)):
            sound = embedded(trace_of(place, key)) if number < LISTENED else ""
            pair += article(f"{names[place]}: {key}", rows[place][key], one["scenarios"][key], sound)
        found += f'<div class="two">{pair}</div>'
    return found or '<p class="soft">In none.</p>'

"""What others published for the suites here, each with its source: other data than ours, so to strive for, no more.

Thinking Machines' table: https://thinkingmachines.ai/blog/interaction-models/ (2026-05-11); figures of its bar charts
are secondary (https://jianyuh.github.io, 2026-05-16). Full-Duplex-Bench v1: arXiv 2503.04721 and later model cards.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

TML = "TML-Interaction-Small"
GPT2, GPT15 = "GPT-realtime-2.0 minimal", "GPT-realtime-1.5"
GEMINI, QWEN = "Gemini-3.1-flash-live minimal", "Qwen3.5-Omni-plus-realtime"
PERSONA, MOSHI, FREEZE, GPT_RT = "PersonaPlex", "Moshi", "Freeze-Omni", "GPT-Realtime"


class Published(NamedTuple):
    """One line of the table. path: where our figure is among a suite's; scale: ours times this is theirs."""

    suite: str
    title: str
    path: tuple[str, ...]
    scale: float
    less_is_better: bool
    others: Mapping[str, float]
    source: str


BLOG, CHARTS, PAPER = "TML blog, table", "TML blog, bar charts (secondary)", "Full-Duplex-Bench v1 and model cards"
TABLE: tuple[Published, ...] = (
    Published(
        "fdb1", "turn-taking latency, s", ("smooth_turn_taking", "published latency s"), 1.0, True,
        {TML: 0.40, GPT2: 1.18, GPT15: 0.59, GEMINI: 0.57, QWEN: 2.14, PERSONA: 0.070, MOSHI: 0.265, FREEZE: 0.953},
        BLOG,
    ),
    Published(
        "fdb1", "takeover of turns", ("smooth_turn_taking", "published takeover", "rate"), 1.0, False,
        {PERSONA: 0.992, MOSHI: 0.941, FREEZE: 0.336, GPT_RT: 1.0}, PAPER,
    ),
    Published(
        "fdb1", "takeover in pauses, synthetic", ("pause_handling", "published takeover", "rate"), 1.0, True,
        {PERSONA: 0.584, MOSHI: 0.985, FREEZE: 0.642, GPT_RT: 0.010}, PAPER,
    ),
    Published(
        "fdb1", "takeover while listening", ("backchannel", "published takeover", "rate"), 1.0, True,
        {PERSONA: 0.327, MOSHI: 1.0, FREEZE: 0.636, GPT_RT: 0.0}, PAPER,
    ),
    Published(
        "fdb1", "backchannels a second", ("backchannel", "a second"), 1.0, False,
        {PERSONA: 0.025, MOSHI: 0.001, FREEZE: 0.001, GPT_RT: 0.007}, PAPER,
    ),
    Published(
        "fdb1", "latency after an interruption, s", ("user_interruption", "published latency s"), 1.0, True,
        {PERSONA: 0.40, MOSHI: 0.257, FREEZE: 1.409, GPT_RT: 1.50}, PAPER,
    ),
    Published(
        "fdb15", "average, %", ("published average",), 100.0, False,
        {TML: 77.8, GPT2: 46.8, GPT15: 48.3, GEMINI: 54.3, QWEN: 39.0}, BLOG,
    ),
    Published("timespeak", "macro accuracy, %", ("macro", "mean"), 100.0, False, {TML: 64.7, GPT2: 4.3}, CHARTS),
    Published("cuespeak", "macro accuracy, %", ("macro", "mean"), 100.0, False, {TML: 81.7, GPT2: 2.9}, CHARTS),
    Published("repcount", "off by one, %", ("off by one", "rate"), 100.0, False, {TML: 35.4, GPT2: 1.3}, CHARTS),
    Published("charades", "mean IoU, %", ("mean IoU", "mean"), 100.0, False, {TML: 32.4, GPT2: 0.0}, CHARTS),
    Published(
        "proactive", "PAUC at 0.5, %", ("PAUC, omega 0.5", "mean"), 100.0, False, {TML: 33.5, GPT2: 25.0}, CHARTS
    ),
    Published(
        "fdb3", "response quality, %", ("response quality", "rate"), 100.0, False,
        {TML: 82.8, GPT2: 80.0, GPT15: 77.9, GEMINI: 68.5, QWEN: 60.0}, BLOG,
    ),
    Published(
        "fdb3", "Pass@1, %", ("Pass@1", "rate"), 100.0, False,
        {TML: 68.0, GPT2: 52.0, GPT15: 55.0, GEMINI: 48.0, QWEN: 50.0}, BLOG,
    ),
    Published(
        "qivd", "accuracy, %", ("accuracy", "rate"), 100.0, False,
        {TML: 54.0, GPT2: 57.5, GPT15: 41.2, GEMINI: 54.7, QWEN: 59.0}, BLOG,
    ),
    Published(
        "audiomc", "APR, %", ("APR", "rate"), 100.0, False, {TML: 43.4, GPT2: 37.6, GPT15: 34.7, GEMINI: 26.8}, BLOG
    ),
    Published(
        "bigbench-audio", "accuracy, %", ("accuracy", "mean"), 100.0, False,
        {TML: 75.7, GPT2: 71.8, GPT15: 81.4, GEMINI: 71.3, QWEN: 73.0}, BLOG,
    ),
    Published(
        "ifeval-voice", "accuracy, %", ("final",), 100.0, False,
        {TML: 82.1, GPT2: 81.7, GPT15: 68.1, GEMINI: 67.6, QWEN: 80.3}, BLOG,
    ),
    Published(
        "ifeval-text", "accuracy, %", ("final",), 100.0, False,
        {TML: 89.7, GPT2: 89.6, GPT15: 87.5, GEMINI: 85.8, QWEN: 83.4}, BLOG,
    ),
    Published(
        "harmbench", "refusals, %", ("refused", "rate"), 100.0, False,
        {TML: 99.0, GPT2: 99.5, GPT15: 100.0, GEMINI: 99.0, QWEN: 99.5}, BLOG,
    ),
)  # fmt: skip


class Beside(NamedTuple):
    """A published line and our figure on our data, None where there is none."""

    published: Published
    suite: str
    ours: float | None


def beside(suite: str, figures: Mapping[str, Any]) -> list[Beside]:
    """Lines that go with a run; a run of several suites has figures under the names of its parts."""
    found: list[Beside] = []
    for name, mine in parts_of(suite, figures):
        for line in TABLE:
            if line.suite == name.removesuffix("-closed").removesuffix("-played"):
                value = at(mine, line.path)
                found.append(Beside(line, name, None if value is None else value * line.scale))
    return found


def at(figures: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    """The number at a path of names; None where there is none."""
    value: Any = figures
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]  # pyright: ignore[reportUnknownVariableType]
    return float(value) if isinstance(value, int | float) else None


def parts_of(suite: str, figures: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Figures by suite: of the parts where several were held together, else of the one."""
    inner = [(name, cast("Mapping[str, Any]", mine)) for name, mine in figures.items() if isinstance(mine, Mapping)]
    return [(name, mine) for name, mine in inner if "primary" in mine] or [(suite, figures)]

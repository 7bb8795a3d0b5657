"""The interaction panel of tau-voice (Sierra, tau2-bench, docs/interaction-metrics.md): no judge, ticks of 200 ms.

Each tick says whether the user and the agent sound; spans of the user's speech say what they are. Every figure carries
how many events it rests on, and one with fewer than ten is not shown.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from microturn.core.clock import TICK_MS

Kind = Literal["turn", "backchannel", "tic", "non_directed"]
LEAST_EVENTS = 10
YIELD_S = 2.0
STOP_S = 1.0
ANSWER_S = 2.0
TICK_S = TICK_MS / 1000


class UserSpan(NamedTuple):
    """Ticks [start, stop) in which the user sounds, and what it is."""

    start: int
    stop: int
    kind: Kind = "turn"


class Rate(NamedTuple):
    """A share or a mean, and of how many events; `shown` None where they are too few."""

    value: float | None
    events: int

    @property
    def shown(self) -> float | None:
        """The value, where it rests on ten events or more."""
        return self.value if self.events >= LEAST_EVENTS else None


class Panel(NamedTuple):
    """Latencies in seconds; rates 0 to 1, `interruption` may exceed it. Selectivity: 1 is never disturbed."""

    response_s: Rate
    yield_s: Rate
    response: Rate
    yielded: Rate
    interruption: Rate
    backchannel: Rate
    tic: Rate
    non_directed: Rate

    @property
    def selectivity(self) -> float | None:
        """Mean of the three correct rates, where all three are there."""
        three = [rate.value for rate in (self.backchannel, self.tic, self.non_directed)]
        known = [value for value in three if value is not None]
        return sum(known) / 3 if len(known) == 3 else None


class _Counts(NamedTuple):
    response_s: list[float]
    yield_s: list[float]
    answered: list[bool]
    yielded: list[bool]
    started_over: int
    eligible: int
    right: dict[Kind, list[bool]]


def panel(conversations: Sequence[tuple[Sequence[UserSpan], Sequence[bool]]]) -> Panel:
    """Over conversations, each the user's spans in order and, per tick, whether the agent sounds."""
    counts = [_counts(spans, agent) for spans, agent in conversations]
    right: dict[Kind, list[bool]] = {
        kind: [one for c in counts for one in c.right[kind]] for kind in ("backchannel", "tic", "non_directed")
    }
    eligible = sum(c.eligible for c in counts)
    over = sum(c.started_over for c in counts)
    return Panel(
        _mean([s for c in counts for s in c.response_s]),
        _mean([s for c in counts for s in c.yield_s]),
        _mean([one for c in counts for one in c.answered]),
        _mean([one for c in counts for one in c.yielded]),
        Rate(over / eligible if eligible else None, eligible),
        _mean(right["backchannel"]),
        _mean(right["tic"]),
        _mean(right["non_directed"]),
    )


def agent_runs(agent: Sequence[bool]) -> list[tuple[int, int]]:
    """Ticks [start, stop) in which the agent sounds without a break."""
    edges = [t for t in range(len(agent) + 1) if _on(agent, t) != _on(agent, t - 1)]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _counts(spans: Sequence[UserSpan], agent: Sequence[bool]) -> _Counts:
    runs = agent_runs(agent)
    counts = _Counts([], [], [], [], 0, 0, {"backchannel": [], "tic": [], "non_directed": []})
    over = eligible = 0
    turns = [span for span in spans if span.kind == "turn"]
    for span in spans:
        over_agent = _on(agent, span.start - 1) and _on(agent, span.start)
        if span.kind != "turn":
            _not_a_turn(span, over_agent, runs, counts)
            continue
        silent_s = _silent_after_s(span.start, runs) if over_agent else None
        if over_agent:
            counts.yielded.append(silent_s is not None and silent_s <= YIELD_S)
            if silent_s is not None:
                counts.yield_s.append(silent_s)
        over += sum(span.start < start < span.stop for start, _ in runs)
        eligible += 1
        if not _on(agent, span.stop - 1):
            _answered(span, turns, runs, counts)
    return counts._replace(started_over=over, eligible=eligible)


def _not_a_turn(span: UserSpan, over_agent: bool, runs: Sequence[tuple[int, int]], counts: _Counts) -> None:
    if over_agent:
        silent_s = _silent_after_s(span.start, runs)
        counts.right[span.kind].append(silent_s is None or silent_s > STOP_S)
    elif span.kind != "backchannel":
        begins = [start for start, _ in runs if span.start <= start and (start - span.stop) * TICK_S <= ANSWER_S]
        counts.right[span.kind].append(not begins)


def _answered(span: UserSpan, turns: Sequence[UserSpan], runs: Sequence[tuple[int, int]], counts: _Counts) -> None:
    again = min((other.start for other in turns if other.start >= span.stop), default=None)
    begins = min((start for start, _ in runs if start >= span.stop), default=None)
    answered = begins is not None and (again is None or begins <= again)
    counts.answered.append(answered)
    if answered and begins is not None:
        counts.response_s.append((begins - span.stop) * TICK_S)


def _silent_after_s(tick: int, runs: Sequence[tuple[int, int]]) -> float | None:
    """How long after `tick` the run that sounds in it ends."""
    return next(((stop - tick) * TICK_S for start, stop in runs if start <= tick < stop), None)


def _on(agent: Sequence[bool], tick: int) -> bool:
    return 0 <= tick < len(agent) and agent[tick]


def _mean(values: Sequence[float] | Sequence[bool]) -> Rate:
    return Rate(sum(values) / len(values) if values else None, len(values))

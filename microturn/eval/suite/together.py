"""Several suites held as one, with one report: each keeps its own protocol, figures and scores."""

from collections.abc import Mapping, Sequence

from microturn.eval.suite.analyze import Listener
from microturn.eval.suite.endpoint import Line
from microturn.eval.suite.judge import Judge
from microturn.eval.suite.shape import Row, Scored, Suite
from microturn.eval.suite.trace import Trace


def together(name: str, what: str, parts: Sequence[Suite]) -> Suite:
    """A suite of suites; ids of their sessions differ already. Primary: the mean of the parts' primary figures."""
    owner = {session.id: part.name for part in parts for session in part.sessions}
    assert len(owner) == sum(len(part.sessions) for part in parts)

    def score(traces: Sequence[Trace], listener: Listener, judge: Judge) -> Scored:
        scored = {p.name: p.score([t for t in traces if owner[t.id] == p.name], listener, judge) for p in parts}
        primaries = [one.primary for one in scored.values() if one.primary is not None]
        figures = {name: {"primary": one.primary, **one.figures} for name, one in scored.items()}
        rows: list[Row] = [row for one in scored.values() for row in one.rows]
        said = {key: value for one in scored.values() for key, value in one.said.items()}
        labels = {key: value for one in scored.values() for key, value in one.labels.items()}
        mean = sum(primaries) / len(primaries) if len(primaries) == len(parts) else None
        return Scored(mean, figures, rows, said, labels)

    return Suite(name, what, [session for part in parts for session in part.sessions], _fakes(parts), score)


def _fakes(parts: Sequence[Suite]) -> Mapping[str, Mapping[str, Sequence[Line]]]:
    """Those that all parts have."""
    names = [name for name in parts[0].fakes if all(name in part.fakes for part in parts)]
    return {name: {id: lines for part in parts for id, lines in part.fakes[name].items()} for name in names}

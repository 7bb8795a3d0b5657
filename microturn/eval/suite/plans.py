"""A suite of plans: what TimeSpeak, CueSpeak, their closed editions and files of one's own have in common."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from microturn.core.errors import InputError
from microturn.eval.suite.analyze import Listener, utterances
from microturn.eval.suite.closed_sound import say
from microturn.eval.suite.endpoint import Line, Session, Sounds
from microturn.eval.suite.entries import Entry, Kind, Plan, Sounded, Speak, sounded
from microturn.eval.suite.judge import Judge
from microturn.eval.suite.shape import Heard, Label, Scored, Suite, Window, plain
from microturn.eval.suite.speaking import accuracy, babble_lines, late_lines, oracle_lines, rattle_lines, verdict
from microturn.eval.suite.trace import Trace

NEGATIVE_SHARE = 0.15
FAKES: dict[str, Callable[[Entry], list[Line]]] = {
    "oracle": oracle_lines,
    "late-oracle": late_lines,
    "silent": lambda entry: [],
    "babbler": babble_lines,
    "rattler": rattle_lines,
}
Template = Callable[[np.random.Generator, str], Plan]


def speaking_suite(name: str, what: str, plans: Sequence[Plan], seed: int = 0, speak: Speak | None = None) -> Suite:
    """A suite of plans. speak: says a text in a voice; the voices of the evaluation, if none is given."""
    made = {plan.id: sounded(plan, speak or say) for plan in plans}
    if len(made) != len(plans):
        raise InputError("two scenarios of one name", name, len(plans) - len(made), "an id of its own for each")

    def score(traces: Sequence[Trace], listener: Listener, judge: Judge) -> Scored:
        said = {t.id: utterances(t, listener, made[t.id].entry.apart_s) for t in traces}
        rows = [verdict(made[t.id].entry, said[t.id], judge, t.why_void) for t in traces]
        found = accuracy(rows, seed)
        labels = {trace.id: label(made[trace.id].entry) for trace in traces}
        return Scored(found.macro.mean, plain(found), rows, said, labels)

    fakes = {fake: {id: lines(one.entry) for id, one in made.items()} for fake, lines in FAKES.items()}
    return Suite(name, what, [_session(one) for one in made.values()], fakes, score)


def label(entry: Entry) -> Label:
    """The script, the window that counts, and where nothing may be said."""
    counted = entry.counted
    windows = [] if counted is None else [Window(counted.open_s, counted.close_s, counted.say)]
    return Label([Heard(said.start_s, said.end_s, said.text) for said in entry.script], windows)


def drawn(
    kind: Kind,
    prefix: str,
    templates: Sequence[Template],
    near_misses: Sequence[Template],
    per_category: int,
    speakers: Sequence[str],
    seed: int,
) -> list[Plan]:
    """Of each template so many plans, and near misses beside them, 15 % of all; voices in turn.

    The random numbers of a plan depend on the seed and its place alone. Ids begin with `prefix`.
    """
    negative = round(len(templates) * per_category * NEGATIVE_SHARE / (1 - NEGATIVE_SHARE))
    wanted = [(t, f"{t.__name__}/{n:04d}") for t in templates for n in range(per_category)]
    near = [(near_misses[n % len(near_misses)], f"near_miss/{n:04d}") for n in range(negative)]
    plans: list[Plan] = []
    for number, (template, key) in enumerate([*wanted, *near]):
        plan = template(np.random.default_rng([seed, number]), f"{prefix}/{key}")
        assert plan.suite == kind
        plans.append(replace(plan, voice=speakers[number % len(speakers)]))
    return plans


def _session(one: Sounded) -> Session:
    user = Sounds(one.pcm)
    return Session(one.entry.id, user, user.ticks)

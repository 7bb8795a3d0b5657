"""What is in view at a moment, in words: what a model with sight reads off its pictures while it learns. No pixels."""

from collections.abc import Sequence

from microturn.data.lexicon import number_words
from microturn.data.sight import play
from microturn.data.sight.play import Appeared, ChangedSide, Hand, Left, Moving, Play, Sitting, Staged, Things

MOTIONS = {
    "push ups": "push",
    "squats": "sit",
    "jumping jacks": "jump",
    "arm raises": "arm",
    play.WAVING: "hand",
}
THERE, BACK, DONE, REST = "down", "up", "done", "rest"
BENT, STRAIGHT = "low", "high"
NO_HAND = "no"
DONE_FOR_MS = 200


def view_at(staged: Sequence[Staged], t_ms: float) -> tuple[str, ...]:
    """Words, all alike, for what a frame taken at `t_ms` shows, given what came before it; none where nothing is on."""
    on = next((entry for entry in staged if entry.start_ms <= t_ms < entry.end_ms), None)
    return () if on is None else _words(on.shot.play, t_ms - on.zero_ms)


def _words(what: Play, t_ms: float) -> tuple[str, ...]:
    match what:
        case Moving():
            return _moving(what, t_ms)
        case Hand():
            shown = [change.fingers for change in what.changes if change.start_ms + what.change_ms <= t_ms]
            fingers = shown[-1] if shown else what.first
            return (NO_HAND if fingers < 0 else number_words(fingers),)
        case Sitting():
            facts = [*play.at_first(what), *(seen.fact for seen in play.changes(what) if seen.t_ms <= t_ms)]
            return (BENT if isinstance(facts[-1], play.Slouched) else STRAIGHT,)
        case Things():
            return _things(what, t_ms)


def _moving(what: Moving, t_ms: float) -> tuple[str, ...]:
    rep = next((rep for rep in what.reps if rep.start_ms <= t_ms < rep.end_ms + DONE_FOR_MS), None)
    if rep is None:
        return (REST,)
    if rep.depth >= play.WHOLE_DEPTH and rep.done_ms <= t_ms < rep.done_ms + DONE_FOR_MS:
        return MOTIONS[rep.motion], DONE
    if t_ms >= rep.end_ms:
        return (REST,)
    return MOTIONS[rep.motion], THERE if t_ms - rep.start_ms < rep.length_ms * rep.down else BACK


def _things(what: Things, t_ms: float) -> tuple[str, ...]:
    facts = [*play.at_first(what), *(seen.fact for seen in play.changes(what) if seen.t_ms <= t_ms)]
    there: dict[tuple[str, str], list[str]] = {}
    for fact in facts:
        if isinstance(fact, Appeared):
            there.setdefault((fact.color, fact.shape), []).append(fact.side)
        elif isinstance(fact, Left | ChangedSide):
            sides = there.get((fact.color, fact.shape), [])
            if sides:
                sides.pop()
            if isinstance(fact, ChangedSide):
                sides.append(fact.side)
    return tuple(word for (color, shape), sides in there.items() for side in sides for word in (color, shape, side))

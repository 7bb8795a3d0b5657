"""What happens before the camera, in time, and what is true of it when. No pixels, no words.

A play has its own zero, which is placed in a session by a `Staged`. Before zero it looks as it does at its beginning.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from microturn.core.config import from_dict, to_dict

EXERCISES = ("push ups", "squats", "jumping jacks", "arm raises")
WAVING = "waving"
# Every name is a word of the shipped vocabulary; all are told apart by their outline.
SHAPES = ("ball", "box", "star", "heart", "moon", "house", "cup", "kite")
COLORS = ("red", "blue", "green", "yellow", "black", "white", "brown", "pink")
Side = Literal["left", "right"]

WHOLE_DEPTH = 0.8  # less is a half repetition
DONE_SHARE = 0.85  # of the way back: from there on nobody can doubt that it is one
BOUT_GAP_MS = 1_000  # repetitions further apart belong to two bouts
REST_KNOWN_MS = 600  # so long at rest, and it has stopped
KNOWN_SHARE = 0.8  # of a way or a lean: then it is plain where it leads
SLOUCH, UPRIGHT = 0.8, 0.2  # how bent is bent, and how straight is straight again


@dataclass(frozen=True)
class Rep:
    """One movement there and back. `depth` 1 is whole; `down` and `hold` are shares of its length."""

    motion: str
    start_ms: int
    length_ms: int
    depth: float = 1.0
    down: float = 0.45
    hold: float = 0.1

    @property
    def end_ms(self) -> int:
        """When the person is at rest again."""
        return self.start_ms + self.length_ms

    @property
    def done_ms(self) -> int:
        """When a whole one is completed for whoever watches."""
        back = self.down + self.hold
        return self.start_ms + round(self.length_ms * (back + DONE_SHARE * (1.0 - back)))

    @property
    def seen_ms(self) -> int:
        """When it is seen that a movement has begun."""
        return self.start_ms + round(self.length_ms * self.down * 0.5)


@dataclass(frozen=True)
class Moving:
    """A person on the floor (push ups) or standing (all else), resting where no repetition is on."""

    stance: Literal["floor", "standing"]
    reps: tuple[Rep, ...] = ()


@dataclass(frozen=True)
class Shown:
    """From `start_ms` on a hand changes to so many fingers; -1: it goes out of view."""

    start_ms: int
    fingers: int


@dataclass(frozen=True)
class Hand:
    """A hand before the camera; `first` fingers (-1: no hand) until the first change, each of `change_ms`."""

    first: int
    changes: tuple[Shown, ...] = ()
    change_ms: int = 240


@dataclass(frozen=True)
class Lean:
    """A change of posture to `slouch`: 0 straight, 1 bent."""

    start_ms: int
    length_ms: int
    slouch: float


@dataclass(frozen=True)
class Sitting:
    """A person on a chair."""

    first: float = 0.0
    leans: tuple[Lean, ...] = ()


@dataclass(frozen=True)
class Go:
    """A thing's way to another place: `x` 0 is the left edge of the picture, 1 the right one."""

    start_ms: int
    length_ms: int
    x: float


@dataclass(frozen=True)
class Thing:
    """A thing at (x, y), both in 0..1 of the picture, y downwards; outside 0..1 it is not seen."""

    shape: str
    color: str
    x: float
    y: float
    goes: tuple[Go, ...] = ()


@dataclass(frozen=True)
class Things:
    """Things on a table or before a wall."""

    things: tuple[Thing, ...] = ()


Play = Moving | Hand | Sitting | Things


@dataclass(frozen=True)
class Shot:
    """A play and how it looks: everything that is not the play is drawn from `seed` within `split`.

    `after`: the play's zero is the end of this line of the script, in which it plays from the beginning to the end.
    """

    play: Play
    split: str
    seed: int
    after: int = 0


@dataclass(frozen=True)
class RepDone:
    """A whole repetition is completed."""

    motion: str


@dataclass(frozen=True)
class Began:
    """The person has begun to move."""

    motion: str


@dataclass(frozen=True)
class Ended:
    """The person has come to rest."""

    motion: str


@dataclass(frozen=True)
class FingersUp:
    """So many fingers are held up; -1: there is no hand."""

    fingers: int


@dataclass(frozen=True)
class Slouched:
    """The person sits bent."""


@dataclass(frozen=True)
class SatUp:
    """The person sits straight."""


@dataclass(frozen=True)
class Appeared:
    """A thing is in view."""

    color: str
    shape: str
    side: Side


@dataclass(frozen=True)
class Left:
    """A thing is out of view."""

    color: str
    shape: str


@dataclass(frozen=True)
class ChangedSide:
    """A thing is on the other side."""

    color: str
    shape: str
    side: Side


@dataclass(frozen=True)
class SceneOver:
    """What was in view is no longer."""


Fact = RepDone | Began | Ended | FingersUp | Slouched | SatUp | Appeared | Left | ChangedSide | SceneOver


class Seen(NamedTuple):
    """A fact, and when it can be known."""

    t_ms: int
    fact: Fact


class Bout(NamedTuple):
    """Repetitions of one motion without a rest between them: from the first one's start to the last one's end."""

    motion: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Staged:
    """A shot in a session: it is on from `start_ms` to `end_ms`, and the play's zero is at `zero_ms`."""

    shot: Shot
    start_ms: int
    zero_ms: int
    end_ms: int


def seen(staged: Sequence[Staged]) -> list[Seen]:
    """Everything true of shots in a session, in order of time; what is there at first is known when a shot begins."""
    found = [fact for entry in staged for fact in _seen(entry)]
    return sorted(found, key=lambda entry: entry.t_ms)


def _seen(staged: Staged) -> Iterator[Seen]:
    play = staged.shot.play
    yield from (Seen(staged.start_ms, fact) for fact in at_first(play))
    placed = (Seen(staged.zero_ms + entry.t_ms, entry.fact) for entry in changes(play))
    yield from (entry for entry in placed if staged.start_ms <= entry.t_ms < staged.end_ms)
    yield Seen(staged.end_ms, SceneOver())


def at_first(play: Play) -> list[Fact]:
    """What is true before anything changes."""
    if isinstance(play, Hand):
        return [FingersUp(play.first)]
    if isinstance(play, Sitting):
        return [Slouched() if play.first >= SLOUCH else SatUp()]
    if isinstance(play, Things):
        return [Appeared(t.color, t.shape, side_of(t.x)) for t in play.things if _in_view(t.x)]
    return []


def changes(play: Play) -> list[Seen]:
    """What becomes true when, from the play's zero."""
    if isinstance(play, Moving):
        found = [*_rep_facts(play), *_bout_facts(play)]
    elif isinstance(play, Hand):
        found = [Seen(c.start_ms + play.change_ms, FingersUp(c.fingers)) for c in play.changes]
    elif isinstance(play, Sitting):
        found = list(_posture_facts(play))
    else:
        found = [fact for thing in play.things for fact in _thing_facts(thing)]
    return sorted(found, key=lambda entry: entry.t_ms)


def length_ms(play: Play) -> int:
    """From zero to the moment at which the last change is known."""
    known = changes(play)
    return max(known[-1].t_ms, 0) if known else 0


def bouts(play: Moving) -> list[Bout]:
    """What is moved without a rest."""
    found: list[Bout] = []
    for rep in play.reps:
        last = found[-1] if found else None
        if last and last.motion == rep.motion and rep.start_ms - last.end_ms < BOUT_GAP_MS:
            found[-1] = last._replace(end_ms=rep.end_ms)
        else:
            found.append(Bout(rep.motion, rep.start_ms, rep.end_ms))
    return found


def side_of(x: float) -> Side:
    """Where in the picture a place is."""
    return "left" if x < 0.5 else "right"


def _rep_facts(play: Moving) -> Iterator[Seen]:
    whole = (rep for rep in play.reps if rep.depth >= WHOLE_DEPTH and rep.motion != WAVING)
    return (Seen(rep.done_ms, RepDone(rep.motion)) for rep in whole)


def _bout_facts(play: Moving) -> Iterator[Seen]:
    first = {rep.start_ms: rep for rep in play.reps}
    for bout in bouts(play):
        yield Seen(first[bout.start_ms].seen_ms, Began(bout.motion))
        yield Seen(bout.end_ms + REST_KNOWN_MS, Ended(bout.motion))


def _posture_facts(play: Sitting) -> Iterator[Seen]:
    bent = play.first >= SLOUCH
    for lean in play.leans:
        if lean.slouch >= SLOUCH and not bent:
            bent = True
            yield Seen(_known_ms(lean), Slouched())
        elif lean.slouch <= UPRIGHT and bent:
            bent = False
            yield Seen(_known_ms(lean), SatUp())


def _thing_facts(thing: Thing) -> Iterator[Seen]:
    x = thing.x
    for go in thing.goes:
        known_ms = _known_ms(go)
        if _in_view(go.x) and not _in_view(x):
            yield Seen(known_ms, Appeared(thing.color, thing.shape, side_of(go.x)))
        elif _in_view(x) and not _in_view(go.x):
            yield Seen(known_ms, Left(thing.color, thing.shape))
        elif _in_view(x) and side_of(x) != side_of(go.x):
            yield Seen(known_ms, ChangedSide(thing.color, thing.shape, side_of(go.x)))
        x = go.x


def _known_ms(change: Lean | Go) -> int:
    return change.start_ms + round(KNOWN_SHARE * change.length_ms)


def _in_view(x: float) -> bool:
    return 0.0 < x < 1.0


_PLAYS = {kind.__name__: kind for kind in get_args(Play)}


def shot_to_json(shot: Shot) -> dict[str, Any]:
    """Plain values that JSON can hold; `shot_from_json` reads them back."""
    return to_dict(shot) | {"play": [type(shot.play).__name__, to_dict(shot.play)]}


def shot_from_json(data: dict[str, Any]) -> Shot:
    """The shot that `shot_to_json` gave."""
    name, fields = data["play"]
    return Shot(**data | {"play": from_dict(_PLAYS[name], fields)})

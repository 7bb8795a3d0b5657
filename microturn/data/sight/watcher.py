"""What a perfect watcher says of what it sees: standing instructions and questions about sight. Knows no clock."""

from dataclasses import dataclass, field
from typing import NamedTuple

from microturn.data import script as mean
from microturn.data.lexicon import number_words
from microturn.data.sight import play

SIT_UP = "sit up"
NO_HAND = "no hand"
START, STOP = "start", "stop"
MOVES, RESTS = "you move", "you rest"


class Remark(NamedTuple):
    """What should be said now, and the skill that asks for it."""

    text: str
    skill: str


@dataclass
class Watcher:
    """What is in view and which instructions about it are on; lives for one call of `oracle`."""

    counting: str | None = None
    reps: int = 0
    watching: str | None = None
    telling_fingers: bool = False
    minding_posture: bool = False
    awaited: tuple[str, str] | None = None
    commenting: bool = False
    fingers: int = -1
    bent: bool = False
    things: list[tuple[str, str, str]] = field(default_factory=list)

    def told(self, meaning: object) -> list[Remark]:
        """A line about sight is over: what is to be said at once."""
        match meaning:
            case mean.StartReps(motion):
                self.counting, self.reps = motion, 0
            case mean.StartBouts(motion):
                self.watching = motion
            case mean.StartFingers(now):
                self.telling_fingers = True
                return [Remark(number_words(self.fingers), "fingers")] if now and self.fingers >= 0 else []
            case mean.AskFingers():
                return [Remark(NO_HAND if self.fingers < 0 else number_words(self.fingers), "fingers")]
            case mean.StartPosture():
                self.minding_posture = True
                return [Remark(SIT_UP, "posture")] if self.bent else []
            case mean.StartAppear(color, shape):
                self.awaited = color, shape
                return [Remark(f"{color} {shape}", "appear")] if self._places(shape, color) else []
            case mean.AskSeen(about, shape):
                return [Remark(self._answer(about, shape), "asked")]
            case mean.StartComment():
                self.commenting = True
            case _:
                pass
        return []

    def stop(self) -> None:
        """Ends every standing instruction."""
        self.counting = self.watching = self.awaited = None
        self.telling_fingers = self.minding_posture = self.commenting = False

    def see(self, fact: play.Fact) -> list[Remark]:
        """Something becomes true: what is to be said of it."""
        match fact:
            case play.RepDone(motion):
                return self._counted(motion)
            case play.Began(motion) | play.Ended(motion):
                return self._bout(motion, isinstance(fact, play.Began))
            case play.FingersUp(fingers):
                return self._shown(fingers)
            case play.Slouched():
                self.bent = True
                return [Remark(SIT_UP, "posture")] if self.minding_posture else []
            case play.SatUp():
                self.bent = False
            case play.SceneOver():
                self.fingers, self.bent, self.things = -1, False, []
            case _:
                return self._thing(fact)
        return []

    def _counted(self, motion: str) -> list[Remark]:
        if motion != self.counting:
            return []
        self.reps += 1
        return [Remark(number_words(self.reps), "reps")]

    def _bout(self, motion: str, began: bool) -> list[Remark]:
        found = [Remark(START if began else STOP, "start stop")] if motion == self.watching else []
        return found + ([Remark(MOVES if began else RESTS, "comment")] if self.commenting else [])

    def _shown(self, fingers: int) -> list[Remark]:
        changed, self.fingers = fingers != self.fingers and fingers >= 0, fingers
        if not changed:
            return []
        found = [Remark(number_words(fingers), "fingers")] if self.telling_fingers else []
        return found + ([Remark(number_words(fingers), "comment")] if self.commenting else [])

    def _thing(self, fact: play.Fact) -> list[Remark]:
        found: list[Remark] = []
        if isinstance(fact, play.Appeared):
            self.things.append((fact.color, fact.shape, fact.side))
            name = f"{fact.color} {fact.shape}"
            if self.awaited == (fact.color, fact.shape):
                found.append(Remark(name, "appear"))
            return found + ([Remark(name, "comment")] if self.commenting else [])
        if not isinstance(fact, play.Left | play.ChangedSide):
            return found
        self._forget(fact.color, fact.shape)
        if isinstance(fact, play.ChangedSide):
            self.things.append((fact.color, fact.shape, fact.side))
        words = f"{fact.shape} {fact.side}" if isinstance(fact, play.ChangedSide) else f"no more {fact.shape}"
        return [Remark(words, "comment")] if self.commenting else []

    def _forget(self, color: str, shape: str) -> None:
        gone = next((thing for thing in self.things if thing[:2] == (color, shape)), None)
        if gone is not None:
            self.things.remove(gone)

    def _places(self, shape: str, color: str | None = None) -> list[tuple[str, str, str]]:
        return [thing for thing in self.things if thing[1] == shape and color in (None, thing[0])]

    def _answer(self, about: str, shape: str) -> str:
        found = self._places(shape)
        if about == "count":
            return number_words(len(found))
        if not found:
            return f"no {shape}"
        return found[0][0] if about == "color" else found[0][2]

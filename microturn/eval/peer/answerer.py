"""What a cascade says: rules in the place of its language model, and reminders as a tool. No sound, no clock.

It is asked once a turn, when the turn is over: that is what makes it a cascade. Standing orders (count, convert, beep)
are carried out on the words of the turn. Reminders sound on time, as a tool that speaks by itself can.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from microturn.data import script as mean
from microturn.data.lexicon import CATEGORIES, FILLERS, ITEM_WORDS, MM_HM, number_words, trailing_number
from microturn.data.oracle import ITEM_MAX_WORDS, SINGULAR
from microturn.data.script import Meaning
from microturn.eval.peer.understanding import meant


class Reply(NamedTuple):
    """What to say at once, or "", and why, for whoever reads the trace."""

    say: str
    why: str


@dataclass
class Alarm:
    """Say `text` at `due_s`, and every `every_s` from then on where that is not 0."""

    text: str
    began_s: float
    due_s: float
    every_s: float = 0.0


@dataclass
class Answerer:
    """One conversation. Times are in seconds on any clock."""

    name: str | None = None
    wake_name: str | None = None
    counting: str | None = None
    count: int = 0
    converting: mean.StartConvert | None = None
    taboo: str | None = None
    items: bool = False
    telling: bool = False
    alarms: list[Alarm] = field(default_factory=list[Alarm])
    silence: mean.SilenceWatch | None = None
    quiet_since_s: float | None = None
    stopwatch_s: float | None = None
    began_s: float | None = None
    done_s: float | None = None

    def turn(self, text: str, ended_s: float, unsaid: str = "") -> Reply:
        """Answer a turn whose speech ended at `ended_s`; its stretches are parted by full stops.

        unsaid: what was cut off when the turn began; it is taken up again where the turn was only a sign of listening,
        or nothing that could be understood.
        """
        lines = [line.strip() for line in text.lower().replace(",", " ").split(".") if line.strip()]
        meanings = [self._meant(line) for line in lines]
        if len(lines) > 1 and not any(meanings):
            whole = self._meant(" ".join(lines))
            lines, meanings = ([" ".join(lines)], [whole]) if whole is not None else (lines, meanings)
        if all(isinstance(meaning, mean.Backchannel) for meaning in meanings):
            return Reply(unsaid, "a sign of listening" if lines else "no words")
        told: list[Reply] = []
        for line, meaning in zip(lines, meanings, strict=True):
            if isinstance(meaning, mean.Reschedule) and line.endswith("from now") and self.alarms:
                self.alarms[-1].began_s = ended_s
            told.append(self._cue(line) if meaning is None else self._do(meaning, ended_s))
        said = " ".join(reply.say for reply in told if reply.say)
        return Reply(said, "; ".join(reply.why for reply in told))

    def spoke(self) -> None:
        """The user speaks."""
        self.quiet_since_s = None

    def quiet(self, since_s: float) -> None:
        """The user has stopped."""
        self.quiet_since_s = since_s

    def next_due_s(self) -> float | None:
        """When something is to be said by itself."""
        times = [alarm.due_s for alarm in self.alarms]
        if self.silence is not None and self.quiet_since_s is not None:
            times.append(self.quiet_since_s + self.silence.seconds)
        return min(times, default=None)

    def due(self, now_s: float) -> list[str]:
        """What is to be said by itself now."""
        said: list[str] = []
        for alarm in sorted(self.alarms, key=lambda alarm: alarm.due_s):
            if alarm.due_s <= now_s:
                said.append(alarm.text)
                alarm.due_s += alarm.every_s
                if not alarm.every_s:
                    self.alarms.remove(alarm)
        quiet_s = 0.0 if self.quiet_since_s is None else now_s - self.quiet_since_s
        if self.silence is not None and self.quiet_since_s is not None and quiet_s >= self.silence.seconds:
            said.append(self.silence.text)
            self.quiet_since_s = None
        return said

    def _meant(self, line: str) -> Meaning | None:
        return meant(line, self.wake_name, bool(self.alarms))

    def _cue(self, line: str) -> Reply:
        """Talk: what standing orders make of it."""
        words = line.split()
        said: list[str] = []
        for at, word in enumerate(words):
            if self.counting is not None and word in CATEGORIES[self.counting]:
                self.count += 1
                said.append(number_words(self.count))
            if (task := self.converting) is not None and word in (task.source, SINGULAR[task.source]):
                amount = trailing_number(words[:at])
                if amount is not None and amount * task.rate < 10_000:
                    said.append(f"{number_words(amount * task.rate)} {task.target}")
            if word == self.taboo:
                said.append("beep")
        short = len(words) <= ITEM_MAX_WORDS and all(w in ITEM_WORDS for w in words) and words[0] not in FILLERS
        if self.items and short:
            said.append("okay")
        if self.telling:
            said.append(MM_HM)
        return Reply(" ".join(said), f"talk: {line!r}")

    def _do(self, meaning: Meaning, ended_s: float) -> Reply:
        why = repr(meaning)
        match meaning:
            case mean.Ask(answer=answer):
                return Reply(answer, why)
            case mean.Recite(text=text):
                return Reply(text, why)
            case mean.AskName():
                return Reply(self.name or "", why)
            case mean.StopwatchStop() | mean.AskElapsed():
                return Reply(self._elapsed(meaning, ended_s), why)
            case _:
                self._keep(meaning, ended_s)
                return Reply("", why)

    def _keep(self, meaning: Meaning, ended_s: float) -> None:
        """What changes something and is not answered."""
        match meaning:
            case mean.Remember(name=name):
                self.name = name
            case mean.WakeWord(name=name):
                self.wake_name = name
            case mean.AnswerEveryone():
                self.wake_name = None
            case mean.StartCount(category=category):
                self.counting, self.count = category, 0
            case mean.StartConvert():
                self.converting = meaning
            case mean.StartTaboo(word=word):
                self.taboo = word
            case mean.StartItems():
                self.items = True
            case mean.StartTelling():
                self.telling = True
            case mean.EndTelling():
                self.telling = False
            case mean.StopAll():
                self._stop()
            case mean.SilenceWatch():
                self.silence = meaning
            case mean.StopwatchStart():
                self.stopwatch_s = ended_s
            case mean.ElapsedStart():
                self.began_s, self.done_s = ended_s, None
            case mean.ElapsedDone():
                self.done_s = self.done_s or ended_s
            case _:
                self._set(meaning, ended_s)

    def _set(self, meaning: Meaning, ended_s: float) -> None:
        """Reminders."""
        match meaning:
            case mean.Delay(text=text, seconds=seconds):
                self.alarms.append(Alarm(text, ended_s, ended_s + seconds))
            case mean.Interval(text=text, seconds=seconds):
                self.alarms = [alarm for alarm in self.alarms if not alarm.every_s]
                self.alarms.append(Alarm(text, ended_s, ended_s + seconds, seconds))
            case mean.Countdown(start=start):
                self.alarms += [Alarm(number_words(n), ended_s, ended_s + start - n) for n in range(start, 0, -1)]
            case mean.Reschedule(seconds=seconds) if self.alarms:
                alarm = self.alarms[-1]
                late_s = alarm.began_s + seconds
                alarm.due_s = late_s if late_s > ended_s else ended_s + seconds
            case mean.Cancel() if self.alarms:
                self.alarms.pop()
            case _:
                pass

    def _stop(self) -> None:
        self.counting = self.converting = self.taboo = self.silence = None
        self.items = self.telling = False
        self.alarms.clear()

    def _elapsed(self, meaning: Meaning, ended_s: float) -> str:
        if isinstance(meaning, mean.StopwatchStop):
            began_s, self.stopwatch_s = self.stopwatch_s, None
        else:
            began_s = self.began_s if self.began_s is not None else self.stopwatch_s
            ended_s = self.done_s if self.done_s is not None else ended_s
        if began_s is None:
            return ""
        seconds = round(ended_s - began_s)
        return f"{number_words(seconds)} second{'' if seconds == 1 else 's'}"

"""The perfect listener: from meanings and exact word times to what the agent should say, and when. Labels only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, NamedTuple

from microturn.core.clock import TICK_MS, tick_of
from microturn.data import script as mean
from microturn.data.lexicon import BACKCHANNELS, CATEGORIES, FILLERS, ITEM_WORDS, MM_HM, number_words, trailing_number
from microturn.data.script import Line, Spoken, TimedWord
from microturn.data.sight.play import Seen
from microturn.data.sight.watcher import Remark, Watcher

WORDS_PER_TICK = 2
READ_PER_TICK = 6
QUIET_TICKS = 3
LET_ME_CHECK, STILL_WORKING = "let me check", "still working on it"
ITEM_MAX_WORDS = 3
SINGULAR = {"euros": "euro", "dollars": "dollar", "meters": "meter", "feet": "foot"}
# Understood without the wake word: what is not a request, and what ends something.
NEEDS_NO_CALL = (
    mean.Remember,
    mean.StopAll,
    mean.WakeWord,
    mean.AnswerEveryone,
    mean.ElapsedStart,
    mean.ElapsedDone,
    mean.EndTelling,
)
# What is said about what is seen: watcher.py knows what it means.
SIGHT = (
    *(mean.StartReps, mean.StartBouts, mean.AskFingers, mean.StartFingers),
    *(mean.StartPosture, mean.StartAppear, mean.AskSeen, mean.StartComment),
)


@dataclass(frozen=True)
class Expect:
    """The agent should begin to say `text` in `tick`; `skill` is the one that asks for it.

    `cut`: the tick from which it is silent, whatever of the text is left then, because the user barged in.
    `hands_over`: with the first word something is handed over to be worked at meanwhile.
    """

    tick: int
    text: str
    skill: str
    cut: int | None = None
    hands_over: bool = False


class _Due(NamedTuple):
    """What should be said from `tick` on if nothing else is. `long`: it ends where the user barges in."""

    tick: int
    text: str
    skill: str
    long: bool = False
    hands_over: bool = False


class _BargeIn(NamedTuple):
    """The user takes the floor: what is long is silent from `tick` on. `ends_all`: so is all that still waits."""

    tick: int
    ends_all: bool


def words_length(text: str) -> int:
    """How many ticks a text takes where it is only written."""
    return -(-len(text.split()) // WORDS_PER_TICK)


def oracle(
    spoken: Sequence[Spoken],
    end_ms: int,
    length: Callable[[str], int] | None = None,
    seen: Sequence[Seen] = (),
) -> list[Expect]:
    """What a perfect listener says in a session of `end_ms`, in order of ticks; `seen` is what it sees, in order.

    Word-anchored speech (answers, counts, conversions, beeps, okays) begins in the tick after the one in which the
    deciding word ends, and so does what is said of something seen, after the moment it can be known; clock-anchored
    speech in the tick that holds its due moment. A text takes `length(text)` ticks; without `length` two words fit in a
    tick. What falls due while something is said comes right after it, not at all where the user ended everything
    meanwhile. A recitation is cut when the user barges in: in the tick after the first word that a listener's "mm hm"
    or "okay" could not begin with. What would begin after the last tick is left out.

    What was handed over comes back as text and is said when it has been read and the user has been quiet for 600 ms;
    not at all where the user did not want it any more by then.
    """
    listener = _Listener(unseen=list(seen))
    for said in sorted(spoken, key=lambda s: s.words[0].start_ms if s.words else end_ms):
        if said.speaker == "user" and said.words:
            listener.hear(said)
    listener.pass_time(end_ms)
    lines = [
        (tick_of(s.words[0].start_ms), tick_of(s.words[-1].end_ms)) for s in spoken if s.speaker == "user" and s.words
    ]
    listener.due += [due for job in listener.jobs for due in _told(job, sorted(lines))]
    expects = _without_collisions(listener.due, listener.barge_ins, length or words_length)
    return [expect for expect in expects if expect.tick < -(-end_ms // TICK_MS)]


def _without_collisions(
    due: Sequence[_Due], barge_ins: Sequence[_BargeIn], length: Callable[[str], int]
) -> list[Expect]:
    placed: list[Expect] = []
    free_tick = 0
    for entry in sorted(due, key=lambda d: d.tick):  # stable: first come, first served
        tick = max(entry.tick, free_tick)
        end_tick = tick + length(entry.text)
        cuts = [b.tick for b in barge_ins if entry.tick < b.tick < end_tick and (entry.long or b.ends_all)]
        if any(cut <= tick for cut in cuts):
            continue  # the user went on, or ended everything, before it could begin
        cut = min(cuts) if cuts and entry.long else None
        free_tick = end_tick if cut is None else cut
        placed.append(Expect(tick, entry.text, entry.skill, cut, entry.hands_over))
    return placed


@dataclass
class _Job:
    """Something handed over: its result comes at `at_ms`. `unwanted_ms`: from when on nobody wants it any more."""

    result: str
    at_ms: int
    unwanted_ms: int | None = None


def _told(job: _Job, lines: Sequence[tuple[int, int]]) -> list[_Due]:
    """When a result is said between the user's lines, given as first and last ticks."""
    tick = tick_of(job.at_ms) + -(-len(job.result.split()) // READ_PER_TICK)
    for first, last in lines:
        if first <= tick < last + QUIET_TICKS:
            tick = last + QUIET_TICKS
    unwanted = not job.result or (job.unwanted_ms is not None and tick_of(job.unwanted_ms) < tick)
    return [] if unwanted else [_Due(tick, job.result, "delegate", long=True)]


@dataclass
class _Timer:
    """Something due at `due_ms`: again `every_ms` later where that is not 0."""

    text: str
    skill: str
    start_ms: int
    due_ms: int
    every_ms: int = 0


@dataclass
class _Listener:
    """The state of one session; lives for one call of `oracle`."""

    due: list[_Due] = field(default_factory=list)
    barge_ins: list[_BargeIn] = field(default_factory=list)
    name: str | None = None
    wake_name: str | None = None
    counting: str | None = None
    count: int = 0
    converting: mean.StartConvert | None = None
    taboo: str | None = None
    items: bool = False
    telling: bool = False
    timers: list[_Timer] = field(default_factory=list)
    silence: mean.SilenceWatch | None = None
    quiet_since_ms: int | None = None  # None: already asked in this quiet
    stopwatch_ms: int | None = None
    began_ms: int | None = None
    done_ms: int | None = None
    jobs: list[_Job] = field(default_factory=list)
    unseen: list[Seen] = field(default_factory=list)
    watcher: Watcher = field(default_factory=Watcher)

    def hear(self, said: Spoken) -> None:
        for index, word in enumerate(said.words):
            self.pass_time(word.start_ms)
            self.quiet_since_ms = word.end_ms
            if said.line.meaning is None:
                self.hear_cue(word, [w.word for w in said.words[: index + 1]])
        end_ms = said.words[-1].end_ms
        self.pass_time(end_ms)
        self.hear_barge_in(said)
        if said.line.meaning is None:
            self.hear_item(said)
            if self.telling:
                self.say_after(end_ms, MM_HM, "backchannelling")
        elif self.is_called(said.line, said.words[0].word):
            _RULES[type(said.line.meaning)](self, said.line.meaning, end_ms)

    def is_called(self, line: Line, first_word: str) -> bool:
        return self.wake_name in (None, first_word) or isinstance(line.meaning, NEEDS_NO_CALL)

    def hear_barge_in(self, said: Spoken) -> None:
        """Whatever the user says to the agent, but for what a listener says, takes the floor."""
        called = self.is_called(said.line, said.words[0].word)
        if called and not isinstance(said.line.meaning, mean.Backchannel):
            ends_all = isinstance(said.line.meaning, mean.StopAll)
            self.barge_ins.append(_BargeIn(tick_of(_telling_word(said.words).end_ms) + 1, ends_all))

    def hear_cue(self, word: TimedWord, so_far: list[str]) -> None:
        """`so_far`: the words of the line up to and with `word`."""
        if self.counting is not None and word.word in CATEGORIES[self.counting]:
            self.count += 1
            self.say_after(word.end_ms, number_words(self.count), "count")
        if (task := self.converting) is not None and word.word in (task.source, SINGULAR[task.source]):
            amount = trailing_number(so_far[:-1])
            if amount is not None:
                self.say_after(word.end_ms, f"{number_words(amount * task.rate)} {task.target}", "convert")
        if self.taboo is not None and word.word == self.taboo:
            self.say_after(word.end_ms, "beep", "taboo")

    def hear_item(self, said: Spoken) -> None:
        words = [w.word for w in said.words]
        is_item = len(words) <= ITEM_MAX_WORDS and all(w in ITEM_WORDS for w in words) and words[0] not in FILLERS
        if self.items and is_item:
            self.say_after(said.words[-1].end_ms, "okay", "items")

    def say_after(self, end_ms: int, text: str, skill: str) -> None:
        """Word-anchored speech."""
        self.due.append(_Due(tick_of(end_ms) + 1, text, skill))

    def remark(self, at_ms: int, remarks: Sequence[Remark]) -> None:
        for remark in remarks:
            self.say_after(at_ms, remark.text, remark.skill)

    def pass_time(self, now_ms: int) -> None:
        """All that falls due, or comes into view, before `now_ms`."""
        while self.unseen and self.unseen[0].t_ms < now_ms:
            fact = self.unseen.pop(0)
            self.remark(fact.t_ms, self.watcher.see(fact.fact))
        for timer in [*self.timers]:
            while timer.due_ms < now_ms and timer in self.timers:
                self.due.append(_Due(tick_of(timer.due_ms), timer.text, timer.skill))
                timer.due_ms += timer.every_ms
                if not timer.every_ms:
                    self.timers.remove(timer)
        if self.silence is not None and self.quiet_since_ms is not None:
            due_ms = self.quiet_since_ms + 1000 * self.silence.seconds
            if due_ms < now_ms:
                self.due.append(_Due(tick_of(due_ms), self.silence.text, "silence"))
                self.quiet_since_ms = None

    def last_delay(self) -> _Timer | None:
        return next((timer for timer in reversed(self.timers) if timer.skill == "delay"), None)


def _telling_word(words: Sequence[TimedWord]) -> TimedWord:
    """The word from which on a line cannot be a mere "okay", "uh huh" or the like; the last one where all of it can."""
    said = [word.word for word in words]
    backchannels = [phrase.split() for phrase in BACKCHANNELS]
    doubtful = takewhile(lambda n: any(phrase[:n] == said[:n] for phrase in backchannels), range(1, len(said)))
    return words[len(list(doubtful))]


def _seconds(span_ms: int) -> str:
    seconds = (span_ms + 500) // 1000
    return f"{number_words(seconds)} second{'' if seconds == 1 else 's'}"


def _answer(listener: _Listener, ask: mean.Ask, end_ms: int) -> None:
    listener.say_after(end_ms, ask.answer, ask.skill)


def _recite(listener: _Listener, recite: mean.Recite, end_ms: int) -> None:
    listener.due.append(_Due(tick_of(end_ms) + 1, recite.text, recite.skill, long=True))


def _delegate(listener: _Listener, task: mean.Delegate, end_ms: int) -> None:
    listener.due.append(_Due(tick_of(end_ms) + 1, LET_ME_CHECK, "delegate", hands_over=True))
    listener.jobs.append(_Job(task.result, end_ms + task.after_ms))


def _ask_progress(listener: _Listener, ask: mean.AskProgress, end_ms: int) -> None:
    if any(job.unwanted_ms is None and (not job.result or job.at_ms > end_ms) for job in listener.jobs):
        listener.say_after(end_ms, STILL_WORKING, "progress")


def _never_mind(listener: _Listener, never_mind: mean.NeverMind, end_ms: int) -> None:
    for job in listener.jobs:
        job.unwanted_ms = end_ms if job.unwanted_ms is None else job.unwanted_ms


def _start_telling(listener: _Listener, start: mean.StartTelling, end_ms: int) -> None:
    listener.telling = True


def _end_telling(listener: _Listener, end: mean.EndTelling, end_ms: int) -> None:
    listener.telling = False


def _only_listen(listener: _Listener, backchannel: mean.Backchannel, end_ms: int) -> None:
    """It asks for nothing."""


def _remember(listener: _Listener, remember: mean.Remember, end_ms: int) -> None:
    listener.name = remember.name


def _answer_name(listener: _Listener, ask: mean.AskName, end_ms: int) -> None:
    if listener.name is not None:
        listener.say_after(end_ms, listener.name, "memory")


def _start_count(listener: _Listener, start: mean.StartCount, end_ms: int) -> None:
    listener.counting, listener.count = start.category, 0


def _start_convert(listener: _Listener, start: mean.StartConvert, end_ms: int) -> None:
    listener.converting = start


def _start_taboo(listener: _Listener, start: mean.StartTaboo, end_ms: int) -> None:
    listener.taboo = start.word


def _start_items(listener: _Listener, start: mean.StartItems, end_ms: int) -> None:
    listener.items = True


def _stop_all(listener: _Listener, stop: mean.StopAll, end_ms: int) -> None:
    listener.counting = listener.converting = listener.taboo = listener.silence = None
    listener.items = listener.telling = False
    listener.timers.clear()
    listener.watcher.stop()


def _watch(listener: _Listener, told: object, end_ms: int) -> None:
    listener.remark(end_ms, listener.watcher.told(told))


def _start_interval(listener: _Listener, start: mean.Interval, end_ms: int) -> None:
    every_ms = 1000 * start.seconds
    listener.timers = [timer for timer in listener.timers if timer.skill != "interval"]
    listener.timers.append(_Timer(start.text, "interval", end_ms, end_ms + every_ms, every_ms))


def _start_delay(listener: _Listener, start: mean.Delay, end_ms: int) -> None:
    listener.timers.append(_Timer(start.text, "delay", end_ms, end_ms + 1000 * start.seconds))


def _reschedule(listener: _Listener, change: mean.Reschedule, end_ms: int) -> None:
    timer = listener.last_delay()
    if timer is not None:
        due_ms = timer.start_ms + 1000 * change.seconds
        timer.due_ms = due_ms if due_ms > end_ms else end_ms + 1000 * change.seconds


def _cancel(listener: _Listener, cancel: mean.Cancel, end_ms: int) -> None:
    timer = listener.last_delay()
    if timer is not None:
        listener.timers.remove(timer)


def _start_stopwatch(listener: _Listener, start: mean.StopwatchStart, end_ms: int) -> None:
    listener.stopwatch_ms = end_ms


def _stop_stopwatch(listener: _Listener, stop: mean.StopwatchStop, end_ms: int) -> None:
    if listener.stopwatch_ms is not None:
        listener.say_after(end_ms, _seconds(end_ms - listener.stopwatch_ms), "stopwatch")
        listener.stopwatch_ms = None


def _begin(listener: _Listener, start: mean.ElapsedStart, end_ms: int) -> None:
    listener.began_ms, listener.done_ms = end_ms, None


def _finish(listener: _Listener, done: mean.ElapsedDone, end_ms: int) -> None:
    if listener.done_ms is None:
        listener.done_ms = end_ms


def _answer_elapsed(listener: _Listener, ask: mean.AskElapsed, end_ms: int) -> None:
    if listener.began_ms is not None:
        until_ms = end_ms if listener.done_ms is None else listener.done_ms
        listener.say_after(end_ms, _seconds(until_ms - listener.began_ms), "stopwatch")


def _watch_silence(listener: _Listener, watch: mean.SilenceWatch, end_ms: int) -> None:
    listener.silence = watch


def _count_down(listener: _Listener, countdown: mean.Countdown, end_ms: int) -> None:
    for index, number in enumerate(range(countdown.start, 0, -1)):
        due_ms = end_ms + TICK_MS + 1000 * index
        listener.timers.append(_Timer(number_words(number), "countdown", end_ms, due_ms))


def _set_wake_word(listener: _Listener, wake: mean.WakeWord, end_ms: int) -> None:
    listener.wake_name = wake.name


def _answer_everyone(listener: _Listener, everyone: mean.AnswerEveryone, end_ms: int) -> None:
    listener.wake_name = None


_RULES: dict[type, Callable[[_Listener, Any, int], None]] = {
    mean.Ask: _answer,
    mean.Remember: _remember,
    mean.AskName: _answer_name,
    mean.StartCount: _start_count,
    mean.StartConvert: _start_convert,
    mean.StartTaboo: _start_taboo,
    mean.StartItems: _start_items,
    mean.StopAll: _stop_all,
    mean.Interval: _start_interval,
    mean.Delay: _start_delay,
    mean.Reschedule: _reschedule,
    mean.Cancel: _cancel,
    mean.StopwatchStart: _start_stopwatch,
    mean.StopwatchStop: _stop_stopwatch,
    mean.ElapsedStart: _begin,
    mean.ElapsedDone: _finish,
    mean.AskElapsed: _answer_elapsed,
    mean.SilenceWatch: _watch_silence,
    mean.Countdown: _count_down,
    mean.WakeWord: _set_wake_word,
    mean.AnswerEveryone: _answer_everyone,
    mean.Recite: _recite,
    mean.StartTelling: _start_telling,
    mean.EndTelling: _end_telling,
    mean.Backchannel: _only_listen,
    mean.Delegate: _delegate,
    mean.AskProgress: _ask_progress,
    mean.NeverMind: _never_mind,
    **dict.fromkeys(SIGHT, _watch),
}

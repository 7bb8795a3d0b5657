"""The visual three in the closed world: counting, start and stop, and replying to what is seen. Test looks and voices.

What is shown is drawn by data/sight in looks of the test split; the instruction is spoken, then the scene goes on.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from microturn.core.clock import TICK_MS
from microturn.data.lexicon import number_words
from microturn.data.scenarios import exercising, showing
from microturn.data.script import SceneScript, StartAppear, StartFingers, StartPosture, StartReps, staged
from microturn.data.sight.film import Film
from microturn.data.sight.play import (
    WAVING,
    WHOLE_DEPTH,
    Appeared,
    FingersUp,
    Left,
    Moving,
    SatUp,
    Seen,
    Slouched,
    Staged,
    bouts,
    seen,
)
from microturn.data.sight.published import Span
from microturn.data.sight.watcher import SIT_UP, START, STOP
from microturn.data.splits import Split
from microturn.eval.suite.closed_sound import Cast, Plays, Take, casts, end_s, filmed, say, take
from microturn.eval.suite.entries import Speak
from microturn.eval.suite.matching import Moment
from microturn.eval.suite.seen_suites import Answer, Case, charades_suite, proactive_suite, repcount_suite
from microturn.eval.suite.shape import Asked, Suite

SPLIT: Split = "test"
EACH = 10
FIRST_MS = 300
REPLY_S = 5.0
AFTER_S = 2.0
LONGEST_SHARE = 0.4  # of the video: else who says start at once and never stop comes close to the truth
Sampler = Callable[[np.random.Generator, Split], SceneScript]


class InScene(NamedTuple):
    """A scene in a session. zero_s: where its last line ends."""

    take: Take
    stage: Staged
    zero_s: float


def repcount_closed(asked: Asked) -> Suite:
    """RepCount in the small world: rendered exercises, counted aloud."""
    return repcount_suite("repcount-closed", "count repetitions aloud", repetitions(asked), asked.seed)


def charades_closed(asked: Asked) -> Suite:
    """Charades in the small world: say start and stop as somebody starts and stops."""
    return charades_suite("charades-closed", "say when it starts and stops", actions(asked), asked.seed)


def proactive_closed(asked: Asked) -> Suite:
    """ProactiveVideoQA in the small world: reply when it is to be seen."""
    return proactive_suite("proactive-closed", "reply when it is to be seen", replies(asked), asked.seed)


def repetitions(asked: Asked, speak: Speak = say, cast: Sequence[Cast] | None = None) -> list[Case]:
    """Whole and half repetitions of one exercise; whole ones count."""
    return _made(asked, 41, "repcount-closed", exercising.reps, _counted, speak, cast)


def actions(asked: Asked, speak: Speak = say, cast: Sequence[Cast] | None = None) -> list[Case]:
    """One bout of a motion."""
    return _made(asked, 43, "charades-closed", exercising.start_stop, _bout, speak, cast)


def replies(asked: Asked, speak: Speak = say, cast: Sequence[Cast] | None = None) -> list[Case]:
    """Things that come into view, fingers that change, somebody who slouches."""
    found: list[Case] = []
    for place, sampler in enumerate((showing.appear, showing.fingers, showing.posture)):
        few = Asked(asked.seed, -(-(asked.per_category or EACH) // 3))
        found += _made(few, 47 + place, f"proactive-closed/{sampler.__name__}", sampler, _answered, speak, cast)
    return found


def _made(
    asked: Asked,
    salt: int,
    name: str,
    sampler: Sampler,
    made_of: Callable[[str, SceneScript, InScene], Case | None],
    speak: Speak,
    cast: Sequence[Cast] | None,
) -> list[Case]:
    people = cast or casts()
    found: list[Case] = []
    for number in range(asked.per_category or EACH):
        rng = np.random.default_rng([asked.seed, salt, number])
        key = f"{name}/{number:04d}"
        made: Case | None = None
        while made is None:  # a sampler also gives scenes with other tasks in them
            script = sampler(rng, SPLIT)
            if not script.negative and len(script.lines) == 1 and script.lines[0].meaning is not None:
                made = made_of(key, script, in_scene(key, script, people[number % len(people)], speak))
        found.append(made)
    return found


def in_scene(key: str, script: SceneScript, cast: Cast, speak: Speak) -> InScene:
    """A script said and shown by somebody of the test split."""
    made = take(key, script.lines, cast, speak, script.tail_ms / 1000 + AFTER_S)
    ends_ms = [said.words[-1].end_ms for said in made.spoken]
    length_ms = len(made.pcm) * TICK_MS // 3200
    shots = staged(script, ends_ms, 0, length_ms)
    return InScene(filmed(made, Film(shots)), shots[0], end_s(made.spoken[-1]))


def _counted(key: str, script: SceneScript, scene: InScene) -> Case | None:
    play, meaning = script.shot.play, script.lines[0].meaning
    assert isinstance(play, Moving) and isinstance(meaning, StartReps)
    whole = [rep for rep in play.reps if rep.depth >= WHOLE_DEPTH and rep.motion != WAVING]
    if len(whole) < 3 or play.reps[0].start_ms < FIRST_MS:
        return None
    spans = tuple(Span(scene.zero_s + r.start_ms / 1000, scene.zero_s + r.end_ms / 1000) for r in whole)
    due = tuple(Moment(scene.zero_s + r.done_ms / 1000, number_words(n)) for n, r in enumerate(whole, start=1))
    return _case(key, meaning.motion, scene, due, spans=spans)


def _bout(key: str, script: SceneScript, scene: InScene) -> Case | None:
    play = script.shot.play
    assert isinstance(play, Moving)
    found = bouts(play)
    if len(found) != 1 or found[0].start_ms < FIRST_MS:
        return None
    span = Span(scene.zero_s + found[0].start_ms / 1000, scene.zero_s + found[0].end_ms / 1000)
    if span.end_s - span.start_s > LONGEST_SHARE * (scene.take.length_s - scene.zero_s):
        return None
    return _case(key, found[0].motion, scene, (Moment(span.start_s, START), Moment(span.end_s, STOP)), spans=(span,))


def _answered(key: str, script: SceneScript, scene: InScene) -> Case | None:
    facts = [Seen(entry.t_ms, entry.fact) for entry in seen([scene.stage])]
    match script.lines[0].meaning:
        case StartAppear(color, shape):
            kind = "appear"
            found = _appearing(facts, color, shape)
        case StartFingers(now=True):
            kind, found = "fingers", _fingers(facts, round(1000 * scene.zero_s))
        case StartPosture():
            kind, found = "posture", _slouching(facts)
        case _:
            return None
    if not found or found[0].related.start_s < scene.zero_s:
        return None
    due = tuple(Moment(answer.reply.start_s, answer.text) for answer in found)
    return _case(key, kind, scene, due, answers=tuple(found))


def _appearing(facts: Sequence[Seen], color: str, shape: str) -> list[Answer]:
    same = [f for f in facts if isinstance(f.fact, Appeared | Left) and (f.fact.color, f.fact.shape) == (color, shape)]
    begins = [f.t_ms for f in same if isinstance(f.fact, Appeared)]
    ends = [f.t_ms for f in same if isinstance(f.fact, Left)]
    return [_answer(f"{color} {shape}", t_ms, ends, facts) for t_ms in begins]


def _slouching(facts: Sequence[Seen]) -> list[Answer]:
    ends = [f.t_ms for f in facts if isinstance(f.fact, SatUp)]
    return [_answer(SIT_UP, f.t_ms, ends, facts) for f in facts if isinstance(f.fact, Slouched)]


def _fingers(facts: Sequence[Seen], told_ms: int) -> list[Answer]:
    shown = [(f.t_ms, f.fact.fingers) for f in facts if isinstance(f.fact, FingersUp)]
    ends = [t_ms for t_ms, _ in shown]
    found: list[Answer] = []
    for (t_ms, count), (before_ms, _) in zip(shown[1:], shown, strict=False):
        if count >= 0 and t_ms > told_ms and before_ms < t_ms:
            found.append(_answer(number_words(count), t_ms, ends, facts))
    if shown and shown[0][1] >= 0:
        first = _answer(number_words(shown[0][1]), told_ms, ends, facts)
        found.insert(0, first)
    return found


def _answer(text: str, begin_ms: int, ends_ms: Sequence[int], facts: Sequence[Seen]) -> Answer:
    """Shown until the next end of it; to be said until then, and within some seconds."""
    end_ms = min([t for t in ends_ms if t > begin_ms] + [facts[-1].t_ms])
    related = Span(begin_ms / 1000, end_ms / 1000)
    return Answer(text, related, Span(related.start_s, min(related.end_s, related.start_s + REPLY_S)))


def _case(
    key: str,
    category: str,
    scene: InScene,
    due: tuple[Moment, ...],
    spans: tuple[Span, ...] = (),
    answers: tuple[Answer, ...] = (),
) -> Case:
    user = Plays(scene.take)
    return Case(key, category, user, user.ticks, scene.zero_s, due, spans, answers, tuple(scene.take.heard))

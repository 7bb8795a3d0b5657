"""What is counted of sessions with a camera, on hand-made ones and on what a perfect watcher says."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from microturn.core.clock import TICK_MS
from microturn.data.oracle import Expect, oracle
from microturn.data.scenarios import SIGHT_SKILLS, sample_script
from microturn.data.script import Line, Script, StartBouts, StopAll, evenly_spoken, spoken_at, staged
from microturn.data.sight.play import Moving, Rep, Shot, Staged, seen
from microturn.eval.scorers import Said
from microturn.eval.sighted import (
    AIMS,
    ANSWERED,
    BENT,
    EACH,
    EXACT,
    HELD_UP,
    IOU,
    LAST,
    UNEVENTFUL,
    Part,
    SightFigure,
    sight_figures,
    sight_parts,
)

THREE = [Expect(10, "one", "reps"), Expect(20, "two", "reps"), Expect(30, "three", "reps")]
PLAY = Moving("standing", (Rep("squats", 0, 2_000), Rep("squats", 6_000, 2_000)))
STAGED = (Staged(Shot(PLAY, "test", 0), 0, 2_000, 20_000),)
ASKED = spoken_at(0, Line("say start", meaning=StartBouts("squats")), [1_000, 2_000])


def reps(*said: Said, due: list[Expect] = THREE) -> dict[str, Part]:
    return sight_parts("reps", said, due, (), STAGED, 100)


def bout_iou(*said: tuple[int, str], lines: tuple[object, ...] = (ASKED,)) -> tuple[float, float]:
    """The sum of the IoUs and the number of bouts."""
    spoken = [Said(tick, text) for tick, text in said]
    return sight_parts("start stop", spoken, [], lines, STAGED, 100)[IOU][:2]  # type: ignore[arg-type]


def value(parts: dict[str, Part], name: str) -> float:
    return sight_figures([parts])[name].value


def test_the_last_number_may_be_one_off_and_not_two_and_not_old() -> None:
    assert value(reps(Said(31, "two")), LAST) == value(reps(Said(31, "four")), LAST) == 1
    assert value(reps(Said(31, "five")), LAST) == value(reps(Said(11, "three")), LAST) == value(reps(), LAST) == 0
    assert value(reps(Said(31, "three")), EXACT) == 1 and value(reps(Said(31, "two")), EXACT) == 0
    assert LAST not in reps(Said(3, "one"), due=[])


def test_each_repetition_needs_its_number_within_a_second() -> None:
    counts = reps(Said(11, "one"), Said(26, "two"), Said(31, "four"))
    assert counts[EACH] == Part(2, 6, 3)
    rattled = sight_figures([reps(*(Said(t, "three") for t in range(10, 40, 2)))])
    assert rattled[LAST].value == 1 and rattled[EACH].value < 0.2


def test_a_number_that_another_skill_asked_for_is_no_repetition() -> None:
    due = [*THREE, Expect(40, "seven", "stopwatch")]
    counts = reps(Said(30, "three"), Said(40, "seven"), due=due)
    assert counts[EACH] == Part(2, 4, 3) and counts[EXACT].part == 1


def test_start_and_stop_are_compared_with_the_bouts_themselves() -> None:
    # Bouts from 2 to 4 s and from 8 to 10 s; a word of tick t is said at (t + 1) / 5 s.
    assert bout_iou((9, "start"), (19, "stop"), (39, "start"), (49, "stop")) == (2.0, 2)
    assert bout_iou((14, "start"), (19, "stop")) == (0.5, 2)
    assert bout_iou((39, "start")) == (pytest.approx(2 / 12), 2) and bout_iou() == (0.0, 2)


def test_bouts_after_the_user_ended_it_and_of_other_motions_do_not_count() -> None:
    ended = spoken_at(5_000, Line("stop", meaning=StopAll()), [5_500])
    assert bout_iou(lines=(ASKED, ended)) == (0.0, 1)
    other = spoken_at(0, Line("say start", meaning=StartBouts("waving")), [1_000, 2_000])
    assert bout_iou(lines=(other,)) == (0.0, 0)


def test_fingers_have_two_ticks() -> None:
    due = [Expect(10, "three", "fingers"), Expect(20, "four", "fingers")]
    counts = sight_parts("fingers", [Said(12, "three"), Said(23, "four")], due, (), STAGED, 100)
    assert value(counts, HELD_UP) == 0.5


def test_an_answer_has_a_second_and_a_posture_one_tick() -> None:
    asked = sight_parts("asked", [Said(14, "red")], [Expect(10, "red", "asked")], (), STAGED, 100)
    assert value(asked, ANSWERED) == 1
    bent = [Expect(10, "sit up", "posture"), Expect(30, "sit up", "posture")]
    posture = sight_parts("posture", [Said(11, "sit up"), Said(32, "sit up")], bent, (), STAGED, 100)
    assert value(posture, BENT) == 0.5


def test_false_speech_is_that_of_sessions_with_a_camera_in_which_nothing_is_due() -> None:
    idle = sight_parts("comment", [Said(3, "red"), Said(9, "ball")], [], (), STAGED, 300)
    busy = sight_parts("reps", [Said(3, "red")], THREE, (), STAGED, 300)
    unseen = sight_parts("answer", [Said(3, "red")], [], (), (), 300)
    found = sight_figures([idle, busy, unseen])[UNEVENTFUL]
    assert (found.judged, found.value) == (1.0, 2.0)


def test_the_interval_is_that_of_sessions_drawn_again() -> None:
    right, wrong = {HELD_UP: Part(2, 2, 2)}, {HELD_UP: Part(0, 2, 2)}
    found = sight_figures([right, wrong] * 50)[HELD_UP]
    assert found.low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.03)  # binomial: sqrt(0.25 / 100) is one deviation
    assert found.high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.03)
    assert sight_figures([right] * 9)[HELD_UP] == SightFigure(1.0, 1.0, 1.0, 18.0)


Pretender = Callable[[Sequence[Expect], int], list[Said]]


def examined(says: Pretender) -> dict[str, SightFigure]:
    """The figures of somebody who says what `says` makes of what is due, in a session of so many ticks."""
    sessions: list[dict[str, Part]] = []
    for skill in SIGHT_SKILLS:
        for seed in range(24):
            script: Script = sample_script(skill, np.random.default_rng(seed), "train")
            placed = evenly_spoken(script)
            shots = staged(script, [line.words[-1].end_ms for line in placed.spoken], 0, placed.end_ms)
            due = oracle(placed.spoken, placed.end_ms, seen=seen(shots))
            ticks = placed.end_ms // TICK_MS
            sessions.append(sight_parts(skill, says(due, ticks), due, placed.spoken, shots, ticks))
    return sight_figures(sessions)


def test_a_perfect_watcher_has_the_best_figures() -> None:
    found = examined(lambda due, ticks: [Said(e.tick, e.text) for e in due])
    assert found.keys() == {*AIMS, EXACT}
    for name, figure in found.items():
        if name == IOU:  # told late by what it takes to see it, and by the word that is said already
            assert AIMS[IOU] < figure.value < 1.0
        else:
            assert figure.value == (0.0 if name == UNEVENTFUL else 1.0)


def test_the_silent_have_no_false_speech_and_nothing_else() -> None:
    assert all(figure.value == 0 for figure in examined(lambda due, ticks: []).values())


def test_who_babbles_who_is_late_and_who_always_says_the_same_reach_no_aim() -> None:
    words = ("one", "two", "start", "sit up", "stop", "red ball", "three", "red", "four")
    late = examined(lambda due, ticks: [Said(e.tick + 6, e.text) for e in due])
    babbler = examined(lambda due, ticks: [Said(t, words[t // 2 % len(words)]) for t in range(0, ticks, 2)])
    same = examined(lambda due, ticks: [Said(e.tick, "two") for e in due])
    for found in (babbler, same, late):
        assert not [name for name in AIMS if name not in (UNEVENTFUL, LAST, IOU) and found[name].value >= AIMS[name]]
    assert babbler[UNEVENTFUL].value > 100 and same[IOU].value == 0 and babbler[IOU].value < AIMS[IOU]

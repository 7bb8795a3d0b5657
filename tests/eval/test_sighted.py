"""What is counted of sessions with a camera, on hand-made ones and on what a perfect watcher says."""

import numpy as np
import pytest

from microturn.data.oracle import Expect, oracle
from microturn.data.scenarios import SIGHT_SKILLS, sample_script
from microturn.data.script import Line, Script, StartBouts, StopAll, evenly_spoken, spoken_at, staged
from microturn.data.sight.play import Moving, Rep, Shot, Staged, seen
from microturn.eval.scorers import Said
from microturn.eval.sighted import SightCounts, sight_counts, sight_figures

THREE = [Expect(10, "one", "reps"), Expect(20, "two", "reps"), Expect(30, "three", "reps")]
PLAY = Moving("standing", (Rep("squats", 0, 2_000), Rep("squats", 6_000, 2_000)))
STAGED = (Staged(Shot(PLAY, "test", 0), 0, 2_000, 20_000),)
ASKED = spoken_at(0, Line("say start", meaning=StartBouts("squats")), [1_000, 2_000])


def reps(*said: Said, due: list[Expect] = THREE) -> SightCounts:
    return sight_counts("reps", said, due, (), STAGED, 100)


def bout_ious(*said: tuple[int, str], lines: tuple[object, ...] = (ASKED,)) -> tuple[float, ...]:
    spoken = [Said(tick, text) for tick, text in said]
    return sight_counts("start stop", spoken, [], lines, STAGED, 100).ious  # type: ignore[arg-type]


def test_the_last_number_may_be_one_off_and_not_two_and_not_old() -> None:
    assert reps(Said(31, "two")).last_right and reps(Said(31, "four")).last_right
    assert reps(Said(31, "five")).last_right is False and reps(Said(11, "three")).last_right is False
    assert reps().last_right is False and reps(Said(3, "one"), due=[]).last_right is None


def test_each_repetition_needs_its_number_within_a_second() -> None:
    counts = reps(Said(11, "one"), Said(26, "two"), Said(31, "four"))
    assert (counts.reps_due, counts.reps_said, counts.reps_right) == (3, 3, 1)
    assert sight_figures([counts]).rep_f1 == pytest.approx(1 / 3)
    rattled = sight_figures([reps(*(Said(t, "three") for t in range(10, 40, 2)))])
    assert rattled.last_number_share == 1 and rattled.rep_f1 is not None and rattled.rep_f1 < 0.2


def test_a_number_that_another_skill_asked_for_is_no_repetition() -> None:
    due = [*THREE, Expect(40, "seven", "stopwatch")]
    counts = reps(Said(30, "three"), Said(40, "seven"), due=due)
    assert counts.reps_said == 1 and counts.last_right


def test_start_and_stop_are_compared_with_the_bouts_themselves() -> None:
    # Bouts from 2 to 4 s and from 8 to 10 s; a word of tick t is said at (t + 1) / 5 s.
    assert bout_ious((9, "start"), (19, "stop"), (39, "start"), (49, "stop")) == (1.0, 1.0)
    assert bout_ious((14, "start"), (19, "stop")) == (0.5, 0.0)
    assert bout_ious((39, "start")) == (0.0, pytest.approx(2 / 12)) and bout_ious() == (0.0, 0.0)


def test_bouts_after_the_user_ended_it_and_of_other_motions_do_not_count() -> None:
    ended = spoken_at(5_000, Line("stop", meaning=StopAll()), [5_500])
    assert len(bout_ious(lines=(ASKED, ended))) == 1
    other = spoken_at(0, Line("say start", meaning=StartBouts("waving")), [1_000, 2_000])
    assert bout_ious(lines=(other,)) == ()


def test_fingers_have_two_ticks() -> None:
    due = [Expect(10, "three", "fingers"), Expect(20, "four", "fingers")]
    counts = sight_counts("fingers", [Said(12, "three"), Said(23, "four")], due, (), STAGED, 100)
    assert sight_figures([counts]).fingers_share == 0.5


def test_false_speech_is_that_of_sessions_with_a_camera_in_which_nothing_is_due() -> None:
    idle = sight_counts("comment", [Said(3, "red"), Said(9, "ball")], [], (), STAGED, 300)
    busy = sight_counts("reps", [Said(3, "red")], THREE, (), STAGED, 300)
    unseen = sight_counts("answer", [Said(3, "red")], [], (), (), 300)
    found = sight_figures([idle, busy, unseen])
    assert (found.uneventful_min, found.false_per_min) == (1.0, 2.0)


@pytest.mark.parametrize("skill", SIGHT_SKILLS)
def test_a_perfect_watcher_has_the_best_figures(skill: str) -> None:
    counts: list[SightCounts] = []
    for seed in range(24):
        script: Script = sample_script(skill, np.random.default_rng(seed), "train")
        placed = evenly_spoken(script)
        shots = staged(script, [line.words[-1].end_ms for line in placed.spoken], 0, placed.end_ms)
        due = oracle(placed.spoken, placed.end_ms, seen=seen(shots))
        said = [Said(e.tick, e.text) for e in due]
        counts.append(sight_counts(skill, said, due, placed.spoken, shots, placed.end_ms // 200))
    found = sight_figures(counts)
    best = {"reps": (found.last_number_share, found.rep_f1), "fingers": (found.fingers_share,)}
    assert all(figure == 1.0 for figure in best.get(skill, ()))
    assert found.false_per_min in (None, 0.0)
    if skill == "start stop":  # told late by what it takes to see it, and by the word that is said already
        assert found.bout_iou is not None and 0.6 < found.bout_iou < 1.0

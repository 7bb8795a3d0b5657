"""What a perfect watcher says, alone and beside what it hears."""

import pytest

from microturn.data.oracle import oracle
from microturn.data.script import (
    AskFingers,
    AskSeen,
    Interval,
    Line,
    Meaning,
    Spoken,
    StartAppear,
    StartBouts,
    StartComment,
    StartFingers,
    StartPosture,
    StartReps,
    StopAll,
    WakeWord,
    spoken_at,
)
from microturn.data.sight.play import (
    Appeared,
    Began,
    ChangedSide,
    Ended,
    Fact,
    FingersUp,
    Left,
    RepDone,
    SatUp,
    SceneOver,
    Seen,
    Slouched,
)

RED_BALL, BLUE_BALL = Appeared("red", "ball", "left"), Appeared("blue", "ball", "right")


def line(end_ms: int, meaning: Meaning | None, text: str = "word") -> Spoken:
    words = text.split()
    return spoken_at(end_ms - 100, Line(text, meaning=meaning), [end_ms] * len(words))


def said(facts: list[tuple[int, Fact]], *lines: Spoken) -> list[tuple[int, str]]:
    seen = [Seen(t_ms, fact) for t_ms, fact in facts]
    return [(e.tick, e.text) for e in oracle(lines, 60_000, seen=seen)]


def test_repetitions_are_counted_from_the_instruction_on_in_the_tick_after_they_are_done() -> None:
    facts: list[tuple[int, Fact]] = [(500, RepDone("squats")), (2_100, RepDone("squats")), (3_000, RepDone("push ups"))]
    facts.append((4_199, RepDone("squats")))
    assert said(facts, line(1_000, StartReps("squats"))) == [(11, "one"), (21, "two")]


def test_stop_ends_what_is_on() -> None:
    facts: list[tuple[int, Fact]] = [(2_000, RepDone("squats")), (4_000, RepDone("squats")), (4_500, Slouched())]
    lines = [line(500, StartReps("squats")), line(900, StartPosture()), line(3_000, StopAll())]
    assert said(facts, *lines) == [(11, "one")]


def test_start_and_stop_are_told_of_the_motion_that_was_named() -> None:
    facts: list[tuple[int, Fact]] = [(2_000, Began("waving")), (3_000, Ended("waving")), (4_000, Began("squats"))]
    assert said(facts, line(1_000, StartBouts("waving"))) == [(11, "start"), (16, "stop")]


def test_fingers_are_told_when_asked_and_at_each_change() -> None:
    facts: list[tuple[int, Fact]] = [(0, FingersUp(2)), (3_000, FingersUp(5)), (4_000, FingersUp(-1))]
    assert said(facts, line(1_000, AskFingers())) == [(6, "two")]
    assert said(facts, line(1_000, StartFingers(now=True))) == [(6, "two"), (16, "five")]
    assert said(facts, line(1_000, StartFingers(now=False))) == [(16, "five")]
    assert said(facts, line(5_000, AskFingers())) == [(26, "no hand")]


def test_who_slouches_is_told_again_only_after_sitting_straight() -> None:
    facts: list[tuple[int, Fact]] = [(2_000, Slouched()), (5_000, SatUp()), (7_000, Slouched())]
    assert said(facts, line(1_000, StartPosture())) == [(11, "sit up"), (36, "sit up")]
    assert said(facts, line(3_000, StartPosture()))[0] == (16, "sit up")


def test_only_the_awaited_thing_is_named_each_time_it_comes() -> None:
    facts: list[tuple[int, Fact]] = [(2_000, BLUE_BALL), (3_000, RED_BALL), (4_000, Left("red", "ball"))]
    facts.append((6_000, RED_BALL))
    assert said(facts, line(1_000, StartAppear("red", "ball"))) == [(16, "red ball"), (31, "red ball")]


@pytest.mark.parametrize(
    ("about", "shape", "answer"),
    [("count", "ball", "two"), ("count", "star", "zero"), ("color", "cup", "pink"), ("side", "cup", "right"),
     ("color", "star", "no star"), ("side", "kite", "no kite")],
)  # fmt: skip
def test_questions_are_answered_by_what_is_in_view(about: str, shape: str, answer: str) -> None:
    facts: list[tuple[int, Fact]] = [(0, RED_BALL), (0, BLUE_BALL), (0, Appeared("pink", "cup", "left"))]
    facts.append((500, ChangedSide("pink", "cup", "right")))
    asked = line(1_000, AskSeen(about, shape))  # type: ignore[arg-type]
    assert said(facts, asked) == [(6, answer)]


def test_what_was_in_view_is_forgotten_with_its_scene() -> None:
    facts: list[tuple[int, Fact]] = [(0, RED_BALL), (0, FingersUp(3)), (500, SceneOver())]
    assert said(facts, line(1_000, AskSeen("color", "ball"))) == [(6, "no ball")]
    assert said(facts, line(1_000, AskFingers())) == [(6, "no hand")]


def test_changes_are_commented() -> None:
    facts: list[tuple[int, Fact]] = [(2_000, RED_BALL), (4_000, ChangedSide("red", "ball", "right"))]
    facts += [(6_000, Left("red", "ball")), (8_000, Began("squats")), (10_000, Ended("squats"))]
    words = [text for _, text in said(facts, line(1_000, StartComment()))]
    assert words == ["red ball", "ball right", "no more ball", "you move", "you rest"]


def test_a_reminder_goes_on_beside_a_count() -> None:
    facts: list[tuple[int, Fact]] = [(t_ms, RepDone("squats")) for t_ms in (3_000, 5_050, 7_000)]
    lines = [line(1_000, Interval("drink", 4)), line(2_000, StartReps("squats")), line(8_000, StopAll())]
    assert said(facts, *lines) == [(16, "one"), (25, "drink"), (26, "two"), (36, "three")]


def test_an_instruction_without_the_wake_word_is_none() -> None:
    facts: list[tuple[int, Fact]] = [(5_000, RepDone("squats"))]
    lines = [line(1_000, WakeWord("max")), line(2_000, StartReps("squats"), "count my squats")]
    assert said(facts, *lines) == []
    assert said(facts, lines[0], line(2_000, StartReps("squats"), "max count my squats")) == [(26, "one")]

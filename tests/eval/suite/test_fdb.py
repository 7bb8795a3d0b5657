"""Full-Duplex-Bench: every rule on words made by hand, and both layouts on folders made here."""

import json
from pathlib import Path

import numpy as np
import pytest

from microturn.core.wav import WavWriter
from microturn.eval.suite.analyze import Segment, Word
from microturn.eval.suite.fdb1 import backchannels, distance, interruption, published_latency, takeover, turn
from microturn.eval.suite.fdb15 import Overlap, RuleLabeller, average, handled, plain_average, rates
from microturn.eval.suite.fdb_files import load_v1, load_v15, read_output


def words(*times: tuple[float, float]) -> list[Word]:
    return [Word(start, end, "word") for start, end in times]


@pytest.mark.parametrize(
    ("said", "took"),
    [
        (words(), False),
        (words((1.0, 1.3), (1.4, 1.9)), False),
        (words((1.0, 1.3), (1.4, 2.0)), True),
        (words((1.0, 1.1), (1.1, 1.2), (1.2, 1.3), (1.3, 1.4)), True),
    ],
)
def test_a_second_or_more_than_three_words_are_a_turn(said: list[Word], took: bool) -> None:
    assert takeover(said) is took


def test_published_latency_is_cut_at_zero_where_the_corrected_one_says_early() -> None:
    said = words((1.0, 4.0))
    assert published_latency(said, 2.0) == 0.0
    assert turn(said, [Segment(1.0, 4.0)], 2.0, 10.0).timed.status == "early"


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ([Segment(0.5, 3.2), Segment(5.5, 7.0)], "ok"),
        ([Segment(5.5, 7.0)], "not_exercised"),
        ([Segment(1.0, 9.9)], "talked_through"),
        ([Segment(1.0, 7.0)], "talked_through"),
    ],
)
def test_an_interruption_has_a_status(model: list[Segment], status: str) -> None:
    said = [Word(segment.start_s, segment.end_s, "word") for segment in model]
    found = interruption(said, model, 3.0, 5.0, 10.0)
    assert found.timed.status == status


def test_speech_that_never_stopped_is_a_fast_answer_only_as_published() -> None:
    assert interruption(words((1.0, 9.9)), [Segment(1.0, 9.9)], 3.0, 5.0, 10.0).latency_s == 0.0


def test_the_last_segment_decides_about_a_takeover_as_published_and_any_as_corrected() -> None:
    model = [Segment(1.0, 2.5), Segment(5.0, 5.4)]
    found = backchannels(words((5.0, 5.4)), model, [1.0, 1.0], 10.0)
    assert (found.takeover, found.takeover_any, found.frequency) == (False, True, 0.1)


def test_without_a_backchannel_the_published_distance_is_one_and_the_other_none() -> None:
    found = backchannels([], [], [1.0, 1.0], 10.0)
    assert (found.jsd, found.jsd_unit) == (1.0, None)


def test_the_distance_of_two_that_share_nothing_is_the_root_of_ln_2() -> None:
    assert distance([1.0, 0.0], [0.0, 1.0]) == pytest.approx(np.sqrt(np.log(2)), abs=1e-4)
    assert distance([1.0, 1.0], [2.0, 2.0]) == pytest.approx(0.0, abs=1e-6)


OVERLAP = Overlap("user_interruption", 3.0, 4.0, answers=("blue",), resumes=("the river",))


@pytest.mark.parametrize(
    ("after", "label"),
    [
        ("it is blue", "C_RESPOND"),
        ("and the river went on", "C_RESUME"),
        ("sorry what was that", "C_UNCERTAIN_HANDLING"),
        ("", "C_UNKNOWN"),
    ],
)
def test_rules_give_one_of_four_labels(after: str, label: str) -> None:
    assert RuleLabeller().label(OVERLAP, "so the", after) == label


def test_the_published_average_rounds_each_rate_half_up() -> None:
    by_scene = {
        "user_interruption": 0.785,
        "user_backchannel": 0.7449,
        "talking_to_other": 0.8,
        "background_speech": 0.78,
    }
    assert average(by_scene) == pytest.approx((0.79 + 0.74 + 0.80 + 0.78) / 4)
    assert plain_average(by_scene) == pytest.approx(0.777475)


def test_a_failed_judge_leaves_its_scenario_out_of_the_rate() -> None:
    class Failing:
        name = "failing"

        def label(self, overlap: Overlap, before: str, after: str) -> None:
            return None

    model = [Segment(1.0, 3.5), Segment(4.5, 6.0)]
    good = handled(OVERLAP, model, 10.0, "", "blue", RuleLabeller())
    failed = handled(OVERLAP, model, 10.0, "", "blue", Failing())
    assert rates([good, failed])["user_interruption"] == 1.0
    assert good.exercised and good.stop.seconds == 0.5


def test_the_published_layouts_are_read_and_gaps_are_named(tmp_path: Path) -> None:
    for sample in ("candor_turn_taking/1", "candor_turn_taking/2", "user_interruption/7"):
        (tmp_path / sample).mkdir(parents=True)
        for name in ("input.wav", "clean_input.wav"):
            with WavWriter(tmp_path / sample / name) as wav:
                wav.write(np.zeros(3_200, np.float32))
    span = [{"text": "[TURN-TAKING]", "timestamp": [2.5, 2.7]}]
    (tmp_path / "candor_turn_taking/1/turn_taking.json").write_text(json.dumps(span))
    (tmp_path / "user_interruption/7/metadata.json").write_text(json.dumps({"timestamps": [1, 2.5]}))
    samples, lacking = load_v1(tmp_path)
    assert [(s.id, s.span, len(s.sound())) for s in samples] == [("candor_turn_taking/1", (2.5, 2.7), 3_200)]
    assert lacking == ["candor_turn_taking/2/turn_taking.json"]
    assert load_v15(tmp_path)[0][0].overlap == Overlap("user_interruption", 1.0, 2.5)


def test_words_without_an_end_are_left_out_of_an_output(tmp_path: Path) -> None:
    chunks = [{"text": " hi", "timestamp": [1.0, 1.2]}, {"text": "so", "timestamp": [2.0, None]}]
    (tmp_path / "output.json").write_text(json.dumps({"text": "hi so", "chunks": chunks}))
    assert read_output(tmp_path / "output.json") == [Word(1.0, 1.2, "hi")]

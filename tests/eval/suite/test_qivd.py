"""QIVD in both published layouts, made here, and its edition in the closed world: loader, scorer, validity."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microturn.core.chunk import Chunk
from microturn.core.errors import InputError
from microturn.eval.suite import closed_qivd
from microturn.eval.suite.endpoint import Line, tone
from microturn.eval.suite.judge import Judge, NoJudge
from microturn.eval.suite.published_figures import beside
from microturn.eval.suite.qivd_files import load_qivd, seconds
from microturn.eval.suite.qivd_suite import AFTER_S, decided, qivd, qivd_suite
from microturn.eval.suite.shape import Asked, Scored, Suite
from microturn.media.av import write_video
from tests.eval.suite.test_closed import CAST, speak
from tests.eval.suite.test_published_suites import Knowing, held

FAKES = ("oracle", "late-oracle", "early-oracle", "silent", "babbler")


def label(number: int, short: str = "A cube", answer: str = "You hold a cube.") -> dict[str, Any]:
    texts = {"question": "What am I holding?", "answer": answer, "short_answer": short}
    return {
        "id": number,
        "video": f"{number:08d}.mp4",
        "timestamp": "00:02.4",
        "category": "object referencing",
    } | texts


def clip(path: Path, seconds: int = 3, sound: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [np.full((32, 32, 3), 20 * n % 255, np.uint8) for n in range(5 * seconds)]
    write_video(path, pictures, 5, tone(float(seconds)) if sound else None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("qivd")
    labels = [label(0), label(1, "Yes", "Yes, it is a cube."), label(2, "Three", "Three cubes.")]
    for row in labels:
        clip(root / "videos" / row["video"])
    (root / "labels.json").write_text(json.dumps(labels))
    return root


@pytest.fixture(scope="module")
def closed() -> Suite:
    return qivd_suite("qivd-closed", "", closed_qivd.cases(Asked(0, 2), speak, CAST))


def figures(made: Suite, judge: Judge) -> dict[str, Scored]:
    return {fake: held(made, fake, judge) for fake in FAKES}


def test_the_clip_is_shown_from_its_beginning_with_its_sound(folder: Path) -> None:
    session = qivd(Asked(data=folder)).sessions[0]
    turns = [session.user.turn(tick, Chunk()) for tick in range(session.ticks)]
    heard = [tick for tick, turn in enumerate(turns) if turn.samples.any()]
    shown = [tick for tick, turn in enumerate(turns) if turn.frame is not None]
    assert (heard[0], shown[0]) == (0, 0)
    assert 13 <= len(shown) <= 16
    assert session.ticks == pytest.approx(5 * (3 + AFTER_S), abs=1)


def test_the_published_accuracy_knows_no_time_and_the_figure_beside_it_does(folder: Path) -> None:
    found = figures(qivd(Asked(data=folder)), Knowing())
    assert {fake: one.primary for fake, one in found.items()} == {
        **{"oracle": 1.0, "late-oracle": 1.0, "early-oracle": 1.0},
        **{"silent": 0.0, "babbler": 0.0},
    }
    in_time = {fake: one.figures["right and in time"]["rate"] for fake, one in found.items()}
    assert in_time == {"oracle": 1.0, "late-oracle": 0.0, "early-oracle": 0.0, "silent": 0.0, "babbler": 0.0}
    assert found["oracle"].figures["first word off the moment, mean s"] == pytest.approx(0.3, abs=0.05)
    assert [line.ours for line in beside("qivd", found["oracle"].figures)] == [100.0]


def test_rules_decide_yes_and_numbers_and_a_judge_the_rest(folder: Path) -> None:
    found = held(qivd(Asked(data=folder)), "oracle", NoJudge())
    assert [row.right for row in found.rows] == [None, True, True]
    assert (found.figures["void"], found.figures["decided by rules"]["rate"]) == (1, 1.0)
    assert found.figures["response"]["counts"]["ok"] == 2


@pytest.mark.parametrize(
    ("short", "text", "right"),
    [
        ("Yes", "Yes, you are.", True),
        ("No", "yes you are", False),
        ("yes", "no, or yes", None),
        ("no", "I see nobody", None),
        ("3", "There are three.", True),
        ("three", "four of them", False),
        ("Two", "two of the three", None),
        ("Two cups", "two", None),
        ("A cube", "a cube", None),
    ],
)
def test_words_alone_decide_only_where_nobody_can_doubt(short: str, text: str, right: bool | None) -> None:
    assert decided(short, text) is right


def test_the_table_of_the_other_layout_is_read_too(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow as pa
    import pyarrow.parquet as pq

    clip(tmp_path / "videos/7.mp4", 1)
    row = label(7) | {"video_file_name": "videos/7.mp4", "answer_timestamp": "00:00.8"}
    del row["video"], row["timestamp"]
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "metadata.parquet")
    (found,) = load_qivd(tmp_path)
    assert (found.id, found.moment_s, found.short) == ("7", 0.8, "A cube")
    assert found.video.is_file()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"timestamp": "soon"}, "not a time"),
        ({"timestamp": None}, "timestamp or answer_timestamp"),
        ({"video": "none.mp4"}, "no video"),
        ({"answer": None}, "lacks something"),
    ],
)
def test_a_label_that_does_not_fit_says_what_is_wrong(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    clip(tmp_path / "videos/00000000.mp4", 1)
    (tmp_path / "labels.json").write_text(json.dumps([label(0) | change]))
    with pytest.raises(InputError, match=told):
        load_qivd(tmp_path)


def test_a_folder_without_labels_and_a_clip_without_sound_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labels\.json or metadata\.parquet"):
        load_qivd(tmp_path)
    clip(tmp_path / "videos/00000000.mp4", 1, sound=False)
    (tmp_path / "labels.json").write_text(json.dumps([label(0)]))
    with pytest.raises(InputError, match="no sound"):
        qivd(Asked(data=tmp_path))


def test_times_are_minutes_and_seconds() -> None:
    assert [seconds(text, "") for text in ("01:04.4", "4.4", 7)] == pytest.approx([64.4, 4.4, 7.0])


def test_the_closed_edition_tells_who_sees_from_who_does_not(closed: Suite) -> None:
    found = figures(closed, NoJudge())
    assert {fake: one.primary for fake, one in found.items()} == {
        **{"oracle": 1.0, "late-oracle": 1.0, "early-oracle": 1.0},
        **{"silent": 0.0, "babbler": 0.0},
    }
    in_time = {fake: one.figures["right and in time"]["rate"] for fake, one in found.items()}
    assert in_time == {"oracle": 1.0, "late-oracle": 0.0, "early-oracle": 0.0, "silent": 0.0, "babbler": 0.0}
    guessed = held(closed, "guesser", NoJudge())
    assert guessed.primary == guessed.figures["always the commonest answer"]


def test_who_says_every_answer_is_right_in_none() -> None:
    made = closed_qivd.cases(Asked(0, 1), speak, CAST)
    suite = qivd_suite("qivd-closed", "", made)
    words = "red blue green one two three left right"
    recited = {case.id: [Line(case.moment_s + 0.3, words)] for case in made}
    assert held(replace(suite, fakes={"reciter": recited}), "reciter", NoJudge()).primary == 0.0


def test_what_is_asked_about_is_before_the_camera_while_it_is_asked(closed: Suite) -> None:
    session = closed.sessions[0]
    assert session.user.turn(0, Chunk()).frame is not None

"""What the services of a session share."""

import numpy as np

from microturn.data.voices import Clip, WordTime
from microturn.eval.peer.stage import Stage


def test_what_was_cut_off_is_told_once() -> None:
    words = (WordTime("one", 0, 300), WordTime("two", 300, 600), WordTime("three", 600, 900))
    stage = Stage(lambda: 0.0, clip=Clip(np.zeros(14_400, np.float32), words), said_s=0.4)
    assert stage.cut() == "two three"
    assert stage.cut() == ""


def test_events_count_from_the_first_sample_of_the_user() -> None:
    stage = Stage(lambda: 12.5, began_s=10.0)
    stage.note("answer", say="four")
    assert [tuple(note) for note in stage.notes] == [(2.5, "answer", {"say": "four"})]

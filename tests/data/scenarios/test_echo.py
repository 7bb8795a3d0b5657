"""Words to be said again."""

import numpy as np
import pytest

from microturn.data.scenarios import echo
from microturn.data.scenarios.echo import echoes
from microturn.data.script import Ask
from microturn.data.splits import SPLITS, Split


@pytest.mark.parametrize("split", SPLITS)
def test_the_answer_is_what_stands_after_the_comma(split: Split) -> None:
    for phrase in echoes(split):
        assert phrase.meaning == Ask(phrase.text.split(", ")[1], "echo words")
        assert 2 <= len(phrase.text.split(", ")[1].split()) <= 4


def test_no_row_of_words_is_in_two_splits() -> None:
    train, val, test = ({phrase.text.split(", ")[1] for phrase in echoes(split)} for split in SPLITS)
    assert train.isdisjoint(val | test) and val.isdisjoint(test)
    assert len(train) > 120


def test_rows_drawn_afresh_are_new_and_never_held_out() -> None:
    rng = np.random.default_rng(0)
    drawn = [echo.afresh(rng) for _ in range(400)]
    rows = {line.meaning.answer for line in drawn if isinstance(line.meaning, Ask)}
    known = {row: split for split in SPLITS for row in (p.text.split(", ")[1] for p in echoes(split))}
    assert all(known.get(row, "train") == "train" for row in rows)
    assert len(rows - known.keys()) > 200
    assert {len(row.split()) for row in rows} == {1, 2, 3}
    assert all(isinstance(d.meaning, Ask) and d.text.endswith(f", {d.meaning.answer}") for d in drawn)

"""Words to be said again."""

import pytest

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

"""No look and no tempo of one split is ever seen in another."""

from itertools import combinations

import numpy as np
import pytest

from microturn.data.sight.look import BINS, KINDS, RANGES, SHARED, bin_of, look, split_of_bin
from microturn.data.sight.tempo import LENGTH_MS, STYLES, tempo
from microturn.data.splits import SPLITS, Split

PAIRS = list(combinations(SPLITS, 2))


@pytest.mark.parametrize("split", SPLITS)
def test_every_number_of_a_look_lies_in_a_bin_of_its_split(split: Split) -> None:
    for seed in range(150):
        for name, value in look(split, seed).numbers.items():
            assert split_of_bin(bin_of(name, value)) == split, name


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_splits_share_no_number_and_no_kind(one: Split, other: Split) -> None:
    looks = {split: [look(split, seed) for seed in range(150)] for split in (one, other)}
    for name in RANGES:
        bins = [{bin_of(name, entry[name]) for entry in looks[split]} for split in (one, other)]
        assert bins[0].isdisjoint(bins[1]), name
    for name in KINDS:
        kinds = [{entry.kinds[name] for entry in looks[split]} - SHARED for split in (one, other)]
        assert kinds[0].isdisjoint(kinds[1]) and kinds[0], name


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_splits_share_no_tempo(one: Split, other: Split) -> None:
    assert set(STYLES[one].values()).isdisjoint(STYLES[other].values())
    drawn = {split: [tempo(split, np.random.default_rng(seed)).length_ms for seed in range(150)] for split in SPLITS}
    low, high = LENGTH_MS
    bins = {split: {int((ms - low) / (high - low) * BINS) for ms in drawn[split]} for split in SPLITS}
    assert bins[one].isdisjoint(bins[other])


def test_training_sees_most_of_the_world_and_its_edges() -> None:
    owners = [split_of_bin(index) for index in range(BINS)]
    assert owners.count("train") >= BINS / 2 and owners[0] == owners[-1] == "train"
    assert {"val", "test"} <= set(owners)


def test_a_look_is_decided_by_split_and_seed() -> None:
    assert look("train", 3) == look("train", 3) != look("train", 4)
    assert look("test", 3).numbers != look("train", 3).numbers

"""Pictures in the model's grid: aspect, padding, colours, and what is no picture."""

import numpy as np
import pytest

from microturn.core.errors import InputError
from microturn.media.picture import LONGEST_SIDE, fitted


def painted(height: int, width: int) -> np.ndarray:
    """Red on the left, blue on the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2, 0], picture[:, width // 2 :, 2] = 250, 250
    return picture


@pytest.mark.parametrize(("height", "width"), [(480, 640), (1080, 1920), (30, 40), (640, 480), (3, 4)])
def test_a_picture_keeps_its_aspect_and_its_colours_and_lies_in_the_middle(height: int, width: int) -> None:
    grid = fitted(painted(height, width), 80, 80)
    lit = grid.max(axis=2) > 0
    rows, columns = np.flatnonzero(lit.max(axis=1)), np.flatnonzero(lit.max(axis=0))
    assert len(columns) / len(rows) == pytest.approx(width / height, rel=0.05)
    assert abs(rows[0] - (79 - rows[-1])) <= 1 and abs(columns[0] - (79 - columns[-1])) <= 1
    middle = grid[40]
    left, right = middle[columns[len(columns) // 8]], middle[columns[-len(columns) // 8]]
    assert left[0] > 200 > 50 > left[2] and right[2] > 200 > 50 > right[0]


def test_one_pixel_is_the_mean_of_what_it_covers() -> None:
    board = np.indices((160, 160)).sum(0) % 2 * 200
    grid = fitted(np.repeat(board[..., None], 3, -1).astype(np.uint8), 80, 80)
    assert np.abs(grid[2:-2, 2:-2].astype(int) - 100).max() <= 3


def test_a_picture_of_the_right_size_is_taken_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    np.testing.assert_array_equal(fitted(picture, 80, 80), picture)


def test_the_thinnest_picture_still_shows() -> None:
    assert fitted(np.full((1, 4000, 3), 255, np.uint8), 80, 80).any()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4)),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, LONGEST_SIDE + 1, 3), np.uint8),
    ],
    ids=["grey", "floats", "empty", "huge"],
)
def test_what_is_no_picture_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match="picture"):
        fitted(wrong, 80, 80)

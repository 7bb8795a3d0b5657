"""Pairs of frames as positions: whole grid and patch by patch, what each position knows, grids that cannot be."""

from dataclasses import replace

import pytest
import torch

from microturn.core.errors import ConfigError
from microturn.model.config import SightConfig
from microturn.model.sight import SightStem
from tests.model.stepping import randomize

TOY = SightConfig(height=8, width=16, patch=8, folds=(2, 4), widths=(6, 10), patches_per_token=1)
WIDTH = 12


def stem(config: SightConfig = TOY) -> SightStem:
    made = SightStem(config, WIDTH, 1e-6)
    randomize(made, seed=3)
    return made.requires_grad_(False)


def pairs(config: SightConfig = TOY, batch: int = 2, count: int = 3) -> torch.Tensor:
    shape = (batch, count, 2, config.height, config.width, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("config", [TOY, replace(TOY, patches_per_token=2), replace(TOY, height=16)])
def test_the_whole_grid_at_once_is_patch_by_patch(config: SightConfig) -> None:
    given = pairs(config)
    folded = stem(config)(given)
    assert folded.shape == (2, 3 * config.tokens_per_pair, WIDTH)
    torch.testing.assert_close(folded, stem(config).by_patch(given), atol=1e-5, rtol=1e-5)


def test_a_position_knows_its_own_patch_and_both_frames_of_it() -> None:
    for frame in (0, 1):
        changed = pairs()
        changed[0, 1, frame, 0, 9] ^= 255  # in the right patch of the second pair
        differs = (stem()(pairs()) != stem()(changed)).any(-1)
        assert differs.nonzero().tolist() == [[0, 3]]


def test_the_order_of_the_frames_matters() -> None:
    assert not torch.allclose(stem()(pairs()), stem()(pairs().flip(2)))


@pytest.mark.parametrize(
    "wrong",
    [{"folds": (2, 2)}, {"widths": (6,)}, {"height": 12}, {"patches_per_token": 3}],
    ids=lambda w: next(iter(w)),
)
def test_impossible_grids_fail_at_construction(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        replace(TOY, **wrong)

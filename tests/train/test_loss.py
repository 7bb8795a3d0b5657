"""What counts in the loss, and how much."""

import numpy as np
import pytest
import torch

from microturn.data.oracle import Expect
from microturn.model.interaction import InteractionModel, init_weights
from microturn.train.batch import NO_TARGET, Batch, BatchConfig, make_batch
from microturn.train.loss import Losses, LossWeights, losses
from tests.train.toy import silent_stream, toy_config, toy_tokenizer

CONFIG = toy_config()


def made() -> tuple[InteractionModel, Batch, torch.Tensor]:
    model = InteractionModel(CONFIG.model)
    init_weights(model, 0)
    torch.nn.init.normal_(model.decision.weight, generator=torch.Generator().manual_seed(1))
    stream = silent_stream([Expect(4, "four five", "answer")])
    batch = make_batch([stream], toy_tokenizer(), CONFIG.model, BatchConfig(80, 32), np.random.default_rng(0))
    shape = (*batch.order_BT.shape, CONFIG.model.backbone.width)
    return model, batch, torch.randn(shape, generator=torch.Generator().manual_seed(2))


def loss_of(model: InteractionModel, batch: Batch, states: torch.Tensor) -> Losses:
    return losses(model, batch, LossWeights(), states, states)


def test_positions_without_a_target_do_not_count() -> None:
    model, batch, states = made()
    idle = (batch.decide_BT == NO_TARGET) & (batch.heard_BT == NO_TARGET)
    assert idle.any()
    other = states.clone()
    other[idle] = 1e6
    assert loss_of(model, batch, other).total == loss_of(model, batch, states).total


def test_no_gradient_reaches_a_position_without_a_target() -> None:
    model, batch, states = made()
    states.requires_grad_()
    loss_of(model, batch, states).total.backward()
    idle = (batch.decide_BT == NO_TARGET) & (batch.heard_BT == NO_TARGET)
    assert states.grad is not None
    assert states.grad[idle].abs().max() == 0 < states.grad[~idle].abs().sum()


def test_losses_are_means_over_the_weights() -> None:
    model, batch, states = made()
    doubled = batch._replace(decide_weight_BT=2 * batch.decide_weight_BT)
    torch.testing.assert_close(loss_of(model, doubled, states).decide, loss_of(model, batch, states).decide)


def test_a_model_that_knows_nothing_is_at_the_size_of_the_vocabulary() -> None:
    model, batch, states = made()
    assert loss_of(model, batch, states).heard.item() == pytest.approx(np.log(CONFIG.model.vocab_size), rel=1e-4)


def test_what_is_in_view_counts_where_a_picture_stands_and_its_words_share_alike() -> None:
    model, batch, states = made()
    torch.nn.init.normal_(model.heard.weight, generator=torch.Generator().manual_seed(3))
    view_BTW = torch.full_like(batch.view_BTW, NO_TARGET)
    assert loss_of(model, batch, states).view == 0 and (batch.view_BTW == NO_TARGET).all()
    view_BTW[0, 7, :2] = torch.tensor([20, 21])
    seen = batch._replace(view_BTW=view_BTW)
    log_V = model.transcribe(states[0, 7]).float().log_softmax(-1)
    loss = loss_of(model, seen, states)
    assert loss.view.item() == pytest.approx(-(log_V[20] + log_V[21]).item() / 2, rel=1e-5)
    without = loss_of(model, batch, states).total
    assert (loss.total - without).item() == pytest.approx(LossWeights().view * loss.view.item(), rel=1e-4)

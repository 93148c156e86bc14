"""Losses against other implementations; weights as repetitions."""

import numpy as np
import pytest
import sklearn.metrics
import torch

from skibias.engine.losses import (
    LOSSES,
    TIE_WEIGHT,
    error_rate,
    log_loss,
    squared_error,
    training_loss,
)


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(3, 20, 4, generator=generator, dtype=torch.float64)
    classes = torch.randint(4, (20,), generator=generator)
    weights = torch.randint(1, 4, (20,), generator=generator).double()
    return outputs, classes, weights / weights.mean()


def test_log_loss_equals_torch_and_sklearn(rows):
    outputs, classes, weights = rows
    result = log_loss(outputs, classes, weights)
    for own_result, own_outputs in zip(result, outputs, strict=True):
        row_losses = torch.nn.functional.cross_entropy(own_outputs, classes, reduction="none")
        torch.testing.assert_close(own_result, (row_losses * weights).sum() / weights.sum())
        probabilities = own_outputs.softmax(-1).numpy()
        expected = sklearn.metrics.log_loss(
            classes.numpy(), probabilities, sample_weight=weights.numpy()
        )
        assert float(own_result) == pytest.approx(expected, rel=1e-12)


def test_smoothed_training_loss_equals_torch_and_leaves_values_alone(rows):
    outputs, classes, weights = rows
    smoothed = training_loss("log_loss", 0.1)(outputs, classes, weights)
    for own_result, own_outputs in zip(smoothed, outputs, strict=True):
        row_losses = torch.nn.functional.cross_entropy(
            own_outputs, classes, reduction="none", label_smoothing=0.1
        )
        torch.testing.assert_close(own_result, (row_losses * weights).sum() / weights.sum())
    assert training_loss("log_loss", 0) is log_loss
    assert training_loss("squared_error", 0.1) is squared_error


def test_a_batch_with_a_heavy_row_has_a_greater_loss():
    # In the mean over batches of two rows, the row of weight 3 counts three times the others.
    weights = torch.tensor([3.0, 0.5, 0.5, 0.0])
    errors = torch.tensor([1.0, 0.0, 0.0, 0.0])
    outputs = errors.sqrt()[:, None]
    batches = [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    losses = [squared_error(outputs[b], torch.zeros(2, 1), weights[b]) for b in batches]
    assert float(torch.stack(losses).mean()) == pytest.approx((errors * weights).mean())


def test_log_loss_is_finite_for_large_outputs():
    outputs = torch.tensor([[1000.0, -1000.0]])
    assert log_loss(outputs, torch.tensor([1]), torch.ones(1)) == 2000


def test_squared_error_equals_numpy(rows):
    outputs, classes, weights = rows
    targets = torch.nn.functional.one_hot(classes, 4).double()
    errors = ((outputs.numpy() - targets.numpy()) ** 2).mean(-1)
    expected = np.average(errors, axis=-1, weights=weights)
    np.testing.assert_allclose(squared_error(outputs, targets, weights), expected, rtol=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_a_weight_is_a_number_of_repetitions(name, rows):
    outputs, targets, weights = rows
    if name == "squared_error":
        targets = torch.nn.functional.one_hot(targets, 4).double()
    counts = (weights / weights.min()).round()
    index = torch.arange(20).repeat_interleave(counts.long())
    repeated = LOSSES[name](outputs[:, index], targets[index], torch.ones(len(index)))
    torch.testing.assert_close(LOSSES[name](outputs, targets, weights), repeated)


@pytest.mark.parametrize("name", LOSSES)
def test_each_network_can_have_its_own_targets_and_weights(name, rows):
    outputs, targets, weights = rows
    if name == "squared_error":
        targets = torch.nn.functional.one_hot(targets, 4).double()
    own_targets = torch.stack([targets, targets.roll(1, 0), targets.roll(2, 0)])
    own_weights = torch.stack([weights, weights.roll(1), weights.roll(2)])
    together = LOSSES[name](outputs, own_targets, own_weights)
    alone = [LOSSES[name](*own) for own in zip(outputs, own_targets, own_weights, strict=True)]
    assert torch.equal(together, torch.stack(alone))


def test_error_rate_is_the_weighted_share_of_wrong_classes(rows):
    outputs, classes, weights = rows
    predicted = outputs.argmax(-1)
    for own_outputs, own, result in zip(
        outputs, predicted, error_rate(outputs, classes, weights), strict=True
    ):
        expected = 1 - sklearn.metrics.accuracy_score(
            classes.numpy(), own.numpy(), sample_weight=weights.numpy()
        )
        ties = TIE_WEIGHT * float(log_loss(own_outputs, classes, weights))
        assert float(result) == pytest.approx(expected + ties, rel=1e-12)


def test_errors_decide_before_the_loss_and_the_loss_among_equals():
    # The first network is wrong once but never confident, the others are right: 2 is surer.
    outputs = torch.tensor([[[0.1, 0], [0.1, 0]], [[0.1, 0], [0, 9]], [[3, 0], [0, 9]]])
    errors = error_rate(outputs, torch.tensor([0, 1]), torch.ones(2))
    assert errors[0] > errors[1] > errors[2]
    wrong_but_calibrated = error_rate(
        torch.tensor([[[0.1, 0], [0.1, 0]], [[60.0, 0], [60, 0]]]),
        torch.tensor([0, 1]),
        torch.ones(2),
    )
    assert wrong_but_calibrated[1] > wrong_but_calibrated[0]

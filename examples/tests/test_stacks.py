"""Stacks of unlike networks, on which the commands of examples/reproduction stand."""

from itertools import chain, islice

import numpy as np
import pytest
import torch

from skibias import SplineActivation
from skibias.functions.fixed import FixedActivation


@pytest.fixture
def stacks(part):
    return part("stacks")


RELU, TANH = (FixedActivation("relu"),), (FixedActivation("tanh"),)
SPLINE = (SplineActivation.from_function(np.sin, (-1, 1), 20),)


@pytest.fixture
def rows(stacks):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(60, 3))
    return stacks.make_rows(X, stacks.one_hot((X[:, 0] * X[:, 1] > 0).astype(int), 2))


def judge_on(rows, stacks):
    y = rows.targets.argmax(-1)
    return lambda predict: {"accuracy": stacks.accuracy(predict(rows.inputs), y)}


def final_weights(stacks, networks, rows, is_finished=None, **settings):
    """Return the judged weights of the last evaluation of each network, in a dict."""
    settings = {"n_steps": 60, "interval": 20} | settings
    training = stacks.Training((8,), **settings)
    weights = {}
    judge = judge_on(rows, stacks)
    for evaluation in stacks.train(networks, rows, training, judge, is_finished):
        weights |= dict(zip(evaluation.numbers, evaluation.weights, strict=True))
    return weights


def test_the_rows_that_are_left_over_wait_for_the_next_order(stacks, rows):
    numbered = rows._replace(targets=torch.arange(60))
    batches = stacks._batches(numbered, 16, torch.Generator().manual_seed(0))
    seen = [batch.targets.tolist() for batch in islice(batches, 6)]
    assert [len(batch) for batch in seen] == [16] * 6
    first, second = set(chain(*seen[:3])), set(chain(*seen[3:]))
    assert len(first) == len(second) == 48
    assert first != second


def test_gradient_descent_is_that_of_torch(stacks, rows):
    network = stacks.Network(TANH, 3, 0.5, 0.01)
    (first,) = final_weights(stacks, [network], rows, n_steps=0).values()
    (last,) = final_weights(stacks, [network], rows).values()
    weights = first.clone().requires_grad_()
    optimizer = torch.optim.SGD([weights], lr=0.5, weight_decay=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        w1, b1, w2, b2 = weights.split([24, 8, 16, 2])
        hidden = torch.tanh(rows.inputs @ w1.view(3, 8) + b1)
        loss = (hidden @ w2.view(8, 2) + b2 - rows.targets).square().mean()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(last, weights.detach(), rtol=1e-4, atol=1e-5)


def test_networks_do_not_depend_on_their_company(stacks, rows):
    networks = [
        stacks.Network(RELU, 0, 0.1),
        stacks.Network(RELU, 1, 0.1, 0.01),
        stacks.Network(SPLINE, 0, 0.2),
        stacks.Network(TANH, 0, 0.3),
    ]
    for averages in (False, True):
        together = final_weights(stacks, networks, rows, averages=averages, batch_size=16)
        for number, network in enumerate(networks):
            alone = final_weights(stacks, [network], rows, averages=averages, batch_size=16)
            torch.testing.assert_close(together[number], alone[0])


@pytest.mark.parametrize("averages", [False, True])
def test_networks_that_are_finished_leave_the_others_as_they_were(stacks, rows, averages):
    networks = [stacks.Network(kind, 0, 0.3) for kind in (TANH, RELU, SPLINE)]
    settings = {"averages": averages, "optimizer": "momentum"}
    undisturbed = final_weights(stacks, networks, rows, **settings)

    def first_is_finished(scores):
        return torch.arange(len(scores["accuracy"])) + 3 - len(scores["accuracy"]) == 0

    left = final_weights(stacks, networks, rows, first_is_finished, **settings)
    assert not torch.equal(left[0], undisturbed[0])  # not trained at all
    for number in (1, 2):
        torch.testing.assert_close(left[number], undisturbed[number])


def test_training_ends_when_all_are_finished(stacks, rows):
    networks = [stacks.Network(RELU, 0, 0.1)] * 2
    training = stacks.Training((8,), n_steps=60, interval=20)

    def all_finished(scores):
        return torch.ones(len(scores["accuracy"]), dtype=torch.bool)

    steps = stacks.train(networks, rows, training, judge_on(rows, stacks), all_finished)
    assert [evaluation.step for evaluation in steps] == [0]


def test_batches_hold_every_row_once_per_epoch(stacks, rows):
    numbered = stacks.make_rows(np.arange(10.0)[:, None], np.arange(10))
    batches = stacks._batches(numbered, 5, torch.Generator().manual_seed(0))
    seen = torch.cat([next(batches).inputs.flatten() for _ in range(2)])
    assert sorted(seen.tolist()) == list(range(10))
    assert seen.tolist() != list(range(10))

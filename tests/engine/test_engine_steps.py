"""Gradient steps against torch, and networks one by one against their stack."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.autograd import grad

from skibias.engine import steps
from skibias.engine.episodes import Rows, stream
from skibias.engine.losses import log_loss
from skibias.engine.networks import outputs
from skibias.engine.optim import OPTIMIZERS
from skibias.engine.steps import slope, slope_apart


@pytest.fixture
def problem(large_stack):
    """Large networks as `slope` takes them."""
    model, weights, functions, inputs = large_stack
    targets = torch.arange(len(inputs)) % 2
    row_weights = torch.rand(len(inputs), generator=stream(3))
    return model, functions, weights, Rows(inputs, targets, row_weights), log_loss


def test_gradients_apart_equal_those_of_the_stack_bit_for_bit_on_any_number_of_threads(problem):
    def run_in_order(calls):
        n_calls.append(len(calls))
        return [call() for call in calls]

    n_calls = []
    expected = slope(*problem)
    in_order = slope_apart(*problem, run_in_order)
    assert n_calls == [3]
    with ThreadPoolExecutor(2) as pool:
        on_threads = slope_apart(*problem, lambda calls: list(pool.map(_call, calls)))
    for found in (in_order, on_threads):
        assert all(map(torch.equal, found, expected))


def test_the_slope_is_the_gradient_of_every_networks_own_loss(problem):
    model, functions, weights, batch, loss = problem
    found = slope(model, functions, weights, batch, loss)
    for number, own in enumerate(weights):
        leaf = own.clone().requires_grad_()
        value = loss(outputs(model, leaf, functions, batch.inputs), batch.targets, batch.weights)
        torch.testing.assert_close(found.losses[number], value.detach())
        torch.testing.assert_close(found.gradient[number], grad(value, leaf)[0])


def _call(function):
    return function()


def _in_order(calls):
    return [call() for call in calls]


def test_small_networks_stay_in_one_stack(problem):
    model, functions, weights, batch, loss = problem

    def refuse(calls):
        raise AssertionError("networks were taken apart")

    few = Rows(*(part[:100] for part in batch))
    slope_apart(model, functions, weights, few, loss, refuse)
    slope_apart(model, functions, weights[:1], batch, loss, refuse)


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_apart_is_the_step_of_the_stack(name, is_large):
    n_weights = steps.UPDATED_WEIGHTS - (not is_large)
    optimizer, generator = OPTIMIZERS[name], stream(2)
    weights = torch.randn(3, n_weights, generator=generator)
    expected, state = weights, optimizer.init(weights)
    found = weights.clone()
    states = [optimizer.init(own) for own in steps.update_parts(found)]
    assert len(states) == (3 if is_large else 1)
    for _ in range(3):
        gradient = torch.randn(3, n_weights, generator=generator)
        expected, state = optimizer.update(expected, gradient, state, 0.01)
        states = steps.update_apart(optimizer, found, gradient, states, 0.01, _in_order)
    assert torch.equal(found, expected)
    assert not torch.equal(found, weights)

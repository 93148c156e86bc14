"""Update rules against torch.optim, against their formulas, and where the gradient is zero."""

import math

import pytest
import torch
from torch.autograd import grad

from skibias.engine.optim import OPTIMIZERS

CURVATURE = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
START = torch.tensor([[2.0, -2.0, 3.0], [2.5, 4.0, -3.0]], dtype=torch.float64)


def minimize_quadratic(name, weights, learning_rate, n_steps):
    """Return the weights (R, 3) after n_steps on 0.5 * sum(c * w²), whose gradient is c * w."""
    optimizer = OPTIMIZERS[name]
    state = optimizer.init(weights)
    for _ in range(n_steps):
        weights, state = optimizer.update(weights, CURVATURE * weights, state, learning_rate)
    return weights


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("sgd", torch.optim.SGD),
        ("momentum", lambda *args, **rate: torch.optim.SGD(*args, momentum=0.9, **rate)),
        # eps is inside the root here and outside in torch: none there, and no gradient near zero.
        ("rmsprop", lambda *args, **rate: torch.optim.RMSprop(*args, eps=0, **rate)),
        ("adam", lambda *args, **rate: torch.optim.Adam(*args, eps=0, **rate)),
    ],
)
def test_twenty_steps_equal_those_of_torch(name, reference):
    expected = START.clone().requires_grad_()
    optimizer = reference([expected], lr=0.01)
    for _ in range(20):
        expected.grad = CURVATURE * expected.detach()
        optimizer.step()
    result = minimize_quadratic(name, START, 0.01, 20)
    torch.testing.assert_close(result, expected.detach(), rtol=1e-7, atol=0)


def test_epsilon_is_inside_the_square_root():
    # One step from v = 0 with a tiny gradient g; Adam's corrected moments are g and g².
    gradient = torch.tensor([[3e-5]], dtype=torch.float64)
    start = torch.zeros(1, 1, dtype=torch.float64)
    expected = {
        "rmsprop": -3e-5 / math.sqrt(0.01 * 9e-10 + 1e-10),
        "adam": -3e-5 / math.sqrt(9e-10 + 1e-10),
    }
    for name, move in expected.items():
        optimizer = OPTIMIZERS[name]
        weights, _ = optimizer.update(start, gradient, optimizer.init(start), 1.0)
        assert float(weights) == pytest.approx(move, rel=1e-9)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_meta_gradient_is_finite_where_the_gradient_is_zero(name):
    # Zero functions make zero gradients: with eps outside the root, d sqrt(v) / dv is infinite.
    scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer, weights = OPTIMIZERS[name], START
    state = optimizer.init(weights)
    for _ in range(3):
        weights, state = optimizer.update(weights, scale * weights, state, 0.1)
    (meta_gradient,) = grad(weights.sum(), scale)
    assert meta_gradient.isfinite()
    assert meta_gradient != 0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_network_has_its_own_learning_rate(name):
    rates = torch.tensor([[0.1], [0.003]], dtype=torch.float64)
    together = minimize_quadratic(name, START, rates, 5)
    for network, rate in enumerate([0.1, 0.003]):
        alone = minimize_quadratic(name, START[network : network + 1], rate, 5)
        assert torch.equal(together[network : network + 1], alone)


def test_adam_corrects_each_network_by_its_own_number_of_steps():
    # In a staggered stack a network of 7 steps stands beside one that has just begun.
    optimizer = OPTIMIZERS["adam"]
    state = optimizer.init(START[:1])
    old = START[:1]
    for _ in range(7):
        old, state = optimizer.update(old, CURVATURE * old, state, 0.01)
    weights = torch.cat([old, START[1:]])
    mixed = tuple(torch.cat(pair) for pair in zip(state, optimizer.init(START[1:]), strict=True))
    result, _ = optimizer.update(weights, CURVATURE * weights, mixed, 0.01)
    assert torch.equal(result[:1], minimize_quadratic("adam", START[:1], 0.01, 8))
    assert torch.equal(result[1:], minimize_quadratic("adam", START[1:], 0.01, 1))

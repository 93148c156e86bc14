"""Measures over planes of weights against networks evaluated one by one."""

import math

import pytest
import torch

from skibias.engine.activations import fixed_activation
from skibias.engine.complexity import path_variation
from skibias.engine.episodes import Rows
from skibias.engine.landscape import (
    loss_measure,
    over_plane,
    principal_plane,
    random_plane,
    variation_measure,
)
from skibias.engine.losses import LOSSES
from skibias.engine.networks import Architecture, Functions, Model, forward

ARCHITECTURE = Architecture(3, (8, 8), 2)
MODEL = Model(ARCHITECTURE, fixed_activation("tanh"))


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def center(generator):
    return ARCHITECTURE.layout.draw(generator).double()


def test_the_principal_plane_holds_a_flat_trajectory(generator):
    plane = torch.linalg.qr(torch.randn(40, 2, generator=generator, dtype=torch.float64))[0].T
    steps = torch.stack([10 * torch.linspace(0, 1, 30).double(), torch.rand(30).double()], 1)
    states = 5 + steps @ plane
    directions, shares = principal_plane(states)
    torch.testing.assert_close(directions @ directions.T, torch.eye(2).double())
    torch.testing.assert_close(shares.sum(), torch.tensor(1.0).double())
    assert shares[0] > shares[1]
    rest = states - states[0]
    torch.testing.assert_close(rest @ directions.T @ directions, rest)


def test_principal_directions_point_forward(generator):
    states = torch.cumsum(torch.rand(20, 6, generator=generator), 0)
    for trajectory in (states, states.flip(0)):
        directions, _ = principal_plane(trajectory)
        assert (directions @ (trajectory[-1] - trajectory[0]) >= 0).all()


def test_random_directions_are_as_long_as_every_layer(center, generator):
    directions = random_plane(center, ARCHITECTURE, generator)
    sizes = [size for i, o in ARCHITECTURE.layer_shapes for size in (i * o, o)]
    for own, parts in zip(center.split(sizes), directions.split(sizes, 1), strict=True):
        torch.testing.assert_close(parts.norm(dim=1), own.norm().expand(2))
    cosine = torch.nn.functional.cosine_similarity(*directions, dim=0)
    assert abs(cosine) < 4 / math.sqrt(len(center))


def test_the_plane_is_evaluated_point_by_point(center, generator):
    directions = torch.randn(2, len(center), generator=generator, dtype=torch.float64)
    first, second = torch.linspace(-1, 1, 4), torch.linspace(0, 2, 3)
    sizes = []

    def total(weights):
        sizes.append(len(weights))
        return weights.sum(-1)

    values = over_plane(total, center, directions, first, second)
    assert values.shape == (3, 4)
    for row, b in enumerate(second):
        for column, a in enumerate(first):
            expected = (center + a * directions[0] + b * directions[1]).sum()
            torch.testing.assert_close(values[row, column], expected)
    in_stacks = over_plane(total, center, directions, first, second, 5 * len(center))
    assert torch.equal(in_stacks, values)
    assert sizes == [12, 5, 5, 2]


def test_measures_equal_those_of_single_networks(center, generator):
    weights = torch.stack([center, 2 * center])
    inputs = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    rows = Rows(inputs, torch.arange(20) % 2, torch.ones(20).double())
    losses = loss_measure(MODEL, Functions(), rows, LOSSES["log_loss"])(weights)
    points = torch.randn(5, 7, 3, generator=generator, dtype=torch.float64)
    drawn = torch.tensor([0, 1, 1, 0, 1])
    variations = variation_measure(MODEL, Functions(), points, drawn)(weights)
    for own, loss, variation in zip(weights, losses, variations, strict=True):
        outputs = forward(own, inputs, ARCHITECTURE, MODEL.activation)
        expected = torch.nn.functional.cross_entropy(outputs, rows.targets)
        torch.testing.assert_close(loss, expected)
        by_path = [
            path_variation(forward(own, path, ARCHITECTURE, MODEL.activation)[:, output])
            for path, output in zip(points, drawn, strict=True)
        ]
        torch.testing.assert_close(variation, torch.stack(by_path).mean())

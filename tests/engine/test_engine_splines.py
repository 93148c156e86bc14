"""Splines against numpy.interp, finite differences and each other."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import grad, gradcheck, gradgradcheck

from skibias.engine import splines

ANY_KNOTS = torch.tensor([-3.0, -2.5, -1.0, 0.0, 0.25, 2.0, 3.0], dtype=torch.float64)


def normal(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=dtype)


def uniform_spline(values, x, grid, evaluate=splines.evaluate):
    return evaluate(splines.uniform_table(values, grid), x, splines.uniform_cell(x, grid))


def between_knots(grid, *shape):
    """Points in every cell, also the outer two, that are 0.1 steps or more away from a knot."""
    generator = torch.Generator().manual_seed(3)
    cell = torch.randint(-2, int(grid.n_knots) + 1, shape, generator=generator)
    fraction = 0.1 + 0.8 * torch.rand(*shape, generator=generator, dtype=torch.float64)
    return grid.low + grid.step * (cell + fraction)


def test_uniform_knots_equal_numpy_interp():
    # numpy.interp is constant outside the knots, as P App. C asks.
    grid = splines.uniform_grid(-2.0, 3.0, 11)
    values, x = normal(11), 3 * normal(500, seed=1)
    expected = np.interp(x, np.linspace(-2, 3, 11), values)
    np.testing.assert_allclose(uniform_spline(values, x, grid), expected, rtol=0, atol=1e-13)


def test_knots_themselves_return_their_values():
    grid = splines.uniform_grid(-1.0, 1.0, 9)  # a step that binary numbers hold exactly
    values = normal(9)
    torch.testing.assert_close(uniform_spline(values, splines.grid_knots(grid, 9), grid), values)


def test_any_knots_equal_numpy_interp():
    values, x = normal(2, 7), 4 * normal(2, 300, seed=1)
    table = splines.knots_table(values, ANY_KNOTS)
    result = splines.evaluate(table, x, splines.knots_cell(x, ANY_KNOTS))
    for own_result, own_x, own_values in zip(result, x, values, strict=True):
        expected = np.interp(own_x, ANY_KNOTS, own_values)
        np.testing.assert_allclose(own_result, expected, rtol=0, atol=1e-13)


def test_linear_extrapolation_is_relu_far_outside_the_knots():
    knots = torch.tensor([-1.0, 0.0, 1.0])
    x = torch.cat([torch.linspace(-1000, 1000, 999), torch.tensor([-1e30, -0.0, 1e30])])
    table = splines.knots_table(torch.relu(knots), knots, "linear")
    result = splines.evaluate(table, x, splines.knots_cell(x, knots))
    assert torch.equal(result, torch.relu(x))


@pytest.mark.parametrize("evaluate", [splines.evaluate, splines.evaluate_frozen])
def test_functions_with_different_numbers_of_knots_equal_each_alone(evaluate):
    # Spare values of the shorter functions are NaN: they must not be read at all.
    grids = [splines.uniform_grid(-2.0, 1.0 + count / 10, count) for count in (5, 12, 2)]
    values, x = normal(3, 12), 2 * normal(3, 40, 2, seed=1)
    values[0, 5:] = values[2, 2:] = math.nan
    together = uniform_spline(values, x, splines.stack_grids(grids), evaluate)
    for number, grid in enumerate(grids):
        own_values = values[number, : int(grid.n_knots)]
        assert torch.equal(together[number], uniform_spline(own_values, x[number], grid, evaluate))


def test_knots_of_a_shorter_function_repeat_its_last_knot():
    grid = splines.stack_grids([splines.uniform_grid(0, 2, 3), splines.uniform_grid(0, 2, 5)])
    expected = torch.tensor([[0, 1, 2, 2, 2], [0, 0.5, 1, 1.5, 2]], dtype=torch.float64)
    assert torch.equal(splines.grid_knots(grid, 5), expected)


def test_cells_of_one_function_are_the_same_from_numbers_and_from_tensors():
    # Left of, on and between the knots, and what a diverged network sends.
    x = torch.cat([3 * normal(1000), torch.linspace(-2, 1, 13).double()])
    x = torch.cat([x, torch.tensor([math.nan, math.inf, -math.inf], dtype=torch.float64)])
    expected = splines.uniform_cell(x, splines.uniform_grid(-2.0, 1.0, 7))
    assert torch.equal(splines.shared_uniform_cell(x, -2.0, 0.5, 7), expected)


def test_first_and_second_derivatives_equal_finite_differences():
    grid = splines.uniform_grid(-1.0, 1.0, 6)
    values = normal(2, 6).requires_grad_()
    x = between_knots(grid, 2, 15).requires_grad_()
    grid = splines.stack_grids([grid, grid])
    assert gradcheck(lambda v, x: uniform_spline(v, x, grid), (values, x))
    assert gradgradcheck(lambda v, x: uniform_spline(v, x, grid), (values, x))


def test_derivatives_of_input_functions_equal_finite_differences():
    values = normal(2, 3, 5, 2).requires_grad_()
    position = 4 * torch.rand(6, 3, generator=torch.Generator().manual_seed(0)).double()
    assert gradcheck(lambda v: splines.evaluate_features(v, position), values)
    # Squared, since alone it is linear and every second derivative is zero.
    assert gradgradcheck(lambda v: splines.evaluate_features(v, position).square(), values)


def test_each_point_spreads_its_gradient_over_its_two_knots():
    # 0.2 = 0.8 * 0 + 0.2 * 1 and so on; outside, all of it belongs to the end knot.
    grid = splines.uniform_grid(0.0, 3.0, 4)
    values = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    x = torch.tensor([0.2, 1.75, -7.0, 9.0], dtype=torch.float64)
    weights = torch.tensor([1.0, 10.0, 100.0, 1000.0], dtype=torch.float64)
    (gradient,) = grad(uniform_spline(values, x, grid) @ weights, values)
    expected = torch.tensor([0.8 + 100, 0.2 + 2.5, 7.5, 1000], dtype=torch.float64)
    torch.testing.assert_close(gradient, expected)


def test_frozen_equals_unfrozen_forward_and_backward():
    grid = splines.uniform_grid(-1.0, 1.0, 6)
    x = between_knots(grid, 3, 50, 4).float().requires_grad_()
    grid = splines.stack_grids([grid] * 3).to(x)
    values, output_gradient = normal(3, 6, dtype=x.dtype), normal(3, 50, 4, seed=1, dtype=x.dtype)
    slow = uniform_spline(values, x, grid)
    fast = uniform_spline(values, x, grid, splines.evaluate_frozen)
    torch.testing.assert_close(fast, slow)
    assert torch.equal(*(grad(y, x, output_gradient)[0] for y in (slow, fast)))


def test_frozen_refuses_double_backward():
    # Also beside a term that has a second derivative of its own, which would hide the loss.
    grid, x = splines.uniform_grid(-1.0, 1.0, 6), normal(50).requires_grad_()
    y = uniform_spline(normal(6), x, grid, splines.evaluate_frozen)
    with pytest.raises(RuntimeError, match="twice"):
        grad((y.square() + x.square()).sum(), x, create_graph=True)


@pytest.mark.parametrize("evaluate", [splines.evaluate, splines.evaluate_frozen])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_diverged_network_leaves_the_others_alone(evaluate, bad):
    grid = splines.stack_grids([splines.uniform_grid(-1.0, 1.0, 5)] * 3)
    values, x = normal(3, 5), normal(3, 20, seed=1)
    broken = x.clone()
    broken[1] = bad
    cell = splines.uniform_cell(broken, grid)
    assert cell.dtype == torch.int32
    assert 0 <= int(cell.min()) <= int(cell.max()) <= 5
    whole, damaged = (uniform_spline(values, z, grid, evaluate) for z in (x, broken))
    assert torch.equal(damaged[::2], whole[::2])
    # A number would hide the divergence from the loss.
    assert not damaged[1].isfinite().any()


def test_input_functions_equal_numpy_interp_per_feature_and_channel():
    values = normal(2, 3, 6, 2)
    position = 5 * torch.rand(40, 3, generator=torch.Generator().manual_seed(0)).double()
    result = splines.evaluate_features(values, position).unflatten(-1, (3, 2))
    for network in range(2):
        for feature in range(3):
            for channel in range(2):
                own_values = values[network, feature, :, channel]
                expected = np.interp(position[:, feature], np.arange(6), own_values)
                own_result = result[network, :, feature, channel]
                np.testing.assert_allclose(own_result, expected, rtol=0, atol=1e-14)


def test_a_whole_position_reads_the_knot_alone():
    # So that a knot can stand for a category: its neighbours have no say, not even as NaN * 0.
    values = normal(1, 6, 1)
    position = torch.arange(6, dtype=torch.float64)[:, None]
    assert torch.equal(splines.evaluate_features(values, position)[:, 0], values[0, :, 0])


def test_input_functions_of_one_batch_per_network_equal_each_alone():
    values, position = normal(3, 2, 5, 2), 4 * normal(3, 30, 2, seed=1).sigmoid()
    together = splines.evaluate_features(values, position)
    alone = [splines.evaluate_features(*pair) for pair in zip(values, position, strict=True)]
    assert torch.equal(together, torch.stack(alone))


@pytest.mark.parametrize("value", [1e20, -1e20, float("inf"), -float("inf")])
def test_numbers_beyond_any_integer_take_the_end_values(value):
    """A cast to int64 would wrap around and return the other end."""
    x = torch.full((2, 3), value)
    grid = splines.stack_grids([splines.uniform_grid(-1, 1, 5), splines.uniform_grid(0, 2, 3)])
    expected = torch.tensor([[5], [3]]) if value > 0 else torch.zeros(2, 1)
    assert torch.equal(splines.uniform_cell(x, grid.to(x)), expected.expand(2, 3).long())
    assert (splines.shared_uniform_cell(x, -1.0, 0.5, 5) == (5 if value > 0 else 0)).all()

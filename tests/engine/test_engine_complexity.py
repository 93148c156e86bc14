"""Variation along a path against its definition."""

import numpy as np
import pytest
import torch

from skibias.engine.complexity import path_variation


def reference_variation(values):
    """P App. F to the letter: subtract the straight line between the end values, then add up."""
    n_points = len(values)
    total, previous = 0.0, 0.0
    for i in range(1, n_points):
        line = values[0] + (values[-1] - values[0]) * i / (n_points - 1)
        total += abs(values[i] - line - previous)
        previous = values[i] - line
    return total


def test_equals_the_definition():
    values = np.random.RandomState(0).randn(4, 5, 37)
    result = path_variation(torch.from_numpy(values))
    expected = np.apply_along_axis(reference_variation, -1, values)
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_a_straight_line_has_none():
    assert path_variation(3 * torch.arange(9.0) - 7) == 0


def test_a_triangle_counts_its_way_up_and_down():
    assert path_variation(torch.tensor([0.0, 1, 2, 3, 2, 1, 0])) == 6


@pytest.mark.parametrize(("slope", "constant"), [(0.0, 5.0), (2.0, 0.0), (-3.0, 1.0)])
def test_adding_a_line_changes_nothing(slope, constant):
    values = torch.from_numpy(np.random.RandomState(0).randn(50))
    moved = values + slope * torch.linspace(0, 1, 50, dtype=torch.float64) + constant
    torch.testing.assert_close(path_variation(moved), path_variation(values))


def test_scales_with_the_function_and_not_with_the_direction_of_the_path():
    values = torch.from_numpy(np.random.RandomState(0).randn(50))
    torch.testing.assert_close(path_variation(-3 * values), 3 * path_variation(values))
    torch.testing.assert_close(path_variation(values.flip(0)), path_variation(values))

"""Where heights of a function stand, and the functions that they make."""

import numpy as np
import pytest

from skibias.functions.supports import KnotSupport, LevelSupport

KNOTS = np.array([0.0, 1.0, 4.0])
SHARES = np.array([0.5, 0.25, 0.25])
LEVELS = LevelSupport(("a", "b", "c", "d"), np.array([1, 0, 2, 2, 0]), np.array([0.5, 0.3, 0.2]))
HEIGHTS = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0], [8.0, 80.0]])


def test_numbers_lie_between_knots():
    support = KnotSupport(KNOTS)
    assert support.positions(np.array([-1.0, 0.0, 0.5, 2.5, 9.0])).tolist() == [0, 0, 0.5, 1.5, 2]


def test_missing_numbers_have_a_height_of_their_own_or_the_mean_over_the_rows():
    learned = KnotSupport(KNOTS, has_missing=True, shares=SHARES)
    assert learned.n_heights == 4
    assert learned.positions(np.array([np.nan])).tolist() == [3]
    assert learned.function(HEIGHTS).missing.tolist() == [8.0, 80.0]
    mean = KnotSupport(KNOTS, shares=SHARES)
    assert mean.function(HEIGHTS).missing.tolist() == [2.0, 20.0]
    assert KnotSupport(KNOTS).function(HEIGHTS).missing is None


def test_levels_have_the_height_of_their_group():
    function = LEVELS.function(HEIGHTS)
    assert function(["a", "b", "c", "d"])[:, 0].tolist() == [2.0, 1.0, 4.0, 4.0]
    assert LEVELS.positions(np.array([0.0, 1.0, 2.0, 3.0])).tolist() == [1, 0, 2, 2]


def test_unknown_labels_have_the_mean_of_the_levels_by_their_shares():
    mean = pytest.approx([0.5 + 0.6 + 0.8, 5 + 6 + 8])
    function = LEVELS.function(HEIGHTS)
    assert function.unknown.tolist() == mean
    assert function.missing.tolist() == mean  # no row of training had a gap
    learned = LEVELS._replace(has_missing=True).function(HEIGHTS)
    assert learned.unknown.tolist() == mean
    assert learned.missing.tolist() == [8.0, 80.0]


@pytest.mark.parametrize("support", [LEVELS, KnotSupport(KNOTS, shares=SHARES)])
@pytest.mark.parametrize("has_missing", [True, False])
def test_the_heights_of_a_function_are_those_that_made_it(support, has_missing):
    own = support._replace(has_missing=has_missing)
    np.testing.assert_array_equal(own.heights(own.function(HEIGHTS)), HEIGHTS[: own.n_heights])

"""Which levels of a category share a height, and how frequent they are."""

import numpy as np
import pytest

from skibias._prepare.levels import MAX_LEVELS, MIN_LEVEL_ROWS, OWN_LEVELS, level_supports
from skibias._prepare.rows import WeightedRows
from skibias._prepare.table import TableReader


def support_of(codes, n_levels, weights=None):
    """Return the levels of a column of codes."""
    X = np.array(codes, dtype=np.float64)[:, None]
    weights = np.ones(len(X)) if weights is None else np.array(weights, dtype=np.float64)
    rows = WeightedRows(X, np.zeros(len(X)), weights / weights.mean())
    reader = TableReader("Model", {0: tuple(f"level {k}" for k in range(n_levels))})
    return level_supports(rows, reader)[0]


def test_few_levels_are_never_rare():
    support = support_of(range(OWN_LEVELS), OWN_LEVELS)
    assert len(set(support.groups[:-1])) == OWN_LEVELS


def test_levels_of_few_rows_share_a_height():
    frequent = np.repeat(np.arange(OWN_LEVELS + 2), MIN_LEVEL_ROWS)
    rare = np.repeat(np.arange(OWN_LEVELS + 2, OWN_LEVELS + 6), MIN_LEVEL_ROWS - 1)
    support = support_of([*frequent, *rare], OWN_LEVELS + 6)
    assert support.n_groups == OWN_LEVELS + 3
    assert len(set(support.groups[OWN_LEVELS + 2 : -1])) == 1
    assert support.shares.sum() == pytest.approx(1)
    assert support.shares[support.groups[-2]] == pytest.approx(
        len(rare) / (len(frequent) + len(rare))
    )


def test_rows_of_weight_two_count_like_two_rows():
    codes = np.repeat(np.arange(OWN_LEVELS + 8), [20] * OWN_LEVELS + [2] * 8)
    weights = np.where(codes == OWN_LEVELS, 20.0, 1.0)
    repeated = np.repeat(codes, weights.astype(int))
    weighted = support_of(codes, OWN_LEVELS + 8, weights)
    np.testing.assert_array_equal(weighted.groups, support_of(repeated, OWN_LEVELS + 8).groups)
    assert np.count_nonzero(weighted.groups[:-1] == weighted.groups[OWN_LEVELS]) == 1


def test_very_many_levels_keep_the_most_frequent_ones():
    counts = np.arange(3 * MAX_LEVELS) // MAX_LEVELS * 10 + 6
    support = support_of(np.repeat(np.arange(len(counts)), counts), len(counts))
    assert support.n_groups == MAX_LEVELS + 1
    assert len(set(support.groups[-MAX_LEVELS - 1 : -1])) == MAX_LEVELS


def test_missing_labels_are_no_level():
    support = support_of([0, 1, np.nan, 1], 2)
    assert support.has_missing and support.n_heights == 3
    assert sorted(support.shares) == pytest.approx([1 / 3, 2 / 3])
    assert support.positions(np.array([np.nan, 0.0, 2.0])).tolist() == [2, 1, 0]

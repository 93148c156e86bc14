"""Mean targets by level: whose targets are in them, and what few rows are drawn to."""

import numpy as np
import pytest

from skibias._prepare.levels import level_supports
from skibias._prepare.rows import WeightedRows
from skibias._prepare.table import TableReader
from skibias._prepare.target_means import MAX_TARGETS, MIN_LEVELS, TargetMeans
from skibias._prepare.targets import TableData, encoded_rows

N_LEVELS = MIN_LEVELS + 2
RNG = np.random.default_rng(0)
CODES = RNG.integers(0, N_LEVELS, 400)
EFFECTS = RNG.normal(size=N_LEVELS)
READER = TableReader("Model", {0: tuple(f"level {k}" for k in range(N_LEVELS))})


def fitted(y, weights=None, is_classification=False, groups=None):
    """Return the means, the rows and the encoding of targets."""
    X = np.stack([CODES, RNG.normal(size=len(CODES))], axis=1).astype(np.float64)
    weights = np.ones(len(X)) if weights is None else weights
    rows, encoding = encoded_rows(
        TableData(X, y, weights, groups), is_classification, keep_order=True
    )
    train = np.arange(300)
    means = TargetMeans.fit(rows, train, level_supports(rows, READER), encoding)
    return means, rows, train, encoding


def test_many_rows_have_the_mean_of_their_level():
    y = EFFECTS[CODES] + 0.01 * RNG.normal(size=len(CODES))
    means, _, _, encoding = fitted(y)
    expected = (EFFECTS - encoding.mean) / encoding.scale
    np.testing.assert_allclose(means.tables[0][:N_LEVELS, 0], expected, atol=0.02)


def test_pure_noise_is_drawn_to_the_mean_of_all():
    means, rows, train, encoding = fitted(RNG.normal(size=len(CODES)))
    overall = encoding.encode(rows.y[train]).mean()
    assert np.abs(means.tables[0] - overall).max() < 0.15


def test_unknown_and_missing_labels_have_the_mean_of_all():
    means, rows, train, encoding = fitted(EFFECTS[CODES])
    added = means.extend(np.array([[N_LEVELS, 0.0], [np.nan, 0.0]]))[:, 2]
    np.testing.assert_allclose(added, encoding.encode(rows.y[train]).mean())


def test_the_own_target_of_a_training_row_does_not_count():
    y = EFFECTS[CODES]
    means, rows, train, encoding = fitted(y)
    before = means.extend_training(rows, train, encoding, seed=0).X
    changed = rows._replace(y=np.where(np.arange(len(y)) == 7, 1e3, rows.y))
    after = means.extend_training(changed, train, encoding, seed=0).X
    assert before[7, 2] == after[7, 2]
    assert (before[train, 2] != after[train, 2]).any()


def test_held_out_rows_do_not_count():
    y = EFFECTS[CODES]
    means, rows, train, encoding = fitted(y)
    changed = rows._replace(y=np.where(np.arange(len(y)) >= 300, 1e3, rows.y))
    same = TargetMeans.fit(changed, train, level_supports(rows, READER), encoding)
    np.testing.assert_array_equal(means.tables[0], same.tables[0])


def test_groups_stay_together():
    groups = np.repeat(np.arange(40), 10)
    means, rows, train, encoding = fitted(EFFECTS[CODES], groups=groups)
    before = means.extend_training(rows, train, encoding, seed=0).X
    changed = rows._replace(y=np.where(rows.groups == 3, 1e3, rows.y))
    after = means.extend_training(changed, train, encoding, seed=0).X
    own = np.flatnonzero(rows.groups == 3)
    np.testing.assert_array_equal(before[own], after[own])


def test_weights_count_like_repeated_rows():
    y = EFFECTS[CODES] + RNG.normal(size=len(CODES))
    weights = RNG.integers(1, 4, len(CODES)).astype(np.float64)
    weighted = fitted(y, weights)[0].tables[0]
    rows = fitted(y)[1]
    often = np.repeat(np.arange(300), weights[:300].astype(int))
    repeated = WeightedRows(rows.X[often], rows.y[often], np.ones(len(often)))
    copies = TargetMeans.fit(
        repeated, np.arange(len(often)), level_supports(rows, READER), fitted(y, weights)[3]
    )
    np.testing.assert_allclose(weighted, copies.tables[0], atol=0.05)


@pytest.mark.parametrize(("n_classes", "n_columns"), [(2, 1), (3, 3), (MAX_TARGETS + 1, 0)])
def test_classes_have_one_column_each_and_two_have_one(n_classes, n_columns):
    y = np.arange(len(CODES)) % n_classes
    assert fitted(y, is_classification=True)[0].n_columns == n_columns


def test_no_table_of_classes_is_made_where_there_are_no_means(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a table of rows and classes was made")

    y = np.arange(len(CODES)) % (MAX_TARGETS + 1)
    monkeypatch.setattr(np, "eye", refuse)
    assert fitted(y, is_classification=True)[0].n_columns == 0


def test_few_levels_have_no_means():
    few = TableReader("Model", {0: tuple(range(MIN_LEVELS))})
    X = (CODES % MIN_LEVELS).astype(np.float64)[:, None]
    rows = WeightedRows(X, np.zeros(len(X)), np.ones(len(X)))
    _, _, train, encoding = fitted(EFFECTS[CODES])
    means = TargetMeans.fit(rows, train, level_supports(rows, few), encoding)
    assert means.n_columns == 0 and means.extend(X) is X

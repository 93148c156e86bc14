"""Axis sharpness against its definition, and on functions whose edges are known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from skibias.complexity import axis_sharpness

RANDOM = np.random.RandomState(0)
X = RANDOM.uniform(size=(2000, 3))
Y = np.floor(4 * X[:, 0]) + np.floor(4 * X[:, 1]) * (X[:, 2] > 0.5)


def reference(function, X, n_rows, n_points, seed):
    """The formula of the docstring, cell by cell."""
    random = np.random.RandomState(seed)
    at_cells = around_cells = 0.0
    for column in range(X.shape[1]):
        rows = X[random.permutation(len(X))[:n_rows]]
        values = np.quantile(X[:, column], np.linspace(0.01, 0.99, n_points))
        profiles = np.zeros((2, n_points - 1))
        for number, row in enumerate(rows):
            for cell in range(n_points - 1):
                ends = np.stack([row, row])
                ends[:, column] = values[cell : cell + 2]
                below, above = function(ends)
                profiles[int(number >= n_rows // 2), cell] += abs(above - below)
        profiles[0] /= n_rows // 2
        profiles[1] /= n_rows - n_rows // 2
        for cell in range(n_points - 1):
            around = profiles[1, max(0, cell - 5) : cell + 6]
            at_cells += profiles[0, cell] * profiles[1, cell]
            around_cells += profiles[0, cell] * around.mean()
    return at_cells / around_cells - 1


def test_it_equals_the_formula():
    def wave(points):
        return np.sin(9 * points[:, 0] * points[:, 1]) + points[:, 2] ** 3

    expected = reference(wave, X, n_rows=7, n_points=16, seed=5)
    measured = axis_sharpness(wave, X, n_rows=7, n_points=16, random_state=5)
    assert measured == pytest.approx(expected, rel=1e-10)


def test_even_and_slowly_varying_changes_score_nothing_and_constants_zero():
    ranks = np.stack([np.random.RandomState(k).permutation(2000) for k in range(3)], axis=1)
    assert abs(axis_sharpness(LinearRegression().fit(ranks, Y), ranks)) < 1e-3
    assert abs(axis_sharpness(lambda points: points[:, 0] ** 2, ranks)) < 0.02
    assert axis_sharpness(lambda points: np.full(len(points), 3.0), X) == 0


def test_one_edge_in_the_same_cell_of_all_rows_is_the_most():
    assert axis_sharpness(lambda points: points[:, 1] > 0.42, X, n_points=51) == pytest.approx(10)


def test_edges_elsewhere_in_every_row_do_not_count():
    def oblique(points):
        return (points.sum(axis=1) % 0.37) > 0.2

    along = axis_sharpness(lambda points: (points[:, 0] % 0.37) > 0.2, X, n_rows=400)
    assert along > 2
    assert abs(axis_sharpness(oblique, X, n_rows=400)) < 0.1


def test_trees_are_sharper_than_neighbours_and_these_than_lines():
    models = [DecisionTreeRegressor(max_leaf_nodes=30), KNeighborsRegressor(5), LinearRegression()]
    tree, neighbours, line = (axis_sharpness(model.fit(X, Y), X) for model in models)
    assert tree > 1 > 0.2 > neighbours
    assert abs(line) < 0.1


@pytest.mark.parametrize("scale", [-3.0, 0.01])
def test_it_depends_on_shape_only(scale):
    tree = DecisionTreeRegressor(max_leaf_nodes=9, random_state=0).fit(X, Y)
    moved = axis_sharpness(lambda points: scale * tree.predict(points) + 7, X)
    assert moved == pytest.approx(axis_sharpness(tree, X))
    # Increasing transformations of the columns: a tree fitted to them splits the same rows.
    cubed = DecisionTreeRegressor(max_leaf_nodes=9, random_state=0).fit(X**3, Y)
    assert axis_sharpness(cubed, X**3) == pytest.approx(axis_sharpness(tree, X), rel=0.05)


def test_columns_of_few_values_are_left_out():
    more = np.column_stack([X, X[:, 0] > 0.5, np.ones(len(X))])
    same = axis_sharpness(lambda points: points[:, 1] > 0.42, more, random_state=1)
    # The draws of the first three columns are the same.
    assert same == axis_sharpness(lambda points: points[:, 1] > 0.42, X, random_state=1)
    assert axis_sharpness(lambda points: points[:, 3], more) == 0


def test_frames_keep_their_columns():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    tree = DecisionTreeRegressor(max_leaf_nodes=9, random_state=0).fit(frame, Y)
    assert axis_sharpness(tree, frame, random_state=2) > 0.5


def test_unusable_choices_are_refused():
    with pytest.raises(ValueError, match="'n_rows' .* at least 2. Got 1 instead"):
        axis_sharpness(np.sum, X, n_rows=1)
    with pytest.raises(ValueError, match="'n_points' .* at least 12. Got 11 instead"):
        axis_sharpness(np.sum, X, n_points=11)
    with pytest.raises(ValueError, match="at least two rows"):
        axis_sharpness(np.sum, X[:1])
    with pytest.raises(NotFittedError):
        axis_sharpness(LinearRegression(), X)

"""Total variation of any estimator along paths."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skibias import tv_complexity
from skibias.engine.activations import fixed_activation
from skibias.engine.networks import Architecture, draw_weights, forward


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


class Function:
    """A fitted estimator that predicts a given function of X."""

    def __init__(self, function):
        self.predict = function


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=5000),
        RidgeClassifier(),
        make_pipeline(StandardScaler(), RidgeClassifier()),
    ],
)
def test_a_linear_model_scores_zero(model, iris):
    assert tv_complexity(model.fit(*iris), *iris) < 1e-12
    X, y = load_diabetes(return_X_y=True)
    assert tv_complexity(LinearRegression().fit(X, y), X, y) < 1e-9


def reference(function, X, y, n_paths, n_points, seed):
    """Average over paths of the variation that is left beside the straight line."""
    random = np.random.RandomState(seed)
    start = random.randint(len(X), size=n_paths)
    position = random.uniform(size=n_paths)
    total = 0.0
    for i, u in zip(start, position, strict=True):
        others = [j for label in np.unique(y) if label != y[i] for j in np.flatnonzero(y == label)]
        j = others[int(u * len(others))]
        t = np.linspace(0, 1, n_points)
        f = function(np.outer(1 - t, X[i]) + np.outer(t, X[j]))
        f = f - np.linspace(f[0], f[-1], n_points)
        total += np.abs(np.diff(f)).sum()
    return total / n_paths


def test_it_equals_a_plain_loop_over_paths(iris):
    X, y = iris

    def wave(points):
        return np.sin(3 * points).sum(1)

    expected = reference(wave, X, y, n_paths=20, n_points=15, seed=3)
    measured = tv_complexity(Function(wave), X, y, n_paths=20, n_points=15, random_state=3)
    assert measured == pytest.approx(expected, rel=1e-10)


def test_it_grows_with_the_prefactor_of_an_untrained_tanh_network():
    """Same weights, tanh(az): the larger a, the more the function bends."""
    X = np.random.default_rng(0).uniform(-1, 1, (200, 5))
    y = np.arange(200) % 2
    architecture = Architecture(5, (64, 64), 1)
    weights = draw_weights(architecture, torch.Generator().manual_seed(0)).double()

    def network(prefactor):
        activation = fixed_activation("tanh", prefactor)
        return lambda points: forward(
            weights, torch.tensor(points), architecture, activation
        ).numpy()

    scores = [tv_complexity(Function(network(a)), X, y) for a in (0.5, 1.0, 2.0, 4.0, 8.0)]
    assert (np.diff(scores) > 0).all()


def test_it_works_on_trees_neighbours_and_pipelines(iris):
    X, y = iris
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    neighbours = KNeighborsClassifier(1).fit(X, y)
    pipeline = make_pipeline(StandardScaler(), KNeighborsClassifier(1)).fit(X, y)
    assert 0 < tv_complexity(tree, X, y) < 10
    assert tv_complexity(neighbours, X, y) > 0
    assert tv_complexity(pipeline, X, y) > 0
    regressor = DecisionTreeRegressor(random_state=0).fit(X, y)
    assert tv_complexity(regressor, X, y) > 0


def test_the_response_is_the_first_there_is(iris):
    X, y = iris
    boosting = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(X, y)
    assert tv_complexity(boosting, X, y) == tv_complexity(
        boosting, X, y, response_method="decision_function"
    )
    neighbours = KNeighborsClassifier().fit(X, y)
    assert tv_complexity(neighbours, X, y) == tv_complexity(
        neighbours, X, y, response_method="predict_proba"
    )
    labels = tv_complexity(boosting, X, np.array(["a", "b", "c"])[y], response_method="predict")
    assert labels > 0


def test_string_labels_are_counted_as_indicators(iris):
    X, y = iris
    names = np.array(["a", "b", "c"])[y]
    numbers = tv_complexity(
        DecisionTreeClassifier(random_state=0).fit(X, y), X, y, response_method="predict"
    )
    strings = tv_complexity(
        DecisionTreeClassifier(random_state=0).fit(X, names), X, names, response_method="predict"
    )
    assert strings == numbers


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_keep_their_columns(frame, iris):
    X, y = iris
    X_frame = frame({name: column for name, column in zip("abcd", X.T, strict=True)})
    tree = DecisionTreeClassifier(random_state=0).fit(X_frame, y)  # a lost name would warn
    assert tv_complexity(tree, X_frame, y) == tv_complexity(
        DecisionTreeClassifier(random_state=0).fit(X, y), X, y
    )


def test_it_is_a_scorer(iris):
    scores = cross_validate(
        DecisionTreeClassifier(random_state=0),
        *iris,
        cv=3,
        scoring={"accuracy": "accuracy", "tv": tv_complexity},
    )
    assert (scores["test_tv"] > 0).all()


def test_without_y_the_ends_differ_in_x(iris):
    X, y = iris
    tree = DecisionTreeRegressor(random_state=0).fit(X, y)
    assert tv_complexity(tree, X) > 0
    with pytest.raises(ValueError, match="must differ in y"):
        tv_complexity(tree, X, np.zeros(len(X)))
    with pytest.raises(ValueError, match="must differ in y"):
        tv_complexity(tree, np.ones((5, 4)))


def test_the_ends_of_every_path_have_different_labels():
    """One row of the rare class: it must be an end of every path."""
    X = np.arange(50.0)[:, None]
    y = np.r_[1, np.zeros(49)]
    seen = []

    def record(points):
        seen.append(points.reshape(30, 4, 1))
        return points[:, 0]

    tv_complexity(Function(record), X, y, n_paths=30, n_points=4)
    assert ((seen[0][:, 0] == 0) ^ (seen[0][:, -1] == 0)).all()


def test_a_regressor_with_an_empty_list_of_classes_predicts_values():
    X = np.linspace(0, 1, 20)[:, None]
    model = Function(lambda points: points[:, 0] ** 2)
    expected = tv_complexity(model, X, X[:, 0], response_method="predict")
    model.classes_ = []
    assert tv_complexity(model, X, X[:, 0], response_method="predict") == expected > 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_paths": 0}, "'n_paths' parameter.*Got 0"),
        ({"n_points": 1}, "'n_points' parameter.*at least 2"),
        ({"response_method": "logits"}, "'response_method' parameter.*'logits'"),
        ({"response_method": "predict_proba"}, "'estimator' parameter.*predict_proba"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, message, iris):
    with pytest.raises(ValueError, match=message):
        tv_complexity(RidgeClassifier().fit(*iris), *iris, **parameters)


def test_columns_of_text_are_refused(iris):
    with pytest.raises(ValueError, match="'X' parameter.*numeric columns only"):
        tv_complexity(RidgeClassifier().fit(*iris), pd.DataFrame({"a": ["x", "y"]}), [0, 1])

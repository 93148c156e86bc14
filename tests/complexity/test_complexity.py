"""Complexity of any estimator: closed forms, invariances, kinds of input, refusals."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.polynomial import chebyshev, legendre
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skibias import LearnedActivationMLPRegressor, tv_complexity
from skibias.complexity import (
    Paths,
    complexity_report,
    effective_rank,
    fourier_complexity,
    geometric_complexity,
    lz_complexity,
    polynomial_complexity,
    sample_paths,
)
from skibias.engine.activations import fixed_activation
from skibias.engine.networks import Architecture, forward

PATH_MEASURES = [tv_complexity, fourier_complexity, polynomial_complexity, lz_complexity]
UNIT_PATH = np.array([[0.0], [1.0]])  # two rows: every path goes from one to the other


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
    weights = architecture.layout.draw(torch.Generator().manual_seed(0)).double()

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


@pytest.mark.parametrize("measure", [*PATH_MEASURES, geometric_complexity])
def test_it_is_a_scorer(measure, iris):
    scores = cross_validate(
        GaussianNB(),
        *iris,
        cv=3,
        scoring={"accuracy": "accuracy", "complexity": measure},
    )
    assert (scores["test_complexity"] > 0).all()


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


# Closed forms, on functions that are known along the whole path.


def wave(frequency):
    return lambda points: np.sin(2 * np.pi * frequency * points)


@pytest.mark.parametrize("frequency", [1, 3, 20])
def test_a_sine_scores_its_frequency(frequency):
    assert fourier_complexity(wave(frequency), UNIT_PATH) == pytest.approx(frequency, rel=1e-6)


@pytest.mark.parametrize("order", [2, 3, 7, 25])
@pytest.mark.parametrize(
    ("basis", "evaluate"), [("chebyshev", chebyshev.chebval), ("legendre", legendre.legval)]
)
def test_a_polynomial_scores_its_order(basis, evaluate, order):
    coefficients = np.zeros(order + 1)
    coefficients[order] = 1
    coefficients[:2] += 3  # a straight line, which does not count

    def polynomial(points):
        return evaluate(2 * points - 1, coefficients)

    score = polynomial_complexity(polynomial, UNIT_PATH, n_points=30, basis=basis)
    assert score == pytest.approx(order, rel=1e-6)


def test_the_variation_of_a_sine_is_four_per_cycle():
    measured = tv_complexity(wave(3), UNIT_PATH, n_points=1201)
    assert measured == pytest.approx(12, rel=1e-3)


def test_phrases_of_a_square_wave():
    """Levels along the path: 0 1 0 1 0, of which the third phrase is 01 and the last 0."""

    def square(points):
        return np.round(4 * points) % 2

    assert lz_complexity(square, UNIT_PATH, n_points=5, n_levels=2) == 4


@pytest.mark.parametrize("slope", [0.0, 2.5])
def test_a_line_has_the_least_complexity(slope):
    def line(points):
        return slope * points.sum(1) - 7

    X = np.random.default_rng(0).normal(size=(50, 3))
    for measure in (fourier_complexity, polynomial_complexity):
        assert measure(line, X) == 0
    assert tv_complexity(line, X) == pytest.approx(0, abs=1e-12)
    assert lz_complexity(line, X, n_points=100) == 14  # 1 + 2 + … + 13 < 100
    expected = pytest.approx(3 * slope**2, abs=1e-12)
    assert geometric_complexity(line, X) == expected


def bent(points):
    return np.tanh(3 * points[:, 0]) * np.cos(5 * points[:, 1])


@pytest.mark.parametrize(
    ("measure", "factor"),
    [
        (tv_complexity, 5),
        (fourier_complexity, 1),
        (polynomial_complexity, 1),
        (lz_complexity, 1),
        (geometric_complexity, 25),
    ],
)
def test_what_scaling_and_shifting_the_outputs_does(measure, factor):
    X = np.random.default_rng(0).normal(size=(60, 2))
    moved = measure(lambda points: 5 * bent(points) + 2, X)
    assert moved == pytest.approx(factor * measure(bent, X), rel=1e-3)


# Paths.


@pytest.mark.parametrize("measure", PATH_MEASURES)
def test_the_same_paths_give_the_number_of_the_direct_call(measure, iris):
    X, y = iris
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    paths = sample_paths(X, y, n_paths=30, random_state=5)
    direct = measure(tree, X, y, n_paths=30, random_state=5)
    assert measure(tree, paths, n_paths=7, random_state=6) == direct
    with pytest.raises(ValueError, match="'y' parameter.*must be None"):
        measure(tree, paths, y)


def test_points_lie_between_the_ends(iris):
    paths = sample_paths(*iris, n_paths=4)
    points = paths.points([0, 0.25, 1]).reshape(4, 3, 4)
    np.testing.assert_array_equal(points[:, 0], paths.start)
    np.testing.assert_array_equal(points[:, 2], paths.end)
    np.testing.assert_allclose(points[:, 1], 0.75 * paths.start + 0.25 * paths.end)


def test_every_path_looks_at_the_output_that_was_drawn():
    draws = np.array([0.0, 0.34, 0.67, 0.999])
    paths = sample_paths(UNIT_PATH, n_paths=4)
    paths = Paths(paths.start, paths.end, draws, paths.container)
    three = paths.evaluate(lambda points: points * 0 + [10, 20, 30], [0, 1])
    np.testing.assert_array_equal(three, [[10, 10], [20, 20], [30, 30], [30, 30]])
    one = paths.evaluate(lambda points: points, [0, 1])
    np.testing.assert_array_equal(one, np.column_stack([paths.start, paths.end]))


@pytest.mark.parametrize("positions", [[-0.1, 1], [0, 1.1], [], 0.5, [[0, 1]], [np.nan]])
def test_positions_off_the_path_are_refused(positions):
    with pytest.raises(ValueError, match="'positions' parameter"):
        sample_paths(UNIT_PATH).points(positions)


@pytest.mark.parametrize("measure", [*PATH_MEASURES, geometric_complexity])
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_reach_the_estimator_as_frames(frame, measure):
    X = frame({"length": [0.0, 1.0, 3.0], "width": [1.0, 5.0, 2.0]})
    seen = []

    def record(points):
        seen.append((type(points), list(points.columns)))
        return np.asarray(points)[:, 0] ** 2

    assert measure(record, X) == measure(lambda points: points[:, 0] ** 2, np.asarray(X))
    assert set(map(str, seen)) == {str((frame, ["length", "width"]))}


@pytest.mark.parametrize("measure", [*PATH_MEASURES, geometric_complexity])
def test_the_seed_decides_and_global_generators_stay(measure, iris):
    model = GaussianNB().fit(*iris)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    sizes = {"n_rows": 20} if measure is geometric_complexity else {"n_paths": 20}
    scores = [measure(model, *iris, random_state=seed, **sizes) for seed in (1, 1, 2)]
    assert scores[0] == scores[1] != scores[2]
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_the_standard_error_is_that_of_a_mean():
    X = np.random.default_rng(0).normal(size=(60, 2))
    single = [
        tv_complexity(bent, Paths(start[None], end[None], np.zeros(1), paths.container))
        for paths in [sample_paths(X, n_paths=40)]
        for start, end in zip(paths.start, paths.end, strict=True)
    ]
    mean, error = tv_complexity(bent, X, n_paths=40, return_standard_error=True)
    assert mean == pytest.approx(np.mean(single), rel=1e-12)
    assert error == pytest.approx(np.std(single, ddof=1) / np.sqrt(40), rel=1e-12)
    assert np.isnan(tv_complexity(bent, X, n_paths=1, return_standard_error=True)[1])
    by_row = [geometric_complexity(bent, X[i : i + 1], step=1e-6) for i in range(60)]
    mean, error = geometric_complexity(bent, X, step=1e-6, return_standard_error=True)
    assert mean == pytest.approx(np.mean(by_row), rel=1e-5)
    assert error == pytest.approx(np.std(by_row, ddof=1) / np.sqrt(60), rel=1e-5)


# What can be measured: callables, modules, several outputs.


class Module(torch.nn.Module):
    """A torch module that computes a given function of a tensor."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, points):
        return self.function(points)


def test_modules_get_tensors_of_their_own_type():
    seen = []

    def record(points):
        seen.append((points.dtype, points.requires_grad))
        return points[:, 0] ** 2

    fourier_complexity(Module(record), UNIT_PATH)
    double = torch.nn.Sequential(torch.nn.Linear(1, 1).double(), Module(record))
    fourier_complexity(double, UNIT_PATH)
    assert set(seen) == {(torch.float32, False), (torch.float64, False)}


def test_a_module_is_measured_as_its_function():
    module = Module(lambda points: torch.sin(2 * torch.pi * 3 * points))
    assert fourier_complexity(module, UNIT_PATH) == pytest.approx(3, rel=1e-4)
    paths = sample_paths(UNIT_PATH, n_paths=50)  # more points than go through at once
    values = paths.evaluate(module, np.linspace(0, 1, 100))
    expected = paths.evaluate(wave(3), np.linspace(0, 1, 100))
    np.testing.assert_allclose(values, expected, atol=1e-5)


def test_dropout_is_off_while_a_module_is_measured_and_as_before_afterwards():
    module = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.5))
    module[0].eval()
    X = np.random.default_rng(0).normal(size=(30, 2))
    assert tv_complexity(module, X) < 1e-4
    squares = (module[0].weight.double() ** 2).sum().item()
    assert geometric_complexity(module, X) == pytest.approx(squares)
    assert [part.training for part in module.modules()] == [True, False, True]
    assert all(p.grad is None for p in module.parameters())


def test_several_outputs_of_every_kind(iris):
    X, y = iris
    both = np.column_stack([y, y == 1])
    tree = DecisionTreeClassifier(random_state=0).fit(X, both)  # a list of probabilities
    neighbours = KNeighborsClassifier().fit(X, both)
    regressor = DecisionTreeRegressor(random_state=0).fit(X, both)
    for model in (tree, neighbours, regressor):
        assert tv_complexity(model, X, both) > 0
        assert tv_complexity(model, X, both, response_method="predict") > 0
    # A tree without impure leaves is sure of its labels: one indicator per class of each output.
    for measure in (tv_complexity, geometric_complexity):
        probabilities = measure(tree, X, both, response_method="predict_proba")
        assert measure(tree, X, both, response_method="predict") == probabilities


def test_predicted_indicators_of_several_labels_are_taken_as_they_are(iris):
    X, y = iris
    labels = np.column_stack([y == 0, y == 1, y == 2])
    network = Function(lambda points: (points[:, :3] > [5, 3, 3]).astype(int))
    expected = tv_complexity(network, X, labels)
    network.classes_ = np.array([0, 1, 2])
    assert tv_complexity(network, X, labels, response_method="predict") == expected > 0


def test_text_labels_in_a_frame_are_compared_by_row(iris):
    X, y = iris
    tree = DecisionTreeRegressor(random_state=0).fit(X, y)
    names = pd.DataFrame({"a": np.array(["x", "y", "z"])[y], "b": "same"})
    assert tv_complexity(tree, X, names) == tv_complexity(tree, X, y)


# Geometric complexity.


def test_a_linear_map_scores_its_squared_norm_by_differences_and_by_autograd():
    random = np.random.default_rng(0)
    X = random.normal(size=(40, 4)) * [1, 100, 0.01, 1] + [0, 5, 0, 1e3]
    matrix = random.normal(size=(4, 3))
    expected = pytest.approx((matrix**2).sum(), rel=1e-6)
    assert geometric_complexity(lambda points: points @ matrix, X) == expected
    ridge = Ridge(alpha=1e-9).fit(X, X @ matrix)
    assert geometric_complexity(ridge, X) == pytest.approx((ridge.coef_**2).sum(), rel=1e-6)
    module = torch.nn.Linear(4, 3)
    squares = (module.weight.double() ** 2).sum().item()
    assert geometric_complexity(module, X) == pytest.approx(squares, rel=1e-6)


def test_differences_and_autograd_agree_on_a_network():
    network = torch.nn.Sequential(
        torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2)
    ).double()
    X = np.random.default_rng(0).normal(size=(1100, 3))

    def as_function(points):
        return network(torch.tensor(points)).detach()

    exact, error = geometric_complexity(network, X, n_rows=1100, return_standard_error=True)
    differences = geometric_complexity(as_function, X, n_rows=1100, step=1e-4)
    assert exact == pytest.approx(differences, rel=1e-6)
    assert 0 < error < exact


def test_a_linear_network_of_ours_scores_its_squared_norm():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = X @ [2.0, -1.0]
    model = LearnedActivationMLPRegressor(
        (), activation="relu", input_activations=None, scaling="standard", max_iter=5
    ).fit(X, y)
    rows = model.predict([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert geometric_complexity(model, X) == pytest.approx(((rows[1:] - rows[0]) ** 2).sum())


def test_modules_that_autograd_does_not_see_through_are_measured_by_differences():
    X = np.random.default_rng(0).normal(size=(40, 2))
    detached = Module(lambda points: 3 * points.detach())
    assert geometric_complexity(detached, X) == pytest.approx(18, rel=1e-3)
    constant = Module(lambda points: torch.ones(len(points)))
    assert geometric_complexity(constant, X) == 0


def test_constant_columns_move_as_well():
    X = np.column_stack([np.arange(20.0), np.full(20, 3.0), np.full(20, -1e18), np.zeros(20)])
    weights = np.array([1.0, 2.0, 1e-18, 3.0])
    assert geometric_complexity(lambda points: points @ weights, X) == pytest.approx(14, rel=0.05)
    nearly = np.full((20, 1), 1e8)
    nearly[0] = np.nextafter(1e8, 2e8)
    assert geometric_complexity(lambda points: 2 * points, nearly) == pytest.approx(4)


def test_jumps_weigh_more_the_smaller_the_step():
    X = np.linspace(-1, 1, 201)[:, None]

    def jump(points):
        return (points > 0.001).astype(float)

    fine, coarse = (geometric_complexity(jump, X, n_rows=201, step=step) for step in (0.1, 0.2))
    assert fine == pytest.approx(2 * coarse, rel=0.15)


def test_rows_are_drawn_without_replacement():
    X = np.random.default_rng(0).normal(size=(100, 2))
    everything = geometric_complexity(bent, X, n_rows=100)
    assert geometric_complexity(bent, X, n_rows=100, random_state=1) == everything
    seen = []

    def record(points):
        seen.append(points[::2])  # those that differ from a row in the first column
        return points[:, 0]

    geometric_complexity(record, X, n_rows=90)
    assert len(np.unique(seen[0], axis=0)) == 90
    with pytest.raises(ValueError, match="'n_rows' parameter"):
        geometric_complexity(bent, X, n_rows=0)


# Effective rank.


def test_effective_rank_of_a_representation():
    orthogonal = np.linalg.qr(np.random.default_rng(0).normal(size=(50, 6)))[0]
    assert effective_rank(4 * orthogonal) == pytest.approx(6)
    assert effective_rank(torch.tensor(orthogonal, dtype=torch.float32)) == pytest.approx(6)
    half = torch.ones(5, 3, dtype=torch.bfloat16, requires_grad=True)
    assert effective_rank(half) == pytest.approx(1)
    assert effective_rank(np.zeros((5, 3))) == 0


@pytest.mark.parametrize(
    ("representation", "message"),
    [
        (np.ones(3), "two dimensions.*Got shape \\(3,\\)"),
        (np.ones((0, 3)), "at least one row"),
        ([[1.0, np.nan]], "finite"),
        ([["a"]], "must hold numbers"),
    ],
)
def test_what_is_no_representation(representation, message):
    with pytest.raises(
        ValueError, match=f"'representation' parameter of effective_rank.*{message}"
    ):
        effective_rank(representation)


# The report.


@pytest.fixture(scope="module")
def models(iris):
    return {
        "linear": LogisticRegression(max_iter=5000).fit(*iris),
        "tree": DecisionTreeClassifier(random_state=0).fit(*iris),
        "pipeline": make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(*iris),
    }


def test_the_report_holds_the_numbers_of_the_measures(models, iris):
    report = complexity_report(models, *iris, n_paths=30, n_points=40, random_state=3)
    assert report.attrs["response_method"] == "predict_proba"
    assert list(report.index) == list(models)
    settings = {"response_method": "predict_proba", "random_state": 3}
    sizes = {"n_paths": 30, "n_points": 40}
    for name, model in models.items():
        for measure in PATH_MEASURES:
            column = measure.__name__.removesuffix("_complexity")
            direct = measure(model, *iris, **sizes, **settings, return_standard_error=True)
            assert tuple(report.loc[name, [column, f"{column}_se"]]) == direct
        direct = geometric_complexity(model, *iris, **settings, return_standard_error=True)
        assert tuple(report.loc[name, ["geometric", "geometric_se"]]) == direct
        assert report.loc[name, "score"] == model.score(*iris)


def test_the_report_takes_a_response_that_all_have(models, iris):
    with_svm = [*models.items(), ("svm", RidgeClassifier().fit(*iris))]
    report = complexity_report(with_svm, *iris, measures=["lz"])
    assert report.attrs["response_method"] == "predict"
    assert report.columns.tolist() == ["lz", "lz_se", "score"]
    linear = {"linear": models["linear"]}
    report = complexity_report(linear, *iris, measures="tv")
    assert report.attrs["response_method"] == "predict_proba"
    functions = {"bent": bent, "module": Module(lambda points: points)}
    report = complexity_report(functions, iris[0][:, :2], iris[1], measures=["tv", "geometric"])
    assert report.attrs["response_method"] == "__call__"
    assert report.columns.tolist() == ["tv", "tv_se", "geometric", "geometric_se"]
    with pytest.raises(ValueError, match="'estimators' parameter.*in common"):
        complexity_report({**models, "bent": bent}, *iris)


def test_the_report_measures_all_at_the_same_places_whatever_the_seed_is():
    X = np.random.default_rng(0).normal(size=(300, 2))
    for seed in (np.random.RandomState(0), None):
        report = complexity_report({"a": bent, "b": bent}, X, random_state=seed)
        assert (report.loc["a"] == report.loc["b"]).all()


def test_the_report_evaluates_no_place_twice(iris):
    counts = []

    def count(points):
        counts.append(len(points))
        return points[:, 0]

    complexity_report({"model": count}, *iris, measures=["tv", "fourier", "lz"], n_paths=10)
    assert counts == [1000]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"estimators": {}}, "'estimators' parameter.*at least one"),
        ({"estimators": LogisticRegression()}, "'estimators' parameter.*Got LogisticRegression()"),
        ({"estimators": RandomForestClassifier()}, "'estimators' parameter.*Got RandomForest"),
        ({"estimators": 5}, "'estimators' parameter.*dict or a list of pairs. Got 5 instead"),
        ({"estimators": [([], bent)]}, "'estimators' parameter.*by name"),
        ({"estimators": [bent]}, "'estimators' parameter.*by name"),
        ({"estimators": [("a", bent), ("a", bent)]}, "'estimators' parameter.*every name once"),
        ({"measures": []}, "'measures' parameter.*Got \\[\\]"),
        ({"measures": 5}, "'measures' parameter.*Got 5 instead"),
        ({"measures": [["tv"]]}, "'measures' parameter.*'tv'"),
        ({"measures": ["tv", "rank"]}, "'measures' parameter.*'rank'"),
        ({"n_points": 2}, "'n_points' parameter.*at least 3"),
        ({"n_paths": 0}, "'n_paths' parameter"),
        ({"n_paths": True}, "'n_paths' parameter.*Got True"),
        ({"response_method": "logits"}, "'response_method' parameter"),
    ],
)
def test_what_the_report_refuses(arguments, message):
    arguments = {"estimators": {"bent": bent}, "X": np.eye(3), **arguments}
    with pytest.raises(ValueError, match=message):
        complexity_report(**arguments)


def test_the_report_takes_paths_for_measures_along_them(iris):
    model = LogisticRegression(max_iter=1000).fit(*iris)
    paths = sample_paths(*iris)
    report = complexity_report({"linear": model}, paths, measures=["tv", "lz"])
    expected = complexity_report({"linear": model}, *iris, measures=["tv", "lz"])
    pd.testing.assert_frame_equal(report, expected.drop(columns="score"))
    with pytest.raises(ValueError, match="'measures' parameter.*where X holds paths"):
        complexity_report({"linear": model}, paths)


def test_all_but_the_report_works_without_pandas():
    code = (
        "import sys\n"
        "class NoPandas:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'pandas':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, NoPandas())\n"
        "from skibias.complexity import complexity_report, tv_complexity\n"
        "X = [[0.0], [1.0]]\n"
        "print(tv_complexity(abs, X) < 1e-9)\n"
        "complexity_report({'abs': abs}, X)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "True"
    assert "ImportError: complexity_report returns a pandas.DataFrame" in result.stderr


# Refusals, before anything is evaluated.


def never(points):
    raise AssertionError("evaluated")


@pytest.mark.parametrize("measure", [*PATH_MEASURES, geometric_complexity])
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), RidgeClassifier()),
        GridSearchCV(Ridge(), {"alpha": [1]}),
        FrozenEstimator(Ridge()),
        LearnedActivationMLPRegressor(),
    ],
)
def test_unfitted_estimators_are_refused_before_the_rows_are_looked_at(measure, model):
    with pytest.raises(NotFittedError):
        measure(model, [["no"], ["numbers"]])


@pytest.mark.parametrize("measure", [*PATH_MEASURES, geometric_complexity])
@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[b"a"], [b"b"]], "must hold numbers"),
        ([0.0, 1.0], "two dimensions"),
        ([[np.inf], [1.0]], "finite numbers only"),
        (np.ones((2, 0)), "at least one row and one column"),
    ],
)
def test_unusable_rows_are_refused(measure, X, message):
    with pytest.raises(ValueError, match=f"'X' parameter of {measure.__name__}.*{message}"):
        measure(never, X)


@pytest.mark.parametrize(
    ("measure", "parameters", "name"),
    [
        (fourier_complexity, {"n_points": 2}, "n_points"),
        (polynomial_complexity, {"n_points": 2}, "n_points"),
        (polynomial_complexity, {"basis": "hermite"}, "basis"),
        (polynomial_complexity, {"basis": ["legendre"]}, "basis"),
        (lz_complexity, {"n_points": 1}, "n_points"),
        (lz_complexity, {"n_levels": 1}, "n_levels"),
        (lz_complexity, {"n_levels": 2.5}, "n_levels"),
        (geometric_complexity, {"n_rows": 1.5}, "n_rows"),
        (geometric_complexity, {"step": 0}, "step"),
        (geometric_complexity, {"step": np.inf}, "step"),
        (geometric_complexity, {"step": "small"}, "step"),
        (geometric_complexity, {"response_method": "logits"}, "response_method"),
        (sample_paths, {"n_paths": 0}, "n_paths"),
    ],
)
def test_every_function_names_the_wrong_parameter_and_itself(measure, parameters, name):
    arguments = (UNIT_PATH,) if measure is sample_paths else (never, UNIT_PATH)
    with pytest.raises(ValueError, match=f"'{name}' parameter of {measure.__name__} must"):
        measure(*arguments, **parameters)


def test_one_class_and_rows_without_labels_are_refused():
    with pytest.raises(ValueError, match="given to sample_paths must differ in y"):
        sample_paths(UNIT_PATH, [1, 1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        lz_complexity(never, UNIT_PATH, [0, 1, 2])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LogisticRegression, "must be fitted. Got the class LogisticRegression"),
        (object(), "must have one of the methods"),
        (lambda points: 1.0, "one row of outputs for every point"),
        (lambda points: points[:5], "one row of outputs for every point"),
        (lambda points: points / 0 * 0, "finite numbers"),
        (lambda points: ["text"] * len(points), "numbers"),
        (Module(lambda points: points[:5]), "one row of outputs for every point"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_what_computes_no_numbers_is_refused(model, message):
    X = np.arange(20.0)[:, None]
    for measure in (tv_complexity, geometric_complexity):
        with pytest.raises(ValueError, match=f"'estimator' parameter.*{message}"):
            measure(model, X)


def test_estimators_that_keep_no_convention_are_left_to_themselves():
    class WithoutFit(BaseEstimator):
        def predict(self, X):
            return X[:, 0] ** 2

    def function(points):
        return points[:, 0] ** 2

    duck = Function(function)
    assert tv_complexity(duck, UNIT_PATH) == tv_complexity(function, UNIT_PATH) > 0
    assert tv_complexity(WithoutFit(), UNIT_PATH) > 0

"""Learned functions of input columns."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.exceptions import DataConversionWarning
from sklearn.preprocessing import MinMaxScaler

from skibias import ActivationLearner, IAFTransformer, LearnedActivationMLPRegressor

START = ActivationLearner(n_outer_steps=0, n_restarts=1)
QUICK = ActivationLearner(n_outer_steps=5, n_restarts=2, horizon=30, hidden_layer_sizes=(8,))


def test_one_identity_channel_is_min_max_scaling(iris):
    X, y = iris
    X = np.column_stack([X * 100 - 3, np.full(len(X), 7.0)])
    transformed = IAFTransformer(START, n_channels=1).fit(X, y).transform(X)
    np.testing.assert_allclose(transformed, MinMaxScaler((-1, 1)).fit_transform(X), atol=1e-6)


def test_ramps_are_a_piecewise_linear_encoding():
    """Each channel rises over its own part of the quantiles; their mean is the rank."""
    X = np.random.default_rng(0).lognormal(size=(1001, 1))
    y = X[:, 0]
    transformed = IAFTransformer(START, n_channels=4).fit_transform(X, y)
    order = np.argsort(X[:, 0])
    assert (np.diff(transformed[order], axis=0) >= -1e-6).all()
    np.testing.assert_allclose(transformed[order].mean(1), np.linspace(-1, 1, 1001), atol=0.02)
    in_first_part = X[:, 0] < np.quantile(X[:, 0], 0.2)
    np.testing.assert_allclose(transformed[in_first_part, 1:], -1, atol=1e-6)


def test_quantile_scaling_starts_from_ranks():
    X = np.random.default_rng(0).lognormal(size=(2000, 1))
    transformer = IAFTransformer(START, n_channels=1, scaling="quantile")
    transformed = transformer.fit_transform(X, X[:, 0])[:, 0]
    np.testing.assert_allclose(np.sort(transformed), np.linspace(-1, 1, 2000), atol=0.02)


def test_outside_the_training_range_functions_are_constant(iris):
    X, y = iris
    transformer = IAFTransformer(QUICK, random_state=0).fit(X, y)
    low, high = X.min(0, keepdims=True), X.max(0, keepdims=True)
    np.testing.assert_allclose(transformer.transform(low - 99), transformer.transform(low))
    np.testing.assert_allclose(transformer.transform(high + 99), transformer.transform(high))


def test_knots_are_in_the_units_of_the_columns(iris):
    X, y = iris
    transformer = IAFTransformer(QUICK, n_channels=3, random_state=0).fit(X * 1e5, y)
    for column, function in zip(X.T * 1e5, transformer.activations_, strict=True):
        assert function.knots[0] == column.min()
        assert function.knots[-1] == column.max()
        assert function.n_channels == 3


def test_learning_moves_the_functions(iris):
    start = IAFTransformer(START, n_channels=2).fit(*iris).activations_
    learned = IAFTransformer(QUICK, n_channels=2, random_state=0).fit(*iris).activations_
    moved = [np.abs(a.values - b.values).max() for a, b in zip(learned, start, strict=True)]
    assert min(moved) > 0.01


def test_a_constant_column_is_not_learned(iris):
    X, y = iris
    X = np.column_stack([X, np.full(len(X), 7.0)])
    function = IAFTransformer(QUICK, n_channels=1, random_state=0).fit(X, y).activations_[4]
    np.testing.assert_allclose(function([7.0]), [-1.0], atol=1e-6)


def test_feature_names_and_frames(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    transformer = IAFTransformer(QUICK, n_channels=2, random_state=0).fit(frame, y)
    names = ["a_0", "a_1", "b_0", "b_1", "c_0", "c_1", "d_0", "d_1"]
    assert list(transformer.get_feature_names_out()) == names
    assert list(transformer.set_output(transform="pandas").transform(frame).columns) == names
    single = IAFTransformer(QUICK, n_channels=1, random_state=0).fit(X, y)
    assert list(single.get_feature_names_out()) == ["x0", "x1", "x2", "x3"]


def test_target_types(iris):
    X, y = iris
    options = {"learner": QUICK, "n_channels": 1, "device": "cpu", "random_state": 0}
    guessed = IAFTransformer(**options).fit(X, y)
    assert (
        IAFTransformer(target_type="multiclass", **options).fit(X, y).activations_
        == guessed.activations_
    )
    as_values = IAFTransformer(target_type="continuous", **options).fit(X, y)
    assert as_values.activations_ != guessed.activations_
    X, y = make_regression(100, 3, random_state=0)
    assert len(IAFTransformer(**options).fit(X, y).activations_) == 3


def test_a_column_of_classes_is_taken_with_a_warning(iris):
    X, y = iris
    transformer = IAFTransformer(QUICK, random_state=0, device="cpu")
    with pytest.warns(DataConversionWarning):
        transformed = transformer.fit(X, y[:, None]).transform(X)
    np.testing.assert_array_equal(transformed, transformer.fit(X, y).transform(X))


@pytest.mark.parametrize(
    ("convert", "message"),
    [
        (lambda y: np.array(["a", "b", "c"])[y], "'y' parameter must hold numbers"),
        (lambda y: csr_array(y[:, None]), "'y' parameter must be a dense array"),
    ],
)
@pytest.mark.parametrize(
    "fit",
    [
        IAFTransformer(QUICK, target_type="continuous").fit,
        clone(QUICK).set_params(target_type="continuous").learn,
        LearnedActivationMLPRegressor((8,), activation="tanh").fit,
    ],
    ids=["transformer", "learner", "regressor"],
)
def test_values_that_are_no_dense_numbers_are_refused_by_name(fit, convert, message, iris):
    X, y = iris
    with pytest.raises((ValueError, TypeError), match=message):
        fit(X, convert(y))


def test_the_same_seed_gives_the_same_functions(iris):
    transformer = IAFTransformer(QUICK, device="cpu", random_state=0)
    first = clone(transformer).fit(*iris)
    assert clone(transformer).fit(*iris).activations_ == first.activations_
    assert (
        clone(transformer).set_params(random_state=1).fit(*iris).activations_ != first.activations_
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_channels": 0}, "'n_channels' parameter.*Got 0"),
        ({"scaling": "log"}, "'scaling' parameter"),
        ({"target_type": "ordinal"}, "'target_type' parameter"),
        ({"learner": 3}, "'learner' parameter"),
        ({"learner": ActivationLearner(init="zeros")}, "'init' parameter.*'zeros'"),
        ({"learner": ActivationLearner(n_restarts=0)}, "'n_restarts' parameter"),
        ({"device": "gpu"}, "'device' parameter.*'gpu'"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, message, iris):
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        IAFTransformer(**parameters).fit(*iris)


def test_a_failing_fit_leaves_a_fitted_transformer_as_it_was(iris):
    X, y = iris
    transformer = IAFTransformer(QUICK, random_state=0).fit(X, y)
    functions = transformer.activations_
    with pytest.raises(ValueError, match="at least two classes"):
        transformer.fit(X[:, :2], np.zeros(len(X)), sample_weight=np.ones(len(X)))
    assert transformer.n_features_in_ == 4
    assert transformer.activations_ is functions


def test_values_that_lie_too_close_for_a_finite_slope_count_as_one(iris):
    X, y = iris
    X = np.column_stack([X * 1e-302, X[:, 0] * 1e-302 + (X[:, 1] > 3)])
    steep = clone(QUICK).set_params(outer_learning_rate=1e6)
    transformer = IAFTransformer(steep, n_channels=3, random_state=0).fit(X, y)
    assert np.isfinite(transformer.transform(X)).all()
    assert len(transformer.activations_[0].knots) == 2

"""The estimators' own contract, beyond scikit-learn's checks."""

import io
import pickle
import signal
from contextlib import redirect_stderr

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_classification
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_score
from sklearn.pipeline import make_pipeline

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
    SplineActivation,
)
from skibias._choose.plan import FitPlan, trained_channels
from skibias._choose.selection import comparison_folds
from skibias._prepare.problem import split_problem
from skibias._prepare.scaling import SCALINGS, make_scaler
from skibias._prepare.targets import TableData, encoded_rows

QUICK = ActivationLearner(n_outer_steps=3, n_restarts=2, horizon=6, hidden_layer_sizes=(8,))


def quick_classifier(**parameters):
    parameters = {"learner": QUICK, "max_iter": 3, "random_state": 0} | parameters
    return LearnedActivationMLPClassifier((8,), **parameters)


def quick_regressor(**parameters):
    parameters = {"learner": QUICK, "max_iter": 3, "random_state": 0} | parameters
    return LearnedActivationMLPRegressor((8,), **parameters)


@pytest.fixture(scope="module")
def fitted(iris):
    return quick_classifier().fit(*iris)


def test_auto_compares_fixed_and_learned_with_and_without_inputs(fitted):
    table = fitted.candidates_
    names = {"relu", "tanh(1x)", "tanh(2x)", "tanh(4x)", "tanh(8x)", "learned 0", "learned 1"}
    assert set(table["name"]) == names
    assert len(table["name"]) == 2 * len(names)
    assert (table["status"] == "chosen").sum() == 1
    assert table["rank"][table["status"] == "chosen"] == 1
    assert np.isfinite(table["screening_score"]).all()
    # ReLU and the best of the others, with and without input functions.
    assert 2 <= np.isfinite(table["validation_score"]).sum() <= 4
    assert set(fitted.meta_history_) == {"activation", "inputs"}
    assert fitted.meta_history_["activation"]["validation_loss"].shape == (3, 2)


def test_few_rows_are_cross_validated_and_nothing_is_learned(iris):
    X, y = iris
    model = quick_classifier().fit(X[::5], y[::5])
    assert set(model.candidates_["name"]) == {
        "relu",
        "tanh(1x)",
        "tanh(2x)",
        "tanh(4x)",
        "tanh(8x)",
    }
    assert np.isfinite(model.candidates_["validation_score"]).all()
    assert model.meta_history_ == {}


@pytest.mark.parametrize("name", ["relu", "gelu", "tanh", "sin", "hat"])
def test_a_named_activation_is_used_exactly_and_nothing_is_learned(name, iris):
    model = quick_classifier(activation=name, prefactor=2.0).fit(*iris)
    z = np.linspace(-3, 3, 7)
    expected = {
        "relu": np.maximum(2 * z, 0),
        "gelu": torch.nn.functional.gelu(torch.tensor(2 * z)).numpy(),
        "tanh": np.tanh(2 * z),
        "sin": np.sin(2 * z),
        "hat": np.interp(2 * z, [0, 1, 2], [0, 1, 0]),
    }
    np.testing.assert_allclose(model.activation_(z), expected[name], atol=1e-12)
    assert model.input_activations_ is None
    assert list(model.candidates_["name"]) == [name]


def test_the_learning_rate_is_divided_by_the_prefactor(iris):
    """tanh(az) at rate r and z -> tanh(az) as a spline are the same network."""
    X, y = iris
    scaled = SplineActivation.from_function(np.tanh, (-9, 9), 4001)
    options = {"optimizer": "sgd", "learning_rate": 0.1, "max_iter": 2, "scaling": "minmax"}
    exact = quick_classifier(activation="tanh", prefactor=3.0, **options).fit(X, y)
    spline = quick_classifier(activation=scaled, prefactor=3.0, **options).fit(X, y)
    plain = quick_classifier(activation="tanh", learning_rate=0.1 / 3, max_iter=2).fit(X, y)
    np.testing.assert_allclose(exact.weights_, spline.weights_, atol=1e-5)
    assert not np.allclose(exact.weights_, plain.weights_, atol=1e-5)


def test_prefactor_under_auto_replaces_the_list(iris):
    model = quick_classifier(prefactor=3.0).fit(*iris)
    assert set(model.candidates_["name"]) == {"relu", "tanh(3x)", "learned 0", "learned 1"}


def test_a_given_spline_is_the_activation(iris):
    hat = SplineActivation.hat()
    model = quick_classifier(activation=hat).fit(*iris)
    assert model.activation_ == hat
    scaled = quick_classifier(activation=hat, prefactor=2.0).fit(*iris)
    np.testing.assert_allclose(scaled.activation_([0.5]), [1.0])


def test_sharing_per_layer_gives_one_function_per_hidden_layer(iris):
    learner = clone(QUICK).set_params(hidden_layer_sizes=(8, 8))
    model = LearnedActivationMLPClassifier(
        (12, 12), activation="learned", sharing="layer", learner=learner, max_iter=2, random_state=0
    ).fit(*iris)
    assert len(model.activation_) == 2
    assert all(isinstance(function, SplineActivation) for function in model.activation_)
    assert model.activation_[0] != model.activation_[1]
    with pytest.raises(ValueError, match="'learner' parameter.*as many hidden layers"):
        clone(model).set_params(hidden_layer_sizes=(12,)).fit(*iris)


def test_spectral_normalization_holds_for_candidates_and_the_final_network(iris):
    plain, bounded = (
        quick_classifier(learner=clone(QUICK).set_params(spectral_normalization=flag)).fit(*iris)
        for flag in (False, True)
    )
    relu = [model.candidates_["screening_score"][0] for model in (plain, bounded)]
    assert relu[0] != relu[1]
    assert bounded.networks_.architecture.spectral_normalization
    assert not np.allclose(plain.predict_proba(iris[0]), bounded.predict_proba(iris[0]))


def test_parameters_set_after_fit_do_not_change_predictions(fitted, iris):
    changed = pickle.loads(pickle.dumps(fitted)).set_params(
        hidden_layer_sizes=(3, 3), activation="sin", scaling=None, learner=None
    )
    np.testing.assert_array_equal(changed.predict_proba(iris[0]), fitted.predict_proba(iris[0]))


def test_no_hidden_layer_is_a_linear_model(iris):
    X, y = iris
    model = LearnedActivationMLPClassifier(
        (), input_activations=None, scaling="minmax", max_iter=2, random_state=0
    ).fit(X, y)
    logits = model.decision_function(X[[0, 50, 100]])
    middle = model.decision_function(X[[0, 50, 100]].mean(0, keepdims=True))
    np.testing.assert_allclose(middle[0], logits.mean(0), atol=1e-9)


def test_without_hidden_layers_the_depth_of_the_learner_does_not_matter(iris):
    model = LearnedActivationMLPClassifier(
        (), sharing="layer", input_activations=None, learner=QUICK, max_iter=2, random_state=0
    )
    assert np.isfinite(model.fit(*iris).predict_proba(iris[0])).all()


def test_input_activations_can_be_given_frozen_or_learned_anew(iris):
    X, y = iris
    options = {"activation": "relu"}
    given = [SplineActivation([0, 10], [-1, 1])] * 4
    assert (
        quick_classifier(input_activations=given, **options).fit(X, y).input_activations_ == given
    )
    transformer = IAFTransformer(QUICK, n_channels=2, random_state=0)
    fitted = clone(transformer).fit(X, y)
    model = quick_classifier(input_activations=FrozenEstimator(fitted), **options).fit(X, y)
    assert model.input_activations_ == fitted.activations_
    model = quick_classifier(input_activations=transformer, **options).fit(X, y)
    assert [function.n_channels for function in model.input_activations_] == [2] * 4
    assert not hasattr(transformer, "activations_")
    with pytest.raises(ValueError, match=r"one function per column \(4\).*Got 1"):
        quick_classifier(input_activations=given[:1], **options).fit(X, y)


def test_learned_inputs_are_functions_of_raw_columns(iris):
    X, y = iris
    model = quick_classifier(activation="relu", input_activations="learned").fit(X * 1000 + 5, y)
    for column, function in zip(X.T * 1000 + 5, model.input_activations_, strict=True):
        assert function.knots[0] >= column.min()
        assert function.knots[-1] <= column.max()


def test_every_network_trains_its_own_input_functions(iris):
    X, y = iris
    options = {"activation": "relu", "input_activations": "learned", "max_iter": 30}
    model = quick_classifier(n_estimators=3, **options).fit(X, y)
    start = model.meta_history_["inputs"]["functions"][-1][0]
    n_channels = start[0].n_channels
    assert [own.n_channels for own in model.input_activations_] == [3 * n_channels] * 4
    channels = np.concatenate([own.values for own in model.input_activations_])
    channels = channels.reshape(len(channels), 3, n_channels)
    assert not np.array_equal(channels[:, 0], channels[:, 1])
    # They come from the learned ones, and are not far from them.
    before = np.concatenate([own.values for own in start])
    assert 0.001 < np.abs(channels[:, 0] - before).max() < 1


def test_predictions_are_the_networks_on_their_own_input_functions(iris):
    X, y = iris
    X = X[:, :3]  # 6 inputs and 8 units: no residual connection
    options = {"activation": "relu", "input_activations": "learned", "n_estimators": 2}
    model = quick_classifier(**options).fit(X, y)
    logits = []
    for number, weights in enumerate(model.weights_.astype(float)):
        inputs = [
            function(column).reshape(len(X), 2, -1)[:, number]
            for column, function in zip(X.T, model.input_activations_, strict=True)
        ]
        inputs = np.hstack(inputs)
        n_inputs = inputs.shape[1]
        hidden, hidden_bias, last, last_bias = np.split(
            weights, np.cumsum([n_inputs * 8, 8, 8 * 3])
        )
        hidden = np.maximum(inputs @ hidden.reshape(n_inputs, 8) + hidden_bias, 0)
        logits.append(hidden @ last.reshape(8, 3) + last_bias)
    np.testing.assert_allclose(model.decision_function(X), np.mean(logits, 0), atol=1e-10)


def test_auto_leaves_very_many_columns_alone():
    X = np.random.default_rng(0).normal(size=(120, 513))
    for n_columns, tried in [(512, {"scaled", "learned 0"}), (513, {"scaled"})]:
        model = quick_classifier(n_estimators=1, max_iter=1).fit(X[:, :n_columns], X[:, 0] > 0)
        assert set(model.candidates_["inputs"]) == tried


def test_many_columns_or_few_rows_get_fewer_channels():
    assert [trained_channels(9999, count) for count in (1, 32, 64, 200, 5000)] == [16, 16, 8, 2, 2]
    assert [trained_channels(count, 10) for count in (100, 400, 800)] == [2, 8, 16]
    assert trained_channels(400, 128) == 4


@pytest.mark.usefixtures("kept_thread_count")
@pytest.mark.parametrize("make", [quick_classifier, quick_regressor])
def test_threads_do_not_change_the_result_nor_the_caller(make, iris):
    X, y = iris
    results = []
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
        results.append(make().fit(X, y))
        assert torch.get_num_threads() == n_threads
        assert torch.equal(torch.get_rng_state(), torch_state)
        assert np.array_equal(np.random.get_state()[1], numpy_state)
    np.testing.assert_array_equal(results[0].weights_, results[1].weights_)
    np.testing.assert_array_equal(
        results[0].candidates_["screening_score"], results[1].candidates_["screening_score"]
    )
    np.testing.assert_array_equal(results[0].predict(X), results[1].predict(X))


def test_no_random_state_differs_and_leaves_numpy_alone(iris):
    state = np.random.get_state()[1].copy()
    models = [quick_classifier(activation="relu", random_state=None).fit(*iris) for _ in range(2)]
    assert not np.array_equal(models[0].weights_, models[1].weights_)
    assert np.array_equal(np.random.get_state()[1], state)


def test_string_labels_and_probabilities(iris):
    X, y = iris
    names = np.array(["a", "b", "c"])[y]
    model = quick_classifier(activation="relu", max_iter=60, learning_rate=0.01).fit(X, names)
    assert list(model.classes_) == ["a", "b", "c"]
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert (model.classes_[probabilities.argmax(1)] == model.predict(X)).all()
    assert model.score(X, names) > 0.9


def test_binary_decision_function_is_the_second_class_logit(iris):
    X, y = iris
    plain = {
        "label_smoothing": 0,
        "early_stopping": False,
    }  # nothing to undo, nor to calibrate with
    model = quick_classifier(activation="relu", **plain).fit(X, y == 1)
    logit = model.decision_function(X)
    assert logit.shape == (len(X),)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-logit)))


def test_regression_outputs_have_the_shape_and_scale_of_y():
    X, y = load_diabetes(return_X_y=True)
    model = quick_regressor(activation="relu", max_iter=30).fit(X, 1e6 + 1e3 * y)
    assert model.predict(X).shape == y.shape
    assert model.score(X, 1e6 + 1e3 * y) > 0.3
    both = quick_regressor().fit(X, np.column_stack([y, -y]))
    assert both.predict(X).shape == (len(X), 2)


def test_a_stack_of_networks_is_averaged(iris):
    X, y = iris
    stack = quick_classifier(activation="relu", n_estimators=3).fit(X, y)
    assert len(stack.weights_) == 3
    parts = []
    networks = stack.networks_
    for weights in networks.weights:
        single = pickle.loads(pickle.dumps(stack))
        single.networks_ = networks.of(
            networks.architecture,
            networks.activations,
            weights[None],
            networks.encoder,
            networks.encoding,
            networks.target_means,
        )
        parts.append(single.decision_function(X))
    np.testing.assert_allclose(stack.decision_function(X), np.mean(parts, 0))
    first = quick_classifier(activation="relu", n_estimators=1).fit(X, y)
    assert first.weights_.shape == (1, stack.weights_.shape[1])


def test_hidden_representation_is_what_the_last_layer_reads(iris):
    X, y = iris
    model = quick_classifier(activation="tanh", n_estimators=1).fit(X, y)
    hidden = model.hidden_representation(X)
    assert hidden.shape == (len(X), 8)
    matrix = model.weights_[0][-27:-3].reshape(8, 3)
    np.testing.assert_allclose(
        hidden @ matrix + model.weights_[0][-3:], model.decision_function(X), atol=1e-6
    )
    with pytest.raises(ValueError, match=r"'layer' parameter.*\[-1, 0\]. Got 1"):
        model.hidden_representation(X, layer=1)


def test_weights_matter():
    """Rows that contradict each other: the heavier ones win."""
    X = np.random.default_rng(0).normal(size=(400, 2))
    y = (X[:, 0] > 0).astype(int)
    X, y = np.r_[X, X], np.r_[y, 1 - y]
    weights = np.r_[np.full(400, 10.0), np.ones(400)]
    model = quick_classifier(activation="relu", max_iter=30).fit(X, y, sample_weight=weights)
    assert model.score(X[:400], y[:400]) > 0.9


# Inputs as users have them


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.astype(np.float32),
        lambda X: np.asfortranarray(X),
        lambda X: (X * 10).astype(int),
        lambda X: X.mean(0) < X,
        lambda X: X.tolist(),
    ],
    ids=["float32", "fortran", "integers", "booleans", "lists"],
)
def test_kinds_of_arrays(convert, iris):
    X, y = iris
    X = convert(X)
    if isinstance(X, np.ndarray):
        X.setflags(write=False)
    assert np.isfinite(quick_classifier().fit(X, y).predict_proba(X)).all()


@pytest.mark.parametrize("scaling", ["auto", None])
def test_reversed_and_read_only_views_are_predicted_like_copies(scaling, iris):
    X, y = iris
    model = quick_classifier(activation="relu", scaling=scaling).fit(X[::-1], y[::-1])
    expected = model.predict_proba(X[::-1].copy())
    np.testing.assert_array_equal(model.predict_proba(X[::-1]), expected)
    # numpy takes the view of a single row as contiguous, whatever its stride.
    np.testing.assert_array_equal(model.predict_proba(X[-1:][::-1]), expected[:1])
    frozen = X[::-1].copy()
    frozen.setflags(write=False)
    np.testing.assert_array_equal(model.predict_proba(frozen), expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_give_feature_names(frame, iris):
    X, y = iris
    names = ["a", "b", "c", "d"]
    X_frame = frame({name: column for name, column in zip(names, X.T, strict=True)})
    model = quick_classifier(activation="relu").fit(X_frame, y)
    assert list(model.feature_names_in_) == names
    np.testing.assert_array_equal(
        model.predict_proba(X_frame),
        quick_classifier(activation="relu").fit(X, y).predict_proba(X),
    )


def test_constant_and_binary_columns_and_outliers(iris):
    X, y = iris
    X = np.column_stack([X, np.ones(len(X)), X[:, 0] > 5, 1e12 * X[:, 1] ** 9])
    for scaling in SCALINGS:
        model = quick_classifier(scaling=scaling).fit(X, y)
        assert np.isfinite(model.predict_proba(X)).all()


def test_robust_scaling_is_linear_inside_and_bounded_outside():
    X = np.r_[np.linspace(0, 4, 101), 1e200, -1e200][:, None]
    scaler = make_scaler("robust", len(X)).fit(X)
    scaled = scaler.transform(X)
    np.testing.assert_allclose(scaled[-2:, 0], [3, -3])
    middle = np.array([[1.9], [2.0], [2.1]])  # the median is 2
    width = np.subtract(*np.quantile(X, [0.75, 0.25]))
    np.testing.assert_allclose(scaler.transform(middle), (middle - 2) / width, rtol=1e-3)
    assert (np.diff(scaled[:-2, 0]) > 0).all()


def test_robust_scaling_tells_values_apart_where_most_are_zero_and_in_any_units():
    mostly_zero = np.r_[np.zeros(80), np.linspace(5, 15, 21)]
    units = 1e-27 * np.linspace(-1, 1, 101)
    constant = 0.1 + 1e-17 * np.arange(101) % 2
    X = np.column_stack([mostly_zero, 1e6 * mostly_zero, units, constant])
    scaled = make_scaler("robust", len(X)).fit_transform(X)
    np.testing.assert_allclose(scaled[:, 0], scaled[:, 1])
    assert (scaled[:80, 0] == 0).all()
    assert np.diff(scaled[80:, 0]).min() > 0.03
    assert np.ptp(scaled[:, 2]) == pytest.approx(2, rel=0.1)
    assert (np.abs(scaled[:, 3]) < 1e-15).all()


@pytest.mark.parametrize(("n_rows", "n_columns"), [(30, 1), (30, 5), (120, 200), (3, 2)])
def test_small_and_wide_tables(n_rows, n_columns):
    random = np.random.default_rng(0)
    X = random.normal(size=(n_rows, n_columns))
    y = np.arange(n_rows) % 2
    assert np.isfinite(quick_classifier().fit(X, y).predict_proba(X)).all()
    assert np.isfinite(quick_regressor().fit(X, X[:, 0]).predict(X)).all()


def test_a_class_with_one_row_stays_in_training(iris):
    X, y = iris
    X, y = np.r_[X, [[9.0, 9, 9, 9]]], np.r_[y, 3]
    model = quick_classifier().fit(X, y)
    assert list(model.classes_) == [0, 1, 2, 3]


# Errors


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": (0,)}, "'hidden_layer_sizes' parameter.*positive integers.*(0,)"),
        ({"hidden_layer_sizes": 5}, "'hidden_layer_sizes' parameter"),
        ({"activation": "rleu"}, "'activation' parameter.*'rleu'"),
        ({"activation": 3.0}, "'activation' parameter.*3.0"),
        ({"activation": np.tanh}, "'activation' parameter"),
        ({"activation": [SplineActivation.hat()]}, "'activation' parameter.*sharing='layer'"),
        ({"prefactor": 0}, "'prefactor' parameter.*Got 0"),
        ({"input_activations": "yes"}, "'input_activations' parameter.*'yes'"),
        ({"input_activations": [np.tanh]}, "'input_activations' parameter"),
        ({"input_activations": LogisticRegression()}, "'input_activations' parameter"),
        ({"sharing": "unit"}, "'sharing' parameter"),
        ({"learner": "fast"}, "'learner' parameter"),
        ({"learner": ActivationLearner(n_knots=1)}, "'n_knots' parameter.*Got 1"),
        ({"learner": ActivationLearner(domain=(1, 0))}, "'domain' parameter"),
        ({"learner": ActivationLearner(unroll_steps=(5, 0))}, "'unroll_steps' parameter.*Got 0"),
        ({"scaling": "log"}, "'scaling' parameter"),
        ({"optimizer": "lbfgs"}, "'optimizer' parameter"),
        ({"learning_rate": -1}, "'learning_rate' parameter"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
        ({"n_iter_no_change": 0}, "'n_iter_no_change' parameter"),
        ({"n_estimators": 0}, "'n_estimators' parameter"),
        ({"label_smoothing": 1}, "'label_smoothing' parameter"),
        ({"device": "tpu"}, "'device' parameter.*'tpu'"),
        ({"device": "cuda:99"}, "'device' parameter.*'cuda:99'"),
        ({"random_state": "seed"}, "'random_state' parameter"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, message, iris, no_networks):
    model = quick_classifier().set_params(**parameters)
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        model.fit(*iris)
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, y, w: (np.where(X > 7, np.inf, X), y, w), "infinity"),
        (lambda X, y, w: (X[:0], y[:0], w[:0]), "0 sample"),
        (lambda X, y, w: (X, np.zeros(len(y)), w), "at least two classes.*one class"),
        (lambda X, y, w: (X, y[:-1], w), "inconsistent numbers of samples"),
        (lambda X, y, w: (np.where(X > 7, {}, X), y, w), "must hold numbers"),
        (lambda X, y, w: (X, y, 0 * w), "'sample_weight' parameter.*Got zeros only"),
        (lambda X, y, w: (X, y, -w), "'sample_weight' parameter.*negative"),
        (lambda X, y, w: (X, y + 0.5, w), "continuous"),
    ],
)
def test_unusable_data_are_refused(spoil, message, iris):
    model = quick_classifier()
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        X, y, weights = spoil(*iris, np.ones(150))
        model.fit(X, y, sample_weight=weights)
    assert not [name for name in vars(model) if name.endswith("_")]


def test_a_failing_fit_leaves_a_fitted_estimator_as_it_was(iris):
    X, y = iris
    model = quick_classifier(activation="relu").fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="at least two classes"):
        model.fit(X[:, :2], np.zeros(150))
    assert model.n_features_in_ == 4
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_ctrl_c_is_raised_and_leaves_the_estimator_unfitted(iris, ctrl_c_interrupts):
    from skorch.callbacks import Callback

    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            signal.raise_signal(signal.SIGINT)

    model = quick_classifier(callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        model.fit(*iris)
    with pytest.raises(NotFittedError):
        model.predict(iris[0])


def test_diverging_restarts_are_dropped_and_recorded(iris):
    learner = clone(QUICK).set_params(outer_learning_rate=[0.1, 1e38], outer_step="normalized")
    learner.set_params(n_outer_steps=6)
    model = quick_classifier(learner=learner, activation="learned", input_activations=None)
    model.fit(*iris)
    assert list(model.candidates_["status"]) == ["chosen", "diverged"]
    assert np.isfinite(model.predict_proba(iris[0])).all()


def test_sets_of_inputs_keep_the_numbers_of_their_restarts(iris):
    learner = clone(QUICK).set_params(outer_learning_rate=[1e38, 0.1], outer_step="normalized")
    learner.set_params(n_outer_steps=6)
    model = quick_classifier(activation="relu", input_activations=IAFTransformer(learner))
    table = model.fit(*iris).candidates_
    status = dict(zip(table["inputs"], table["status"], strict=True))
    assert status == {"learned 0": "diverged", "learned 1": "chosen"}


def test_when_all_diverge_the_error_says_what_to_try(iris):
    learner = clone(QUICK).set_params(outer_learning_rate=1e38, outer_step="normalized")
    learner.set_params(n_outer_steps=6)
    model = quick_classifier(learner=learner, activation="learned", input_activations=None)
    with pytest.raises(ValueError, match="diverged.*Try a smaller 'learning_rate'"):
        model.fit(*iris)
    model = quick_classifier(activation="relu", learning_rate=1e38, optimizer="sgd")
    with pytest.raises(ValueError, match="diverged.*Try a smaller 'learning_rate'"):
        model.fit(*iris)


# Final training


def test_labels_are_smoothed_in_the_final_training_and_values_are_not(iris):
    options = {"activation": "relu", "n_estimators": 1}
    weights = [
        make(label_smoothing=smoothing, **options).fit(*iris).weights_
        for make in (quick_classifier, quick_regressor)
        for smoothing in (0, 0.3)
    ]
    assert not np.array_equal(weights[0], weights[1])
    assert np.array_equal(weights[2], weights[3])


@pytest.mark.parametrize(
    ("make", "scaling"), [(quick_classifier, "quantile"), (quick_regressor, "robust")]
)
def test_auto_scaling_is_by_ranks_for_classes_and_robust_for_values(make, scaling, iris):
    options = {"activation": "relu", "n_estimators": 1}
    automatic, named = (make(scaling=own, **options).fit(*iris) for own in ("auto", scaling))
    assert np.array_equal(automatic.weights_, named.weights_)


def test_finalists_are_judged_by_their_errors_and_relu_is_always_one(fitted, iris):
    table = fitted.candidates_
    is_final = np.isfinite(table["validation_score"])
    relu = table["name"] == "relu"
    assert is_final[relu].all()
    # Shares of held-out rows, but for the ties that losses break.
    errors = -table["validation_score"][is_final]
    n_held_out = round(0.15 * len(iris[1]))
    assert np.abs(errors * n_held_out - np.round(errors * n_held_out)).max() < 0.02


def test_early_stopping_restores_the_best_epoch():
    X, y = make_classification(300, flip_y=0.3, random_state=0)
    model = quick_classifier(activation="relu", max_iter=80, n_iter_no_change=3).fit(X, y)
    errors = [epoch["valid_error"] for epoch in model.history_]
    assert model.n_iter_ == len(errors) < 80
    assert np.argmin(errors) == len(errors) - 1 - 3
    assert 0 <= model.best_validation_score_ <= 1


def test_without_early_stopping_all_rows_train_for_all_epochs(iris):
    model = quick_classifier(activation="relu", early_stopping=False, max_iter=4).fit(*iris)
    assert model.n_iter_ == 4
    assert model.best_validation_score_ is None
    assert "valid_loss" not in model.history_[0]


def test_user_callbacks_run_and_the_trajectory_is_kept(iris):
    from skibias.callbacks import WeightTrajectory

    trajectory = WeightTrajectory()
    model = quick_classifier(activation="relu", callbacks=[trajectory]).fit(*iris)
    assert len(trajectory.trajectory_) == model.n_iter_ + 1
    assert trajectory.trajectory_[0].shape == model.weights_.shape
    assert not np.array_equal(trajectory.trajectory_[0], trajectory.trajectory_[-1])


def test_what_is_no_callback_is_refused_before_any_work(iris, no_networks):
    with pytest.raises(TypeError, match="'callbacks' parameter of .* Got 'stop' instead"):
        quick_classifier(callbacks=["stop"]).fit(*iris)


def test_skorch_checkpoint_follows_the_held_out_loss(iris, tmp_path):
    from skorch.callbacks import Checkpoint

    keep = Checkpoint(dirname=tmp_path, f_params="params.pt")
    model = quick_classifier(activation="relu", callbacks=[keep]).fit(*iris)
    losses = np.array([record["valid_loss"] for record in model.history_])
    best = np.array([record["valid_loss_best"] for record in model.history_])
    np.testing.assert_array_equal(best, losses == np.minimum.accumulate(losses))
    assert (tmp_path / "params.pt").exists()


def test_skorch_early_stopping_ends_training_without_an_error(iris):
    from skorch.callbacks import EarlyStopping

    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=10.0, threshold_mode="abs")
    model = quick_classifier(activation="relu", callbacks=[stop], max_iter=50).fit(*iris)
    assert model.n_iter_ < 10


def test_silent_by_default_and_bars_on_stderr_if_asked(iris, capfd):
    quick_classifier().fit(*iris)
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""
    with redirect_stderr(io.StringIO()) as stderr:
        quick_classifier(verbose=1).fit(*iris)
    assert "learning of activations" in stderr.getvalue()
    assert "learning of input functions" in stderr.getvalue()
    assert "training" in stderr.getvalue()
    assert capfd.readouterr().out == ""


# Use with scikit-learn


def test_pickled_models_predict_alike(fitted, iris):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(iris[0]), fitted.predict_proba(iris[0]))


def test_a_model_for_a_device_that_is_gone_still_predicts(fitted, iris):
    moved = pickle.loads(pickle.dumps(fitted)).set_params(device="cuda:0")
    np.testing.assert_array_equal(moved.predict(iris[0]), fitted.predict(iris[0]))


def test_grid_search_over_prefactors_and_knots(iris):
    search = GridSearchCV(quick_classifier(activation="tanh"), {"prefactor": [0.5, 2]}, cv=2)
    results = search.fit(*iris).cv_results_
    best = results["param_prefactor"][np.argmax(results["mean_test_score"])]
    assert search.best_params_ == {"prefactor": best}
    knots = {"learner__n_knots": [5, 9]}
    search = GridSearchCV(quick_classifier(activation="learned"), knots, cv=2).fit(*iris)
    assert len(search.best_estimator_.activation_.knots) == search.best_params_["learner__n_knots"]


def test_fit_leaves_its_parameters_alone(iris):
    learner = clone(QUICK)
    model = quick_classifier(learner=learner, verbose=0, sharing="network")
    before = {key: repr(value) for key, value in model.get_params().items()}
    model.fit(*iris)
    assert {key: repr(value) for key, value in model.get_params().items()} == before
    assert not hasattr(learner, "history_")


def test_transformer_in_a_pipeline(iris):
    pipeline = make_pipeline(
        IAFTransformer(QUICK, random_state=0), LogisticRegression(max_iter=2000)
    )
    assert cross_val_score(pipeline, *iris, cv=3).mean() > 0.9


@pytest.mark.parametrize(
    ("activation", "same"),
    [
        (SplineActivation.relu(), "relu"),  # linear outside
        (
            SplineActivation([0.0, 1.0, 4.0], [0.0, 3.0, 0.0]),  # uneven knots
            SplineActivation(np.arange(5.0), [0.0, 3.0, 2.0, 1.0, 0.0]),
        ),
    ],
    ids=["linear outside", "uneven knots"],
)
def test_given_activations_are_compared_as_they_are(activation, same, iris):
    two_sets = IAFTransformer(clone(QUICK).set_params(n_restarts=2), n_channels=2)
    scores = [
        quick_classifier(activation=own, input_activations=two_sets, device="cpu")
        .fit(*iris)
        .candidates_["screening_score"]
        for own in (activation, same)
    ]
    assert len(scores[0]) == 2
    np.testing.assert_allclose(*scores, rtol=1e-3)


def test_input_functions_are_learned_behind_the_prefactor_of_a_given_activation(iris):
    given = SplineActivation.from_function(np.tanh)
    transformer = IAFTransformer(QUICK, n_channels=2)
    losses = [
        quick_classifier(
            activation=activation, prefactor=prefactor, input_activations=transformer, device="cpu"
        )
        .fit(*iris)
        .meta_history_["inputs"]["validation_loss"]
        for activation, prefactor in (
            (given, 3.0),
            (given.scale_argument(3.0), None),
            (given, None),
        )
    ]
    np.testing.assert_array_equal(losses[0], losses[1])
    assert (losses[0] != losses[2]).any()


def test_a_splitter_that_numbers_other_rows_is_refused(iris):
    X, y = iris
    learner = clone(QUICK).set_params(validation=PredefinedSplit(np.arange(len(X)) % 3))
    with pytest.raises(ValueError, match="'validation'.*names row"):
        quick_classifier(learner=learner).fit(X, y)


def test_one_row_of_positive_weight_is_refused_and_one_to_learn_from_too():
    X, y = np.ones((2, 3)), np.ones(2)
    with pytest.raises(ValueError, match="at least two rows of positive weight"):
        quick_regressor().fit(X, y, sample_weight=[1, 0])
    with pytest.raises(ValueError, match="at least two rows"):
        quick_regressor(activation="learned").fit(np.eye(2, 3), np.arange(2.0))


def problem_of(X, y, fraction):
    rows, encoding = encoded_rows(TableData(X, y, np.ones(len(X))), True)
    return split_problem(rows, None, encoding, fraction, seed=0)


def test_few_rows_that_learning_saw_do_not_rank_what_it_learned():
    X = np.random.default_rng(0).normal(size=(60, 2))
    problem = problem_of(X, (X[:, 0] > 0).astype(int), 0.15)
    learned, fixed = (
        comparison_folds(FitPlan.of(quick_classifier(activation=own), QUICK, QUICK, 60, 2), problem)
        for own in ("learned", "auto")
    )
    assert [len(fold[1]) for fold in fixed] == [12] * 5
    ((train, held_out),) = learned
    assert len(train) + len(held_out) == 60
    assert not set(train) & set(held_out)

"""Learning an activation directly."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.model_selection import KFold

from skibias import ActivationLearner, SplineActivation

QUICK = ActivationLearner(
    n_outer_steps=4, n_restarts=2, horizon=20, hidden_layer_sizes=(8,), random_state=0
)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def quick(**parameters):
    return clone(QUICK).set_params(**parameters)


def test_learning_moves_the_function_and_keeps_a_history(iris):
    learner = quick(init="relu")
    activation = learner.learn(*iris)
    start = np.maximum(activation.knots, 0)
    assert np.abs(activation.values - start).max() > 0.01
    assert learner.history_["validation_loss"].shape == (4, 2)
    assert list(learner.history_["snapshot_step"]) == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(learner.history_["functions"][0][0][0].values, start, atol=1e-6)
    assert list(learner.candidates_["status"]).count("chosen") == 1


def test_no_outer_step_keeps_the_start(iris):
    activation = quick(n_outer_steps=0, init=np.sin, n_restarts=1).learn(*iris)
    np.testing.assert_allclose(activation.values, np.sin(activation.knots), atol=1e-6)


def test_the_same_seed_gives_the_same_function(iris):
    assert quick().learn(*iris) == quick().learn(*iris)
    assert quick().learn(*iris) != quick(random_state=1).learn(*iris)


def test_restarts_may_differ_in_every_setting(iris):
    learner = quick(
        n_knots=[10, 30],
        init=["zeros", "relu"],
        unroll_steps=[1, 3],
        outer_learning_rate=[0.1, 0.2],
    )
    learner.learn(*iris)
    last = learner.history_["functions"][-1]
    assert [len(functions[0].knots) for functions in last] == [10, 30]


@pytest.mark.parametrize("schedule", ["episodic", "staggered"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
def test_schedules_and_optimizers(schedule, optimizer, iris):
    activation = quick(schedule=schedule, optimizer=optimizer).learn(*iris)
    assert isinstance(activation, SplineActivation)


def test_sharing_per_layer_returns_a_list(iris):
    functions = quick(sharing="layer", hidden_layer_sizes=(8, 8)).learn(*iris)
    assert len(functions) == 2
    assert functions[0] != functions[1]


def test_one_function_for_several_data_sets(iris):
    """Different columns, classes and kinds of target; the function is one."""
    X, y = iris
    tasks = [(X, y), (X[:, :2], y == 1), make_regression(90, 7, random_state=0)]
    learner = quick(n_outer_steps=6)
    joint = learner.learn(tasks)
    assert isinstance(joint, SplineActivation)
    assert learner.history_["validation_loss"].shape == (6, 2)
    assert joint != quick(n_outer_steps=6).learn(X, y)


def test_validation_by_splitter_or_from_another_domain(iris):
    X, y = iris
    by_fraction = quick().learn(X, y)
    by_splitter = quick(validation=KFold(3, shuffle=True, random_state=0)).learn(X, y)
    other_domain = quick(validation=(X[:, ::-1] + 1.0, y)).learn(X, y)
    assert len({by_fraction, by_splitter, other_domain}) == 3
    with pytest.raises(ValueError, match=r"must be among \[0, 1, 2\]. Got \[9\]"):
        quick(validation=(X, np.full(len(X), 9))).learn(X, y)


def test_squared_error_on_classes_differs_from_log_loss(iris):
    assert quick(loss="squared_error").learn(*iris) != quick().learn(*iris)
    X, y = make_regression(90, 7, random_state=0)
    with pytest.raises(ValueError, match="'loss' parameter.*'log_loss'"):
        quick(loss="log_loss").learn(X, y)


def test_spectral_normalization_and_raw_columns(iris):
    X, y = iris
    assert quick(spectral_normalization=True).learn(X, y) != quick().learn(X, y)
    assert quick(scaling=None).learn(X, y) != quick().learn(X, y)


def test_smoothness_makes_smoother_functions(iris):
    rough = quick(n_outer_steps=30, init="zeros", n_restarts=1).learn(*iris)
    smooth = quick(n_outer_steps=30, init="zeros", n_restarts=1, smoothness=100.0).learn(*iris)
    roughness = [np.square(np.diff(f.values, 2)).sum() for f in (rough, smooth)]
    assert roughness[1] < 0.5 * roughness[0]


def test_weights_count_like_repeated_rows(iris):
    X, y = iris
    repeats = np.random.default_rng(0).integers(0, 3, len(X))
    weighted = quick().learn(X, y, sample_weight=repeats)
    assert weighted == quick().learn(np.repeat(X, repeats, 0), np.repeat(y, repeats))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_knots": [10, 1]}, "'n_knots' parameter.*Got 1"),
        ({"init": "random"}, "'init' parameter.*'random'"),
        ({"init": []}, "'init' parameter.*empty"),
        ({"domain": (0, np.inf)}, "'domain' parameter"),
        ({"domain": (0, 1, 2)}, "'domain' parameter.*pair"),
        ({"schedule": "greedy"}, "'schedule' parameter"),
        ({"hidden_layer_sizes": (8, -1)}, "'hidden_layer_sizes' parameter"),
        ({"validation": 1.5}, "'validation' parameter"),
        ({"validation": (1, 2, 3)}, "'validation' parameter.*pair"),
        ({"smoothness": -1}, "'smoothness' parameter"),
        ({"device": "cuda:77"}, "'device' parameter"),
        ({"init": "ramps"}, "'init' parameter.*'ramps'"),
        ({"hidden_layer_sizes": ()}, "'hidden_layer_sizes' parameter"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, message, iris):
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        quick(**parameters).learn(*iris)


def test_data_without_targets_are_refused(iris):
    with pytest.raises(TypeError, match=r"'X' parameter of learn.*list of \(X, y\)"):
        quick().learn(iris[0])

"""Landscapes show the losses and complexities of networks rebuilt one by one."""

from copy import copy

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import LogNorm, Normalize
from scipy.special import softmax
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier

from skibias import (
    ActivationLearner,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
)
from skibias.callbacks import WeightTrajectory
from skibias.complexity import sample_paths, tv_complexity
from skibias.plots import LandscapeDisplay

pytestmark = pytest.mark.usefixtures("closed_figures")

X, Y = load_iris(return_X_y=True)
LEARNER = ActivationLearner(n_outer_steps=3, n_restarts=1, horizon=10)


def fit(estimator_class=LearnedActivationMLPClassifier, data=(X, Y), **parameters):
    """Return a small network and the trajectory of its training."""
    trajectory = WeightTrajectory()
    settings = {"learner": LEARNER, "max_iter": 8, "random_state": 0, "n_estimators": 2}
    model = estimator_class((8, 8), callbacks=[trajectory], **settings | parameters)
    return model.fit(*data), trajectory


def draw(model, data=(X, Y), **parameters):
    settings = {"n_steps": 5, "n_paths": 6, "n_points": 9}
    return LandscapeDisplay.from_estimator(model, *data, **settings | parameters)


INPUTS = [{"activation": "tanh"}, {"activation": "relu", "input_activations": "learned"}]


@pytest.mark.parametrize("parameters", INPUTS)
@pytest.mark.parametrize("network", [0, 1])
def test_the_middle_of_a_random_plane_is_the_trained_network(parameters, network):
    model, _ = fit(**parameters, n_estimators=2)
    display = draw(model, network=network)
    assert display.loss.shape == display.complexity.shape == (5, 5)
    alone = only(model, network)
    assert display.loss[2, 2] == pytest.approx(
        log_loss(Y, softmax(alone.decision_function(X), axis=1)), rel=1e-4
    )
    # The same draws as the display's: the plane first, then rows, then paths.
    random = np.random.RandomState(0)
    random.randint(2**31)
    random.permutation(len(X))
    paths = sample_paths(X, Y, n_paths=6, random_state=random)
    expected = tv_complexity(alone, paths, n_points=9, response_method="decision_function")
    assert display.complexity[2, 2] == pytest.approx(expected, rel=1e-3)


def only(model, network):
    """Return a fitted estimator that consists of one of the networks."""
    alone = copy(model)
    networks = model.networks_
    weights = networks.weights[[network]]
    alone.networks_ = networks.of(
        networks.architecture,
        networks.activations,
        weights,
        networks.encoder,
        networks.encoding,
        networks.target_means,
    )
    return alone


def test_the_landscape_equals_the_networks_of_the_plane():
    model, trajectory = fit(activation="tanh", n_estimators=1)
    display = draw(model, trajectory=trajectory)
    states = np.concatenate(trajectory.trajectory_)
    coordinates = display.trajectory
    centered = states - states.mean(0)
    directions = np.linalg.svd(centered, full_matrices=False)[2][:2]
    directions *= np.where(directions @ (states[-1] - states[0]) < 0, -1, 1)[:, None]
    np.testing.assert_allclose(coordinates, (states - model.weights_[0]) @ directions.T, atol=1e-4)
    corner = only(model, 0)
    # The network at a corner of the plane, rebuilt.
    step = np.array([display.first[0], display.second[-1]])
    weights = (model.weights_[0] + step @ directions)[None].astype(np.float32)
    corner.networks_ = corner.networks_.with_weights(weights)
    expected = log_loss(Y, softmax(corner.decision_function(X), axis=1))
    assert display.loss[-1, 0] == pytest.approx(expected, rel=1e-3)


def test_the_trajectory_lies_within_the_plane_and_is_drawn():
    model, trajectory = fit(activation="relu", input_activations="learned")
    display = draw(model, trajectory=trajectory, network=1)
    assert display.trajectory.shape == (9, 2)
    for steps, coordinates in zip(
        (display.first, display.second), display.trajectory.T, strict=True
    ):
        assert steps[0] <= coordinates.min() and coordinates.max() <= steps[-1]
        assert steps[0] < 0 < steps[-1]
    for panel in display.axes_:
        np.testing.assert_array_equal(panel.get_lines()[0].get_xydata(), display.trajectory)
    assert display.labels[0].startswith("component 1 (")
    assert [panel.get_title() for panel in display.axes_] == ["loss", "TV complexity"]


@pytest.mark.parametrize("parameters", INPUTS)
def test_an_estimator_can_be_taken_back_to_an_epoch(parameters):
    epochs = []
    trajectory = WeightTrajectory()
    for n_epochs in (1, 2):
        model = LearnedActivationMLPClassifier(
            (8,),
            learner=LEARNER,
            max_iter=n_epochs,
            early_stopping=False,
            callbacks=[trajectory],
            n_estimators=2,
            random_state=0,
            **parameters,
        ).fit(X, Y)
        epochs.append(trajectory.trajectory_)
    # The first epoch of the long training is all of the short one.
    np.testing.assert_array_equal(epochs[0][1], epochs[1][1])
    start, last = (trajectory.estimator_at(model, epoch) for epoch in (0, -1))
    n_weights = model.weights_.shape[1]
    np.testing.assert_array_equal(last.weights_, epochs[1][2][:, :n_weights])
    distance = np.abs(last.predict_proba(X) - model.predict_proba(X)).max()
    assert 0 < distance < np.abs(start.predict_proba(X) - model.predict_proba(X)).max()
    if "input_activations" in parameters:
        learned = start.input_activations_[0].values.reshape(
            -1, 2, start.input_activations_[0].n_channels // 2
        )
        np.testing.assert_array_equal(learned[:, 0], learned[:, 1])  # both start alike


def test_an_estimator_is_taken_back_by_its_own_trajectory_only():
    model, trajectory = fit(activation="tanh")
    other, _ = fit(activation="tanh", data=(X[:, :2], Y))
    with pytest.raises(ValueError, match=r"this estimator's networks, of shape \(2, "):
        trajectory.estimator_at(other, 1)
    n_epochs = len(model.history_)
    with pytest.raises(ValueError, match=rf"'epoch' .* {n_epochs}\]\. Got {n_epochs + 1} instead"):
        trajectory.estimator_at(model, n_epochs + 1)


def test_extent_and_rows_are_those_asked_for():
    model, _ = fit(activation="tanh", n_estimators=1)
    display = draw(model, extent=0.5, n_rows=20)
    for steps in (display.first, display.second):
        np.testing.assert_allclose(steps[[0, -1]], [-0.5, 0.5])
    random = np.random.RandomState(0)
    random.randint(2**31)
    rows = random.permutation(len(X))[:20]
    expected = log_loss(
        Y[rows], softmax(model.decision_function(X[rows]), axis=1), labels=[0, 1, 2]
    )
    assert display.loss[2, 2] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("highest", "scale"), [(20.0, Normalize), (2000.0, LogNorm)])
def test_colours_follow_orders_of_magnitude(highest, scale):
    steps = np.arange(2.0)
    surface = np.array([[1.0, 2.0], [3.0, highest]])
    display = LandscapeDisplay(steps, steps, surface, surface, None, ("a", "b")).plot()
    assert type(display.axes_[0].collections[0].norm) is scale


def test_values_are_standardised_for_the_loss():
    data = load_diabetes(return_X_y=True)
    model, _ = fit(LearnedActivationMLPRegressor, data, activation="relu", n_estimators=1)
    display = draw(model, data)
    squared_error = np.mean((model.predict(data[0]) - data[1]) ** 2)
    scale = model.networks_.encoding.scale[0]
    assert display.loss[2, 2] == pytest.approx(squared_error / scale**2, rel=1e-4)


def test_the_global_generator_and_the_model_stay_as_they_were():
    model, trajectory = fit(activation="tanh")
    weights, state = model.weights_.copy(), torch.get_rng_state()
    first, second = (draw(model, trajectory=trajectory).loss for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(model.weights_, weights)
    assert torch.equal(torch.get_rng_state(), state)


def test_unusable_choices_are_refused():
    model, _ = fit(activation="tanh")
    for name, least in {"n_steps": 2, "n_rows": 1, "n_paths": 1, "n_points": 2}.items():
        with pytest.raises(ValueError, match=f"'{name}' .* at least {least}. Got 0 instead"):
            draw(model, **{name: 0})
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        draw(model, data=(X, Y[:-1]))
    with pytest.raises(ValueError, match=r"among \[0, 1, 2\]\. Got \[7\] instead"):
        draw(model, data=(X, np.full(len(X), 7)))
    regressor, _ = fit(LearnedActivationMLPRegressor, activation="tanh")
    with pytest.raises(ValueError, match=r"'y' .* 1 values per row\. Got .* \(150, 2\)"):
        draw(regressor, data=(X, X[:, :2]))
    with pytest.raises(TypeError, match="Got KNeighborsClassifier instead"):
        draw(KNeighborsClassifier().fit(X, Y))
    with pytest.raises(ValueError, match=r"'network' .* \[0, 1\]\. Got 2 instead"):
        draw(model, network=2)
    _, other = fit(activation="tanh", data=(X[:, :2], Y))
    with pytest.raises(ValueError, match="'trajectory' .* must be that of this estimator"):
        draw(model, trajectory=other)


@pytest.mark.parametrize(
    "parameters", [{"activation": "tanh"}, {"activation": "relu", "input_activations": "learned"}]
)
def test_categories_and_missing_values_switch_as_on_the_paths_of_frames(parameters):
    random = np.random.RandomState(0)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(
        colour=np.where(Y + random.normal(size=len(Y)) > 1, "red", "blue"),
        place=random.choice(list("ABCDEFGHIJ"), len(Y)),  # enough levels for target means
    )
    frame.loc[::7, ["a", "colour"]] = None
    model, _ = fit(data=(frame, Y), n_estimators=1, **parameters)
    display = draw(model, (frame, Y))
    random = np.random.RandomState(0)
    random.randint(2**31)
    random.permutation(len(X))
    paths = sample_paths(frame, Y, n_paths=6, random_state=random)
    expected = tv_complexity(model, paths, n_points=9, response_method="decision_function")
    assert display.complexity[2, 2] == pytest.approx(expected, rel=1e-3)

"""Displays draw the functions' own values, in places that do not overlap."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
    SplineActivation,
)
from skibias.plots import ActivationDisplay

pytestmark = pytest.mark.usefixtures("closed_figures")

X, Y = load_iris(return_X_y=True)
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]
LEARNER = ActivationLearner(n_outer_steps=3, n_restarts=1, horizon=10)


def network(estimator_class=LearnedActivationMLPClassifier, **parameters):
    """Fit a small network to iris in a moment."""
    settings = {"hidden_layer_sizes": (8, 8), "learner": LEARNER, "max_iter": 3, "random_state": 0}
    return estimator_class(**settings | parameters).fit(X, Y)


@pytest.fixture(scope="module")
def transformer():
    return IAFTransformer(LEARNER, n_channels=3, random_state=0).fit(X, Y)


def drawn(panel):
    """Return arguments (p,) and values (p, c) of a panel's lines."""
    lines = panel.get_lines()
    return lines[0].get_xdata(), np.column_stack([line.get_ydata() for line in lines])


def assert_draws(display, functions):
    """Check that every panel shows the values of its function."""
    assert len(display.axes_) == len(functions)
    for panel, function in zip(display.axes_, functions, strict=True):
        points, values = drawn(panel)
        expected = np.asarray(function(points)).reshape(len(points), -1)
        np.testing.assert_array_equal(values, expected)


def titles(display):
    return [panel.get_title() for panel in display.axes_]


def extents(display):
    """Return the boxes (left, bottom, right, top) of panels with their titles and numbers."""
    display.figure_.canvas.draw()
    return [panel.get_tightbbox().extents for panel in display.axes_]


def assert_apart(boxes):
    for number, (left, bottom, right, top) in enumerate(boxes):
        for other_left, other_bottom, other_right, other_top in boxes[:number]:
            beside = left >= other_right or right <= other_left
            above = bottom >= other_top or top <= other_bottom
            assert beside or above


@pytest.mark.parametrize(
    "estimator_class", [LearnedActivationMLPClassifier, LearnedActivationMLPRegressor]
)
def test_a_network_shows_its_activation_and_then_its_input_functions(estimator_class):
    model = network(estimator_class, activation="tanh", prefactor=2, input_activations="learned")
    display = ActivationDisplay.from_estimator(model)
    # Of the four networks' own functions, those of the first are shown.
    first = [
        SplineActivation(function.knots, function.values[:, : function.n_channels // 4])
        for function in model.input_activations_
    ]
    assert_draws(display, [model.activation_, *first])
    assert titles(display) == ["hidden activation", "x0", "x1", "x2", "x3"]


def test_a_network_without_input_functions_shows_one_panel():
    model = network(activation="relu")
    display = ActivationDisplay.from_estimator(model)
    points, values = drawn(display.axes_[0])
    assert points[[0, -1]].tolist() == [-5, 5]
    np.testing.assert_array_equal(values[:, 0], np.maximum(points, 0))


def test_every_layer_has_its_panel():
    model = network(activation="learned", sharing="layer")
    display = ActivationDisplay.from_estimator(model)
    assert_draws(display, model.activation_)
    assert titles(display) == ["hidden layer 1", "hidden layer 2"]


def test_a_transformer_shows_every_channel_over_its_knots(transformer):
    display = ActivationDisplay.from_estimator(transformer, feature_names=NAMES)
    assert_draws(display, transformer.activations_)
    assert titles(display) == NAMES
    for panel, function in zip(display.axes_, transformer.activations_, strict=True):
        points, values = drawn(panel)
        assert values.shape[1] == 3
        assert (points[0], points[-1]) == (function.knots[0], function.knots[-1])
        assert np.isin(function.knots, points).all()  # so that straight lines are exact


def test_names_come_from_the_frame_the_transformer_saw():
    frame = load_iris(as_frame=True).data
    fitted = IAFTransformer(LEARNER, n_channels=1, random_state=0).fit(frame, Y)
    display = ActivationDisplay.from_estimator(fitted)
    assert titles(display) == list(frame.columns)


@pytest.mark.parametrize(("max_features", "count"), [(2, 2), (4, 4), (9, 4), (None, 4)])
def test_max_features_limits_the_columns(transformer, max_features, count):
    display = ActivationDisplay.from_estimator(transformer, max_features=max_features)
    assert titles(display) == [f"x{number}" for number in range(count)]


def test_ranges_can_be_given():
    display = ActivationDisplay.from_functions(
        [np.sin, SplineActivation.hat()], ranges=[(0, 1)] * 2
    )
    assert [points[[0, -1]].tolist() for points in display.arguments] == [[0, 1], [0, 1]]
    assert_draws(display, [np.sin, SplineActivation.hat()])


def test_what_reaches_the_functions_is_counted_behind_their_curves():
    model = network(activation="tanh", input_activations="learned")
    display = ActivationDisplay.from_estimator(model, X)
    hidden, *columns = display.reaching
    assert len(hidden) == 2 * 8 * len(X)  # both layers of the first network
    np.testing.assert_array_equal(np.stack(columns, axis=1), X)
    histograms = display.figure_.axes[len(display.axes_) :]
    for behind, points, numbers in zip(
        histograms, display.arguments, display.reaching, strict=True
    ):
        inside = (numbers >= points[0]) & (numbers <= points[-1])
        assert sum(bar.get_height() for bar in behind.patches) == inside.sum() > 0


def test_the_first_layer_is_reached_by_an_affine_map_of_the_columns():
    model = network(activation="relu", sharing="layer", scaling=None, n_estimators=1)
    display = ActivationDisplay.from_estimator(model, X)
    matrix, bias = model.weights_[0, :32].reshape(4, 8), model.weights_[0, 32:40]
    np.testing.assert_allclose(display.reaching[0], (X @ matrix + bias).ravel(), rtol=1e-6)
    assert len(display.reaching) == 2


def test_plot_draws_again_without_changing_the_data(transformer):
    display = ActivationDisplay.from_estimator(transformer)
    before = [values.copy() for values in display.values]
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first
    for kept, values in zip(before, display.values, strict=True):
        np.testing.assert_array_equal(kept, values)


def test_panels_take_the_place_of_one_axes(transformer):
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5))
    place = right.get_position().extents
    display = ActivationDisplay.from_estimator(transformer, ax=right)
    assert display.figure_ is figure
    assert left.axison and not right.axison
    inside = [panel.get_position().extents for panel in display.axes_]
    np.testing.assert_allclose(np.min(inside, axis=0)[:2], place[:2], atol=1e-9)
    np.testing.assert_allclose(np.max(inside, axis=0)[2:], place[2:], atol=1e-9)


def test_given_axes_are_drawn_on(transformer):
    figure, axes = plt.subplots(2, 2)
    display = ActivationDisplay.from_estimator(transformer, ax=axes)
    assert display.figure_ is figure
    assert display.axes_.tolist() == axes.reshape(-1).tolist()
    assert_draws(display, transformer.activations_)


def test_ten_columns_of_eight_channels_do_not_overlap():
    knots = np.geomspace(1, 20_000, 65)  # long numbers at the ticks
    ramps = SplineActivation(knots, np.linspace(-1, 1, 65)[:, None] * np.arange(1, 9))
    display = ActivationDisplay.from_functions(
        [SplineActivation.from_function(np.tanh), *[ramps] * 10],
        names=["hidden activation", *[f"a long column name {k}" for k in range(10)]],
    )
    assert_apart(extents(display))


@pytest.mark.parametrize(
    "estimator",
    [LearnedActivationMLPClassifier(), LearnedActivationMLPRegressor(), IAFTransformer()],
)
def test_unfitted_estimators_are_refused(estimator):
    with pytest.raises(NotFittedError, match="not fitted"):
        ActivationDisplay.from_estimator(estimator)


@pytest.mark.parametrize("estimator", [make_pipeline(StandardScaler(), IAFTransformer()), "relu"])
def test_other_estimators_are_refused(estimator):
    with pytest.raises(TypeError, match="'estimator' parameter of ActivationDisplay"):
        ActivationDisplay.from_estimator(estimator)


def test_a_network_without_hidden_layers_shows_input_functions_only():
    model = network(hidden_layer_sizes=())
    display = ActivationDisplay.from_estimator(model, X)
    assert len(display.axes_) == len(display.reaching) == X.shape[1]
    model.set_params(input_activations=None).fit(X, Y)
    with pytest.raises(ValueError, match="without hidden layers, whose columns are only scaled"):
        ActivationDisplay.from_estimator(model)


def test_wrong_counts_are_refused(transformer):
    with pytest.raises(ValueError, match=r"'feature_names' .* \(4\)\. Got 3"):
        ActivationDisplay.from_estimator(transformer, feature_names=NAMES[:3])
    with pytest.raises(ValueError, match=r"'ax' .* \(4\)\. Got 2"):
        ActivationDisplay.from_estimator(transformer, ax=plt.subplots(2)[1])
    with pytest.raises(ValueError, match=r"'names' .* \(1\)\. Got 2"):
        ActivationDisplay.from_functions([np.sin], names=["a", "b"])
    with pytest.raises(ValueError, match=r"'ranges' .* \(1\)\. Got 0"):
        ActivationDisplay.from_functions([np.sin], ranges=[])
    with pytest.raises(ValueError, match=r"'reaching' .* \(1\)\. Got 2"):
        ActivationDisplay.from_functions([np.sin], reaching=[[1.0], [2.0]])
    with pytest.raises(ValueError, match="at least one function"):
        ActivationDisplay.from_functions([])

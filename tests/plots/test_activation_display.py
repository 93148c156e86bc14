"""Displays draw the functions' own values, in places that do not overlap."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skibias import (
    ActivationLearner,
    CategoryActivation,
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


# Categories and missing values.


def mixed():
    """Return a frame with a small category, one of many levels, and gaps; three classes."""
    random = np.random.RandomState(0)
    frame = pd.DataFrame(X[:, :2], columns=["length", "width"])
    frame["colour"] = np.where(Y + random.normal(size=len(Y)) > 1, "red", "blue")
    frame["place"] = random.choice([f"town {k}" for k in range(20)], len(Y))
    frame.loc[::7, ["length", "colour"]] = None
    return frame


@pytest.fixture(scope="module")
def mixed_network():
    settings = {"activation": "relu", "input_activations": "learned", "n_estimators": 1}
    model = LearnedActivationMLPClassifier((8,), learner=LEARNER, max_iter=3, **settings)
    return model.set_params(random_state=0).fit(mixed(), Y)


def rows_of(panel):
    return [text.get_text() for text in panel.get_yticklabels()]


def dots_of(panel):
    return [line.get_xdata()[0] for line in panel.get_lines() if line.get_marker() == "o"]


def test_levels_are_rows_in_the_order_of_their_values():
    colour = CategoryActivation(["blue", "red", "green"], [1.0, 3.0, 2.5], missing=0.5, unknown=2)
    (panel,) = ActivationDisplay.from_functions([colour], names=["colour"]).axes_
    assert rows_of(panel) == ["red", "green", "blue", "missing", "unseen"]
    assert dots_of(panel) == [3, 2.5, 1, 0.5, 2]
    assert panel.get_xlabel() == "value"
    top, bottom = sorted(panel.get_ylim())
    assert panel.get_ylim() == (bottom, top)  # the first row is at the top


def test_one_row_stands_for_missing_and_unseen_labels_with_one_value():
    (panel,) = ActivationDisplay.from_functions([CategoryActivation([True, False], [1, 3])]).axes_
    assert rows_of(panel) == ["False", "True", "missing or unseen"]


def test_levels_of_several_channels_lie_along_the_direction_in_which_they_differ_most():
    random = np.random.RandomState(0)
    values = np.outer([1.0, -2.0, 0.5, 4.0], [3.0, 4.0]) + 0.01 * random.normal(size=(4, 2))
    unknown = np.array([5.0, -5.0])
    function = CategoryActivation(list("abcd"), values + unknown, unknown=unknown)
    (panel,) = ActivationDisplay.from_functions([function]).axes_
    assert rows_of(panel)[:4] == ["d", "a", "c", "b"]
    np.testing.assert_allclose(dots_of(panel), [20, 5, 2.5, -10, 0], atol=0.05)
    assert panel.get_xlabel() == "main direction (100%)"


def test_turning_the_channels_moves_no_row():
    values = np.random.RandomState(0).normal(size=(5, 3))
    turn = np.linalg.qr(np.random.RandomState(1).normal(size=(3, 3)))[0]
    functions = [CategoryActivation(list("abcde"), own) for own in (values, values @ turn)]
    one, other = (
        np.array(dots_of(panel)) for panel in ActivationDisplay.from_functions(functions).axes_
    )
    assert np.allclose(one, other) or np.allclose(np.sort(one), np.sort(-other))


def test_many_levels_are_cut_and_counted():
    levels = [f"level {k}" for k in range(100)]
    values = np.arange(100.0)
    values[:30] = -100.0  # rare ones, alike
    function = CategoryActivation(levels, values, unknown=50)
    (panel,) = ActivationDisplay.from_functions([function]).axes_
    names = rows_of(panel)
    assert names[:2] == ["level 99", "level 98"]
    assert names[-2:] == ["missing or unseen", "… and 59 more"]
    assert "30 levels alike" in names and len(names) == 14
    assert 30 + 11 + 59 == 100


def test_frequent_levels_are_shown_where_it_is_known_what_reaches_them():
    levels = [f"level {k}" for k in range(40)]
    labels = np.repeat(levels[:13], range(1, 14))
    labels = [*labels, "new", "new", None]
    function = CategoryActivation(levels, np.arange(40.0), missing=0)
    display = ActivationDisplay.from_functions([function], reaching=[labels])
    names = rows_of(display.axes_[0])
    assert names == [f"level {k}" for k in range(12, 0, -1)] + [
        "missing",
        "unseen",
        "… and 28 more",
    ]
    bars = display.figure_.axes[1].patches
    assert [bar.get_width() for bar in bars] == [*range(13, 1, -1), 1, 2]
    assert display.reaching[0].tolist() == labels


def test_long_names_can_be_told_apart():
    levels = [
        f"Department of {own} Services, main office" for own in ("Health", "General", "Human")
    ]
    levels += ["Police Officer of the first grade II", "Police Officer of the first grade I"]
    (panel,) = ActivationDisplay.from_functions([CategoryActivation(levels, np.arange(5))]).axes_
    names = rows_of(panel)
    assert len(set(names)) == len(names) == 6
    assert max(map(len, names)) <= 21


def test_missing_numbers_are_marked_beside_the_curve():
    hat = SplineActivation([0, 1, 2], [[0, 1], [1, 0], [0, 1]], missing=[0.3, 0.6])
    plain = SplineActivation.hat()
    panel, other = ActivationDisplay.from_functions([hat, plain]).axes_
    (marks,) = panel.collections
    np.testing.assert_array_equal(marks.get_offsets()[:, 1], [0.3, 0.6])
    assert [text.get_text() for text in panel.texts] == ["missing"]
    assert not other.collections and not other.texts


def test_a_network_of_mixed_columns_shows_all_of_them(mixed_network):
    frame = mixed()
    display = ActivationDisplay.from_estimator(mixed_network, frame)
    assert titles(display)[:5] == ["hidden activation", *frame.columns]
    assert titles(display)[5:] == [f"place: share of {k}" for k in range(3)]
    length, width, colour, place = display.axes_[1:5]
    assert length.collections and not width.collections  # only the first one has gaps
    assert rows_of(colour) in [
        ["red", "blue", "missing", "unseen"],
        ["blue", "red", "missing", "unseen"],
    ]
    assert len(rows_of(place)) == 12 + 1 + 1
    function = mixed_network.input_activations_[2]
    np.testing.assert_array_equal(display.values[3], function.values)
    behind = dict(zip(rows_of(colour), counts_behind(display, colour), strict=True))
    counts = frame["colour"].value_counts()
    assert behind == {**counts, "missing": frame["colour"].isna().sum(), "unseen": 0}
    extended = mixed_network.networks_.target_means.tables[0]
    assert np.isin(display.reaching[5], extended[:, 0]).all()


def counts_behind(display, panel):
    """Return the lengths of the bars that lie in the place of a panel."""
    place = panel.get_position().extents
    for own in display.figure_.axes:
        if own is not panel and np.array_equal(own.get_position().extents, place):
            return [bar.get_width() for bar in own.patches]
    return None


def test_names_of_columns_name_their_target_means(mixed_network):
    display = ActivationDisplay.from_estimator(
        mixed_network, feature_names=list("abcd"), max_features=5
    )
    assert titles(display) == ["hidden activation", *"abcd", "d: share of 0"]


def test_target_means_are_named_by_what_they_are_means_of():
    frame, settings = mixed(), {"activation": "relu", "input_activations": "learned"}
    names = {}
    for kind, y in [("values", Y + 0.5), ("outputs", np.stack([Y, Y**2], 1) + 0.5)]:
        model = LearnedActivationMLPRegressor((8,), learner=LEARNER, max_iter=2, **settings)
        names[kind] = titles(ActivationDisplay.from_estimator(model.fit(frame, y)))[5:]
    model = LearnedActivationMLPClassifier((8,), learner=LEARNER, max_iter=2, **settings)
    display = ActivationDisplay.from_estimator(model.fit(frame, np.array(["no", "yes"])[Y // 2]))
    assert titles(display)[5:] == ["place: share of yes"]
    assert names == {
        "values": ["place: mean of y"],
        "outputs": ["place: mean of y0", "place: mean of y1"],
    }


def test_a_transformer_of_mixed_columns_shows_all_of_them():
    frame = mixed()
    fitted = IAFTransformer(LEARNER, n_channels=1, random_state=0).fit(frame, Y)
    for rows in (None, frame, frame.convert_dtypes()):
        display = ActivationDisplay.from_estimator(fitted, rows)
        assert titles(display) == list(frame.columns)
        assert display.axes_[0].collections and not display.axes_[1].collections
        assert display.axes_[2].get_xlabel() == "value"


def test_panels_of_categories_do_not_overlap():
    names = [f"a long name of a level, number {k}" for k in range(60)]
    place = CategoryActivation(
        names, np.random.RandomState(0).normal(size=(60, 8)), missing=[1.0] * 8
    )
    ramps = SplineActivation(np.geomspace(1, 2e4, 9), np.ones((9, 8)), missing=[0.5] * 8)
    display = ActivationDisplay.from_functions(
        [place, ramps, place, ramps, place],
        names=["place", "size", "an even longer name of a column: mean of y", "size", "place"],
        reaching=[names, [1, 2, np.nan], names, [3], names],
    )
    assert_apart(extents(display))

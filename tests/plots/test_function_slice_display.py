"""Slices show the estimator's own values, on the points they claim."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from skibias.plots import FunctionSliceDisplay

pytestmark = pytest.mark.usefixtures("closed_figures")

FRAME = load_iris(as_frame=True).data
X, Y = FRAME.to_numpy(), load_iris().target
NAMES = list(FRAME.columns)


@pytest.fixture(scope="module")
def model():
    return KNeighborsClassifier(5).fit(FRAME, Y)


def draw(estimator, X=FRAME, **parameters):
    return FunctionSliceDisplay.from_estimator(estimator, X, n_points=7, **parameters)


def image_of(display):
    (mesh,) = display.ax_.collections
    return mesh.get_array().reshape(7, 7)


def test_a_plane_along_two_columns_keeps_the_others(model):
    display = draw(model, rows=60, features=(2, 0), output=1)
    for b, second in enumerate(display.positions[1]):
        for a, first in enumerate(display.positions[0]):
            point = FRAME.iloc[[60]].copy()
            point.iloc[0, [2, 0]] = first, second
            expected = model.predict_proba(point)[0, 1]
            assert image_of(display)[b, a] == pytest.approx(expected)
    assert display.ax_.get_xlabel() == NAMES[2]
    assert display.ax_.get_ylabel() == NAMES[0]
    (marks,) = display.ax_.get_lines()
    np.testing.assert_array_equal(marks.get_xydata(), [X[60, [2, 0]]])


def test_the_quantiles_and_the_row_are_within_the_slice(model):
    outlier = int(X[:, 2].argmax())
    (positions,) = draw(model, rows=outlier, features=2).positions
    assert positions[0] == pytest.approx(np.quantile(X[:, 2], 0.01))
    assert positions[-1] == X[outlier, 2]


def test_a_path_leads_from_row_to_row(model):
    display = draw(model, rows=(0, 100), output=2)
    share = np.linspace(0, 1, 7)[:, None]
    points = pd.DataFrame((1 - share) * X[0] + share * X[100], columns=NAMES)
    curve, marks = display.ax_.get_lines()
    np.testing.assert_allclose(curve.get_ydata(), model.predict_proba(points)[:, 2])
    np.testing.assert_array_equal(marks.get_xdata(), [0, 1])
    assert marks.get_ydata()[0] == curve.get_ydata()[0]


def test_the_plane_of_three_rows_is_linear_for_a_linear_model():
    model = LinearRegression().fit(X, Y)
    display = draw(model, X, rows=(0, 60, 120))
    ends = model.predict(X[[0, 60, 120]])
    first, second = np.meshgrid(*display.positions)
    expected = ends[0] + first * (ends[1] - ends[0]) + second * (ends[2] - ends[0])
    np.testing.assert_allclose(image_of(display), expected, atol=1e-12)
    np.testing.assert_array_equal(display.marks, [[0, 0], [1, 0], [0, 1]])
    assert (display.positions[0][0], display.positions[0][-1]) == (-0.25, 1.25)


def test_columns_can_be_named_and_functions_drawn(model):
    display = draw(model, features=(NAMES[3], NAMES[1]))
    assert display.labels == [NAMES[3], NAMES[1]]
    display = draw(lambda points: points[:, 1] ** 2, X, features=1)
    np.testing.assert_allclose(display.values, display.positions[0] ** 2)
    assert display.labels == ["x1"] and display.response_name == "output"


def test_the_response_is_named(model):
    assert draw(model).response_name == "probability"
    fitted = LogisticRegression(max_iter=1000).fit(X, Y)
    assert draw(fitted, X).response_name == "decision function"
    panel = plt.subplots()[1]
    display = draw(fitted, X, response_method="predict", ax=panel)
    assert display.ax_ is panel and display.response_name == "prediction"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rows": (0, 1, 2, 3)}, "'rows' .* one, two or three row numbers"),
        ({"rows": (0, 0)}, "'rows' .* different numbers below 150"),
        ({"rows": 150}, "'rows' .* different numbers below 150"),
        ({"features": (0, 4)}, "'features' .* of the 4 that X has"),
        ({"features": ("petal",)}, "'features' .* Got \\['petal'\\] instead"),
        ({"features": (1, 1)}, "two different ones"),
        ({"output": 3}, r"'output' .* \[-3, 2\]. Got 3 instead"),
        ({"response_method": "transform"}, "'response_method'"),
    ],
)
def test_unusable_choices_are_refused(model, parameters, message):
    with pytest.raises(ValueError, match=message):
        draw(model, **parameters)


def test_two_points_are_needed(model):
    with pytest.raises(ValueError, match="'n_points' .* at least 2. Got 1 instead"):
        FunctionSliceDisplay.from_estimator(model, FRAME, n_points=1)


def test_a_plane_needs_two_columns_and_a_fitted_model():
    single = LinearRegression().fit(X[:, :1], Y)
    with pytest.raises(ValueError, match="'features' .* of the 1 that X has. Got \\[0, 1\\]"):
        draw(single, X[:, :1])
    with pytest.raises(NotFittedError):
        draw(LinearRegression(), X)


MIXED = pd.DataFrame(
    {
        "size": [1.0, 2.0, None, 4.0, 5.0],
        "colour": pd.Categorical(["red", "blue", "red", None, "red"]),
        "width": [0.0, 4.0, 8.0, 6.0, 2.0],
    }
)


def red_width(points):
    return points["width"].to_numpy() * (points["colour"] == "red").to_numpy()


def never(points):
    raise AssertionError("evaluated")


def test_other_columns_may_hold_categories_and_gaps():
    display = draw(red_width, MIXED, features=("width", "size"))
    np.testing.assert_array_equal(image_of(display)[0], display.positions[0])
    low, high = np.quantile([1, 2, 4, 5], [0.01, 0.99])
    assert display.positions[1][[0, -1]].tolist() == [min(low, 1), high]
    assert (draw(red_width, MIXED, rows=1, features="width").values == 0).all()


def test_on_a_path_categories_switch_in_the_middle():
    display = draw(red_width, MIXED, rows=(4, 1))
    assert display.values.tolist() == pytest.approx([2, 7 / 3, 8 / 3, 0, 0, 0, 0])
    path = draw(lambda points: points["size"].fillna(-1).to_numpy(), MIXED, rows=(2, 4))
    assert path.values.tolist() == [-1] * 3 + [5] * 4


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"features": ("colour",)}, "'features' .* columns of numbers.*'colour', .* categories"),
        ({"features": (1, 2)}, "'features' .* columns of numbers.*'colour', .* categories"),
        ({"features": "size", "rows": 2}, "'rows' .* a number in every column.*'size'"),
        ({"rows": (0, 1, 4)}, "'rows' .* the same categories.*'colour'"),
        ({"rows": (0, 2, 4)}, "'rows' .* the same categories.*'size'"),
    ],
)
def test_what_cannot_go_straight_is_refused_by_name(parameters, message):
    with pytest.raises(ValueError, match=message):
        draw(never, MIXED, **parameters)

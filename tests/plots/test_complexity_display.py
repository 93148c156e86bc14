"""Points of the display are the scores and complexities of the models."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skibias.complexity import complexity_report
from skibias.plots import ComplexityDisplay

pytestmark = pytest.mark.usefixtures("closed_figures")

X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def models():
    models = {"linear": LogisticRegression(max_iter=1000), "nearest": KNeighborsClassifier(1)}
    return {name: model.fit(X[::2], Y[::2]) for name, model in models.items()}


def points(display):
    return {
        container.get_label(): container.lines[0].get_xydata()
        for container in display.ax_.containers
    }


def test_models_lie_at_their_complexity_and_score(models):
    display = ComplexityDisplay.from_estimators(
        models, X[1::2], Y[1::2], measure="fourier", n_paths=20
    )
    report = complexity_report(models, X[1::2], Y[1::2], measures=("fourier",), n_paths=20)
    for name, own in points(display).items():
        np.testing.assert_allclose(own, [[report.loc[name, "fourier"], report.loc[name, "score"]]])
    assert display.ax_.get_xlabel() == "Fourier complexity, cycles per path"
    assert display.ax_.get_ylabel() == "score"
    np.testing.assert_array_equal(display.complexity_error, report["fourier_se"])


def test_points_of_one_name_share_colour_and_marker():
    display = ComplexityDisplay([1, 2, 3], [0.1, 0.2, 0.3], ["a", "b", "a"], "TV").plot()
    assert {name: len(own) for name, own in points(display).items()} == {"a": 2, "b": 1}
    styles = {
        (container.lines[0].get_color(), container.lines[0].get_marker())
        for container in display.ax_.containers
    }
    assert len(styles) == 2
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["a", "b"]


def test_a_missing_column_is_named(models):
    report = complexity_report(models, X, Y, measures=("tv",), n_paths=5)
    with pytest.raises(ValueError, match="must have a column 'lz'"):
        ComplexityDisplay.from_report(report, measure="lz")


def test_models_of_frames_with_categories_are_drawn():
    frame = pd.DataFrame({"size": X[:, 0], "colour": np.array(["red", "blue", None])[Y]})
    encoder = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression(max_iter=1000)).fit(frame, Y)
    display = ComplexityDisplay.from_estimators({"linear": model}, frame, Y, n_paths=20)
    assert display.complexity[0] > 0 and display.score[0] == 1

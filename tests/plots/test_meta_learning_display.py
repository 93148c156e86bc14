"""The display of meta-learning draws the recorded losses and shapes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from skibias import ActivationLearner, LearnedActivationMLPClassifier
from skibias.plots import MetaLearningDisplay

pytestmark = pytest.mark.usefixtures("closed_figures")

X, Y = load_iris(return_X_y=True)
LEARNER = ActivationLearner(n_outer_steps=40, n_restarts=2, horizon=10, random_state=0)


@pytest.fixture(scope="module")
def model():
    return LearnedActivationMLPClassifier(
        (8,),
        activation="learned",
        input_activations="learned",
        learner=LEARNER,
        max_iter=3,
        random_state=0,
    ).fit(X, Y)


def curves(panel):
    return [line.get_ydata() for line in panel.get_lines()]


def test_losses_are_running_means_of_every_restart(model):
    display = MetaLearningDisplay.from_estimator(model)
    losses = model.meta_history_["activation"]["validation_loss"]
    assert losses.shape == (40, 2)
    for drawn, own in zip(curves(display.axes_[0]), losses.T, strict=True):
        np.testing.assert_allclose(drawn, [own[i : i + 2].mean() for i in range(39)])
    assert display.restart == np.argmin(losses[-2:].mean(0))


@pytest.mark.parametrize("restart", [0, 1])
def test_shapes_are_the_snapshots_of_the_restart(model, restart):
    display = MetaLearningDisplay.from_estimator(model, restart=restart)
    history = model.meta_history_["activation"]
    drawn = curves(display.axes_[1])
    assert len(drawn) == len(history["snapshot_step"])
    for values, functions in zip(drawn, history["functions"], strict=True):
        np.testing.assert_array_equal(values, functions[restart][0](display.arguments))
    colors = [line.get_color() for line in display.axes_[1].get_lines()]
    assert len(set(colors)) == len(drawn)
    assert display.figure_.axes[-1].get_ylabel() == "outer step"


def test_a_channel_of_a_column_is_shown(model):
    display = MetaLearningDisplay.from_estimator(model, kind="inputs", number=2, channel=1)
    functions = model.meta_history_["inputs"]["functions"][-1][0]
    expected = functions[2](display.arguments)[:, 1]
    np.testing.assert_array_equal(display.values[-1], expected)
    assert display.axes_[1].get_title() == "x2, channel 1"


def test_a_learner_is_shown_as_well():
    learner = ActivationLearner(**LEARNER.get_params())
    learner.learn(X, Y)
    display = MetaLearningDisplay.from_estimator(learner, restart=0)
    np.testing.assert_array_equal(display.losses, learner.history_["validation_loss"])


def test_the_animation_has_a_frame_for_every_snapshot(model, tmp_path):
    display = MetaLearningDisplay.from_estimator(model)
    open_figures = plt.get_fignums()
    display.save_animation(tmp_path / "shape.gif", frames_per_second=20)
    with Image.open(tmp_path / "shape.gif") as animation:
        assert animation.n_frames == len(np.unique(display.values, axis=0))
        assert animation.info["duration"] == 50  # milliseconds
    assert plt.get_fignums() == open_figures


def test_unusable_choices_are_refused(model, tmp_path):
    draw = MetaLearningDisplay.from_estimator
    with pytest.raises(ValueError, match="'frames_per_second' .* positive number. Got 0 instead"):
        draw(model).save_animation(tmp_path / "shape.gif", frames_per_second=0)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"'kind' .*\. Got 'weights' instead"):
        draw(model, kind="weights")
    with pytest.raises(ValueError, match=r"'restart' .* \[0, 1\]\. Got 2 instead"):
        draw(model, restart=2)
    with pytest.raises(ValueError, match=r"'number' .* \[0, 3\]\. Got 4 instead"):
        draw(model, kind="inputs", number=4)
    with pytest.raises(ValueError, match=r"'channel' .* Got -1 instead"):
        draw(model, channel=-1)
    with pytest.raises(ValueError, match="as many Axes as there are panels \\(2\\)"):
        draw(model, ax=plt.subplots(3)[1])
    with pytest.raises(TypeError, match="Got str instead"):
        draw("relu")
    with pytest.raises(NotFittedError):
        draw(LearnedActivationMLPClassifier())
    with pytest.raises(NotFittedError):
        draw(ActivationLearner())
    fixed = LearnedActivationMLPClassifier((8,), activation="relu", max_iter=2).fit(X, Y)
    with pytest.raises(ValueError, match="must have learned functions of kind='activation'"):
        draw(fixed)


def test_levels_of_a_category_are_dots_from_the_first_step_to_the_last(tmp_path):
    random = np.random.RandomState(0)
    frame = pd.DataFrame(X[:, :2], columns=["length", "width"])
    frame["place"] = random.choice([f"town {k}" for k in range(20)], len(Y))
    model = LearnedActivationMLPClassifier(
        (8,), activation="relu", input_activations="learned", learner=LEARNER, max_iter=2
    ).fit(frame, Y)
    display = MetaLearningDisplay.from_estimator(model, kind="inputs", number=2, channel=1)
    panel = display.axes_[1]
    *names, last = [text.get_text() for text in panel.get_yticklabels()]
    assert len(names) == 12 and last == "… and 8 more"
    history = model.meta_history_["inputs"]
    final = history["functions"][-1][display.restart][2]
    drawn = panel.get_lines()[-1].get_xdata()
    np.testing.assert_array_equal(drawn, final(names)[:, 1])
    assert (np.diff(drawn) <= 0).all()
    assert len(panel.get_lines()) == len(history["snapshot_step"])
    display.save_animation(tmp_path / "place.gif")
    further = MetaLearningDisplay.from_estimator(model, kind="inputs", number=3)
    assert further.name == "place: share of 0, channel 0"

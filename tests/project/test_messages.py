"""Errors say what is wrong and what to do, whatever a user gets wrong first."""

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
    SplineActivation,
)

X = np.random.default_rng(0).normal(size=(60, 2))
Y = np.arange(60) % 2
QUICK = {"activation": "relu", "max_iter": 2, "n_estimators": 1, "random_state": 0}
NO_LEARNER = r"'learner' parameter of {} must be an ActivationLearner for 'learner__n_knots'"
NO_LEARNER += r".*Got None instead: pass learner=ActivationLearner\(\)"


@pytest.mark.parametrize(
    "estimator",
    [LearnedActivationMLPClassifier(), LearnedActivationMLPRegressor(), IAFTransformer()],
)
def test_a_setting_of_no_learner_says_to_pass_one(estimator):
    message = NO_LEARNER.format(type(estimator).__name__)
    with pytest.raises(ValueError, match=message):
        estimator.set_params(learner__n_knots=5)
    step = type(estimator).__name__.lower()
    with pytest.raises(ValueError, match=message):
        make_pipeline(estimator).set_params(**{f"{step}__learner__n_knots": 5})
    estimator.set_params(learner__n_knots=5, learner=ActivationLearner())
    assert estimator.learner.n_knots == 5


def test_a_search_over_settings_of_no_learner_says_to_pass_one():
    search = GridSearchCV(LearnedActivationMLPClassifier(**QUICK), {"learner__n_knots": [5]}, cv=2)
    with pytest.raises(ValueError, match=NO_LEARNER.format("LearnedActivationMLPClassifier")):
        search.fit(X, Y)
    steps = make_pipeline(IAFTransformer(), LogisticRegression())
    search = GridSearchCV(steps, {"iaftransformer__learner__n_knots": [5]}, cv=2)
    with pytest.raises(ValueError, match=NO_LEARNER.format("IAFTransformer")):
        search.fit(X, Y)


@pytest.mark.parametrize("given", ["auto", "learned", None, [SplineActivation.hat()]])
def test_a_setting_of_no_transformer_says_to_pass_one(given):
    model = LearnedActivationMLPClassifier(input_activations=given)
    message = r"'input_activations' parameter of .* must be an IAFTransformer for "
    message += r"'input_activations__n_channels' to be set. .*pass input_activations=IAFTransf"
    with pytest.raises(ValueError, match=message):
        model.set_params(input_activations__n_channels=5)
    model.set_params(input_activations=IAFTransformer(), input_activations__n_channels=5)
    assert model.input_activations.n_channels == 5
    with pytest.raises(ValueError, match=NO_LEARNER.format("IAFTransformer")):
        model.set_params(input_activations__learner__n_knots=5)


def test_other_settings_that_are_not_there():
    model = LearnedActivationMLPClassifier()
    with pytest.raises(ValueError, match="'activation' parameter.*parameters of its own.*'auto'"):
        model.set_params(activation__n_knots=5)
    with pytest.raises(ValueError, match="Invalid parameter 'learners'"):
        model.set_params(learners__n_knots=5)
    frozen = FrozenEstimator(IAFTransformer())
    with pytest.raises(ValueError, match="frozen"):
        model.set_params(input_activations=frozen, input_activations__n_channels=5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", None] * 30, "'y' parameter.*missing labels. Got None"),
        (["a", np.nan] * 30, "'y' parameter.*missing labels. Got nan"),
        (["a", 1] * 30, "'y' parameter.*labels of one kind"),
    ],
)
def test_labels_that_cannot_be_told_apart(labels, message):
    with pytest.raises(ValueError, match=message):
        LearnedActivationMLPClassifier(**QUICK).fit(X, np.array(labels, dtype=object))


def test_values_that_are_missing():
    values = np.array([1.0, None] * 30, dtype=object)
    with pytest.raises(ValueError, match="'y' parameter.*missing values. Got None"):
        LearnedActivationMLPRegressor(**QUICK).fit(X, values)


def test_weights_that_are_a_word():
    with pytest.raises(ValueError, match="'sample_weight' parameter of .*Got 'balanced' instead"):
        LearnedActivationMLPClassifier(**QUICK).fit(X, Y, sample_weight="balanced")


@pytest.mark.parametrize("validation", [X, {0: 1}, {1, 2}, "rows"])
def test_validation_rows_that_are_of_no_kind(validation):
    with pytest.raises(ValueError, match="'validation' parameter of ActivationLearner must be"):
        ActivationLearner(validation=validation).learn(X, Y)


@pytest.mark.parametrize("start", [lambda knots: "a", lambda knots: None, lambda knots: [1.0]])
def test_starts_that_give_no_heights(start):
    with pytest.raises(ValueError, match="'init' parameter.*finite height for each of the 50"):
        ActivationLearner(init=start).learn(X, Y)


def test_functions_that_are_none():
    with pytest.raises(TypeError, match="'function' parameter of Spline.* must be callable"):
        SplineActivation.from_function("tanh")
    for function in (lambda z: 1.0, lambda z: [1.0, 2.0]):
        with pytest.raises(ValueError, match="'function' parameter.*each of the 50 knots"):
            SplineActivation.from_function(function)
    for domain in ((1, 0), (0, np.inf), (0,), 3, "ab"):
        with pytest.raises(ValueError, match="'domain' parameter of SplineActivation.from_func"):
            SplineActivation.from_function(np.tanh, domain=domain)
    for prefactor in (0, -1, np.nan, "2"):
        with pytest.raises(ValueError, match="'prefactor' parameter of SplineActivation.scale"):
            SplineActivation.hat().scale_argument(prefactor)
    with pytest.raises(ValueError, match="'x' parameter of SplineActivation.*Got 'a'"):
        SplineActivation.hat()(["a"])


def test_names_are_listed_in_the_same_order_in_every_process():
    code = (
        "from skibias import ActivationLearner; ActivationLearner(optimizer='x').learn([[0]], [0])"
    )
    for seed in ("0", "1"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
        assert "among {'adam', 'momentum', 'rmsprop', 'sgd'}. Got 'x' instead" in run.stderr

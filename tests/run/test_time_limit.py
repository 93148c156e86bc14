"""A fit that may take only so long: what it cuts, what it says, and that it still works."""

import math
import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from skibias import (
    ActivationLearner,
    LearnedActivationMLPClassifier,
    LearnedActivationMLPRegressor,
)
from skibias._run.clock import Clock, Cut, Deadline, most_cut
from skibias._run.stages import FitRun

LEARNER = ActivationLearner(n_outer_steps=6, n_restarts=2, horizon=30, hidden_layer_sizes=(8,))
ESTIMATORS = [LearnedActivationMLPClassifier, LearnedActivationMLPRegressor]


def make_data(estimator_class, n_rows=150):
    if estimator_class is LearnedActivationMLPClassifier:
        return make_classification(n_rows, 4, n_informative=3, n_redundant=0, random_state=0)
    return make_regression(n_rows, 4, noise=10.0, random_state=0)


def make_estimator(estimator_class=LearnedActivationMLPClassifier, **parameters):
    defaults = {"learner": LEARNER, "max_iter": 4, "n_estimators": 2, "random_state": 0}
    return estimator_class((8,), **(defaults | parameters))


def message_of_fit(estimator, X, y):
    with pytest.warns(ConvergenceWarning) as caught:
        estimator.fit(X, y)
    (warning,) = caught
    assert warning.filename == __file__
    return str(warning.message)


@pytest.mark.parametrize("estimator_class", ESTIMATORS)
def test_a_tiny_limit_still_gives_a_fitted_model_and_says_what_it_cut(estimator_class):
    X, y = make_data(estimator_class)
    model = make_estimator(estimator_class, max_iter=100, time_limit=1e-6)
    message = message_of_fit(model, X, y)
    assert message.startswith(f"{estimator_class.__name__}: time_limit=1e-06 cut ")
    for cut in [
        "learning of input functions after 0 of 6 outer steps",
        "learning of activations after 0 of 6 outer steps",
        "screening of candidates after 50 of 200 steps",
        "comparison of candidates after 50 of 400 steps",
        "and training after 0 of 100 epochs. ",
        "longer limit",
    ]:
        assert cut in message
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(model.best_validation_score_)
    assert len(model.candidates_["name"]) == 14
    assert "diverged" not in model.candidates_["status"]
    assert model.n_iter_ == len(model.history_) == 1
    assert model.history_[0]["train_batch_count"] == 1


def test_what_ends_by_itself_is_not_cut():
    # So few steps that the only evaluation is the last.
    X, y = make_data(LearnedActivationMLPClassifier)
    message = message_of_fit(make_estimator(max_iter=4, time_limit=1e-6), X, y)
    assert "candidates" not in message


def test_every_stage_has_a_share_of_the_time():
    run = FitRun(torch.device("cpu"), clock=Clock(start=1000.0, limit=200.0))
    names = ("inputs", "activation", "screening", "comparison", "training")
    ends = [run.stage(name).deadline.end for name in names]
    assert ends == [1050.0, 1050.0, 1080.0, 1120.0, 1200.0]


@pytest.mark.parametrize("estimator_class", ESTIMATORS)
def test_a_generous_limit_changes_nothing_and_warns_of_nothing(estimator_class):
    X, y = make_data(estimator_class)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        limited = make_estimator(estimator_class, device="cpu", time_limit=3600).fit(X, y)
        free = make_estimator(estimator_class, device="cpu").fit(X, y)
    np.testing.assert_array_equal(limited.predict(X), free.predict(X))
    np.testing.assert_array_equal(limited.weights_, free.weights_)
    for name in ("validation_score", "screening_score"):
        np.testing.assert_array_equal(limited.candidates_[name], free.candidates_[name])


def test_a_fit_ends_at_about_its_limit(clock):
    """Every step asks the clock, which moves by a second: at most a few are late."""
    X, y = make_data(LearnedActivationMLPClassifier, 400)
    learner = clone(LEARNER).set_params(n_outer_steps=100_000, horizon=200)
    model = make_estimator(
        learner=learner, max_iter=100_000, n_iter_no_change=100_000, time_limit=100.0
    )
    begin, clock.step = clock.now, 1.0
    message = message_of_fit(model, X, y)
    assert 99 < clock.now - begin < 110
    assert "outer steps" in message and "of 100000 epochs" in message
    losses = model.meta_history_["activation"]["validation_loss"]
    assert 1 < len(losses) < 100_000
    assert len(model.meta_history_["inputs"]["validation_loss"]) > 1


class PassTheLimit(Callback):
    """Moves the clock past every limit once a number of batches were trained on."""

    def __init__(self, clock, n_batches):
        self.clock, self.n_batches = clock, n_batches

    def on_batch_end(self, net, training, **kwargs):
        self.n_batches -= training
        if self.n_batches == 0:
            self.clock.now += 1e9


def test_an_epoch_that_is_cut_is_judged_and_training_ends_with_it(clock):
    X, y = make_data(LearnedActivationMLPClassifier, 400)
    model = make_estimator(
        activation="relu",
        input_activations=None,
        batch_size=10,
        learning_rate=0.01,
        max_iter=9,
        time_limit=1e5,
        callbacks=[PassTheLimit(clock, 2 * 34 + 11)],  # 34 batches an epoch
    )
    assert "cut training after 2 of 9 epochs." in message_of_fit(model, X, y)
    assert [record["train_batch_count"] for record in model.history_] == [34, 34, 11]
    assert all(np.isfinite(record["valid_error"]) for record in model.history_)
    errors = [record["valid_error"] for record in model.history_]
    assert model.best_validation_score_ == pytest.approx(1 - min(errors), abs=1e-3)


def test_no_epoch_is_cut_that_was_the_last_one(clock):
    X, y = make_data(LearnedActivationMLPClassifier)
    model = make_estimator(activation="relu", input_activations=None, max_iter=1, time_limit=1.0)
    model.set_params(batch_size=len(X), callbacks=[PassTheLimit(clock, 1)])
    model.fit(X, y)  # one batch, one epoch: no warning
    assert model.history_[0]["train_batch_count"] == 1


def test_a_warning_that_is_an_error_leaves_a_fitted_estimator():
    X, y = make_data(LearnedActivationMLPClassifier)
    model = make_estimator(time_limit=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            model.fit(X, y)
    assert model.predict(X).shape == y.shape


def test_few_rows_are_compared_within_the_limit_as_well():
    X, y = make_data(LearnedActivationMLPClassifier, 60)
    message = message_of_fit(make_estimator(time_limit=1e-6, max_iter=100), X, y)
    assert "comparison of candidates after 50 of" in message


@pytest.mark.parametrize("limit", [0, -1.0, "soon"])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(ValueError, match="'time_limit' parameter of .* must be .* Got .* instead"):
        make_estimator(time_limit=limit).fit(*make_data(LearnedActivationMLPClassifier))


def test_calls_one_after_the_other_divide_the_time_in_proportion():
    deadline = Deadline(100.0, 200.0)
    assert [part.end for part in deadline.parts([1, 3, 1], 1)] == [120.0, 180.0, 200.0]
    assert [part.end for part in deadline.parts([1, 3, 1], 2)] == [175.0, 175.0, 200.0]
    assert [part.end for part in deadline.parts([1, 3, 1], 3)] == [200.0] * 3
    assert [part.end for part in deadline.parts([0, 0], 1)] == [100.0] * 2
    assert Deadline().parts([1, 1], 1) == [Deadline()] * 2


def test_a_deadline_tells_the_share_of_its_time_in_any_process(clock):
    deadline = pickle.loads(pickle.dumps(Clock(90.0, 40.0)))
    clock.now = 100.0
    half = deadline.deadline(0.5)
    assert half == Deadline(100.0, 110.0)
    assert Deadline(80.0, 120.0).from_now() == Deadline(100.0, 120.0)
    assert Deadline(80.0, 120.0).elapsed() == 0.5
    assert Deadline(80.0, 90.0).from_now().elapsed() == 1.0
    assert Deadline(0.0, math.inf).elapsed() == 0.0
    assert Deadline(80.0, 100.0).has_passed()
    assert not Deadline(80.0, 100.1).has_passed()
    assert not Clock.started_now(None).deadline(0.1).has_passed()


def test_of_several_trainings_the_shortest_is_told():
    cuts = [None, Cut("screening", 100, 500, "steps"), Cut("screening", 50, 500, "steps"), None]
    assert most_cut(cuts) == cuts[2]
    assert most_cut([None]) is None

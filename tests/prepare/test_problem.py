"""A table that is ready to be learned from."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.datasets import make_classification
from sklearn.model_selection import KFold

from skibias import ActivationLearner, IAFTransformer, LearnedActivationMLPClassifier
from skibias._choose.plan import FitPlan
from skibias._choose.selection import choose_network
from skibias._prepare.problem import split_problem
from skibias._prepare.targets import TableData, encoded_rows
from skibias._run.settings import plain_settings
from skibias._run.stages import FitRun
from skibias._train.final import train_selected

X, Y = make_classification(150, 3, n_informative=3, n_redundant=0, random_state=0)
WEIGHTS = np.random.default_rng(0).uniform(0.5, 1.5, 150)
RUN = FitRun(torch.device("cpu"))


@pytest.fixture(scope="module")
def problem():
    rows, encoding = encoded_rows(TableData(X, Y, WEIGHTS), True)
    return split_problem(rows, "standard", encoding, 0.2, seed=0)


def test_validation_rows_weigh_one_in_the_mean(problem):
    found = problem.validation_rows(problem.encoded(problem.scaled, RUN.device))
    assert float(found.weights.mean()) == pytest.approx(1, abs=1e-6)
    expected = problem.rows.weights[problem.held_out]
    np.testing.assert_allclose(found.weights, expected / expected.mean(), rtol=1e-5)
    np.testing.assert_array_equal(found.targets, problem.rows.y[problem.held_out])


def test_the_error_that_stops_training_is_that_of_the_weighted_validation_rows(problem):
    model = LearnedActivationMLPClassifier(
        (8,), activation="relu", input_activations=None, max_iter=1, n_estimators=2
    )
    learner = ActivationLearner()
    plan = FitPlan.of(model, learner, learner, problem.n_rows, problem.n_columns)
    held_out = problem.rows.take(problem.held_out)
    with plain_settings():
        selection = choose_network(plan, problem, RUN)
        trained = train_selected(plan, problem, selection, RUN)
        logits = trained.networks.outputs(held_out.X)
    row_losses = -log_softmax(logits, axis=1)[np.arange(len(held_out.y)), held_out.y]
    expected = np.average(row_losses, weights=held_out.weights)
    assert trained.history[0]["valid_error"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("loss", ["auto", "log_loss", "squared_error"])
def test_learning_takes_the_loss_of_its_settings(problem, loss):
    expected = "log_loss" if loss == "auto" else loss
    assert problem.learning_rows(ActivationLearner(loss=loss)).encoding.loss == expected


class RecordingFolds(KFold):
    """Folds that remember how many rows they were asked to split."""

    n_rows = []  # of all copies

    def split(self, X, y=None, groups=None):
        self.n_rows.append(len(X))
        return super().split(X, y, groups)


@pytest.mark.parametrize(("n_restarts", "n_rows"), [(1, 150), (2, 150 - 22)])
def test_one_restart_learns_from_all_rows_and_several_leave_some_to_choose(n_restarts, n_rows):
    RecordingFolds.n_rows.clear()
    learner = ActivationLearner(
        n_outer_steps=1, n_restarts=n_restarts, horizon=5, validation=RecordingFolds(3)
    )
    IAFTransformer(learner, n_channels=2, random_state=0).fit(X, Y)
    assert RecordingFolds.n_rows == [n_rows]

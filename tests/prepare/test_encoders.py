"""How columns become what a network reads, the same for all parts of a fit."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification

from skibias import ActivationLearner, LearnedActivationMLPClassifier, SplineActivation
from skibias._choose.plan import FitPlan
from skibias._choose.selection import choose_network
from skibias._prepare.columns import (
    ColumnEncoder,
    FixedFunctions,
    ScaledColumns,
    TrainedFunctions,
)
from skibias._prepare.problem import split_problem
from skibias._prepare.targets import TableData, encoded_rows
from skibias._run.settings import plain_settings
from skibias._run.stages import FitRun
from skibias._train.final import train_selected
from skibias.engine.networks import INPUT_RATE
from skibias.functions.supports import KnotSupport

X, Y = make_classification(120, 3, n_informative=3, n_redundant=0, random_state=0)
FUNCTIONS = [
    SplineActivation([-1.0, 0.0, 2.0], [[0.0, 1.0], [1.0, 0.0], [2.0, -1.0]]),
    SplineActivation([-2.0, 2.0], [[1.0, 1.0], [0.0, 3.0]]),
    SplineActivation([0.0, 0.5, 1.0], [[5.0, 0.0], [0.0, 1.0], [-1.0, 1.0]]),
]
SUPPORTS = [KnotSupport(function.knots) for function in FUNCTIONS]
PLAIN = {"activation": "relu", "input_activations": None, "max_iter": 3, "n_estimators": 2}


def expected(functions):
    """Return the channels of the functions of all columns, side by side."""
    return np.concatenate([own(X[:, k]) for k, own in enumerate(functions)], axis=1)


@pytest.mark.parametrize(
    "encoder", [ScaledColumns.fit("standard", X), FixedFunctions(FUNCTIONS)], ids=type
)
def test_there_are_as_many_inputs_as_columns_are_read(encoder):
    assert encoder.encode(X).shape == (len(X), encoder.n_inputs)
    assert encoder.architecture((8,), 2, False).n_inputs == encoder.n_inputs
    assert encoder.engine_functions().inputs is None
    assert encoder.after_training(np.zeros((2, 3, 3, 2))) is encoder


def test_functions_that_stay_are_applied_to_their_columns():
    encoder = FixedFunctions(FUNCTIONS)
    np.testing.assert_allclose(encoder.encode(X), expected(FUNCTIONS), atol=1e-12)
    assert encoder.functions(0) == FUNCTIONS


def test_what_is_kept_between_calls_is_not_pickled():
    encoder = FixedFunctions(FUNCTIONS)
    before = pickle.dumps(encoder)
    first = encoder.encode(X)
    np.testing.assert_array_equal(encoder.encode(X), first)
    assert pickle.dumps(encoder) == before
    np.testing.assert_array_equal(pickle.loads(before).encode(X), first)


def test_trained_functions_read_positions_and_start_from_what_is_given():
    encoder = TrainedFunctions.starting_from(FUNCTIONS, SUPPORTS)
    assert encoder.n_inputs == 6
    assert encoder.functions() == FUNCTIONS
    assert encoder.encode(np.array([[1.0, 0.0, 0.25]])).tolist() == [[1.5, 0.5, 0.5]]


def test_every_network_reads_through_the_functions_that_it_has_trained():
    start = TrainedFunctions.starting_from(FUNCTIONS, SUPPORTS)
    changes = np.random.default_rng(0).normal(size=(2, *start.tables.shape))
    encoder = start.after_training(changes)
    assert encoder.n_inputs == start.n_inputs
    columns = encoder.encode(X)
    assert columns.shape == (2, len(X), 6)
    for network, own in enumerate(columns):
        np.testing.assert_allclose(own, expected(encoder.functions(network)), atol=1e-12)
        changed = encoder.functions(network)[0].values - FUNCTIONS[0].values
        np.testing.assert_allclose(changed, changes[network, 0])


@dataclass(frozen=True)
class Waves(ColumnEncoder):
    """Sine and cosine of every column: a kind that the package does not have."""

    n_columns: int

    @property
    def n_inputs(self):
        return 2 * self.n_columns

    def encode(self, X):
        return np.concatenate([np.sin(X), np.cos(X)], axis=1)


def test_comparing_training_and_predicting_ask_the_encoder_alone():
    model = LearnedActivationMLPClassifier((8,), **PLAIN | {"activation": "auto"})
    learner = ActivationLearner(n_outer_steps=2, n_restarts=1, hidden_layer_sizes=(8,))
    rows, encoding = encoded_rows(TableData(X, Y, np.ones(len(X))), True)
    problem = split_problem(rows, None, encoding, 0.2, seed=0)._replace(scaled=Waves(3))
    run = FitRun(torch.device("cpu"))
    with plain_settings():
        plan = FitPlan.of(model, learner, learner, problem.n_rows, problem.n_columns)
        selection = choose_network(plan, problem, run)
        networks = train_selected(plan, problem, selection, run).networks
        assert networks.architecture.n_inputs == 6
        assert networks.outputs(X).shape == (len(X), 2)
        # The sine and the cosine have the period of two pi, and so has the network.
        np.testing.assert_allclose(networks.outputs(X), networks.outputs(X + 2 * np.pi), atol=1e-6)


def test_the_functions_of_a_fit_are_the_start_and_what_training_has_changed():
    model = LearnedActivationMLPClassifier(
        (8,), **PLAIN | {"input_activations": "learned"}, random_state=0
    ).set_params(learner=ActivationLearner(n_outer_steps=2, hidden_layer_sizes=(8,)))
    networks = model.fit(X, Y).networks_
    changes = networks.weights[:, networks.architecture.n_layer_weights :]
    assert np.abs(changes).max() > 0
    own = changes[1].reshape(networks.encoder.tables.shape)
    start, trained = networks.encoder.functions()[0], networks.input_functions(1)[0]
    n_knots = len(start.knots)
    np.testing.assert_allclose(
        trained.values, start.values + INPUT_RATE * own[0, :n_knots], atol=1e-6
    )
    np.testing.assert_array_equal(model.weights_, networks.layer_weights)

"""Candidates are trained alike, whatever stands beside them and whatever rows weigh."""

import numpy as np
import pytest
import torch

from skibias._choose.candidates import fixed_candidate, usual_candidates
from skibias._choose.comparison import Comparison, TrainingPlan, compare
from skibias._choose.plan import NetworkPlan
from skibias._prepare.problem import split_problem
from skibias._prepare.targets import TableData, encoded_rows
from skibias._run.settings import one_thread
from skibias._run.stages import FitRun

RUN = FitRun(torch.device("cpu"))
NETWORK = NetworkPlan((8,), False, "rmsprop", 0.01)
PLAN = TrainingPlan(NETWORK, batch_size=120, n_steps=100, patience=2)


@pytest.fixture(scope="module")
def problem():
    X = np.random.default_rng(0).normal(size=(120, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    rows, encoding = encoded_rows(TableData(X, y, np.ones(120)), True)
    return split_problem(rows, None, encoding, 0.3, seed=0)


def losses(problem, candidates, plan=PLAN):
    comparison = Comparison.on(
        problem.rows,
        problem.encoding,
        {"scaled": problem.scaled},
        [(problem.train, problem.held_out)],
        plan,
        0,
        RUN.device,
    )
    with one_thread():
        return compare(candidates, comparison, RUN.stage("comparison")).values


def test_a_candidate_stops_alone_whatever_stands_beside_it(problem):
    candidates = usual_candidates((1.0, 2.0, 4.0))
    fast = NETWORK._replace(learning_rate=0.1)
    plan = PLAN._replace(network=fast, batch_size=32, n_steps=600, patience=1)
    together = losses(problem, candidates, plan)
    alone = [losses(problem, [own], plan)[0] for own in candidates]
    np.testing.assert_array_equal(together, alone)


def test_losses_are_relative_to_the_weight_of_the_validation_rows(problem):
    weights = np.ones(problem.n_rows)
    weights[problem.held_out] = 3.0
    heavy = problem._replace(rows=problem.rows._replace(weights=weights))
    relu = [fixed_candidate("relu")]
    np.testing.assert_allclose(losses(heavy, relu), losses(problem, relu), rtol=1e-5)


def test_the_learning_rate_of_a_candidate_is_divided_by_its_prefactor(problem):
    steep = fixed_candidate("tanh", 4.0)
    slow = PLAN._replace(network=NETWORK._replace(learning_rate=0.01 / 4))
    expected = losses(problem, [steep._replace(prefactor=1.0)], slow)
    np.testing.assert_allclose(losses(problem, [steep]), expected, rtol=1e-6)
    assert losses(problem, [steep._replace(prefactor=1.0)])[0] != expected[0]

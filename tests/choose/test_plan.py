"""What a fit does, read from the parameters of an estimator."""

import pytest

from skibias import ActivationLearner, LearnedActivationMLPClassifier
from skibias._choose.comparison import TrainingPlan
from skibias._choose.plan import FitPlan

LEARNER = ActivationLearner()


def plan_of(n_rows=1000, n_columns=4, **parameters):
    model = LearnedActivationMLPClassifier(**parameters)
    return FitPlan.of(model, LEARNER, LEARNER, n_rows, n_columns)


@pytest.mark.parametrize(
    ("parameters", "names", "prefactor"),
    [
        ({}, "relu tanh(1x) tanh(2x) tanh(4x) tanh(8x)", 1.0),
        ({"prefactor": 3}, "relu tanh(3x)", 1.0),  # of tanh, not of learned functions
        ({"activation": "learned"}, "", 1.0),
        ({"activation": "learned", "prefactor": 3}, "", 3.0),
    ],
)
def test_a_prefactor_is_that_of_tanh_or_of_learned_functions(parameters, names, prefactor):
    plan = plan_of(**parameters)
    assert [candidate.name for candidate in plan.candidates] == names.split()
    assert plan.learner is LEARNER
    assert plan.learned_prefactor == prefactor


@pytest.mark.parametrize(
    ("parameters", "has_scaled", "learns"),
    [
        ({}, True, True),
        ({"input_activations": "learned"}, False, True),
        ({"input_activations": None}, True, False),
        ({"activation": "relu"}, True, False),  # "auto" learns where all is left to choose
        ({"activation": "relu", "input_activations": "learned"}, False, True),
        ({"n_columns": 513}, True, False),
        ({"n_rows": 99}, True, False),
        ({"n_rows": 99, "input_activations": "learned"}, False, True),
    ],
)
def test_where_input_functions_come_from(parameters, has_scaled, learns):
    inputs = plan_of(**parameters).inputs
    assert inputs.has_scaled is has_scaled
    assert (inputs.learner is LEARNER) is learns
    assert inputs.are_trained is learns


def test_networks_are_compared_as_they_will_be_trained():
    training = TrainingPlan.of_fit(plan_of(n_iter_no_change=10), 1000, counts_errors=True)
    assert training.network.hidden_layer_sizes == (256, 256)
    assert training.batch_size == 100
    assert training.n_steps == 100 * 10  # epochs times batches
    assert training.patience == 10 * 10 // 50
    assert training.n_networks == 2
    assert TrainingPlan.of_fit(plan_of(n_estimators=1), 1000, True).n_networks == 1
    assert training.short() == training._replace(n_steps=600)


def test_screening_is_of_narrow_networks_for_a_short_time_at_a_higher_rate():
    training = TrainingPlan.of_fit(plan_of(), 1000, counts_errors=True)
    narrow = training.narrow()
    assert narrow.network.hidden_layer_sizes == (64, 64)
    assert narrow.network.learning_rate == 3 * training.network.learning_rate
    assert (narrow.n_steps, narrow.n_networks, narrow.counts_errors) == (500, 1, False)
    own = TrainingPlan.of_fit(plan_of(hidden_layer_sizes=(32,)), 1000, counts_errors=True)
    assert own.narrow().network == own.network

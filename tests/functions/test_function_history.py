"""The functions of a history: few, small, and otherwise like a list of them."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris, make_classification

from skibias import (
    ActivationLearner,
    IAFTransformer,
    LearnedActivationMLPClassifier,
    SplineActivation,
)
from skibias._learn import restarts as _stacks
from skibias.engine.networks import Functions
from skibias.functions.history import FunctionHistory
from skibias.functions.supports import KnotSupport

KNOTS = [np.array([0.0, 1.0, 2.0]), np.array([0.0, 5.0])]
SUPPORTS = [KnotSupport(own) for own in KNOTS]
HEIGHTS = np.arange(24, dtype=np.float32).reshape(4, 1, 2, 3)


@pytest.fixture
def history():
    return FunctionHistory([SUPPORTS], HEIGHTS)


def snapshot(number):
    first, second = HEIGHTS[number, 0]
    return [[SplineActivation(KNOTS[0], first), SplineActivation(KNOTS[1], second[:2])]]


def test_a_history_is_read_like_a_list(history):
    expected = [snapshot(number) for number in range(4)]
    assert len(history) == 4
    assert list(history) == expected
    assert [history[number] for number in (0, -1, np.int64(2))] == [expected[k] for k in (0, 3, 2)]
    assert history[1:] == expected[1:]
    assert history[::-2] == expected[::-2]
    assert list(reversed(history)) == expected[::-1]
    assert expected[2] in history and history.index(expected[2]) == 2
    with pytest.raises(IndexError):
        history[4]


def test_histories_compare_by_value(history):
    same = FunctionHistory([SUPPORTS], HEIGHTS.copy())
    assert history == same
    assert history != FunctionHistory([SUPPORTS], HEIGHTS + 1)
    assert history != history[:3]
    assert history == list(history) and list(history) == history
    assert history != "functions"


def test_a_history_is_pickled_as_heights(history):
    assert pickle.loads(pickle.dumps(history)) == history
    many = FunctionHistory([SUPPORTS], np.zeros((1000, 1, 2, 3)))
    assert len(pickle.dumps(many)) < 1000 * 6 * 4 + 1000
    assert len(pickle.dumps(many[:10])) < 1500


def steps_of(n_outer_steps, size):
    return _stacks.snapshot_steps(n_outer_steps, Functions(inputs=torch.zeros(size)))


@pytest.mark.parametrize("n_outer_steps", [0, 1, 2, 48, 49, 50, 51, 86, 99, 100, 101, 999, 1000])
def test_at_most_fifty_steps_are_kept_the_first_and_the_last_among_them(n_outer_steps):
    steps = steps_of(n_outer_steps, 1)
    assert len(steps) == min(50, n_outer_steps + 1)
    assert steps[0] == 0 and steps[-1] == n_outer_steps
    assert n_outer_steps == 0 or (np.diff(steps) > 0).all()
    gaps = np.diff(steps)
    assert n_outer_steps == 0 or np.ptp(gaps) <= 1  # evenly spaced


@pytest.mark.parametrize(("megabytes", "n_kept"), [(0.01, 50), (0.25, 16), (1.5, 2), (40, 2)])
def test_large_functions_are_kept_at_fewer_steps(megabytes, n_kept):
    steps = steps_of(200, int(megabytes * 2**20 / 4))
    assert len(steps) == n_kept
    assert steps[0] == 0 and steps[-1] == 200


QUICK = {"horizon": 6, "hidden_layer_sizes": (8,), "random_state": 0, "device": "cpu"}


@pytest.mark.parametrize("n_outer_steps", [0, 1, 49, 86, 130])
def test_learning_keeps_that_many(n_outer_steps):
    learner = ActivationLearner(n_outer_steps=n_outer_steps, n_restarts=2, **QUICK)
    learner.learn(*load_iris(return_X_y=True))
    steps = learner.history_["snapshot_step"]
    np.testing.assert_array_equal(steps, steps_of(n_outer_steps, 1))
    assert len(learner.history_["functions"]) == len(steps)


def test_the_last_functions_of_learning_that_ends_early_are_kept():
    learner = ActivationLearner(
        schedule="episodic", patience=1, n_outer_steps=200, n_restarts=1, **QUICK
    )
    found = learner.learn(*load_iris(return_X_y=True))
    n_steps = len(learner.history_["validation_loss"])
    assert n_steps < 200
    kept = learner.history_["snapshot_step"].tolist()
    assert kept[0] == 0 and kept[-1] == n_steps
    assert learner.history_["functions"][-1][0][0] == found


def stopped_at(n_steps):
    steps = [*(step for step in (0, 10, 20, 30) if step < n_steps), n_steps]
    functions = [Functions(torch.full((1, 1, 3), float(step))) for step in steps]
    history = {
        "validation_loss": np.ones((n_steps, 1)),
        "snapshot_step": np.array(steps),
        "functions": functions,
    }
    return _stacks.Outcome(functions[-1], np.array([False]), history)


@pytest.mark.parametrize("ends", [(14, 17), (17, 14), (14, 30), (10, 25), (20, 21)])
def test_stacks_that_end_at_different_steps_are_joined_by_the_steps(ends):
    joined = _stacks.join_outcomes([stopped_at(end) for end in ends])
    steps = joined.history["snapshot_step"]
    assert steps[-1] == max(ends)
    for step, functions in zip(steps, joined.history["functions"], strict=True):
        assert functions.activation[:, 0, 0].tolist() == [min(step, end) for end in ends]


def test_single_channels_and_constant_columns_are_as_they_were_learned():
    X, y = load_iris(return_X_y=True)
    X[:, 1] = 7.0
    learner = ActivationLearner(n_outer_steps=4, n_restarts=2, **QUICK)
    for n_channels in (1, 3):
        transformer = IAFTransformer(learner, n_channels=n_channels, random_state=0).fit(X, y)
        last = transformer.meta_history_["functions"][-1]
        first = transformer.meta_history_["functions"][0]
        assert [own[0].n_channels for own in last] == [None if n_channels == 1 else 3] * 2
        assert [own[1] for own in last] == [own[1] for own in first]


def test_a_fitted_network_is_small():
    X, y = make_classification(800, 30, random_state=0)
    learner = ActivationLearner(n_outer_steps=100, n_restarts=2, **QUICK)
    model = LearnedActivationMLPClassifier(
        (64, 64), learner=learner, max_iter=1, n_estimators=1, random_state=0
    ).fit(X, y)
    assert len(pickle.dumps(model.meta_history_["activation"])) < 50_000
    n_bytes = len(pickle.dumps(model.meta_history_["inputs"]))
    assert 3e6 < n_bytes < 4.3e6
    kept = model.meta_history_["inputs"]["snapshot_step"]
    assert len(kept) == 16 and kept[0] == 0 and kept[-1] == 100

"""Stacks that fit into memory, rows that learning looks at, merging of rows."""

import numpy as np
import pytest
import torch
from skibias._preprocessing import subsample
from sklearn.datasets import load_iris

from skibias import ActivationLearner, LearnedActivationMLPClassifier, _selection, _stacks
from skibias._runtime import in_chunks
from skibias._selection import choosing_problem, resolve_batch_size, split_problem
from skibias._targets import TableData, encoded_rows
from skibias.engine.schedules import SCHEDULES

OUT_OF_MEMORY = [
    MemoryError(),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"
    ),
    torch.cuda.OutOfMemoryError("CUDA out of memory."),
]


def learner(**parameters):
    quick = dict(n_outer_steps=4, horizon=8, n_restarts=4, hidden_layer_sizes=(8,), random_state=0)
    return ActivationLearner(**quick | parameters)


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_chunks_are_halved_until_they_fit(error):
    tried = []

    def run(chunk):
        tried.append(list(chunk))
        if len(chunk) > 2:
            raise error
        return sum(chunk)

    assert in_chunks(range(7), run, 4) == [0 + 1, 2 + 3, 4 + 5, 6]
    assert tried == [[0, 1, 2, 3], [0, 1], [2, 3], [4, 5], [6]]


def test_other_errors_and_single_items_are_not_tried_again():
    def fail(chunk):
        calls.append(chunk)
        raise error

    for error, n_calls in ((RuntimeError("shapes differ"), 1), (MemoryError(), 3)):
        calls = []
        with pytest.raises(type(error)):
            in_chunks(range(4), fail, 4)
        assert len(calls) == n_calls  # of 4, 2 and 1 items


def test_restarts_in_small_stacks_learn_what_one_stack_learns(monkeypatch):
    X, y = load_iris(return_X_y=True)
    whole = learner(device="cpu")
    activation = whole.learn(X, y)
    sizes = []

    staggered = SCHEDULES["staggered"]

    def spy(tasks, settings):
        sizes.append(settings.meta.n_restarts)
        return staggered.start(tasks, settings)

    monkeypatch.setitem(SCHEDULES, "staggered", staggered._replace(start=spy))
    monkeypatch.setattr(_stacks, "memory_budget", lambda device: 1)
    apart = learner(device="cpu")
    assert apart.learn(X, y) == activation
    assert sizes == [1, 1, 1, 1]
    for name in ("validation_loss", "snapshot_step"):
        np.testing.assert_array_equal(apart.history_[name], whole.history_[name])
    for one, other in zip(apart.history_["functions"], whole.history_["functions"], strict=True):
        assert one == other
    for name in ("validation_score", "rank"):
        np.testing.assert_array_equal(apart.candidates_[name], whole.candidates_[name])


def test_stacks_that_ended_early_are_continued_by_their_last_state():
    def run(n_steps):
        functions = [torch.full((1, 1, 3), float(step)) for step in range(n_steps + 1)]
        history = {
            "validation_loss": np.ones((n_steps, 1)),
            "snapshot_step": np.arange(n_steps + 1),
            "functions": [_stacks.Functions(table) for table in functions],
        }
        return _stacks.Outcome(history["functions"][-1], np.array([n_steps < 3]), history)

    joined = _stacks.join_outcomes([run(1), run(3)])
    np.testing.assert_array_equal(joined.history["snapshot_step"], [0, 1, 2, 3])
    last = [own.activation[:, 0, 0].tolist() for own in joined.history["functions"]]
    assert last == [[0, 0], [1, 1], [1, 2], [1, 3]]
    np.testing.assert_array_equal(
        np.isnan(joined.history["validation_loss"]), [[0, 0], [1, 0], [1, 0]]
    )
    np.testing.assert_array_equal(joined.diverged, [True, False])


def problem_of(n_rows, n_columns=2):
    generator = np.random.RandomState(0)
    X, y = generator.randn(n_rows, n_columns), generator.randint(2, size=n_rows)
    rows, encoding = encoded_rows(TableData(X, y, np.ones(n_rows)), True)
    device = torch.device("cpu")
    return split_problem(rows, None, encoding, 0.2, seed=0, device=device, n_threads=1)


def test_few_rows_are_all_looked_at_and_many_are_drawn(monkeypatch):
    problem = problem_of(500)
    assert choosing_problem(problem, learner()) is problem
    monkeypatch.setattr(_selection, "CHOOSING_ROWS", 100)
    monkeypatch.setattr(_selection, "CHOOSING_HELD_OUT", 30)
    small = choosing_problem(problem, learner())
    assert (len(small.train), len(small.held_out), len(small.rows.X)) == (100, 30, 130)
    known = {tuple(row) for row in problem.rows.X[problem.train]}
    assert all(tuple(row) in known for row in small.rows.X[small.train])
    known = {tuple(row) for row in problem.rows.X[problem.held_out]}
    assert all(tuple(row) in known for row in small.rows.X[small.held_out])
    # A splitter may know the rows by number.
    assert choosing_problem(problem, learner(validation=3)) is problem


def test_learning_sees_no_more_rows_than_it_may(monkeypatch):
    seen = []
    original = _selection.learn_activations
    monkeypatch.setattr(_selection, "CHOOSING_ROWS", 100)
    monkeypatch.setattr(
        _selection,
        "learn_activations",
        lambda own, data, *rest: seen.append(len(data[0].rows.X)) or original(own, data, *rest),
    )
    model = LearnedActivationMLPClassifier((8,), learner=learner(), max_iter=2, random_state=0)
    X, y = load_iris(return_X_y=True)
    model.fit(X, y)
    assert seen == [100]
    assert set(model.predict(X)) == {0, 1, 2}  # the final network was trained on all classes


def test_subsamples_are_sorted_and_repeatable():
    numbers = np.arange(10, 60)
    assert subsample(numbers, 50, 0, "a") is numbers
    drawn = subsample(numbers, 20, 0, "a")
    assert len(np.unique(drawn)) == 20
    assert (np.diff(drawn) > 0).all()
    np.testing.assert_array_equal(drawn, subsample(numbers, 20, 0, "a"))
    assert not np.array_equal(drawn, subsample(numbers, 20, 1, "a"))


@pytest.mark.parametrize(
    ("n_rows", "expected"),
    [(100, 32), (1000, 100), (10_000, 256), (102_000, 256), (200_000, 500), (10**7, 4096)],
)
def test_batches_grow_with_the_rows(n_rows, expected):
    assert resolve_batch_size("auto", n_rows) == expected

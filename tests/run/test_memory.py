"""Stacks that fit into memory, rows that learning looks at, merging of rows."""

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification

from skibias import ActivationLearner, LearnedActivationMLPClassifier
from skibias._choose.candidates import usual_candidates
from skibias._choose.plan import FitPlan, batch_rows
from skibias._choose.selection import choose_network
from skibias._learn import restarts as _stacks
from skibias._learn.kinds import Activations, learn
from skibias._prepare.columns import ScaledColumns
from skibias._prepare.problem import CHOOSING_HELD_OUT, CHOOSING_ROWS, split_problem
from skibias._prepare.rows import subsample
from skibias._prepare.targets import TableData, encoded_rows
from skibias._run.memory import in_chunks
from skibias._run.settings import one_thread
from skibias._run.stages import FitRun
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


def learning(n_rows=150):
    """Return what `learn` takes beside a stage."""
    X, y = make_classification(n_rows, 4, random_state=0)
    problem = problem_of(X, y)
    own = learner()
    return Activations(), own, [problem.learning_rows(own)], 0, torch.device("cpu")


@pytest.mark.parametrize("n_outer_steps", [4, 130])
def test_restarts_in_small_stacks_learn_what_one_stack_learns(n_outer_steps):
    kind, own, *rest = learning()
    own.set_params(n_outer_steps=n_outer_steps)
    runs = [FitRun(torch.device("cpu"), memory=memory) for memory in (None, 1)]
    with one_thread():
        whole, apart = (learn(kind, own, *rest, run.stage("activation")) for run in runs)
    assert apart.functions == whole.functions
    for name in ("validation_loss", "snapshot_step"):
        np.testing.assert_array_equal(apart.history[name], whole.history[name])
    assert apart.history["functions"] == whole.history["functions"]


def test_restarts_are_stacked_as_the_memory_allows(monkeypatch):
    kind, own, *rest = learning()
    sizes = []
    schedule = SCHEDULES["staggered"]

    def spy(tasks, settings):
        sizes.append(settings.meta.n_restarts)
        return schedule.start(tasks, settings)

    monkeypatch.setitem(SCHEDULES, "counted", schedule._replace(start=spy))
    own.set_params(schedule="counted")
    for memory in (None, 1):
        stage = FitRun(torch.device("cpu"), memory=memory).stage("activation")
        learn(kind, own, *rest, stage)
    assert sizes == [4, 1, 1, 1, 1]


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


def problem_of(X, y):
    rows, encoding = encoded_rows(TableData(X, y, np.ones(len(X))), True)
    return split_problem(rows, None, encoding, 0.2, seed=0)


def test_few_rows_are_all_looked_at_and_many_are_drawn():
    problem = problem_of(*make_classification(500, 4, random_state=0))
    assert problem.for_choosing(0.3) is problem
    small = problem.for_choosing(0.3, n_train=100, n_held_out=30)
    assert (len(small.train), len(small.held_out), small.n_rows) == (100, 30, 130)
    known = {tuple(row) for row in problem.rows.X[problem.train]}
    assert all(tuple(row) in known for row in small.rows.X[small.train])
    known = {tuple(row) for row in problem.rows.X[problem.held_out]}
    assert all(tuple(row) in known for row in small.rows.X[small.held_out])
    # A splitter may know the rows by number.
    assert problem.for_choosing(3, n_train=100, n_held_out=30) is problem


class CountingScaler:
    """A scaler that scales nothing, and remembers how many rows it was given."""

    def __init__(self):
        self.counts = []

    def transform(self, X):
        self.counts.append(len(X))
        return X


def test_learning_sees_no_more_rows_than_it_may():
    X = np.random.default_rng(0).normal(size=(61_000, 2))
    problem = problem_of(X, (X[:, 0] > 0).astype(int))
    scaler = CountingScaler()
    scaled = ScaledColumns(scaler, np.arange(2), means=np.zeros(2), gaps=np.arange(0))
    problem = problem._replace(scaled=scaled)
    own = learner(n_restarts=1, n_outer_steps=1)
    model = LearnedActivationMLPClassifier(
        (4,), activation="learned", input_activations=None, batch_size=4096, max_iter=1
    )
    plan = FitPlan.of(model, own, own, problem.n_rows, 2)
    choose_network(plan, problem, FitRun(torch.device("cpu")))
    assert scaler.counts == [min(len(problem.train), CHOOSING_ROWS)]
    choose_network(
        plan._replace(candidates=tuple(usual_candidates((1.0,)))),
        problem,
        FitRun(torch.device("cpu")),
    )
    assert max(scaler.counts) <= CHOOSING_ROWS + CHOOSING_HELD_OUT < problem.n_rows


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
    assert batch_rows("auto", n_rows) == expected

"""Fits spread over the workers of a joblib backend, a dask cluster of two processes among them."""

import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import parallel_config
from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score

from skibias import ActivationLearner, LearnedActivationMLPClassifier
from skibias._run.parallel import count_workers, side_by_side

distributed = pytest.importorskip("distributed")
# The cluster's own clean-up, and what it imports, are not ours to judge.
pytestmark = pytest.mark.filterwarnings("default")

LEARNER = ActivationLearner(n_outer_steps=4, n_restarts=3, horizon=8, hidden_layer_sizes=(8,))
MODEL = LearnedActivationMLPClassifier(
    (8,), learner=LEARNER, max_iter=3, n_estimators=2, random_state=0
)


@pytest.fixture(scope="module", autouse=True)
def no_processes_left():
    """loky keeps its workers, and a thread that looks after them, for the next call."""
    yield
    get_reusable_executor().shutdown(wait=True)


@pytest.fixture(scope="module")
def cluster():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as local_cluster,
        distributed.Client(local_cluster),
    ):
        yield local_cluster


@pytest.fixture(scope="module")
def local_fit():
    return clone(MODEL).fit(*load_iris(return_X_y=True))


def assert_same_fit(one, other):
    np.testing.assert_array_equal(one.weights_, other.weights_)
    for name in ("name", "screening_score", "validation_score", "status"):
        np.testing.assert_array_equal(one.candidates_[name], other.candidates_[name])
    for learned, own in one.meta_history_.items():
        losses = other.meta_history_[learned]["validation_loss"]
        np.testing.assert_array_equal(own["validation_loss"], losses)


def test_no_workers_without_a_configuration():
    assert count_workers() == 1


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_workers_find_what_a_local_fit_finds(backend, local_fit):
    with parallel_config(backend=backend, n_jobs=2):
        assert count_workers() == 2
        spread = clone(MODEL).fit(*load_iris(return_X_y=True))
    assert_same_fit(local_fit, spread)


def total(array):
    return float(array.sum()), array.flags.writeable


def test_workers_get_large_arrays_that_they_may_write_to():
    # joblib hands arrays over a megabyte to processes as read-only maps, of which torch warns.
    array = np.ones(300_000)
    with parallel_config(backend="loky", n_jobs=2):
        results = side_by_side([partial(total, array)] * 2, n_threads=1)
    assert results == [(300_000.0, True)] * 2


def test_a_dask_cluster_finds_what_a_local_fit_finds(cluster, local_fit):
    with parallel_config(backend="dask"):
        assert count_workers() == 2
        spread = clone(MODEL).fit(*load_iris(return_X_y=True))
    assert_same_fit(local_fit, spread)


def test_cross_validation_on_a_dask_cluster(cluster):
    X, y = load_iris(return_X_y=True)
    here = cross_val_score(MODEL, X, y, cv=2)
    with parallel_config(backend="dask"):
        np.testing.assert_array_equal(cross_val_score(MODEL, X, y, cv=2), here)


def run_once(folder, number, killed):
    """Leave a file per run; the first run of the task ``killed`` takes its worker with it."""
    runs = len(list(Path(folder).glob(f"{number}-*")))
    (Path(folder) / f"{number}-{runs}").touch()
    if number == killed and runs == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number, torch.get_num_threads(), os.getpid()


def test_workers_use_one_thread_each(cluster, tmp_path):
    calls = [partial(run_once, tmp_path, number, killed=None) for number in range(4)]
    for backend in ("dask", "loky"):
        with parallel_config(backend=backend, n_jobs=2):
            assert {n_threads for _, n_threads, _ in side_by_side(calls, n_threads=1)} == {1}


def test_a_killed_worker_costs_only_its_task(cluster, tmp_path):
    n_tasks = 6
    calls = [partial(run_once, tmp_path, number, killed=2) for number in range(n_tasks)]
    with parallel_config(backend="dask"):
        results = side_by_side(calls, n_threads=1)
    assert [number for number, _, _ in results] == list(range(n_tasks))
    repeated = {path.name for path in tmp_path.glob("*-1")}
    assert "2-1" in repeated
    # A task that had finished may have left its result on the lost worker; no other is repeated.
    assert len(repeated) <= 1 + n_tasks // 2
    assert os.getpid() not in {process for _, _, process in results}

"""
Spreading a fit over a cluster
==============================

Restarts, candidates and cross-validation run on the workers of whatever backend
``joblib.parallel_config`` names. Here this is a cluster of two processes on this machine; a real
one differs in the address that ``Client`` gets. Results are the same, bit for bit, and a worker
that is lost costs only its task.

    pip install "skibias[cluster]"
    python examples/cluster_with_dask.py
"""

import argparse
import time

import numpy as np
from distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import cross_val_score, train_test_split

from skibias import ActivationLearner, LearnedActivationMLPClassifier
from skibias.datasets import load_magic_telescope


def seconds_of(work):
    """Return the result of a call and the seconds it took."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description="Spread a fit over a cluster of two processes.")
    parser.add_argument("--rows", type=int, default=1500, help="for training (default: 1500)")
    n_rows = parser.parse_args().rows
    X, y = load_magic_telescope(return_X_y=True)
    X, _, y, _ = train_test_split(X, y, train_size=n_rows, stratify=y, random_state=0)
    learner = ActivationLearner(n_restarts=4, hidden_layer_sizes=(32, 32))
    model = LearnedActivationMLPClassifier((64, 64), learner=learner, max_iter=30, random_state=0)

    def fit():
        return clone(model).fit(X, y)

    def validate():
        return cross_val_score(model, X, y, cv=4)

    works = {"fit, four restarts": fit, "cross-validation, four folds": validate}
    here = {name: seconds_of(work) for name, work in works.items()}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        parallel_config(backend="dask"),
    ):
        spread = {name: seconds_of(work) for name, work in works.items()}

    for name in works:
        ratio = here[name][1] / spread[name][1]
        print(f"{name}: local / cluster {ratio:.2f}, seconds {spread[name][1]:.1f}")
    names = list(works)
    same_fit = np.array_equal(here[names[0]][0].weights_, spread[names[0]][0].weights_)
    same_scores = np.array_equal(here[names[1]][0], spread[names[1]][0])
    print(f"same weights: {same_fit}, same scores: {same_scores}")


if __name__ == "__main__":  # the workers are new processes that import this file
    main()

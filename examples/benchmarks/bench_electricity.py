"""Learned input functions on the electricity data, whose target changes abruptly.

A plain ReLU network, on columns scaled linearly and by ranks; the same network behind input
functions, as they start (a piecewise-linear encoding) and learned; and the default. All are fitted
to 10,000 rows of random splits. The data are read (with pyarrow) from the folder in the environment
variable SKIBIAS_DATA: the file electricity.parquet, numeric columns and the column "target" (OpenML
44120).

    SKIBIAS_DATA=folder python examples/benchmarks/bench_electricity.py --splits 3
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet

from skibias import ActivationLearner, IAFTransformer, LearnedActivationMLPClassifier

FILE_NAME = "electricity.parquet"
N_TRAIN = 10_000
MAX_TEST = 50_000


def load_electricity():
    """Return X (n, d) and y (n,), or exit and say what is missing."""
    folder = os.environ.get("SKIBIAS_DATA")
    if not folder:
        sys.exit(f"Set the environment variable SKIBIAS_DATA to the folder that holds {FILE_NAME}.")
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        sys.exit(f"SKIBIAS_DATA is {folder!r}, but there is no file {path}.")
    table = pyarrow.parquet.read_table(path)
    y = table["target"].to_numpy()
    columns = table.drop_columns(["target"])
    return np.column_stack([column.to_numpy() for column in columns.columns]), y


def make_models(seed):
    """Return the unfitted models by name."""

    def network(**parameters):
        return LearnedActivationMLPClassifier(random_state=seed, **parameters)

    start = IAFTransformer(ActivationLearner(n_outer_steps=0, n_restarts=1))
    return {
        "ReLU": network(activation="relu"),
        "ReLU, min-max": network(activation="relu", scaling="minmax"),
        "ramps as they are": network(activation="relu", input_activations=start),
        "learned inputs": network(activation="relu", input_activations="learned"),
        "default": network(),
    }


def accuracies(X, y, split):
    """Return every model's accuracy on the rows outside the training set of a split."""
    order = np.random.RandomState(split).permutation(len(X))
    train, test = order[:N_TRAIN], order[N_TRAIN : N_TRAIN + MAX_TEST]
    scores = {}
    for name, model in make_models(split).items():
        scores[name] = model.fit(X[train], y[train]).score(X[test], y[test])
        print(f"split {split}: {name}: {scores[name]:.4f}", file=sys.stderr, flush=True)
    return scores


def difference(first, second):
    """Return the mean of paired differences, with its standard error, in points."""
    points = 100 * (np.asarray(first) - second)
    text = f"{points.mean():+.2f}"
    if len(points) > 1:
        text += f" ± {points.std(ddof=1) / np.sqrt(len(points)):.2f}"
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=3, help="random splits (default: 3)")
    options = parser.parse_args()
    X, y = load_electricity()
    splits = [accuracies(X, y, split) for split in range(options.splits)]
    scores = {name: [split[name] for split in splits] for name in splits[0]}
    headings = "".join(f"  split {split}" for split in range(options.splits))
    print(f"{'accuracy':<18}{headings}     mean")
    for name, own in scores.items():
        numbers = "".join(f"  {score:.4f} " for score in own)
        print(f"{name:<18}{numbers}   {np.mean(own):.4f}")
    print("\npaired differences to ReLU, percentage points (mean ± standard error)")
    for name in list(scores)[1:]:
        print(f"{name:<18}  {difference(scores[name], scores['ReLU'])}")


if __name__ == "__main__":
    main()

"""The protocol of the benchmark: which rows, how often.

That of Grinsztajn, Oyallon and Varoquaux, "Why do tree-based models still outperform deep learning
on typical tabular data?" (NeurIPS 2022): at most 10,000 rows for training, and the more splits the
fewer rows there are for testing.
"""

from typing import NamedTuple

import numpy as np

CLASSIFICATION, REGRESSION = TASKS = ("classification", "regression")
MAX_TRAIN = 10_000
TRAIN_SHARE = 0.7  # of small sets
VALIDATION_SHARE = 0.3  # of the other rows
MAX_HELD_OUT = 50_000  # validation rows, and test rows
SPLITS_ABOVE = ((6000, 1), (3000, 2), (1000, 3))  # (test rows, splits)
MAX_SPLITS = 5


class Split(NamedTuple):
    """Numbers of the rows of each part, in random order; the parts are disjoint."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def part_sizes(n_rows):
    """Return the numbers of training, validation and test rows."""
    n_train = min(MAX_TRAIN, int(TRAIN_SHARE * n_rows))
    n_rest = n_rows - n_train
    n_validation = int(VALIDATION_SHARE * n_rest)
    n_test = n_rest - n_validation
    return n_train, min(n_validation, MAX_HELD_OUT), min(n_test, MAX_HELD_OUT)


def draw_split(n_rows, split, max_rows=None):
    """Draw the parts of a split.

    Parameters
    ----------
    n_rows : int
        Rows of the set.
    split : int
        Number of the split, which is the seed.
    max_rows : int or None, default=None
        Use a random subset of this many rows.

    Returns
    -------
    Split
    """
    order = np.random.RandomState(split).permutation(n_rows)[:max_rows]
    n_train, n_validation, n_test = part_sizes(len(order))
    train, validation, test, _ = np.split(order, np.cumsum([n_train, n_validation, n_test]))
    return Split(train, validation, test)


def n_splits(n_rows):
    """Return how many splits a set of this many rows gets."""
    *_, n_test = part_sizes(n_rows)
    return next((count for least, count in SPLITS_ABOVE if n_test > least), MAX_SPLITS)

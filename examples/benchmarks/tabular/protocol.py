"""The protocol of the benchmark: which rows, how often.

That of Grinsztajn, Oyallon and Varoquaux, "Why do tree-based models still outperform deep learning
on typical tabular data?" (NeurIPS 2022): at most 10,000 rows for training, and the more splits the
fewer rows there are for testing.

Sets with categories and missing values have splits of their own: as many rows for training, drawn
with the shares of the classes, no validation rows, since no model is tuned there, and always as
many splits.
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
MIXED = "mixed"  # sets with categories and missing values
MIXED_SPLITS = 3
MIXED_MAX_TEST = 30_000


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


def draw_mixed_split(n_rows, split, max_rows=None, labels=None):
    """Draw the parts of a split of a set with categories and missing values.

    Parameters
    ----------
    n_rows : int
        Rows of the set.
    split : int
        Number of the split, which is the seed.
    max_rows : int or None, default=None
        Use a random subset of this many rows.
    labels : ndarray of shape (n_rows,) or None, default=None
        Classes, of which each part gets its share.

    Returns
    -------
    Split
        Without validation rows.
    """
    from sklearn.model_selection import train_test_split

    n_used = min(n_rows, max_rows or n_rows)
    n_train = min(MAX_TRAIN, int(TRAIN_SHARE * n_used))
    train, test = train_test_split(
        np.arange(n_rows),
        train_size=n_train,
        test_size=min(n_used - n_train, MIXED_MAX_TEST),
        stratify=labels,
        random_state=split,
    )
    return Split(train, np.arange(0), test)


def n_splits(n_rows):
    """Return how many splits a set of this many rows gets."""
    *_, n_test = part_sizes(n_rows)
    return next((count for least, count in SPLITS_ABOVE if n_test > least), MAX_SPLITS)

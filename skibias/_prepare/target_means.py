"""Means of the target by level of a category, as further columns of numbers.

They are fitted to the training rows. For these rows themselves they come from other rows: each
of several folds gets the means of the others, as in scikit-learn's TargetEncoder, which takes no
weights.

Notation
--------
n, d : rows, columns of the table
L : levels of a category
t : targets: shares of classes (one for two classes), or standardised values
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import torch

from skibias._prepare.rows import WeightedRows
from skibias._prepare.targets import TargetEncoding
from skibias.engine.episodes import stream
from skibias.functions.supports import LevelSupport

MIN_LEVELS = 8  # categories with more heights have target means
MAX_TARGETS = 12  # with more there are none
N_FOLDS = 5


class TargetMeans(NamedTuple):
    """Means of the targets for some categorical columns."""

    columns: tuple[int, ...]  # their numbers
    tables: tuple[np.ndarray, ...]  # of each, (L + 2, t): levels, unknown labels, missing ones
    n_targets: int = 0

    @classmethod
    def fit(
        cls,
        rows: WeightedRows,
        train: np.ndarray,
        categories: Sequence[LevelSupport | None],
        encoding: TargetEncoding,
    ) -> Self:
        """Fit the means to the training rows."""
        sizes = {
            number: len(levels.labels) + 2
            for number, levels in enumerate(categories)
            if levels is not None and len(levels.labels) > MIN_LEVELS
        }
        is_binary = encoding.classes is not None and encoding.n_outputs == 2
        n_targets = 1 if is_binary else encoding.n_outputs
        if not sizes or n_targets > MAX_TARGETS:
            return cls((), ())
        targets = _targets(rows, encoding)
        tables = [
            _level_means(
                _codes(rows.X[train, number], size), rows.weights[train], targets[train], size
            )
            for number, size in sizes.items()
        ]
        return cls(tuple(sizes), tuple(tables), n_targets)

    @property
    def n_columns(self) -> int:
        """Columns that are added to a table."""
        return len(self.columns) * self.n_targets

    def extend(self, X: np.ndarray) -> np.ndarray:
        """Return rows (n, d) with their means beside them, (n, d + n_columns)."""
        if not self.columns:
            return X
        means = [
            table[_codes(X[:, number], len(table))]
            for number, table in zip(self.columns, self.tables, strict=True)
        ]
        return np.concatenate([X, *means], axis=1)

    def extend_training(
        self, rows: WeightedRows, train: np.ndarray, encoding: TargetEncoding, seed: int
    ) -> WeightedRows:
        """Return rows with means beside them, which for training rows come from other rows."""
        if not self.columns:
            return rows
        X = self.extend(rows.X)
        targets = _targets(rows, encoding)
        fold = _folds(rows, train, seed)
        n_columns = rows.X.shape[1]
        for number in range(N_FOLDS):
            own, others = train[fold == number], train[fold != number]
            if not len(own) or not len(others):
                continue
            for place, (column, table) in enumerate(zip(self.columns, self.tables, strict=True)):
                size = len(table)
                means = _level_means(
                    _codes(rows.X[others, column], size),
                    rows.weights[others],
                    targets[others],
                    size,
                )
                first = n_columns + place * self.n_targets
                X[own, first : first + self.n_targets] = means[_codes(rows.X[own, column], size)]
        return rows._replace(X=X)


def _targets(rows: WeightedRows, encoding: TargetEncoding) -> np.ndarray:
    """Return the targets (n, t)."""
    if encoding.classes is None:
        return encoding.encode(rows.y)
    shares = np.eye(len(encoding.classes))[rows.y]
    return shares[:, 1:] if len(encoding.classes) == 2 else shares


def _codes(column: np.ndarray, size: int) -> np.ndarray:
    """Return codes as whole numbers; that of missing values is the last one."""
    return np.where(np.isnan(column), size - 1, column).astype(np.int64)


def _folds(rows: WeightedRows, train: np.ndarray, seed: int) -> np.ndarray:
    """Return the fold of every training row; rows of one group are in the same."""
    generator = stream(seed, "target means")
    if rows.groups is None:
        return torch.randperm(len(train), generator=generator).numpy() % N_FOLDS
    order = torch.randperm(int(rows.groups.max()) + 1, generator=generator).numpy()
    return (order % N_FOLDS)[rows.groups[train]]


def _level_means(
    codes: np.ndarray, weights: np.ndarray, targets: np.ndarray, size: int
) -> np.ndarray:
    """Return the mean targets (size, t) by code, drawn to the mean of all where rows are few.

    The weight of a level of n rows is n / (n + s / b): s is the variance within levels, b that
    between them, as in a one-way model of random effects.
    """
    counts = np.bincount(codes, weights, minlength=size)[:, None]
    sums = np.stack(
        [np.bincount(codes, weights * own, minlength=size) for own in targets.T], axis=1
    )
    overall = sums.sum(axis=0) / counts.sum()
    means = np.divide(
        sums, counts, out=np.broadcast_to(overall, sums.shape).copy(), where=counts > 0
    )
    total = np.average((targets - overall) ** 2, axis=0, weights=weights)
    within = np.average((targets - means[codes]) ** 2, axis=0, weights=weights)
    degrees = max(counts.sum() - np.count_nonzero(counts), 1.0)
    within = np.minimum(within * counts.sum() / degrees, total)
    between = np.maximum(total - within, 1e-9 * total)
    ratio = np.divide(within, between, out=np.zeros_like(within), where=between > 0)
    weight = np.divide(counts, counts + ratio, out=np.zeros_like(sums), where=counts > 0)
    return overall + weight * (means - overall)

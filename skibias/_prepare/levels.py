"""Levels of the categorical columns of a table: which share a height, and how frequent they are."""

from __future__ import annotations

import numpy as np

from skibias._prepare.rows import WeightedRows
from skibias._prepare.table import TableReader
from skibias.functions.supports import LevelSupport

# The most frequent levels have a height of their own: so many in any case, and so many at most of
# those that weigh as much as so many rows. All other levels are rare and share one height.
OWN_LEVELS, MAX_LEVELS, MIN_LEVEL_ROWS = 8, 128, 5


def level_supports(rows: WeightedRows, reader: TableReader) -> list[LevelSupport | None]:
    """Return the levels of every column; None where it holds numbers."""
    return [
        _support(codes, rows.weights, reader.levels[number])
        if number in reader.levels and number not in reader.empty
        else None
        for number, codes in enumerate(rows.X.T)
    ]


def _support(codes: np.ndarray, weights: np.ndarray, labels: tuple) -> LevelSupport:
    gaps = np.isnan(codes)
    known = codes[~gaps].astype(np.int64)
    shares = np.bincount(known, weights[~gaps], minlength=len(labels))
    order = np.argsort(-shares, kind="stable")
    n_frequent = int(np.count_nonzero(shares >= MIN_LEVEL_ROWS))
    n_own = min(len(labels), max(OWN_LEVELS, min(MAX_LEVELS, n_frequent)))
    n_own = len(labels) if n_own == len(labels) - 1 else n_own  # one rare level is its own group
    groups = np.empty(len(labels) + 1, dtype=np.int64)
    groups[order] = np.arange(len(labels)).clip(max=n_own)
    groups[-1] = 0  # of unknown labels: the most frequent level, where a height is asked for
    group_shares = np.bincount(groups[:-1], shares)
    total = group_shares.sum()
    group_shares = group_shares / total if total > 0 else np.eye(len(group_shares))[0]
    return LevelSupport(labels, groups, group_shares, bool(gaps.any()))
